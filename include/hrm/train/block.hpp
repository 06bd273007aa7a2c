#pragma once
/// One transformer block in training: the forward pass of the inference kernels, the same with what the way back needs
/// kept, and the way back.

#include <hrm/model/rope.hpp>
#include <hrm/train/layers.hpp>
#include <hrm/train/parameters.hpp>

namespace hrm::train {

/// A block's weights packed for y = x W^T and (back) for dx = dy W.
template <class Packed>
struct PackedBlock {
  Packed qkv, project, gate_up, down;
  Packed qkv_back, project_back, gate_up_back, down_back;
};

/// What a forward pass keeps: inputs of products, and the two norms' factors. The block's output is kept by who runs
/// it.
struct BlockTape {
  Rows in;                    ///< [rows, hidden]
  Rows qkv;                   ///< [rows, 3 hidden] rotated, q scaled, heads interleaved
  Rows attended;              ///< [rows, hidden]
  Rows middle;                ///< [rows, hidden] after the first norm
  Rows gate_up;               ///< [rows, 2 inner] in runs; the way back overwrites it
  Rows act;                   ///< [rows, inner]
  float* inverse1 = nullptr;  ///< [rows]
  float* inverse2 = nullptr;  ///< [rows]
};

/// Buffers that any pass of any block may use; one set a thread.
template <class Packed>
struct BlockScratch {
  Packed packed;               ///< rows of activations packed: [rows, widest input]
  Rows qkv, attended, act;     ///< as in BlockTape
  Rows gate_up;                ///< [mlp_rows, 2 inner], where gate and up are not kept and no kernel joins them
  std::byte* room = nullptr;   ///< Products::room for all rows and the widest layer
  float* attention = nullptr;  ///< Layers::attention_scratch
  std::byte* kv = nullptr;     ///< keys and values of one head
};

/// Sizes and rotary tables that all blocks of a model share.
struct BlockShape {
  std::size_t hidden = 0, heads = 0, inner = 0, positions = 0;
  float eps = 0.0F;
  const float* cos = nullptr;  ///< [positions, head_dim]; null with learned positions
  const float* sin = nullptr;

  [[nodiscard]] std::size_t head_dim() const noexcept { return hidden / heads; }
  [[nodiscard]] float q_scale() const noexcept { return 1.0F / std::sqrt(static_cast<float>(head_dim())); }
};

template <class Arch, class Weight = float>
struct Block {
  using L = Layers<Arch, Weight>;
  using P = Products<Arch, Weight>;
  using Packed = PackedBlock<typename P::Packed>;
  using Scratch = BlockScratch<typename P::Packed>;
  /// In float32 the inference kernels do the passes that keep nothing.
  static constexpr bool fused = std::is_same_v<Weight, float>;
  /// Rows whose gate and up are worked out at once in the pass that keeps nothing: they stay in the second-level cache.
  static constexpr std::size_t mlp_rows = fused ? 0 : 64;

  [[nodiscard]] static Packed take(Arena& arena, const BlockShape& s) noexcept {
    Packed b;
    b.qkv = P::take(arena, 3 * s.hidden, s.hidden);
    b.project = P::take(arena, s.hidden, s.hidden);
    b.gate_up = P::take(arena, 2 * s.inner, s.hidden);
    b.down = P::take(arena, s.hidden, s.inner);
    b.qkv_back = P::take(arena, s.hidden, 3 * s.hidden);
    b.project_back = P::take(arena, s.hidden, s.hidden);
    b.gate_up_back = P::take(arena, s.hidden, 2 * s.inner);
    b.down_back = P::take(arena, s.inner, s.hidden);
    return b;
  }

