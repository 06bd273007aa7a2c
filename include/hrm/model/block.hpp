#pragma once
/// One transformer block, post-norm: z = rms(z + attention(z)); z = rms(z + swiglu(z)) (reference: class Block).

#include <hrm/model/rope.hpp>
#include <hrm/model/schedule.hpp>
#include <hrm/model/weights.hpp>
#include <hrm/model/workspace.hpp>

#include <string>

namespace hrm {

/// How an operation is cut into tiles, in each lane alike (the second has a few rows less); a tile is some tens
/// of microseconds of work (more only where a few queries meet many thousands of keys), so that a deadline is met and
/// threads share evenly. Depends on sizes alone, never on the number of threads: a pause is a number of tiles.
struct Grid {
  static constexpr std::size_t cached = std::size_t{1} << 19;  ///< bytes of operand rows that stay in a core's L2

  std::size_t step = 1;    ///< rows (or queries) a tile
  std::size_t groups = 1;  ///< tiles across
  std::size_t span = 1;    ///< panels (or heads) a tile
  std::size_t chunks = 1;  ///< tiles down
  bool joined = false;     ///< lanes are one chunk each, of which a core by itself works out both at once
  [[nodiscard]] TileCount tiles() const noexcept { return {chunks * groups, joined}; }

  /// What the chunk with that number has of `all`, which may be nothing.
  [[nodiscard]] RowRange part(RowRange all, std::size_t chunk) const noexcept {
    const std::size_t begin = least(all.begin + chunk * step, all.end);
    return {begin, least(begin + step, all.end)};
  }

  /// Tiles of a product with W: chunks of rows that stay in cache, and in them runs of panels.
  [[nodiscard]] static Grid product(const kernels::Table& table, const kernels::PackedMatrix& w,
                                    const Workspace& work) noexcept {
    Grid g;
    const std::size_t rows = work.border();
    const std::size_t fit = cached / table.operand_stride(w.depth);
    g.chunks = ceil_div(rows, fit > table.row_block ? fit : table.row_block);
    g.step = round_up(ceil_div(rows, g.chunks), table.row_block);
    g.chunks = ceil_div(rows, g.step);
    const std::size_t panels = ceil_div(w.cols, table.panel_cols);
    const std::size_t each = (g.step < rows ? g.step : rows) * w.depth * table.panel_cols;
    g.span = each >= table.tile_work ? 1 : table.tile_work / each;
    g.groups = ceil_div(panels, g.span);
    g.span = round_up(ceil_div(panels, g.groups), table.panels_at_once(w.depth));
    g.groups = ceil_div(panels, g.span);
    g.joined = g.chunks == 1;
    return g;
  }
  /// Calls `kernel(tile)` for a tile of a product; for both lanes at once where they are joined.
  template <class Kernel>
  static void product(const kernels::Table& table, const kernels::PackedMatrix& w, const Workspace& work,
                      std::size_t tile, Lane lane, const Kernel& kernel) noexcept {
    const Grid g = product(table, w, work);
    kernels::Tile t{};
    t.panel_begin = tile % g.groups * g.span;
    t.panel_end = least(t.panel_begin + g.span, ceil_div(w.cols, table.panel_cols));
    // As many threads as there are in a lane take tiles in turn. Beyond the last panel lies the next matrix.
    t.next = t.panel_begin + ceil_div(work.threads, work.lanes()) * g.span;
    if (g.joined) {
      const RowRange range = work.range(lane);
      t.row_begin = range.begin;
      t.row_end = range.end;
      return kernel(t);
    }
    each_lane(work, lane, [&](RowRange range) {
      const RowRange rows = g.part(range, tile / g.groups);
      t.row_begin = rows.begin;
      t.row_end = rows.end;
      kernel(t);
    });
  }

