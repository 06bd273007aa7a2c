#include <doctest/doctest.h>
#include <hrm/puzzles/file.hpp>
#include <hrm/puzzles/sudoku_search.hpp>

#include <support/sanitized.hpp>

#include <algorithm>

using hrm::SudokuGrid;
using hrm::SudokuSearch;
using hrm::SudokuShape;

TEST_CASE("search: counts solutions") {
  const auto four = SudokuShape::of_side(4).value();
  SudokuSearch search(four);
  CHECK(search.solve(SudokuGrid(16), 1000).solutions == 288);  // all 4 x 4 grids there are
  CHECK(search.solve(SudokuGrid(16), 5).solutions == 5);
  CHECK(search.solve(SudokuGrid(16), 0).solutions == 0);
  const auto unique = search.solve(hrm::parse_sudoku("1......2.3......").value());
  CHECK(unique.solutions == 2);
  CHECK(unique.complete);
  CHECK(search.solve(hrm::parse_sudoku("11..............").value()).solutions == 0);
  CHECK(search.solve(SudokuGrid(15)).solutions == 0);
  CHECK(search.solve(SudokuGrid(16, 200)).solutions == 0);
}

TEST_CASE("search: a published hard puzzle") {
  const auto nine = SudokuShape::of_side(9).value();
  SudokuSearch search(nine);
  // Arto Inkala's of 2010
  const auto puzzle =
      hrm::parse_sudoku("..53.....8......2..7..1.5..4....53...1..7...6..32...8..6.5....9..4....3......97..").value();
  const auto found = search.solve(puzzle);
  CHECK(found.solutions == 1);
  CHECK(found.nodes > 10);
  CHECK(hrm::sudoku_solved(nine, puzzle, search.solution()));
  CHECK(hrm::format_sudoku(search.solution()) ==
        "145327698839654127672918543496185372218473956753296481367542819984761235521839764");
  const auto cut = search.solve(puzzle, 2, 5);
  CHECK_FALSE(cut.complete);
  CHECK(cut.nodes == 6);
}

TEST_CASE("search: other_than agrees with counting to two") {
  hrm::Random random(21);
  for (const std::size_t side : {4U, 6U}) {
    const auto shape = SudokuShape::of_side(side).value();
    hrm::SudokuGenerator generator(shape);
    SudokuSearch search(shape);
    for (int round = 0; round < 10; ++round) {
      const auto made = generator.generate({.min_clues = side * 2}, random).value();
      for (std::size_t cell = 0; cell < shape.cells(); ++cell) {
        if (made.puzzle[cell] == 0) continue;
        SudokuGrid without = made.puzzle;
        without[cell] = 0;
        const bool two = search.solve(without, 2).solutions == 2;
        CHECK((search.other_than(made.puzzle, cell, 100000).solutions == 1) == two);
      }
    }
  }
}

TEST_CASE("generator: one solution, clues in range, the same for a seed") {
  for (const std::size_t side : {4U, 6U, 8U, 9U}) {
    const auto shape = SudokuShape::of_side(side).value();
    hrm::SudokuGenerator generator(shape);
    SudokuSearch search(shape);
    hrm::Random random(31);
    const std::size_t least = side == 9 ? 28 : side == 8 ? 24 : side == 6 ? 10 : 5;
    for (int round = 0; round < 15; ++round) {
      const auto made = generator.generate({.min_clues = least, .max_clues = least + 6}, random).value();
      CHECK(made.clues >= least);
      CHECK(made.clues <= least + 6);
      CHECK(static_cast<std::size_t>(std::count(made.puzzle.begin(), made.puzzle.end(), 0)) ==
            shape.cells() - made.clues);
      const auto found = search.solve(made.puzzle, 2);
      CHECK(found.solutions == 1);
      CHECK(found.nodes == made.nodes);
      CHECK(hrm::sudoku_solved(shape, made.puzzle, made.solution));
      CHECK(std::equal(made.solution.begin(), made.solution.end(), search.solution().begin()));
    }
  }
  const auto shape = SudokuShape::of_side(6).value();
  hrm::Random a(5);
  hrm::Random b(5);
  const auto first = hrm::SudokuGenerator(shape).generate({}, a).value();
  CHECK(hrm::SudokuGenerator(shape).generate({}, b).value().puzzle == first.puzzle);
  CHECK(hrm::format_sudoku(first.puzzle) == "5..3..........5.6.42.........2.325..");
}