  /// Number of matrices that pack() packs, each by one call, on any thread.
  static constexpr std::size_t matrices = 4;
  static void pack(const Packed& b, const BlockShape& s, const BlockOffsets& at, const float* values,
                   std::size_t which) noexcept {
    const auto both = [&](const typename P::Packed& w, const typename P::Packed& back, std::size_t offset,
                          const auto& source) {
      const float* const from = values + offset;
      const std::size_t width = w.depth;
      const auto row = [&](std::size_t j) { return from + source(j) * width; };
      P::pack(w, row);
      P::pack_rows(back, row);
    };
    switch (which) {
      case 0:
        return both(b.qkv, b.qkv_back, at.qkv, qkv_source(s));
      case 1:
        return both(b.project, b.project_back, at.project, same);
      case 2:
        return both(b.gate_up, b.gate_up_back, at.gate_up, gate_up_source(s));
      default:
        return both(b.down, b.down_back, at.down, same);
    }
  }

  /// z [rows, hidden] = block(z), in place, nothing kept.
  static void forward(const Packed& b, const BlockShape& s, float* z, std::size_t rows, const Scratch& t) noexcept {
    const Rows state{z, s.hidden};
    attention(b, s, state, rows, t.qkv, t.attended, t);
    P::multiply(t.attended, rows, b.project, state, true, t.room);
    norm(z, s, rows);
    if constexpr (fused) {
      P::table().swiglu_tile(kernels::SwigluArgs{state.operand(), b.gate_up, t.act.operand(), nullptr, 0, s.inner},
                             kernels::Tile{0, rows, 0, ceil_div(2 * s.inner, P::panel_cols)});
      P::multiply(t.act, rows, b.down, state, true, t.room);
    } else {
      for (std::size_t first = 0; first < rows; first += mlp_rows) {
        const std::size_t count = std::min(mlp_rows, rows - first);
        const Rows some{state.row(first), s.hidden};
        P::multiply(some, count, b.gate_up, t.gate_up, false, t.room);
        L::swiglu(t.gate_up, t.act, count, s.inner);
        P::multiply(t.act, count, b.down, some, true, t.room);
      }
    }
    norm(z, s, rows);
  }

  /// out [rows, hidden] = block(tape.in), everything kept that backward() asks for.
  static void forward(const Packed& b, const BlockShape& s, const BlockTape& tape, const Rows& out, std::size_t rows,
                      const Scratch& t) noexcept {
    attention(b, s, tape.in, rows, tape.qkv, tape.attended, t);
    std::memcpy(tape.middle.data, tape.in.data, rows * s.hidden * sizeof(float));
    P::multiply(tape.attended, rows, b.project, tape.middle, true, t.room);
    L::rms(tape.middle, rows, s.hidden, s.eps, tape.inverse1);
    P::multiply(tape.middle, rows, b.gate_up, tape.gate_up, false, t.room);
    L::swiglu(tape.gate_up, tape.act, rows, s.inner);
    std::memcpy(out.data, tape.middle.data, rows * s.hidden * sizeof(float));
    P::multiply(tape.act, rows, b.down, out, true, t.room);
    L::rms(out, rows, s.hidden, s.eps, tape.inverse2);
  }

