#pragma once
/// What a segment is made of: a fixed list of stages, each cut into tiles. The rows go through it in two lanes (see
/// Lane), by themselves but where one needs the other's keys. Tiles of one stage may run in any order on any thread; a
/// lane begins a stage when the one before it is complete in this lane. The list is the paper's nested loop, N times (T
/// times L, once H), then the heads.

#include <hrm/base/arena.hpp>
#include <hrm/base/shape.hpp>

namespace hrm {

/// The slow planner and the fast worker.
enum class Level : std::uint8_t { h, l };

/// One step of a block, or of what stands around the blocks.
enum class Op : std::uint8_t {
  inject,            ///< z += what is injected; the row as operand
  qkv,               ///< q, k, v = z W^T, rotated; in float32 values as the attention reads them
  pack_kv,           ///< keys, and values where qkv could not, as the attention reads them
  attend,            ///< softmax(q k^T) v
  attended_operand,  ///< int8 only: its rows as operand
  project,           ///< z += attended W^T
  norm_attention,    ///< z = rms(z)
  gate_up,           ///< silu(gate) * up
  inner_operand,     ///< int8 only: its rows as operand
  down,              ///< z += inner W^T
  norm_mlp,          ///< z = rms(z)
  norm_last,         ///< the same at the end of the segment's last H; the row as float32 operand, for the heads
  lm_head,
  q_head
};

struct Stage {
  Op op = Op::inject;
  Level level = Level::l;
  std::uint16_t layer = 0;
  bool joined = false;  ///< a thread by itself runs a tile of both lanes at once: they read the same weights
  /// For the first lane and for the second: stages that must be complete in the other one, counted from the segment's
  /// first.
  std::uint32_t after[2] = {0, 0};
};

/// Tiles of a stage in a lane, and Stage::joined.
struct TileCount {
  std::size_t tiles = 0;
  bool joined = false;
};

/// Tiles of the two lanes of a segment; the second has none where there is one lane.
struct Tickets {
  std::uint32_t first = 0, second = 0;
  /// As many in each of one or two lanes.
  [[nodiscard]] static Tickets each(std::uint32_t tiles, std::size_t lanes) noexcept {
    return {tiles, lanes == 2 ? tiles : 0};
  }
  [[nodiscard]] std::uint32_t sum() const noexcept { return first + second; }
  friend bool operator==(const Tickets&, const Tickets&) noexcept = default;
};

/// The stages of one segment and, for the rows now in work, the number of each stage's first tile ("ticket"), which is
/// the same in both lanes. Memory comes from an arena; count() may be called again whenever the number of rows changes.
class Schedule {
 public:
  static constexpr std::size_t most_stages = std::size_t{1} << 20;     ///< of a segment
  static constexpr std::uint64_t most_tiles = std::uint64_t{1} << 30;  ///< of a lane; hours of work

  Schedule() noexcept = default;

  /// Whether a segment of such a model has no more than `most_stages`, which are all written down.
  [[nodiscard]] static constexpr bool fits(const Sizes& s) noexcept {
    for (const std::size_t factor : {s.l_layers, s.h_layers, s.l_cycles, s.h_cycles}) {
      if (factor > most_stages) return false;  // none of the products below overflows 64 bits
    }
    const std::uint64_t l = std::uint64_t{s.l_cycles} * (1 + s.l_layers * std::uint64_t{block_stages(true)});
    const std::uint64_t h = 1 + s.h_layers * std::uint64_t{block_stages(true)};
    return l < most_stages && h < most_stages && s.h_cycles * (l + h) + 2 <= most_stages;
  }

  /// `by_row`: the weights' operands need whole rows first (int8), see kernels::Table.
  Schedule(Arena& arena, const Sizes& sizes, bool by_row) noexcept
      : size_(stage_count(sizes, by_row)),
        stages_(arena.take<Stage>(size_)),
        first_(arena.take<std::uint32_t>(size_ + 1)) {
    if (stages_ != nullptr) fill(sizes, by_row);
  }

