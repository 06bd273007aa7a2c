#pragma once
/// One transformer block in training: the forward pass of the inference kernels, the same with what the way back needs
/// kept, and the way back.

#include <hrm/model/rope.hpp>
#include <hrm/train/layers.hpp>
#include <hrm/train/parameters.hpp>

namespace hrm::train {

/// A block's weights packed for y = x W^T and (back) for dx = dy W.
struct PackedBlock {
  kernels::PackedMatrix qkv, project, gate_up, down;
  kernels::PackedMatrix qkv_back, project_back, gate_up_back, down_back;
};

/// What a forward pass keeps: inputs of products, and the two norms' factors. The block's output is kept by who runs it.
struct BlockTape {
  Rows in;                   ///< [rows, hidden]
  Rows qkv;                  ///< [rows, 3 hidden] rotated, q scaled, heads interleaved
  Rows attended;             ///< [rows, hidden]
  Rows middle;               ///< [rows, hidden] after the first norm
  Rows gate_up;              ///< [rows, 2 inner] in runs; the way back overwrites it
  Rows act;                  ///< [rows, inner]
  float* inverse1 = nullptr;  ///< [rows]
  float* inverse2 = nullptr;  ///< [rows]
};

/// Buffers that any pass of any block may use; one set a thread.
struct BlockScratch {
  Rows qkv, attended, act;     ///< as in BlockTape
  float* turned = nullptr;     ///< a transposed gradient: widest layer x stride(rows)
  float* packed = nullptr;     ///< rows of activations packed: [rows, widest input]
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

template <class Arch>
struct Block {
  using L = Layers<Arch>;
  using P = Products<Arch>;

