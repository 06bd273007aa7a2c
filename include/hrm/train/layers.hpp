#pragma once
/// The layers between the products, forward where the inference kernels keep too little, and backward. Rows of float32;
/// every row (and every head) is worked alone, so results do not depend on how rows are shared out.

#include <hrm/kernels/elementwise.hpp>
#include <hrm/train/products.hpp>

#include <cmath>

namespace hrm::train {

template <class Arch, class Weight = float>
struct Layers {
  using S = kernels::Simd<Arch>;
  using V = typename S::Float;
  using P = Products<Arch, Weight>;
  static constexpr std::size_t lanes = S::lanes;
  static constexpr std::size_t swiglu_run = kernels::Gemm<Arch, float>::swiglu_run;

  /// Loads `n` <= lanes elements; zeros beyond.
  static HRM_ALWAYS_INLINE V load(const float* p, std::size_t n) noexcept {
    return n >= lanes ? S::load(p) : kernels::load_some<Arch>(p, n);
  }
  static HRM_ALWAYS_INLINE void store(float* p, V x, std::size_t n) noexcept {
    if (n >= lanes) {
      S::store(p, x);
    } else {
      kernels::store_some<Arch>(p, x, n);
    }
  }

  /// out = a + b (+ c, if not null), `count` floats.
  static void add(const float* a, const float* b, const float* c, float* out, std::size_t count) noexcept {
    for (std::size_t k = 0; k < count; k += lanes) {
      const std::size_t n = count - k;
      V sum = load(b + k, n);
      if (c != nullptr) sum = sum + load(c + k, n);
      store(out + k, load(a + k, n) + sum, n);
    }
  }

  /// RMSNorm without a gain: z[r] *= inverse[r], inverse = 1 / sqrt(mean(z^2) + eps), which is kept for the way back.
  static void rms(const Rows& z, std::size_t rows, std::size_t width, float eps, float* inverse) noexcept {
    for (std::size_t r = 0; r < rows; ++r) {
      float* const row = z.row(r);
      V squares = S::set(0.0F);
      for (std::size_t k = 0; k < width; k += lanes) {
        const V x = load(row + k, width - k);
        squares = S::fma(x, x, squares);
      }
      inverse[r] = 1.0F / std::sqrt(kernels::sum_of<Arch>(squares) / static_cast<float>(width) + eps);
      const V scale = S::set(inverse[r]);
      for (std::size_t k = 0; k < width; k += lanes) store(row + k, load(row + k, width - k) * scale, width - k);
    }
  }

  /// d becomes the gradient of rms' input: inverse * (d - y * mean(d * y)), y being its output.
  static void rms_backward(const Rows& y, const float* inverse, const Rows& d, std::size_t rows,
                           std::size_t width) noexcept {
    for (std::size_t r = 0; r < rows; ++r) {
      const float* const out = y.row(r);
      float* const row = d.row(r);
      V dot = S::set(0.0F);
      for (std::size_t k = 0; k < width; k += lanes)
        dot = S::fma(load(row + k, width - k), load(out + k, width - k), dot);
      const V mean = S::set(-kernels::sum_of<Arch>(dot) / static_cast<float>(width));
      const V scale = S::set(inverse[r]);
      for (std::size_t k = 0; k < width; k += lanes) {
        const std::size_t n = width - k;
        store(row + k, S::fma(load(out + k, n), mean, load(row + k, n)) * scale, n);
      }
    }
  }

  /// Column of gate_up that holds row `j` of the stored matrix's order: runs of gate, then the run of up that belongs
  /// to it.
  [[nodiscard]] static std::size_t gate_up_row(std::size_t column, std::size_t inner) noexcept {
    const std::size_t run = swiglu_run;
    const std::size_t pair = column / (2 * run);
    const std::size_t within = column % (2 * run);
    return within < run ? pair * run + within : inner + pair * run + within - run;
  }

  /// act = silu(gate) * up for gate_up in runs (see gate_up_row); inner is a multiple of the run.
  static void swiglu(const Rows& gate_up, const Rows& act, std::size_t rows, std::size_t inner) noexcept {
    const std::size_t run = swiglu_run;
    for (std::size_t r = 0; r < rows; ++r) {
      const float* const from = gate_up.row(r);
      float* const to = act.row(r);
      for (std::size_t j = 0; j < inner; j += lanes) {
        const float* const gate = from + j / run * 2 * run + j % run;
        S::store(to + j, kernels::silu<Arch>(S::load(gate)) * S::load(gate + run));
      }
    }
  }