  /// Calls `visit(op)` for the stages of one block, in order.
  template <class Visit>
  static void each_block_op(bool by_row, const Visit& visit) {
    for (const Op op : {Op::qkv, Op::pack_kv, Op::attend, Op::attended_operand, Op::project, Op::norm_attention,
                        Op::gate_up, Op::inner_operand, Op::down, Op::norm_mlp}) {
      if (by_row || (op != Op::attended_operand && op != Op::inner_operand)) visit(op);
    }
  }

  /// Numbers the tiles. `tiles(stage)` gives a TileCount, of at least one. False: they are more than most_tiles.
  template <class Tiles>
  [[nodiscard]] bool count(const Tiles& tiles) noexcept {
    std::uint64_t ticket = 0;
    for (std::size_t i = 0; i < size_; ++i) {
      first_[i] = static_cast<std::uint32_t>(ticket);
      const TileCount count = tiles(stages_[i]);
      stages_[i].joined = count.joined;
      ticket += count.tiles;
    }
    first_[size_] = static_cast<std::uint32_t>(ticket);
    return ticket <= most_tiles;
  }

  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  [[nodiscard]] const Stage& operator[](std::size_t stage) const noexcept { return stages_[stage]; }
  [[nodiscard]] std::uint32_t first(std::size_t stage) const noexcept { return first_[stage]; }
  /// Tiles of a segment of one lane or two.
  [[nodiscard]] Tickets tickets(std::size_t lanes) const noexcept { return Tickets::each(first_[size_], lanes); }

  /// The stage a ticket belongs to; `stage` is one that does not lie behind it.
  [[nodiscard]] std::size_t stage_of(std::uint32_t ticket, std::size_t stage = 0) const noexcept {
    while (ticket >= first_[stage + 1]) ++stage;
    return stage;
  }

 private:
  static constexpr std::size_t block_stages(bool by_row) noexcept { return by_row ? 10 : 8; }
  [[nodiscard]] static constexpr std::size_t stage_count(const Sizes& s, bool by_row) noexcept {
    const std::size_t l = 1 + s.l_layers * block_stages(by_row);
    const std::size_t h = 1 + s.h_layers * block_stages(by_row);
    return s.h_cycles * (s.l_cycles * l + h) + 2;
  }

  void fill(const Sizes& sizes, bool by_row) noexcept {
    std::size_t at = 0;
    std::uint32_t attended = 0;  // stages up to the last attend
    const auto add = [&](Op op, Level level, std::size_t layer) {
      Stage& stage = stages_[at];
      stage = Stage{op, level, static_cast<std::uint16_t>(layer)};
      const auto number = static_cast<std::uint32_t>(at++);
      const auto wait = [&](std::uint32_t stages) { stage.after[0] = stage.after[1] = stages; };
      // Keys and values are all queries', and may be overwritten once none reads them (qkv packs values where it can).
      // The rows that norm_last writes are longer than those before them in the same memory.
      if (op == Op::qkv) wait(attended);
      if (op == Op::pack_kv) stage.after[1] = number;  // see Grid::packed_by
      if (op == Op::attend || op == Op::norm_last) wait(number);
      if (op == Op::attend) attended = number + 1;
    };
    const auto module = [&](Level level, std::size_t layers, bool last) {
      add(Op::inject, level, 0);
      for (std::size_t i = 0; i < layers; ++i) {
        each_block_op(
            by_row, [&](Op op) { add(op == Op::norm_mlp && last && i + 1 == layers ? Op::norm_last : op, level, i); });
      }
    };
    for (std::size_t n = 0; n < sizes.h_cycles; ++n) {
      for (std::size_t t = 0; t < sizes.l_cycles; ++t) module(Level::l, sizes.l_layers, false);
      module(Level::h, sizes.h_layers, n + 1 == sizes.h_cycles);
    }
    add(Op::lm_head, Level::h, 0);
    add(Op::q_head, Level::h, 0);
    HRM_ASSERT(at == size_);
  }

  std::size_t size_ = 0;
  Stage* stages_ = nullptr;         // [size]
  std::uint32_t* first_ = nullptr;  // [size + 1]
};

}  // namespace hrm
