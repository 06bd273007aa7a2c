#include <doctest/doctest.h>

#include <hrm/model/model.hpp>

#include "support/random_model.hpp"

using namespace hrm;

namespace {

Workspace of(std::size_t positions, std::size_t sequences, std::size_t lane_rows) {
  Workspace w;
  w.positions = positions;
  w.batch = sequences;
  w.rows = positions * sequences;
  w.lane_rows = lane_rows;
  return w;
}

template <class Visit>
void each_shape(const Visit& visit) {
  for (const std::size_t positions : {1U, 2U, 3U, 17U, 37U, 82U, 901U}) {
    for (const std::size_t sequences : {1U, 2U, 3U, 8U, 16U}) {
      for (const std::size_t lane_rows : {1U, 4U, 14U, 32U}) {
        CAPTURE(positions);
        CAPTURE(sequences);
        CAPTURE(lane_rows);
        visit(of(positions, sequences, lane_rows));
      }
    }
  }
}

std::vector<Lane> lanes(const Workspace& w) {
  return w.lanes() == 2 ? std::vector<Lane>{Lane::first, Lane::second} : std::vector<Lane>{Lane::first};
}

}  // namespace

TEST_CASE("lanes are halves of the rows, the first the longer one") {
  each_shape([](const Workspace& w) {
    const RowRange first = w.range(Lane::first);
    const RowRange second = w.range(Lane::second);
    CHECK(first.begin == 0);
    CHECK(first.end == w.border());
    CHECK(second.begin == first.end);
    CHECK(second.end == w.rows);
    CHECK(w.range(Lane::both).size() == w.rows);
    CHECK((w.lanes() == 2) == (second.size() > 0));
    if (w.rows < 2 * w.lane_rows) CHECK(w.lanes() == 1);
    if (w.lanes() == 1) return;
    CHECK(first.size() >= second.size());
    CHECK(first.size() <= second.size() + 1);
  });
}

TEST_CASE("the tiles of each lane are all there is to do, once, and no lane has more than it was counted for") {
  const kernels::Table& table = kernels::table<kernels::DefaultArch, float>();
  for (const std::size_t depth : {32U, 512U, 1536U}) {
    kernels::PackedMatrix matrix;
    matrix.cols = 5 * table.panel_cols - 3;
    matrix.depth = depth;
    each_shape([&](const Workspace& w) {
      const TileCount count = Grid::product(table, matrix, w).tiles();
      std::vector<int> seen(w.rows * 5);
      const auto mark = [&](Lane lane) {
        const RowRange range = w.range(lane);
        for (std::size_t tile = 0; tile < count.tiles; ++tile) {
          Grid::product(table, matrix, w, tile, lane, [&](const kernels::Tile& t) {
            CHECK(t.row_begin >= range.begin);
            CHECK(t.row_end <= range.end);
            CHECK(t.panel_end <= 5);
            for (std::size_t r = t.row_begin; r < t.row_end; ++r) {
              for (std::size_t p = t.panel_begin; p < t.panel_end; ++p) ++seen[r * 5 + p];
            }
          });
        }
      };
      for (const Lane lane : lanes(w)) mark(lane);
      CHECK(std::all_of(seen.begin(), seen.end(), [](int n) { return n == 1; }));
      mark(Lane::both);
      CHECK(std::all_of(seen.begin(), seen.end(), [](int n) { return n == 2; }));
    });
  }
}

TEST_CASE("every position of every sequence is in one lane") {
  each_shape([](const Workspace& w) {
    std::vector<int> seen(w.rows);
    for (const Lane lane : lanes(w)) {
      for (std::size_t i = 0; i < Grid::sequences(w); ++i) {
        Grid::sequence(w, i, lane, [&](std::size_t sequence, RowRange positions) {
          CHECK(positions.end <= w.positions);
          for (std::size_t p = positions.begin; p < positions.end; ++p) ++seen[sequence * w.positions + p];
        });
      }
    }
    CHECK(std::all_of(seen.begin(), seen.end(), [](int n) { return n == 1; }));
  });
}

