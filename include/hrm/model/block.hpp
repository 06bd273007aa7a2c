#pragma once
/// One transformer block, post-norm: z = rms(z + attention(z)); z = rms(z + swiglu(z)) (reference: class Block).

#include <hrm/model/rope.hpp>
#include <hrm/model/schedule.hpp>
#include <hrm/model/weights.hpp>
#include <hrm/model/workspace.hpp>

#include <string>

namespace hrm {

/// How an operation is cut into tiles; a tile is some ten microseconds of work, so that a deadline is met and
/// threads share evenly. Depends on sizes alone, never on the number of threads: a pause is a number of tiles.
struct Grid {
  static constexpr std::size_t cached = std::size_t{1} << 19;  ///< bytes of operand rows that stay in a core's L2

  std::size_t step = 1;    ///< rows (or queries) a tile
  std::size_t groups = 1;  ///< tiles across
  std::size_t span = 1;    ///< panels (or heads) a tile
  std::size_t chunks = 1;  ///< tiles down
  std::size_t parts = 1;   ///< pieces that each of the last `fine` tiles across is cut into, row by row
  std::size_t fine = 0;
  [[nodiscard]] std::size_t tiles() const noexcept { return chunks * groups + fine * (parts - 1); }

  /// Tiles of a product of `rows` with W: chunks of rows that stay in cache, and in them runs of panels. Where there is
  /// one chunk, its last tiles are finer: who is done first then waits for a few microseconds at most.
  [[nodiscard]] static Grid product(const kernels::Table& table, const kernels::PackedMatrix& w,
                                    std::size_t rows) noexcept {
    Grid g;
    const std::size_t fit = cached / table.operand_stride(w.depth);
    g.chunks = ceil_div(rows, fit > table.row_block ? fit : table.row_block);
    g.step = round_up(ceil_div(rows, g.chunks), table.row_block);
    g.chunks = ceil_div(rows, g.step);
    const std::size_t panels = ceil_div(w.cols, table.panel_cols);
    const std::size_t each = (g.step < rows ? g.step : rows) * w.depth * table.panel_cols;
    g.span = each >= table.tile_work ? 1 : table.tile_work / each;
    g.groups = ceil_div(panels, g.span);
    g.span = ceil_div(panels, g.groups);
    g.groups = ceil_div(panels, g.span);
    const std::size_t blocks = ceil_div(rows, table.row_block);
    if (g.chunks == 1 && g.groups > 1) {
      g.parts = blocks < 3 ? blocks : 3;
      g.fine = g.parts > 1 ? 2 : 0;
    }
    return g;
  }
  [[nodiscard]] kernels::Tile product_tile(const kernels::Table& table, const kernels::PackedMatrix& w,
                                           const Workspace& work, std::size_t tile) const noexcept {
    const std::size_t rows = work.rows;
    const std::size_t panels = ceil_div(w.cols, table.panel_cols);
    std::size_t chunk = tile / groups;
    std::size_t group = tile % groups;
    kernels::Tile t{};
    if (fine > 0 && tile >= groups - fine) {
      const std::size_t piece = tile - (groups - fine);
      group = groups - fine + piece / parts;
      const std::size_t part = round_up(ceil_div(rows, parts), table.row_block);
      t.row_begin = piece % parts * part;
      t.row_end = t.row_begin + part;
    } else {
      t.row_begin = chunk * step;
      t.row_end = t.row_begin + step;
    }
    if (t.row_begin > rows) t.row_begin = rows;
    if (t.row_end > rows) t.row_end = rows;
    t.panel_begin = group * span;
    t.panel_end = t.panel_begin + span < panels ? t.panel_begin + span : panels;
    // As many threads as there are take tiles in turn. Beyond the last panel lies the next matrix. A piece of a tile
    // leaves the asking to the first one.
    if (t.row_begin == 0 || chunks > 1) t.next = t.panel_begin + work.threads * span;
    return t;
  }

  /// Tiles of work that is done row by row, of nearly equal height.
  [[nodiscard]] static Grid by_rows(std::size_t rows, std::size_t width) noexcept {
    Grid g;
    const std::size_t fit = std::size_t{32768} / width;
    g.chunks = ceil_div(rows, fit > 1 ? fit : 1);
    g.step = ceil_div(rows, g.chunks);
    g.chunks = ceil_div(rows, g.step);
    return g;
  }