  /// Tiles of work that is done row by row, of nearly equal height.
  [[nodiscard]] static Grid by_rows(const Workspace& work, std::size_t width) noexcept {
    Grid g;
    const std::size_t rows = work.border();
    const std::size_t fit = std::size_t{32768} / width;
    g.chunks = ceil_div(rows, fit > 1 ? fit : 1);
    g.step = ceil_div(rows, g.chunks);
    g.chunks = ceil_div(rows, g.step);
    return g;
  }
  static void by_rows(const Workspace& work, std::size_t tile, Lane lane, const kernels::Table& table,
                      const kernels::RowArgs& args) noexcept {
    const Grid g = by_rows(work, args.width);
    each_lane(work, lane, [&](RowRange range) {
      const RowRange rows = g.part(range, tile);
      table.row_tile(args, rows.begin, rows.end);
    });
  }

  /// Sequences of which a lane has rows, at most.
  [[nodiscard]] static std::size_t sequences(const Workspace& work) noexcept {
    const std::size_t border = work.border();
    const std::size_t first = ceil_div(border, work.positions);
    const std::size_t second = work.active() - border / work.positions;
    return first > second ? first : second;
  }
  /// Calls `kernel(sequence, positions)` for the sequence number `index` of a lane and those of its positions that are
  /// in the lane, if there are any.
  template <class Kernel>
  static void sequence(const Workspace& work, std::size_t index, Lane lane, const Kernel& kernel) noexcept {
    each_lane(work, lane, [&](RowRange range) {
      const std::size_t sequence = range.begin / work.positions + index;
      const std::size_t first = sequence * work.positions;
      const std::size_t begin = range.begin > first ? range.begin : first;
      const std::size_t end = least(range.end, first + work.positions);
      if (begin < end) kernel(sequence, RowRange{begin - first, end - first});
    });
  }

  /// Tiles of attention: `groups` heads of the sequences, each cut into chunks of queries.
  [[nodiscard]] static Grid attention(const kernels::Table& table, const Sizes& sizes, const Workspace& work) noexcept {
    Grid g;
    constexpr std::size_t effort = 600'000;  // multiply-adds: as long as a product's tile, for all that goes with them
    const std::size_t queries = least(work.positions, work.border());
    const std::size_t fit = effort / (2 * work.positions * sizes.head_dim());
    const std::size_t step = round_up(fit > 1 ? fit : 1, table.query_block);
    g.chunks = ceil_div(queries, step);
    g.step = round_up(ceil_div(queries, g.chunks), table.query_block);
    g.chunks = ceil_div(queries, g.step);
    g.groups = sequences(work) * sizes.heads;
    return g;
  }

  /// Of a lane's positions of a sequence those whose keys and values it packs: a group on the border is the second
  /// lane's.
  [[nodiscard]] static RowRange packed_by(RowRange lane, const Workspace& work) noexcept {
    const auto whole = [&](std::size_t at) { return at == work.positions ? at : at - at % kernels::kv_group; };
    return {whole(lane.begin), whole(lane.end)};
  }

  /// Tiles of packing keys and values: `groups` heads of the sequences, each cut into chunks of positions.
  [[nodiscard]] static Grid packing(const Sizes& sizes, const Workspace& work) noexcept {
    Grid g;
    constexpr std::size_t effort = 65'536;  // elements of keys
    const std::size_t positions = least(work.positions, work.border() + kernels::kv_group - 1);
    g.step = round_up(ceil_div(effort, sizes.head_dim()), 4 * kernels::kv_group);
    g.chunks = ceil_div(positions, g.step);
    g.groups = sequences(work) * sizes.heads;
    return g;
  }

  template <class Visit>
  static void each_lane(const Workspace& work, Lane lane, const Visit& visit) noexcept {
    if (lane != Lane::second) visit(work.range(Lane::first));
    if (lane != Lane::first && work.lanes() == 2) visit(work.range(Lane::second));
  }