TEST_CASE("keys and values are packed in whole groups that have every position once, however many there are") {
  Sizes sizes = test::small_config().sizes;
  for (const std::size_t positions : {1U, 17U, 31U, 82U, 2049U, 5000U, 16379U}) {
    for (const std::size_t sequences : {1U, 3U}) {
      for (const std::size_t lane_rows : {1U, 100000U}) {
        const Workspace w = of(positions, sequences, lane_rows);
        const Grid g = Grid::packing(sizes, w);
        CHECK(g.tiles().tiles == Grid::sequences(w) * sizes.heads * g.chunks);
        CHECK(g.step * sizes.head_dim() < 100'000);  // floats a tile
        std::vector<int> seen(w.rows);
        for (const Lane lane : lanes(w)) {
          for (std::size_t i = 0; i < Grid::sequences(w) * g.chunks; ++i) {
            Grid::sequence(w, i / g.chunks, lane, [&](std::size_t sequence, RowRange all) {
              const RowRange part = g.part(Grid::packed_by(all, w), i % g.chunks);
              CHECK((part.size() == 0 || part.begin % kernels::kv_group == 0));
              CHECK((part.size() == 0 || part.end % kernels::kv_group == 0 || part.end == positions));
              for (std::size_t p = part.begin; p < part.end; ++p) ++seen[sequence * positions + p];
            });
          }
        }
        CHECK(std::all_of(seen.begin(), seen.end(), [](int n) { return n == 1; }));
      }
    }
  }
}

TEST_CASE("more tiles than can be counted are not run") {
  Config config = test::small_config();
  const Sizes& s = config.sizes;
  Arena measure;
  static_cast<void>(Schedule(measure, s, false));
  Buffer memory(measure.used());
  Arena arena(memory.data());
  Schedule schedule(arena, s, false);
  const std::uint64_t most = Schedule::most_tiles / schedule.size();
  CHECK(schedule.count([&](const Stage&) { return TileCount{most, false}; }));
  CHECK(schedule.tickets(2).sum() == 2 * most * schedule.size());
  CHECK_FALSE(schedule.count([&](const Stage&) { return TileCount{most + 1, false}; }));
  CHECK_FALSE(schedule.count([&](const Stage&) {
    return TileCount{(std::uint64_t{1} << 32) / schedule.size() + 1, false};
  }));
}

TEST_CASE("what one lane writes is not where the other one reads") {
  for (const Precision precision : {Precision::f32, Precision::bf16, Precision::int8}) {
    const Model model = test::random_model(test::small_config(), 3, precision);
    const Sizes& s = model.config().sizes;
    Arena measure;
    static_cast<void>(model->carve(measure, 91, 2));
    Buffer memory(measure.used());
    Arena arena(memory.data());
    const Workspace w = model->carve(arena, 91, 2);
    // Row r's q, k and v, or what follows its gate and up, never reach into row r + 1's.
    CHECK(w.qkv_stride >= 3 * s.hidden);
    CHECK(w.qkv_stride * sizeof(float) % alignment == 0);
    if (w.inner_rows != nullptr) {
      CHECK(w.inner_rows == w.qkv);
      CHECK(w.qkv_stride >= s.inner);
      CHECK(w.inner.data >= reinterpret_cast<const std::byte*>(w.qkv + w.rows * w.qkv_stride));
    } else {
      CHECK(w.inner.data == reinterpret_cast<const std::byte*>(w.qkv));
      CHECK(w.inner.stride == w.qkv_stride * sizeof(float));
      CHECK(w.inner.stride >= model->table().operand_stride(s.inner));
    }
    const std::byte* const kv = w.kv;
    CHECK(kv >= reinterpret_cast<const std::byte*>(w.qkv + w.rows * w.qkv_stride));
    CHECK(kv + 2 * s.heads * w.kv_bytes <= w.scratch + w.scratch_bytes);
  }
}