  /// d [rows, hidden]: the gradient of `out` in, the gradient of tape.in out. The weights' gradients go (or are added,
  /// with `accumulate`) to `gradient` at the block's offsets. tape.gate_up is used up.
  static void backward(const Packed& b, const BlockShape& s, const BlockTape& tape, const Rows& out, const Rows& d,
                       std::size_t rows, const BlockOffsets& at, float* gradient, bool accumulate,
                       const Scratch& t) noexcept {
    const auto weights = [&](const Rows& dy, const Rows& x, std::size_t cols, std::size_t depth, std::size_t offset,
                             const auto& source) {
      weight_gradient<P>(dy, x, rows, cols, depth, gradient + offset, accumulate, t.packed, t.room, source);
    };
    L::rms_backward(out, tape.inverse2, d, rows, s.hidden);
    P::multiply(d, rows, b.down_back, t.act, false, t.room);
    weights(d, tape.act, s.hidden, s.inner, at.down, same);
    L::swiglu_backward(tape.gate_up, t.act, rows, s.inner);
    weights(tape.gate_up, tape.middle, 2 * s.inner, s.hidden, at.gate_up, gate_up_source(s));
    P::multiply(tape.gate_up, rows, b.gate_up_back, d, true, t.room);

    L::rms_backward(tape.middle, tape.inverse1, d, rows, s.hidden);
    P::multiply(d, rows, b.project_back, t.attended, false, t.room);
    weights(d, tape.attended, s.hidden, s.hidden, at.project, same);
    for (std::size_t first = 0; first < rows; first += s.positions) {
      for (std::size_t column = 0; column < s.hidden; column += s.head_dim()) {
        const auto head = [&](const Rows& r) { return Rows{r.row(first) + column, r.stride}; };
        L::attention_backward(head(tape.qkv), head(t.attended), head(t.qkv), s.hidden, s.head_dim(), s.positions,
                              t.attention);
      }
    }
    L::rope_backward(t.qkv, rows, s.hidden, s.head_dim(), s.positions, s.cos, s.sin, s.q_scale());
    weights(t.qkv, tape.in, 3 * s.hidden, s.hidden, at.qkv, qkv_source(s));
    P::multiply(t.qkv, rows, b.qkv_back, d, true, t.room);
  }

 private:
  static std::size_t same(std::size_t j) noexcept { return j; }
  // Column of the kernels' qkv and gate_up -> row of the stored matrix.
  static auto qkv_source(const BlockShape& s) noexcept {
    return [hidden = s.hidden, dim = s.head_dim()](std::size_t j) { return j < 2 * hidden ? rope_row(j, dim) : j; };
  }
  static auto gate_up_source(const BlockShape& s) noexcept {
    return [inner = s.inner](std::size_t j) { return L::gate_up_row(j, inner); };
  }

  static void norm(float* z, const BlockShape& s, std::size_t rows) noexcept {
    kernels::table<Arch, float>().row_tile(kernels::RowArgs{z, nullptr, nullptr, s.hidden, s.hidden, true, s.eps, {}},
                                           0, rows);
  }

  static void attention(const Packed& b, const BlockShape& s, const Rows& in, std::size_t rows, const Rows& qkv,
                        const Rows& attended, const Scratch& t) noexcept {
    if constexpr (fused) {
      const kernels::QkvArgs args{in.operand(), b.qkv,       qkv.data, qkv.stride, s.hidden,
                                  s.head_dim(), s.positions, s.cos,    s.sin,      s.q_scale()};
      P::table().qkv_tile(args, kernels::Tile{0, rows, 0, ceil_div(3 * s.hidden, P::panel_cols)});
    } else {
      P::multiply(in, rows, b.qkv, qkv, false, t.room);
      L::rope(qkv, rows, s.hidden, s.head_dim(), s.positions, s.cos, s.sin, s.q_scale());
    }
    for (std::size_t first = 0; first < rows; first += s.positions) {
      for (std::size_t column = 0; column < s.hidden; column += s.head_dim()) {
        const Rows head{qkv.row(first) + column, qkv.stride};
        const Rows out{attended.row(first) + column, attended.stride};
        if constexpr (fused) {
          attend(s, head, Rows{attended.row(first), attended.stride}, column, t.kv);
        } else {
          L::attention(head, out, s.hidden, s.head_dim(), s.positions, t.attention);
        }
      }
    }
  }

  static void attend(const BlockShape& s, const Rows& head, const Rows& out, std::size_t column,
                     std::byte* kv) noexcept {
    const float* const q = head.data;
    P::table().pack_kv_tile(kernels::PackKvArgs{q + s.hidden, q + 2 * s.hidden, head.stride, s.positions, 0,
                                                s.positions, s.head_dim(), kv});
    kernels::AttendArgs a;
    a.q = q;
    a.q_stride = head.stride;
    a.packed = kv;
    a.positions = s.positions;
    a.head_dim = s.head_dim();
    a.end = s.positions;
    a.out = out.operand();
    a.column = column;
    P::table().attend_tile(a);
  }
};

}  // namespace hrm::train