 private:
  static constexpr std::size_t least(std::size_t a, std::size_t b) noexcept { return a < b ? a : b; }
};

/// The weights of one block, packed for the kernels of a table. Immutable after load; run() is safe on any thread.
/// Written once for all weight types: the table knows them apart.
class Block {
 public:
  /// Memory of the packed weights: pieces of `arena` (which may only be counting).
  void take(Arena& arena, const Sizes& sizes, const kernels::Table& table) noexcept {
    qkv_ = detail::take_matrix(arena, table, 3 * sizes.hidden, sizes.hidden);
    project_ = detail::take_matrix(arena, table, sizes.hidden, sizes.hidden);
    gate_up_ = detail::take_matrix(arena, table, 2 * sizes.inner, sizes.hidden);
    down_ = detail::take_matrix(arena, table, sizes.hidden, sizes.inner);
  }

  /// Packs the tensors `prefix`self_attn.qkv_proj.weight and so on. q and k rows are interleaved for the rotary
  /// embedding (with learned positions too, where the order within a head does not matter), gate and up in runs.
  HRM_COLD void load(detail::WeightReader& reader, const Sizes& s, const kernels::Table& table,
                     const std::string& prefix) {
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

  /// Number of tiles of a stage of this block in a lane, for the rows in work.
  [[nodiscard]] TileCount tiles(Op op, const Sizes& s, const kernels::Table& table, const Workspace& w) const noexcept {
    switch (op) {
      case Op::qkv:
        return Grid::product(table, qkv_, w).tiles();
      case Op::pack_kv:
        return Grid::packing(s, w).tiles();
      case Op::attend:
        return Grid::attention(table, s, w).tiles();
      case Op::project:
        return Grid::product(table, project_, w).tiles();
      case Op::gate_up:
        return Grid::product(table, gate_up_, w).tiles();
      case Op::down:
        return Grid::product(table, down_, w).tiles();
      case Op::inner_operand:
        return Grid::by_rows(w, s.inner).tiles();
      default:
        return Grid::by_rows(w, s.hidden).tiles();
    }
  }

  /// Runs one tile on z [rows, hidden]. `heads` is the float32 table, for the operand of the segment's last norm.
  void run(Op op, std::size_t tile, Lane lane, const Sizes& s, const kernels::Table& table, const kernels::Table& heads,
           float eps, float* z, const Workspace& w) const noexcept {
    switch (op) {
      case Op::qkv: {
        kernels::QkvArgs args{w.operand,    qkv_,        w.qkv, w.qkv_stride, s.hidden,
                              s.head_dim(), w.positions, w.cos, w.sin,        q_scale(s)};
        if (values_packed(s, table)) args.kv = w.kv;
        args.kv_bytes = w.kv_bytes;
        return Grid::product(table, qkv_, w, tile, lane, [&](const kernels::Tile& t) { table.qkv_tile(args, t); });
      }
      case Op::pack_kv:
        return pack_kv(tile, lane, s, table, w);
      case Op::attend:
        return attend(tile, lane, s, table, w);
      case Op::project: {
        const kernels::StoreArgs args{w.operand, project_, z, s.hidden, nullptr, true};
        return Grid::product(table, project_, w, tile, lane,
                             [&](const kernels::Tile& t) { table.store_tile(args, t); });
      }
      case Op::gate_up: {
        const kernels::SwigluArgs args{w.operand, gate_up_, w.inner, w.inner_rows, w.qkv_stride, s.inner};
        return Grid::product(table, gate_up_, w, tile, lane,
                             [&](const kernels::Tile& t) { table.swiglu_tile(args, t); });
      }
      case Op::down: {
        const kernels::StoreArgs args{w.inner, down_, z, s.hidden, nullptr, true};
        return Grid::product(table, down_, w, tile, lane, [&](const kernels::Tile& t) { table.store_tile(args, t); });
      }
      case Op::attended_operand:
        return Grid::by_rows(w, tile, lane, table,
                             {w.attended, nullptr, nullptr, s.hidden, s.hidden, false, 0.0F, w.operand});
      case Op::inner_operand:
        return Grid::by_rows(w, tile, lane, table,
                             {w.inner_rows, nullptr, nullptr, s.inner, w.qkv_stride, false, 0.0F, w.inner});
      case Op::norm_last: {
        kernels::Operand out = w.operand;
        out.stride = heads.operand_stride(s.hidden);
        return Grid::by_rows(w, tile, lane, heads, {z, nullptr, nullptr, s.hidden, s.hidden, true, eps, out});
      }
      default:
        return Grid::by_rows(w, tile, lane, table, {z, nullptr, nullptr, s.hidden, s.hidden, true, eps, w.operand});
    }
  }

 private:
  static float q_scale(const Sizes& s) noexcept { return 1.0F / std::sqrt(static_cast<float>(s.head_dim())); }

  /// Whether qkv's tiles write values where the attention reads them, and pack_kv's keys alone.
  static bool values_packed(const Sizes& s, const kernels::Table& table) noexcept {
    return table.value_run != 0 && s.head_dim() % table.value_run == 0;
  }

  static void pack_kv(std::size_t tile, Lane lane, const Sizes& s, const kernels::Table& table,
                      const Workspace& w) noexcept {
    const Grid g = Grid::packing(s, w);
    const std::size_t chunk = tile % g.chunks;
    const std::size_t head = tile / g.chunks % s.heads;
    Grid::sequence(w, tile / g.chunks / s.heads, lane, [&](std::size_t sequence, RowRange positions) {
      const RowRange part = g.part(Grid::packed_by(positions, w), chunk);
      if (part.size() == 0) return;
      const float* const k = w.qkv + sequence * w.positions * w.qkv_stride + s.hidden + head * s.head_dim();
      table.pack_kv_tile(kernels::PackKvArgs{k, values_packed(s, table) ? nullptr : k + s.hidden, w.qkv_stride,
                                             w.positions, part.begin, part.end, s.head_dim(),
                                             w.kv + (sequence * s.heads + head) * w.kv_bytes});
    });
  }

  static void attend(std::size_t tile, Lane lane, const Sizes& s, const kernels::Table& table,
                     const Workspace& w) noexcept {
    const Grid g = Grid::attention(table, s, w);
    const std::size_t chunk = tile % g.chunks;
    const std::size_t head = tile / g.chunks % s.heads;
    Grid::sequence(w, tile / g.chunks / s.heads, lane, [&](std::size_t sequence, RowRange queries) {
      const std::size_t first = sequence * w.positions;
      const RowRange part = g.part(queries, chunk);
      if (part.size() == 0) return;
      kernels::AttendArgs args;
      args.begin = part.begin;
      args.end = part.end;
      args.column = head * s.head_dim();
      args.q = w.qkv + first * w.qkv_stride + args.column;
      args.q_stride = w.qkv_stride;
      args.packed = w.kv + (sequence * s.heads + head) * w.kv_bytes;
      args.positions = w.positions;
      args.head_dim = s.head_dim();
      args.out = w.operand;
      args.out.data += first * w.operand.stride;
      if (w.attended != nullptr) args.rows = w.attended + first * s.hidden;
      args.row_stride = s.hidden;
      // Each tile has its share of the next head's fetched, unless two heads' are too much for the second-level cache.
      if (const std::size_t next = sequence * s.heads + head + 1;
          next < w.active() * s.heads && w.kv_bytes <= Grid::cached) {
        const std::size_t from = w.kv_bytes * (part.begin - queries.begin) / queries.size();
        args.ahead = w.kv + next * w.kv_bytes + from;
        args.ahead_bytes = w.kv_bytes * (part.end - queries.begin) / queries.size() - from;
      }
      table.attend_tile(args);
    });
  }

  kernels::PackedMatrix qkv_;      // [3 hidden, hidden]
  kernels::PackedMatrix project_;  // [hidden, hidden]
  kernels::PackedMatrix gate_up_;  // [2 inner, hidden]
  kernels::PackedMatrix down_;     // [hidden, inner]
};

}  // namespace hrm