  /// Tiles of attention: `groups` heads of all sequences, each cut into chunks of queries.
  [[nodiscard]] static Grid attention(const kernels::Table& table, const Sizes& sizes, std::size_t positions,
                                      std::size_t sequences) noexcept {
    Grid g;
    constexpr std::size_t work = 600'000;  // multiply-adds: as long as a product's tile, for all that goes with them
    const std::size_t fit = work / (2 * positions * sizes.head_dim());
    const std::size_t step = round_up(fit > 1 ? fit : 1, table.query_block);
    g.chunks = ceil_div(positions, step);
    g.step = round_up(ceil_div(positions, g.chunks), table.query_block);
    g.chunks = ceil_div(positions, g.step);
    g.groups = sequences * sizes.heads;
    return g;
  }
};

/// The weights of one block, packed for the kernels of a table. Immutable after load; run() is safe on any thread.
/// Written once for all weight types: the table knows them apart.
class Block {
 public:
  /// Memory of the packed weights: pieces of `arena` (which may only be counting).
  void take(Arena& arena, const Sizes& sizes, const kernels::Table& table) noexcept {
    const bool quantised = table.operand_by_row;
    qkv_ = detail::take_matrix(arena, table, 3 * sizes.hidden, sizes.hidden, quantised);
    project_ = detail::take_matrix(arena, table, sizes.hidden, sizes.hidden, quantised);
    gate_up_ = detail::take_matrix(arena, table, 2 * sizes.inner, sizes.hidden, quantised);
    down_ = detail::take_matrix(arena, table, sizes.hidden, sizes.inner, quantised);
  }

  /// Packs the tensors `prefix`self_attn.qkv_proj.weight and so on. q and k rows are interleaved for the rotary
  /// embedding (with learned positions too, where the order within a head does not matter), gate and up in runs.
  void load(detail::WeightReader& reader, const Sizes& s, const kernels::Table& table, const std::string& prefix) {
    reader.pack(reader.find(prefix + "self_attn.qkv_proj.weight", {3 * s.hidden, s.hidden}), table, qkv_, s,
                [](std::size_t column, const Sizes& sizes, std::size_t) noexcept {
                  return column < 2 * sizes.hidden ? rope_row(column, sizes.head_dim()) : column;
                });
    reader.pack(reader.find(prefix + "self_attn.o_proj.weight", {s.hidden, s.hidden}), table, project_);
    reader.pack(reader.find(prefix + "mlp.gate_up_proj.weight", {2 * s.inner, s.hidden}), table, gate_up_, s,
                [](std::size_t column, const Sizes& sizes, std::size_t run) noexcept {
                  const std::size_t first = column / (2 * run) * run;
                  const std::size_t within = column % (2 * run);
                  return within < run ? first + within : sizes.inner + first + within - run;
                });
    reader.pack(reader.find(prefix + "mlp.down_proj.weight", {s.hidden, s.inner}), table, down_);
  }

  /// Number of tiles of a stage of this block, for the rows in work.
  [[nodiscard]] std::size_t tiles(Op op, const Sizes& s, const kernels::Table& table,
                                  const Workspace& w) const noexcept {
    switch (op) {
      case Op::qkv:
        return Grid::product(table, qkv_, w.rows).tiles();
      case Op::pack_kv:
        return w.active() * s.heads;
      case Op::attend:
        return Grid::attention(table, s, w.positions, w.active()).tiles();
      case Op::project:
        return Grid::product(table, project_, w.rows).tiles();
      case Op::gate_up:
        return Grid::product(table, gate_up_, w.rows).tiles();
      case Op::down:
        return Grid::product(table, down_, w.rows).tiles();
      case Op::inner_operand:
        return Grid::by_rows(w.rows, s.inner).tiles();
      default:
        return Grid::by_rows(w.rows, s.hidden).tiles();
    }
  }

