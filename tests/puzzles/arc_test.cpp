#include <doctest/doctest.h>
#include <hrm/puzzles/arc.hpp>

#include <set>

using hrm::ArcGrid;
using hrm::Token;

namespace {

ArcGrid random_grid(hrm::Random& random, std::size_t most = hrm::arc_side) {
  ArcGrid grid{random.between(1, most), random.between(1, most), {}};
  for (std::size_t i = 0; i < grid.rows * grid.cols; ++i) {
    grid.cells.push_back(static_cast<std::uint8_t>(random.below(hrm::arc_colours)));
  }
  return grid;
}

std::vector<Token> corner(const std::vector<Token>& canvas, std::size_t rows, std::size_t cols) {
  std::vector<Token> out;
  for (std::size_t r = 0; r < rows; ++r) {
    for (std::size_t c = 0; c < cols; ++c) out.push_back(canvas[r * 30 + c]);
  }
  return out;
}

}  // namespace

TEST_CASE("arc: the canvas by hand") {
  const ArcGrid grid{2, 3, {0, 1, 2, 9, 0, 5}};
  const auto canvas = hrm::arc_canvas(grid);
  REQUIRE(canvas.size() == 900);
  CHECK(corner(canvas, 4, 5) == std::vector<Token>{2,  3, 4, 1, 0,  //
                                                   11, 2, 7, 1, 0,  //
                                                   1,  1, 1, 0, 0,  // the corner below the marker is padding
                                                   0,  0, 0, 0, 0});
  CHECK(std::count(canvas.begin(), canvas.end(), 0) == 900 - 6 - 5);

  const auto shifted = hrm::arc_canvas(grid, 28, 27);  // both markers fall off the canvas
  CHECK(std::count(shifted.begin(), shifted.end(), hrm::arc_end) == 0);
  CHECK(shifted[28 * 30 + 27] == 2);
  CHECK(shifted[29 * 30 + 29] == 7);
  CHECK(std::count(shifted.begin(), shifted.end(), 0) == 900 - 6);
  CHECK(hrm::arc_crop(shifted, 28, 27) == grid);
}

TEST_CASE("arc: the canvas by hand where the grid fills it one way") {
  const std::vector<std::uint8_t> thirty(30, 4);
  const auto wide = hrm::arc_canvas(ArcGrid{1, 30, thirty});  // no room to the right: the row below alone
  for (std::size_t i = 0; i < 900; ++i) CHECK(wide[i] == (i < 30 ? 6 : i < 60 ? 1 : 0));
  const auto high = hrm::arc_canvas(ArcGrid{30, 1, thirty});  // no room below: the column to the right alone
  for (std::size_t i = 0; i < 900; ++i) CHECK(high[i] == (i % 30 == 0 ? 6 : i % 30 == 1 ? 1 : 0));
  const auto nearly = hrm::arc_canvas(ArcGrid{29, 29, std::vector<std::uint8_t>(841, 9)});  // both at the very edge
  for (std::size_t r = 0; r < 30; ++r) {
    for (std::size_t c = 0; c < 30; ++c) {
      const bool corner = r == 29 && c == 29;
      CHECK(nearly[r * 30 + c] == (corner ? 0 : r == 29 || c == 29 ? 1 : 11));
    }
  }
  for (const auto& [rows, cols] : {std::pair<std::size_t, std::size_t>{1, 30}, {30, 1}, {29, 29}, {30, 29}, {29, 30}}) {
    const ArcGrid grid{rows, cols, std::vector<std::uint8_t>(rows * cols, 2)};
    CHECK(hrm::arc_crop(hrm::arc_canvas(grid)) == grid);
    for (std::size_t kind = 0; kind < hrm::square_symmetries; ++kind) {
      const hrm::ArcAugmentation turn{.kind = kind};
      CHECK(turn.undo(hrm::arc_crop(hrm::arc_canvas(turn.apply(grid)))) == grid);
    }
  }
  CHECK(hrm::arc_crop(std::vector<Token>(wide.begin(), wide.end()), 0, 29) == ArcGrid{1, 1, {4}});
}

TEST_CASE("arc: encode and crop are inverse for every size and place") {
  hrm::Random random(61);
  for (int round = 0; round < 200; ++round) {
    const ArcGrid grid = random_grid(random);
    CHECK(hrm::arc_crop(hrm::arc_canvas(grid)) == grid);
    const std::size_t row = random.between(0, 30 - grid.rows);
    const std::size_t col = random.between(0, 30 - grid.cols);
    CHECK(hrm::arc_crop(hrm::arc_canvas(grid, row, col), row, col) == grid);
  }
  const ArcGrid full{30, 30, std::vector<std::uint8_t>(900, 3)};
  const auto canvas = hrm::arc_canvas(full);
  CHECK(std::count(canvas.begin(), canvas.end(), 5) == 900);
  CHECK(hrm::arc_crop(canvas) == full);
}