TEST_CASE("generator: with 0 clues asked for, no clue can be spared") {
  const auto shape = SudokuShape::of_side(6).value();
  hrm::SudokuGenerator generator(shape);
  SudokuSearch search(shape);
  hrm::Random random(32);
  for (int round = 0; round < 10; ++round) {
    auto made = generator.generate({}, random).value();
    CHECK(made.clues >= 8);  // fewer never fix a 6 x 6 grid
    for (auto& cell : made.puzzle) {
      if (cell == 0) continue;
      const auto digit = std::exchange(cell, std::uint8_t{0});
      CHECK(search.solve(made.puzzle, 2).solutions == 2);
      cell = digit;
    }
  }
}

TEST_CASE("generator: difficulty, and what cannot be had") {
  const auto shape = SudokuShape::of_side(9).value();
  hrm::SudokuGenerator generator(shape);
  hrm::Random random(33);
  const auto hard = generator.generate({.min_clues = 22, .max_clues = 26, .min_nodes = 30}, random);
  REQUIRE(hard);
  CHECK(hard->nodes >= 30);
  const auto easy = generator.generate({.min_clues = 30, .max_clues = 36, .max_nodes = 0}, random);
  REQUIRE(easy);
  CHECK(easy->nodes == 0);
  CHECK_FALSE(generator.generate({.max_clues = 10, .attempts = 3}, random));
  CHECK_FALSE(generator.generate({.min_clues = 40, .max_clues = 30}, random));
  CHECK_FALSE(generator.generate({.min_clues = 82, .max_clues = 90}, random));
  CHECK_FALSE(generator.generate({.min_clues = 82, .max_clues = 82}, random));
  CHECK_FALSE(generator.generate({.min_clues = 26, .max_clues = 82}, random));
  CHECK(generator.generate({.min_clues = 26, .max_clues = 81}, random));
}

TEST_CASE("search: other_than of a grid of another size, or of no cell of it, finds nothing") {
  SudokuSearch search(SudokuShape::of_side(4).value());
  CHECK(search.other_than(SudokuGrid(1000), 3, 100).solutions == 0);
  CHECK(search.other_than(SudokuGrid(15), 3, 100).solutions == 0);
  CHECK(search.other_than(SudokuGrid(16), 16, 100).solutions == 0);
  CHECK(search.other_than(SudokuGrid(16, 200), 3, 100).solutions == 0);
}

TEST_CASE("generator: as few clues as can be, in bounded time where searches have no end") {
  if (HRM_TEST_SANITIZED != 0) return;
  hrm::Random random(6);
  const auto shape = SudokuShape::of_side(25).value();
  const auto made = hrm::SudokuGenerator(shape).generate({}, random).value();
  const auto found = SudokuSearch(shape).solve(made.puzzle, 2);
  CHECK(found.solutions == 1);
  CHECK(found.nodes == made.nodes);
  CHECK(made.clues < 400);
}

TEST_CASE("generator: large squares") {
  hrm::Random random(34);
  for (const std::size_t side : {16U, 25U}) {
    const auto shape = SudokuShape::of_side(side).value();
    const auto made = hrm::SudokuGenerator(shape).generate({.min_clues = shape.cells() - 60}, random).value();
    CHECK(made.clues == shape.cells() - 60);
    CHECK(hrm::sudoku_solved(shape, made.puzzle, made.solution));
    CHECK(SudokuSearch(shape).solve(made.puzzle).solutions == 1);
  }
}