  /// gate_up becomes its own gradient: d gate = d up(silu'(gate)), d up = d silu(gate), silu' = s (1 + g (1 - s)).
  static void swiglu_backward(const Rows& gate_up, const Rows& d, std::size_t rows, std::size_t inner) noexcept {
    const std::size_t run = swiglu_run;
    const V one = S::set(1.0F);
    for (std::size_t r = 0; r < rows; ++r) {
      float* const both = gate_up.row(r);
      const float* const from = d.row(r);
      for (std::size_t j = 0; j < inner; j += lanes) {
        float* const at = both + j / run * 2 * run + j % run;
        const V gate = S::load(at);
        const V up = S::load(at + run);
        const V s = S::reciprocal(kernels::exp<Arch>(S::min(S::set(0.0F) - gate, S::set(80.0F))) + one);
        const V out = S::load(from + j);
        S::store(at, out * up * s * S::fma(gate, one - s, one));
        S::store(at + run, out * gate * s);
      }
    }
  }

  /// Rotates q and k and scales q: qkv's first 2 * hidden columns, pairs side by side. `cos`, `sin` as QkvArgs has them
  /// (null: no rotation); row r is position r % positions.
  static void rope(const Rows& qkv, std::size_t rows, std::size_t hidden, std::size_t head_dim, std::size_t positions,
                   const float* cos, const float* sin, float q_scale) noexcept {
    rotate<false>(qkv, rows, hidden, head_dim, positions, cos, sin, q_scale);
  }
  /// Takes the rotation (and q's scale) back from the gradients of q and k.
  static void rope_backward(const Rows& d, std::size_t rows, std::size_t hidden, std::size_t head_dim,
                            std::size_t positions, const float* cos, const float* sin, float q_scale) noexcept {
    rotate<true>(d, rows, hidden, head_dim, positions, cos, sin, q_scale);
  }

  /// Scratch of attention and attention_backward, in floats.
  [[nodiscard]] static std::size_t attention_scratch(std::size_t positions, std::size_t head_dim) noexcept {
    Arena arena;
    static_cast<void>(AttentionScratch::carve(arena, positions, head_dim));
    return arena.used() / sizeof(float);
  }

  /// out = softmax(q k^T) v for one head of one sequence, in P's precision. `qkv` as attention_backward has it.
  static void attention(const Rows& qkv, const Rows& out, std::size_t hidden, std::size_t head_dim,
                        std::size_t positions, float* scratch) noexcept {
    Arena arena(reinterpret_cast<std::byte*>(scratch));
    const AttentionScratch s = AttentionScratch::carve(arena, positions, head_dim);
    P::pack(s.columns, [&](std::size_t j) { return qkv.row(j) + hidden; });
    P::multiply(qkv, positions, s.columns, s.p, false, s.room);
    for (std::size_t r = 0; r < positions; ++r) softmax(s.p.row(r), positions);
    P::pack_rows(s.rows, [&](std::size_t j) { return qkv.row(j) + 2 * hidden; });
    P::multiply(s.p, positions, s.rows, out, false, s.room);
  }

  /// The gradient of softmax(q k^T) v for one head of one sequence. `qkv` and `d_qkv` point at the sequence's first row
  /// and the head's first q column, k and v stand `hidden` and 2 * hidden columns further; `d_out` is the gradient of
  /// the head's output. The scores are computed again rather than kept.
  static void attention_backward(const Rows& qkv, const Rows& d_out, const Rows& d_qkv, std::size_t hidden,
                                 std::size_t head_dim, std::size_t positions, float* scratch) noexcept {
    Arena arena(reinterpret_cast<std::byte*>(scratch));
    const AttentionScratch s = AttentionScratch::carve(arena, positions, head_dim);
    const Rows k{qkv.data + hidden, qkv.stride};
    const Rows v{qkv.data + 2 * hidden, qkv.stride};
    P::pack(s.columns, [&](std::size_t j) { return k.row(j); });
    P::multiply(qkv, positions, s.columns, s.p, false, s.room);
    P::pack(s.columns, [&](std::size_t j) { return v.row(j); });
    P::multiply(d_out, positions, s.columns, s.dp, false, s.room);
    for (std::size_t r = 0; r < positions; ++r) softmax_backward(s.p.row(r), s.dp.row(r), positions);

    const auto same = [](std::size_t j) { return j; };
    P::pack_rows(s.rows, [&](std::size_t j) { return k.row(j); });
    P::multiply(s.dp, positions, s.rows, d_qkv, false, s.room);
    P::pack_rows(s.rows, [&](std::size_t j) { return qkv.row(j); });
    P::multiply_turned(s.dp, positions, s.rows, Rows{d_qkv.data + hidden, d_qkv.stride}, false, s.room, same);
    P::pack_rows(s.rows, [&](std::size_t j) { return d_out.row(j); });
    P::multiply_turned(s.p, positions, s.rows, Rows{d_qkv.data + 2 * hidden, d_qkv.stride}, false, s.room, same);
  }