TEST_CASE("arc: crops of what no encoder makes") {
  const ArcGrid grid{2, 3, {1, 2, 3, 4, 5, 6}};
  auto canvas = hrm::arc_canvas(grid);
  for (Token& token : canvas) token = token == hrm::arc_end ? 0 : token;  // no markers: padding ends it as well
  CHECK(hrm::arc_crop(canvas) == grid);
  CHECK(hrm::arc_crop(std::vector<Token>(900, 0)).empty());
  CHECK(hrm::arc_crop(std::vector<Token>(900, 1)).empty());
  CHECK(hrm::arc_crop(std::vector<Token>(900, 12)).empty());
  CHECK(hrm::arc_crop(std::vector<Token>(900, -5)).empty());
  const ArcGrid all = hrm::arc_crop(std::vector<Token>(900, 2));  // no end anywhere
  CHECK(all.rows == 30);
  CHECK(all.cols == 30);

  canvas = hrm::arc_canvas(ArcGrid{3, 3, std::vector<std::uint8_t>(9, 1)});
  canvas[31] = 0;  // a hole: 3 x 1 and 1 x 3 have the same area, the one with fewer rows is taken
  CHECK(hrm::arc_crop(canvas) == ArcGrid{1, 3, {1, 1, 1}});
  canvas[2] = 0;
  CHECK(hrm::arc_crop(canvas) == ArcGrid{3, 1, {1, 1, 1}});
  canvas[0] = 0;
  CHECK(hrm::arc_crop(canvas).empty());
}

TEST_CASE("arc: augmentations by hand") {
  const ArcGrid grid{2, 3, {0, 1, 2, 3, 4, 5}};
  hrm::ArcAugmentation augmentation;
  CHECK(augmentation.apply(grid) == grid);
  augmentation.kind = 1;
  CHECK(augmentation.apply(grid) == ArcGrid{3, 2, {2, 5, 1, 4, 0, 3}});
  augmentation.colours = {0, 2, 1, 3, 4, 9, 6, 7, 8, 5};
  CHECK(augmentation.apply(grid) == ArcGrid{3, 2, {1, 9, 2, 4, 0, 3}});
  CHECK(augmentation.name() == "t1_0213496785");
}

TEST_CASE("arc: augmentations can be undone, keep black and have names") {
  hrm::Random random(62);
  std::set<std::size_t> kinds;
  std::array<std::set<std::uint8_t>, hrm::arc_colours> colours;  // what each becomes
  for (int round = 0; round < 200; ++round) {
    const auto augmentation = hrm::random_arc_augmentation(random);
    kinds.insert(augmentation.kind);
    for (std::size_t c = 0; c < hrm::arc_colours; ++c) colours[c].insert(augmentation.colours[c]);
    const ArcGrid grid = random_grid(random, 12);
    const ArcGrid moved = augmentation.apply(grid);
    CHECK(augmentation.undo(moved) == grid);
    CHECK(augmentation.apply(augmentation.undo(grid)) == grid);
    CHECK(augmentation.colours[0] == 0);
    CHECK(std::count(moved.cells.begin(), moved.cells.end(), 0) == std::count(grid.cells.begin(), grid.cells.end(), 0));
    const std::string name = "00d62c1b_" + augmentation.name();
    const auto identifier = hrm::parse_arc_identifier(name);
    REQUIRE(identifier);
    CHECK(identifier->task == "00d62c1b");
    CHECK(identifier->augmentation == augmentation);
    const std::string bars = "my_task|||" + augmentation.name().replace(2, 1, "|||");
    REQUIRE(hrm::parse_arc_identifier(bars));
    CHECK(hrm::parse_arc_identifier(bars)->task == "my_task");
    CHECK(hrm::parse_arc_identifier(bars)->augmentation == augmentation);
  }
  CHECK(kinds.size() == 8);
  for (std::size_t c = 0; c < hrm::arc_colours; ++c) CHECK(colours[c].size() == (c == 0 ? 1 : 9));
}

TEST_CASE("arc: an augmentation of a full canvas as a symmetry of positions and tokens") {
  hrm::Random random(63);
  for (int round = 0; round < 20; ++round) {
    ArcGrid grid{30, 30, {}};
    for (int i = 0; i < 900; ++i) grid.cells.push_back(static_cast<std::uint8_t>(random.below(10)));
    const auto augmentation = hrm::random_arc_augmentation(random);
    const auto symmetry = augmentation.symmetry();
    CHECK(symmetry.apply(hrm::arc_canvas(grid)) == hrm::arc_canvas(augmentation.apply(grid)));
    CHECK(symmetry.map(0) == 0);
    CHECK(symmetry.map(1) == 1);
    CHECK(symmetry.map(2) == 2);
  }
}

TEST_CASE("arc: identifiers") {
  CHECK(hrm::parse_arc_identifier("<blank>")->task == "<blank>");
  CHECK(hrm::parse_arc_identifier("abc")->augmentation == hrm::ArcAugmentation{});
  for (const std::string_view name :
       {"a_b", "x_t8_0123456789", "x_t0_0123456788", "x_t0_012345678a", "x_t0_01234567890", "_t0_0123456789",
        "x_q0_0123456789", "x_t0-0123456789", "x|||t8|||0123456789", "x|||t1|||012345678", "x|||t1_0123456789",
        "|||t1|||0123456789"}) {
    CHECK_FALSE(hrm::parse_arc_identifier(name));
  }
}