  /// Runs one tile on z [rows, hidden]. `heads` is the float32 table, for the operand of the segment's last norm.
  void run(Op op, std::size_t tile, const Sizes& s, const kernels::Table& table, const kernels::Table& heads, float eps,
           float* z, const Workspace& w) const noexcept {
    switch (op) {
      case Op::qkv: {
        const kernels::QkvArgs args{w.operand, qkv_,         w.qkv,
                                    s.hidden,  s.head_dim(), w.positions,
                                    w.cos,     w.sin,        1.0F / std::sqrt(static_cast<float>(s.head_dim()))};
        return table.qkv_tile(args, Grid::product(table, qkv_, w.rows).product_tile(table, qkv_, w, tile));
      }
      case Op::pack_kv: {
        const float* first = w.qkv + tile / s.heads * w.positions * 3 * s.hidden + tile % s.heads * s.head_dim();
        return table.pack_kv_tile(kernels::PackKvArgs{first + s.hidden, first + 2 * s.hidden, 3 * s.hidden, w.positions,
                                                      s.head_dim(), w.kv + tile * w.kv_bytes});
      }
      case Op::attend:
        return attend(tile, s, table, w);
      case Op::project:
        return table.store_tile(kernels::StoreArgs{w.operand, project_, z, s.hidden, nullptr, true},
                                Grid::product(table, project_, w.rows).product_tile(table, project_, w, tile));
      case Op::gate_up:
        return table.swiglu_tile(kernels::SwigluArgs{w.operand, gate_up_, w.inner, w.inner_rows, s.inner},
                                 Grid::product(table, gate_up_, w.rows).product_tile(table, gate_up_, w, tile));
      case Op::down:
        return table.store_tile(kernels::StoreArgs{w.inner, down_, z, s.hidden, nullptr, true},
                                Grid::product(table, down_, w.rows).product_tile(table, down_, w, tile));
      case Op::attended_operand:
        return rows(tile, table, {w.attended, nullptr, nullptr, s.hidden, false, 0.0F, w.operand}, w);
      case Op::inner_operand:
        return rows(tile, table, {w.inner_rows, nullptr, nullptr, s.inner, false, 0.0F, w.inner}, w);
      case Op::norm_last: {
        kernels::Operand out = w.operand;
        out.stride = heads.operand_stride(s.hidden);
        return rows(tile, heads, {z, nullptr, nullptr, s.hidden, true, eps, out}, w);
      }
      default:
        return rows(tile, table, {z, nullptr, nullptr, s.hidden, true, eps, w.operand}, w);
    }
  }

  static void rows(std::size_t tile, const kernels::Table& table, const kernels::RowArgs& args,
                   const Workspace& w) noexcept {
    const std::size_t step = Grid::by_rows(w.rows, args.width).step;
    const std::size_t end = (tile + 1) * step;
    table.row_tile(args, tile * step, end < w.rows ? end : w.rows);
  }

 private:
  static void attend(std::size_t tile, const Sizes& s, const kernels::Table& table, const Workspace& w) noexcept {
    const Grid g = Grid::attention(table, s, w.positions, w.active());
    const std::size_t pair = tile / g.chunks;  // sequence and head
    const std::size_t first = pair / s.heads * w.positions;
    const std::size_t column = pair % s.heads * s.head_dim();
    const std::size_t begin = tile % g.chunks * g.step;
    kernels::AttendArgs args;
    args.q = w.qkv + first * 3 * s.hidden + column;
    args.q_stride = 3 * s.hidden;
    args.packed = w.kv + pair * w.kv_bytes;
    args.positions = w.positions;
    args.head_dim = s.head_dim();
    args.begin = begin;
    args.end = begin + g.step < w.positions ? begin + g.step : w.positions;
    args.out = w.operand;
    args.out.data += first * w.operand.stride;
    if (w.attended != nullptr) args.rows = w.attended + first * s.hidden;
    args.row_stride = s.hidden;
    args.column = column;
    table.attend_tile(args);
  }

  kernels::PackedMatrix qkv_;      // [3 hidden, hidden]
  kernels::PackedMatrix project_;  // [hidden, hidden]
  kernels::PackedMatrix gate_up_;  // [2 inner, hidden]
  kernels::PackedMatrix down_;     // [hidden, inner]
};

}  // namespace hrm
