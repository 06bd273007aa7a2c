#pragma once
/// The border between the model and its kernels: plain data and plain functions. One table serves one weight type
/// (float, bfloat16 or int8) on one instruction set; the model calls through it, so the instruction set can be
/// chosen when the program is compiled or, with hrm_add_kernels(), when it runs. No Eigen and no std type here.
///
/// Every function is a tile of a larger operation: it may run on any thread, writes only its own rows and columns,
/// allocates nothing, and gives the same bits whatever the other tiles are (a sum is never split between tiles).

#include <hrm/base/types.hpp>

#include <cstddef>
#include <cstdint>

namespace hrm::kernels {

/// A constant matrix W [cols, depth], packed once at load for y = x W^T. Owns nothing; the blocks are 64-byte aligned.
/// Column j of the product is row j of W. Columns stand in panels of Table::panel_cols; the last one is zero-padded.
struct PackedMatrix {
  std::byte* panels = nullptr;  ///< ceil(cols / panel_cols) panels of Table::panel_bytes(depth)
  /// [padded cols] levels: column j of W = scales[j] * stored; else null
  float* scales = nullptr;
  /// [padded cols] int8: 128 * sum of the stored column (activations are u8 with zero at 128); else null
  std::int32_t* offsets = nullptr;
  std::size_t cols = 0;
  std::size_t depth = 0;
};

/// Rows of activations as products read them ("operand"): row-major, [rows, depth] of float, bfloat16, u8 or levels of
/// 16 bits, each row padded to Table::operand_stride(depth) bytes, with zeros (u8: 128) beyond depth. Written by
/// row_tile, attend_tile, swiglu_tile. Rows and stride are 64-byte multiples; the stride may be larger than
/// operand_stride.
struct Operand {
  std::byte* data = nullptr;
  float* scales = nullptr;  ///< [rows] x = scales[row] * (stored - zero point); else null
  std::size_t stride = 0;   ///< bytes from row to row
};

/// Which part of a product: rows [row_begin, row_end) and panels [panel_begin, panel_end).
struct Tile {
  std::size_t row_begin, row_end;
  std::size_t panel_begin, panel_end;
  /// The panel that the same thread will probably want next, for which it asks the memory meanwhile; there may be none
  /// of that number. 0: none.
  std::size_t next = 0;
};

/// c[row, col] = (x W^T)[row, col] (+ bias[col]) (+ c[row, col] before), for col < W.cols. Row-major floats.
struct StoreArgs {
  Operand x;
  PackedMatrix w;
  float* c = nullptr;
  std::size_t c_stride = 0;     ///< floats from row to row
  const float* bias = nullptr;  ///< [cols] or null
  bool accumulate = false;      ///< add to what is there: the residual connection
};

/// qkv[row, :] = x W^T with the rotary embedding applied to q and k, q scaled. W's rows (hence qkv's columns) within
/// each head of q and k are interleaved by the model: column 2i is dimension i, column 2i + 1 is dimension i + head_dim
/// / 2, so that a rotation's pair always lies side by side, whatever the vector's width.
struct QkvArgs {
  Operand x;
  PackedMatrix w;          ///< [3 * hidden, hidden]: q, k, v, each [heads, head_dim]
  float* qkv = nullptr;    ///< [rows, 3 * hidden]
  std::size_t stride = 0;  ///< floats from row to row of qkv, at least 3 * hidden
  std::size_t hidden = 0;
  std::size_t head_dim = 0;
  std::size_t positions = 0;   ///< positions a sequence; row r is position r % positions
  const float* cos = nullptr;  ///< [positions, head_dim] interleaved (each value twice); null: no rotary embedding
  const float* sin =
      nullptr;  ///< [positions, head_dim] interleaved, negative at even columns: out = v * cos + swapped(v) * sin
  float q_scale = 1.0F;  ///< 1 / sqrt(head_dim)
  /// [sequences, heads] of kv_bytes: where the values go, packed as attend_tile reads them, if head_dim is a multiple
  /// of Table::value_run; null: to qkv.
  std::byte* kv = nullptr;
  std::size_t kv_bytes = 0;
};

/// out[row, j] = silu(gate_j) * up_j. W's rows are interleaved by the model in runs of Table::swiglu_run columns: a run
/// of gate, then the run of up that belongs to it. `out` is an operand of depth `inner`, or float rows where
/// operand_by_row.
struct SwigluArgs {
  Operand x;
  PackedMatrix w;              ///< [2 * inner, hidden], inner a multiple of swiglu_run
  Operand out;                 ///< used unless Table::operand_by_row
  float* rows = nullptr;       ///< [rows, inner] used if Table::operand_by_row
  std::size_t row_stride = 0;  ///< floats from row to row of `rows`, at least inner
  std::size_t inner = 0;
};

/// z[row] += a[row] + b[row] (either may be null); z[row] = z[row] / sqrt(mean(z[row]^2) + eps) if `norm`; then the row
/// is written as operand (if out.data is not null). Reads float rows of `width`.
struct RowArgs {
  float* z = nullptr;
  const float* a = nullptr;
  const float* b = nullptr;
  std::size_t width = 0;
  std::size_t stride = 0;  ///< floats from row to row of z, a and b, at least width
  bool norm = false;
  float eps = 0.0F;
  Operand out;
};

/// Positions whose keys and values are packed together. A cache line of packed keys has an element, or a word of them,
/// of each: packed by two threads, it would go back and forth between their cores.
inline constexpr std::size_t kv_group = 16;

/// Keys and values of one head of one sequence, packed as attend_tile reads them. Positions may be packed in parts, in
/// any order and by different threads: [begin, end), multiples of kv_group, or end = `positions`.
struct PackKvArgs {
  const float* k = nullptr;  ///< first position's key, [positions] rows of head_dim
  const float* v = nullptr;  ///< first position's value; null: qkv_tile has packed them
  std::size_t stride = 0;    ///< floats from position to position, both
  std::size_t positions = 0;
  std::size_t begin = 0, end = 0;
  std::size_t head_dim = 0;
  std::byte* packed = nullptr;  ///< Table::kv_bytes(positions, head_dim), 64-byte aligned
};

/// out[query] = softmax(q k^T) v for queries [begin, end) of one head of one sequence; full attention, no mask, softmax
/// in float32, never a positions x positions matrix. q is already scaled.
struct AttendArgs {
  const float* q = nullptr;  ///< first position's query
  std::size_t q_stride = 0;  ///< floats
  const std::byte* packed = nullptr;
  std::size_t positions = 0;
  std::size_t head_dim = 0;
  std::size_t begin = 0, end = 0;
  Operand out;            ///< first position's operand row of this sequence; used unless Table::operand_by_row
  float* rows = nullptr;  ///< first position's float row, stride `row_stride`; used if Table::operand_by_row
  std::size_t row_stride = 0;
  std::size_t column = 0;  ///< first column of this head in the output row
  /// What will be wanted next, pulled into the second-level cache meanwhile (but by products on tiles).
  const std::byte* ahead = nullptr;
  std::size_t ahead_bytes = 0;
};

/// The kernels of one weight type on one instruction set.
struct Table {
  const char* name;         ///< "avx512 float32", ..; stands in saved states and packed panels
  std::size_t panel_cols;   ///< columns a panel
  std::size_t row_block;    ///< rows of the microkernel; tiles of a multiple of it waste nothing
  std::size_t swiglu_run;   ///< columns of gate (and of up) in a row
  std::size_t query_block;  ///< queries of the attention's microkernel
  std::size_t tile_work;    ///< multiply-adds of tens of microseconds: what a tile of a product aims at
  std::size_t lane_rows;    ///< rows that are worth all weights' way to a core: see Lane
  std::size_t value_run;    ///< qkv_tile can pack values of heads of a multiple of so many dimensions; 0: it can not
  bool column_offsets;      ///< packed weights have PackedMatrix::offsets (int8)
  bool operand_by_row;      ///< an operand row needs the whole float row first (int8: its largest value)