 private:
  // out = v cos + swapped(v) sin; sin is odd, so the way back takes -sin.
  template <bool Back>
  static void rotate(const Rows& d, std::size_t rows, std::size_t hidden, std::size_t head_dim, std::size_t positions,
                     const float* cos, const float* sin, float q_scale) noexcept {
    for (std::size_t r = 0; r < rows; ++r) {
      float* const row = d.row(r);
      const std::size_t angle = r % positions * head_dim;
      for (std::size_t head = 0; head < 2 * hidden; head += head_dim) {
        const float scale = head < hidden ? q_scale : 1.0F;
        float* const at = row + head;
        if (cos == nullptr) {
          for (std::size_t k = 0; k < head_dim; ++k) at[k] *= scale;
        } else if (head_dim % lanes == 0) {
          for (std::size_t k = 0; k < head_dim; k += lanes) {
            const V v = S::load(at + k);
            const V across = S::load(sin + angle + k);
            const V turned =
                S::fma(v, S::load(cos + angle + k), S::swap_pairs(v) * (Back ? S::set(0.0F) - across : across));
            S::store(at + k, turned * S::set(scale));
          }
        } else {
          for (std::size_t k = 0; k < head_dim; k += 2) {
            const float sign = Back ? -1.0F : 1.0F;
            const float even = at[k] * cos[angle + k] + sign * at[k + 1] * sin[angle + k];
            const float odd = at[k + 1] * cos[angle + k + 1] + sign * at[k] * sin[angle + k + 1];
            at[k] = even * scale;
            at[k + 1] = odd * scale;
          }
        }
      }
    }
  }

  struct AttentionScratch {
    typename P::Packed columns;  // k or v, as the columns of a product: [positions, head_dim]
    typename P::Packed rows;     // k, q, v or d_out, as its rows: [head_dim, positions]
    Rows p, dp;                  // [positions, positions]
    std::byte* room = nullptr;

    static AttentionScratch carve(Arena& arena, std::size_t positions, std::size_t head_dim) noexcept {
      AttentionScratch s;
      s.columns = P::take(arena, positions, head_dim);
      s.rows = P::take(arena, head_dim, positions);
      for (Rows* m : {&s.p, &s.dp}) {
        m->stride = Products<Arch, float>::stride(positions);
        m->data = arena.take<float>(positions * m->stride);
      }
      s.room = arena.take<std::byte>(P::room(positions, std::max(positions, head_dim)));
      return s;
    }
  };

  // The largest of a row.
  static HRM_ALWAYS_INLINE V largest(const float* p, std::size_t count) noexcept {
    V top = S::set(p[0]);
    std::size_t k = 0;
    for (; k + lanes <= count; k += lanes) top = S::max(top, S::load(p + k));
    float most = kernels::max_of<Arch>(top);
    for (; k < count; ++k) most = p[k] > most ? p[k] : most;
    return S::set(most);
  }
  // scores -> weights.
  static void softmax(float* p, std::size_t count) noexcept {
    const V shift = largest(p, count);
    V total = S::set(0.0F);
    for (std::size_t k = 0; k < count; k += lanes) {
      const std::size_t n = count - k;
      V e = kernels::exp<Arch>(load(p + k, n) - shift);
      if (n < lanes) e = kept(e, n);
      total = total + e;
      store(p + k, e, n);
    }
    const V scale = S::set(1.0F / kernels::sum_of<Arch>(total));
    for (std::size_t k = 0; k < count; k += lanes) store(p + k, load(p + k, count - k) * scale, count - k);
  }
  // scores -> weights, and their gradient dp -> the scores' gradient p * (dp - sum(p * dp)).
  static void softmax_backward(float* p, float* dp, std::size_t count) noexcept {
    const V shift = largest(p, count);
    V total = S::set(0.0F);
    V dot = S::set(0.0F);
    for (std::size_t k = 0; k < count; k += lanes) {
      const std::size_t n = count - k;
      V e = kernels::exp<Arch>(load(p + k, n) - shift);
      if (n < lanes) e = kept(e, n);
      total = total + e;
      dot = S::fma(e, load(dp + k, n), dot);
      store(p + k, e, n);
    }
    const float inverse = 1.0F / kernels::sum_of<Arch>(total);
    const V scale = S::set(inverse);
    const V mean = S::set(kernels::sum_of<Arch>(dot) * inverse);
    for (std::size_t k = 0; k < count; k += lanes) {
      const std::size_t n = count - k;
      const V weight = load(p + k, n) * scale;
      store(p + k, weight, n);
      store(dp + k, weight * (load(dp + k, n) - mean), n);
    }
  }
  static HRM_ALWAYS_INLINE V kept(V x, std::size_t n) noexcept {
    alignas(64) float lane[lanes];
    S::store(lane, x);
    return kernels::load_some<Arch>(lane, n);
  }
};

}  // namespace hrm::train
