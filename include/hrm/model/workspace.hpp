#pragma once
/// The state and the scratch of a running model: everything that changes while it thinks. The weights never do.

#include <hrm/base/arena.hpp>
#include <hrm/base/shape.hpp>
#include <hrm/kernels/table.hpp>

namespace hrm {

/// The rows in work go through a segment in two halves, so that two cores meet at the keys and values alone and each
/// keeps the rest in its own cache. Few rows, for which fetching all weights twice costs more than that, are one lane.
enum class Lane : std::uint8_t { first, second, both };

/// Rows [begin, end).
struct RowRange {
  std::size_t begin = 0, end = 0;
  [[nodiscard]] std::size_t size() const noexcept { return end - begin; }
};

/// Buffers for `batch` sequences of `positions` = P + S positions, `rows` = active sequences * positions of which are
/// in work. Plain pointers into one block; x, z_h, z_l, logits and q are the state, the rest is dead between segments.
struct Workspace {
  std::size_t positions = 0;
  std::size_t batch = 0;
  std::size_t rows = 0;
  std::size_t threads = 1;    ///< that may take part: what a thread will want next depends on it, results do not
  std::size_t lane_rows = 1;  ///< Table::lane_rows

  float* x = nullptr;       ///< [batch, positions, hidden] the embedded puzzle
  float* z_h = nullptr;     ///< [batch, positions, hidden]
  float* z_l = nullptr;     ///< [batch, positions, hidden]
  float* logits = nullptr;  ///< [batch, positions, vocab]
  float* q = nullptr;       ///< [batch, 2]: q_halt, q_continue

  std::byte* scratch = nullptr;  ///< where what follows begins, scratch_bytes long
  std::size_t scratch_bytes = 0;
  kernels::Operand operand;  ///< [batch * positions, hidden]
  float* qkv = nullptr;      ///< [batch * positions, 3 * hidden]; row by row in one place with what follows gate and up
  std::size_t qkv_stride = 0;  ///< floats; of inner_rows too
  std::byte* kv = nullptr;     ///< [batch, heads] of kv_bytes
  std::size_t kv_bytes = 0;
  float* attended = nullptr;    ///< [batch * positions, hidden] int8 only
  kernels::Operand inner;       ///< [batch * positions, inner]; in qkv's place but for int8
  float* inner_rows = nullptr;  ///< [batch * positions, inner] int8 only, in qkv's place

  const float* cos = nullptr;  ///< [positions, head_dim] interleaved; null with learned positions
  const float* sin = nullptr;  ///< [positions, head_dim] interleaved, negative at even columns

  [[nodiscard]] std::size_t active() const noexcept { return rows / positions; }

  /// Rows of the first lane: half of all.
  [[nodiscard]] std::size_t border() const noexcept { return rows < 2 * lane_rows ? rows : ceil_div(rows, 2); }
  /// 1 or 2.
  [[nodiscard]] std::size_t lanes() const noexcept { return border() < rows ? 2 : 1; }
  [[nodiscard]] RowRange range(Lane lane) const noexcept {
    return {lane == Lane::second ? border() : 0, lane == Lane::first ? border() : rows};
  }
};

/// Carves a workspace out of `arena` (or measures it, on an empty arena). `float_stride` is the float kernels' operand
/// stride for hidden: the heads always read float32 rows. `positions` is within max_seq_len and the puzzle tokens.
[[nodiscard]] inline Workspace carve_workspace(Arena& arena, const Config& config, const kernels::Table& table,
                                               std::size_t float_stride, std::size_t positions,
                                               std::size_t batch) noexcept {
  const Sizes& s = config.sizes;
  const std::size_t rows = saturating_mul(positions, batch);
  Workspace w;
  w.positions = positions;
  w.batch = batch;
  w.rows = rows;
  w.lane_rows = table.lane_rows;
  w.x = arena.take<float>(rows, s.hidden);
  w.z_h = arena.take<float>(rows, s.hidden);
  w.z_l = arena.take<float>(rows, s.hidden);
  w.logits = arena.take<float>(rows, s.vocab);
  w.q = arena.take<float>(batch, 2);
  if (config.positions == PositionEncoding::rope) {
    w.cos = arena.take<float>(positions, s.head_dim());
    w.sin = arena.take<float>(positions, s.head_dim());
  }
  w.scratch = arena.take<std::byte>(0);
  const std::size_t begin = arena.used();
  w.operand.stride = table.operand_stride(s.hidden);
  w.operand.data = arena.take<std::byte>(rows, w.operand.stride > float_stride ? w.operand.stride : float_stride);
  w.operand.scales = arena.take<float>(rows);
  w.inner.scales = arena.take<float>(rows);

  // q, k and v of a row are dead when the SwiGLU's values of the same row are written, and the other way round, but not
  // those of other rows: they share a place row by row. An odd number of cache lines, as with operands.
  w.inner.stride = table.operand_stride(s.inner);
  const std::size_t swiglu = table.operand_by_row ? s.inner * sizeof(float) : w.inner.stride;
  const std::size_t attention = 3 * s.hidden * sizeof(float);
  const std::size_t stride = (ceil_div(attention > swiglu ? attention : swiglu, alignment) | 1) * alignment;
  w.qkv_stride = stride / sizeof(float);
  w.qkv = arena.take<float>(rows, w.qkv_stride);
  w.kv_bytes = round_up(table.kv_bytes(positions, s.head_dim()), alignment);
  w.kv = arena.take<std::byte>(saturating_mul(batch, s.heads), w.kv_bytes);
  if (table.operand_by_row) {
    w.inner_rows = w.qkv;
    w.inner.data = arena.take<std::byte>(rows, w.inner.stride);
    w.attended = arena.take<float>(rows, s.hidden);
  } else {
    w.inner.data = reinterpret_cast<std::byte*>(w.qkv);
    w.inner.stride = stride;
  }
  w.scratch_bytes = arena.used() - begin;
  return w;
}

}  // namespace hrm
