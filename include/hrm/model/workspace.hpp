#pragma once
/// The state and the scratch of a running model: everything that changes while it thinks. The weights never do.

#include <hrm/base/arena.hpp>
#include <hrm/base/shape.hpp>
#include <hrm/kernels/table.hpp>

namespace hrm {

/// Buffers for `batch` sequences of `positions` = P + S positions, `rows` = active sequences * positions of which are
/// in work. Plain pointers into one block; x, z_h, z_l, logits and q are the state, the rest is dead between segments.
struct Workspace {
  std::size_t positions = 0;
  std::size_t batch = 0;
  std::size_t rows = 0;
  std::size_t threads = 1;  ///< that may take part: what a thread will want next depends on it, results do not

  float* x = nullptr;       ///< [batch, positions, hidden] the embedded puzzle
  float* z_h = nullptr;     ///< [batch, positions, hidden]
  float* z_l = nullptr;     ///< [batch, positions, hidden]
  float* logits = nullptr;  ///< [batch, positions, vocab]
  float* q = nullptr;       ///< [batch, 2]: q_halt, q_continue

  std::byte* scratch = nullptr;  ///< where what follows begins, scratch_bytes long
  std::size_t scratch_bytes = 0;
  kernels::Operand operand;  ///< [batch * positions, hidden]
  float* qkv = nullptr;      ///< [batch * positions, 3 * hidden]; shares its place with inner
  std::byte* kv = nullptr;   ///< [batch, heads] of kv_bytes; shares its place with inner
  std::size_t kv_bytes = 0;
  float* attended = nullptr;    ///< [batch * positions, hidden] int8 only; shares its place with inner
  kernels::Operand inner;       ///< [batch * positions, inner]
  float* inner_rows = nullptr;  ///< [batch * positions, inner] int8 only

  const float* cos = nullptr;  ///< [positions, head_dim] interleaved; null with learned positions
  const float* sin = nullptr;  ///< [positions, head_dim] interleaved, negative at even columns

  [[nodiscard]] std::size_t active() const noexcept { return rows / positions; }
};

/// Carves a workspace out of `arena` (or measures it, on an empty arena). `float_stride` is the float kernels' operand
/// stride for hidden: the heads always read float32 rows.
[[nodiscard]] inline Workspace carve_workspace(Arena& arena, const Config& config, const kernels::Table& table,
                                               std::size_t float_stride, std::size_t positions,
                                               std::size_t batch) noexcept {
  const Sizes& s = config.sizes;
  const std::size_t rows = positions * batch;
  Workspace w;
  w.positions = positions;
  w.batch = batch;
  w.rows = rows;
  w.x = arena.take<float>(rows * s.hidden);
  w.z_h = arena.take<float>(rows * s.hidden);
  w.z_l = arena.take<float>(rows * s.hidden);
  w.logits = arena.take<float>(rows * s.vocab);
  w.q = arena.take<float>(batch * 2);
  if (config.positions == PositionEncoding::rope) {
    w.cos = arena.take<float>(positions * s.head_dim());
    w.sin = arena.take<float>(positions * s.head_dim());
  }
  w.scratch = arena.take<std::byte>(0);
  const std::size_t begin = arena.used();
  w.operand.stride = table.operand_stride(s.hidden);
  w.operand.data = arena.take<std::byte>(rows * (w.operand.stride > float_stride ? w.operand.stride : float_stride));
  w.operand.scales = arena.take<float>(rows);
  w.inner.scales = arena.take<float>(rows);

  // Attention's buffers are dead when the SwiGLU's are written, and the other way round: one place for both.
  const auto attention = [&](Arena& a) {
    w.qkv = a.take<float>(rows * 3 * s.hidden);
    w.kv_bytes = round_up(table.kv_bytes(positions, s.head_dim()), alignment);
    w.kv = a.take<std::byte>(batch * s.heads * w.kv_bytes);
    if (table.operand_by_row) w.attended = a.take<float>(rows * s.hidden);
  };
  const auto swiglu = [&](Arena& a) {
    w.inner.stride = table.operand_stride(s.inner);
    w.inner.data = a.take<std::byte>(rows * w.inner.stride);
    if (table.operand_by_row) w.inner_rows = a.take<float>(rows * s.inner);
  };
  Arena size_of_attention;
  Arena size_of_swiglu;
  attention(size_of_attention);
  swiglu(size_of_swiglu);
  const std::size_t shared =
      size_of_attention.used() > size_of_swiglu.used() ? size_of_attention.used() : size_of_swiglu.used();
  std::byte* place = arena.take<std::byte>(shared);
  if (place != nullptr) {
    Arena first(place);
    Arena second(place);
    attention(first);
    swiglu(second);
  }
  w.scratch_bytes = arena.used() - begin;
  return w;
}

}  // namespace hrm