  /// Panels of the microkernel, 1 or 2, of matrices of this depth; tiles of a multiple of it waste nothing.
  std::size_t (*panels_at_once)(std::size_t depth) noexcept;
  std::size_t (*panel_bytes)(std::size_t depth) noexcept;
  std::size_t (*operand_stride)(std::size_t depth) noexcept;
  std::size_t (*kv_bytes)(std::size_t positions, std::size_t head_dim) noexcept;

  /// Packs one panel: `rows` are panel_cols pointers to `depth` floats (not necessarily aligned), null for padding.
  void (*pack_panel)(const PackedMatrix& w, std::size_t panel, const float* const* rows) noexcept;

  void (*store_tile)(const StoreArgs&, const Tile&) noexcept;
  void (*qkv_tile)(const QkvArgs&, const Tile&) noexcept;
  void (*swiglu_tile)(const SwigluArgs&, const Tile&) noexcept;
  void (*row_tile)(const RowArgs&, std::size_t row_begin, std::size_t row_end) noexcept;
  void (*pack_kv_tile)(const PackKvArgs&) noexcept;
  void (*attend_tile)(const AttendArgs&) noexcept;
};

/// table<Arch, Weight>() is the table of Weight (float, hrm::bfloat16, std::int8_t) on Arch; defined in table_of.hpp.
template <class Arch, class Weight>
[[nodiscard]] const Table& table() noexcept;

}  // namespace hrm::kernels