  [[nodiscard]] static PackedBlock take(Arena& arena, const BlockShape& s) noexcept {
    PackedBlock b;
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
  static void pack(const PackedBlock& b, const BlockShape& s, const BlockOffsets& at, const float* values, std::size_t which) noexcept {
    const auto both = [&](const kernels::PackedMatrix& w, const kernels::PackedMatrix& back, std::size_t offset, const auto& source) {
      const float* const from = values + offset;
      const std::size_t width = w.depth;
      const auto row = [&](std::size_t j) { return from + source(j) * width; };
      P::pack(w, row);
      P::pack_rows(back, row);
    };
    switch (which) {
      case 0: return both(b.qkv, b.qkv_back, at.qkv, qkv_source(s));
      case 1: return both(b.project, b.project_back, at.project, same);
      case 2: return both(b.gate_up, b.gate_up_back, at.gate_up, gate_up_source(s));
      default: return both(b.down, b.down_back, at.down, same);
    }
  }

  /// z [rows, hidden] = block(z), in place, nothing kept.
  static void forward(const PackedBlock& b, const BlockShape& s, float* z, std::size_t rows, const BlockScratch& t) noexcept {
    const Rows state{z, s.hidden};
    const std::size_t panels = ceil_div(2 * s.inner, P::panel_cols);
    attention(b, s, state, rows, t.qkv, t.attended, t.kv);
    P::multiply(t.attended, rows, b.project, state, true);
    norm(z, s, rows);
    P::table().swiglu_tile(kernels::SwigluArgs{state.operand(), b.gate_up, t.act.operand(), nullptr, s.inner},
                           kernels::Tile{0, rows, 0, panels});
    P::multiply(t.act, rows, b.down, state, true);
    norm(z, s, rows);
  }

  /// out [rows, hidden] = block(tape.in), everything kept that backward() asks for.
  static void forward(const PackedBlock& b, const BlockShape& s, const BlockTape& tape, const Rows& out, std::size_t rows,
                      const BlockScratch& t) noexcept {
    attention(b, s, tape.in, rows, tape.qkv, tape.attended, t.kv);
    std::memcpy(tape.middle.data, tape.in.data, rows * s.hidden * sizeof(float));
    P::multiply(tape.attended, rows, b.project, tape.middle, true);
    L::rms(tape.middle, rows, s.hidden, s.eps, tape.inverse1);
    P::multiply(tape.middle, rows, b.gate_up, tape.gate_up, false);
    L::swiglu(tape.gate_up, tape.act, rows, s.inner);
    std::memcpy(out.data, tape.middle.data, rows * s.hidden * sizeof(float));
    P::multiply(tape.act, rows, b.down, out, true);
    L::rms(out, rows, s.hidden, s.eps, tape.inverse2);
  }

  /// d [rows, hidden]: the gradient of `out` in, the gradient of tape.in out. The weights' gradients go (or are added,
  /// with `accumulate`) to `gradient` at the block's offsets. tape.gate_up is used up.
  static void backward(const PackedBlock& b, const BlockShape& s, const BlockTape& tape, const Rows& out, const Rows& d,
                       std::size_t rows, const BlockOffsets& at, float* gradient, bool accumulate, const BlockScratch& t) noexcept {
    const auto weights = [&](const Rows& dy, const Rows& x, std::size_t cols, std::size_t depth, std::size_t offset, const auto& source) {
      P::weight_gradient(dy, x, rows, cols, depth, gradient + offset, accumulate, t.turned, t.packed, source);
    };
    L::rms_backward(out, tape.inverse2, d, rows, s.hidden);
    P::multiply(d, rows, b.down_back, t.act, false);
    weights(d, tape.act, s.hidden, s.inner, at.down, same);
    L::swiglu_backward(tape.gate_up, t.act, rows, s.inner);
    weights(tape.gate_up, tape.middle, 2 * s.inner, s.hidden, at.gate_up, gate_up_source(s));
    P::multiply(tape.gate_up, rows, b.gate_up_back, d, true);

    L::rms_backward(tape.middle, tape.inverse1, d, rows, s.hidden);
    P::multiply(d, rows, b.project_back, t.attended, false);
    weights(d, tape.attended, s.hidden, s.hidden, at.project, same);
    for (std::size_t first = 0; first < rows; first += s.positions) {
      for (std::size_t column = 0; column < s.hidden; column += s.head_dim()) {
        const auto head = [&](const Rows& r) { return Rows{r.row(first) + column, r.stride}; };
        L::attention_backward(head(tape.qkv), head(t.attended), head(t.qkv), s.hidden, s.head_dim(), s.positions, t.attention);
      }
    }
    L::rope_backward(t.qkv, rows, s.hidden, s.head_dim(), s.positions, s.cos, s.sin, s.q_scale());
    weights(t.qkv, tape.in, 3 * s.hidden, s.hidden, at.qkv, qkv_source(s));
    P::multiply(t.qkv, rows, b.qkv_back, d, true);
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
    P::table().row_tile(kernels::RowArgs{z, nullptr, nullptr, s.hidden, true, s.eps, {}}, 0, rows);
  }

  static void attention(const PackedBlock& b, const BlockShape& s, const Rows& in, std::size_t rows, const Rows& qkv,
                        const Rows& attended, std::byte* kv) noexcept {
    const kernels::QkvArgs args{in.operand(), b.qkv, qkv.data, s.hidden, s.head_dim(), s.positions, s.cos, s.sin, s.q_scale()};
    P::table().qkv_tile(args, kernels::Tile{0, rows, 0, ceil_div(3 * s.hidden, P::panel_cols)});
    for (std::size_t first = 0; first < rows; first += s.positions) {
      for (std::size_t column = 0; column < s.hidden; column += s.head_dim()) {
        const float* const q = qkv.row(first) + column;
        P::table().pack_kv_tile(kernels::PackKvArgs{q + s.hidden, q + 2 * s.hidden, qkv.stride, s.positions, s.head_dim(), kv});
        kernels::AttendArgs a;
        a.q = q;
        a.q_stride = qkv.stride;
        a.packed = kv;
        a.positions = s.positions;
        a.head_dim = s.head_dim();
        a.end = s.positions;
        a.out = Rows{attended.row(first), attended.stride}.operand();
        a.column = column;
        P::table().attend_tile(a);
      }
    }
  }
};

}  // namespace hrm::train
