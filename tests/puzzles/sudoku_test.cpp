#include <doctest/doctest.h>
#include <hrm/puzzles/sudoku_search.hpp>

#include <algorithm>

using hrm::SudokuGrid;
using hrm::SudokuShape;
using hrm::Token;

namespace {

SudokuGrid grid_of(std::string_view text) { return hrm::parse_sudoku(text).value(); }
constexpr std::string_view solved4 = "1234341221434321";

}  // namespace

TEST_CASE("sudoku: shapes") {
  const auto six = SudokuShape::of_side(6).value();
  CHECK(six.box_rows == 2);
  CHECK(six.box_cols == 3);
  CHECK(six.vocab() == 8);
  CHECK(six.box(0) == 0);
  CHECK(six.box(3) == 1);
  CHECK(six.box(11) == 1);
  CHECK(six.box(12) == 2);
  CHECK(six.box(35) == 5);
  CHECK(SudokuShape::of_side(4).value() == SudokuShape{4, 2, 2});
  CHECK(SudokuShape::of_side(9).value() == SudokuShape{9, 3, 3});
  CHECK(SudokuShape::of_side(12).value() == SudokuShape{12, 3, 4});
  CHECK(SudokuShape::of_side(16).value() == SudokuShape{16, 4, 4});
  CHECK(SudokuShape::of_side(25).value() == SudokuShape{25, 5, 5});
  CHECK(SudokuShape::of_cells(81).value().side == 9);
  for (const std::size_t side : {0U, 1U, 2U, 3U, 5U, 7U, 23U, 26U, 100U}) CHECK_FALSE(SudokuShape::of_side(side));
  for (const std::size_t cells : {0U, 1U, 9U, 15U, 17U, 25U, 80U, 1000000U}) CHECK_FALSE(SudokuShape::of_cells(cells));
}

TEST_CASE("sudoku: text, digits and tokens by hand") {
  const auto grid = grid_of("12.4.41221034.2.");
  CHECK(grid == SudokuGrid{1, 2, 0, 4, 0, 4, 1, 2, 2, 1, 0, 3, 4, 0, 2, 0});
  CHECK(hrm::sudoku_tokens(grid) == std::vector<Token>{2, 3, 1, 5, 1, 5, 2, 3, 3, 2, 1, 4, 5, 1, 3, 1});
  CHECK(hrm::format_sudoku(grid) == "12.4.41221.34.2.");
  const auto shape = SudokuShape::of_side(4).value();
  CHECK(hrm::sudoku_grid(shape, std::vector<Token>{0, 1, 2, 5, 6, -1, 100}) == SudokuGrid{0, 0, 1, 4, 0, 0, 0});
}

TEST_CASE("sudoku: a 9 x 9 as the published builder has it, '.' and '0' alike") {
  // Blank 1, digits d + 1, row by row: derived by hand.
  constexpr std::string_view text = "4.....8.5.3..........7......2.....6.....8.4......1.......6.3.7.5..2.....1.4......";
  const std::vector<Token> tokens{5, 1, 1, 1, 1, 1, 9, 1, 6, 1, 4, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 8, 1, 1, 1, 1, 1,
                                  1, 3, 1, 1, 1, 1, 1, 7, 1, 1, 1, 1, 1, 9, 1, 5, 1, 1, 1, 1, 1, 1, 2, 1, 1, 1, 1,
                                  1, 1, 1, 7, 1, 4, 1, 8, 1, 6, 1, 1, 3, 1, 1, 1, 1, 1, 2, 1, 5, 1, 1, 1, 1, 1, 1};
  CHECK(hrm::sudoku_tokens(grid_of(text)) == tokens);
  std::string zeros(text);
  std::replace(zeros.begin(), zeros.end(), '.', '0');
  CHECK(hrm::sudoku_tokens(grid_of(zeros)) == tokens);
  CHECK(SudokuShape::of_side(9).value().vocab() == 11);
}

TEST_CASE("sudoku: round trips of random grids of every side") {
  hrm::Random random(11);
  for (std::size_t side = 4; side <= SudokuShape::max_side; ++side) {
    const auto shape = SudokuShape::of_side(side);
    if (!shape) continue;
    SudokuGrid grid(shape->cells());
    for (auto& cell : grid) cell = static_cast<std::uint8_t>(random.between(0, side));
    std::string text = hrm::format_sudoku(grid);
    CHECK(grid_of(text) == grid);
    for (char& c : text) c = c >= 'A' ? static_cast<char>(c - 'A' + 'a') : c;  // small letters are read too
    CHECK(grid_of(text) == grid);
    CHECK(hrm::sudoku_grid(*shape, hrm::sudoku_tokens(grid)) == grid);
  }
}

TEST_CASE("sudoku: text that is none") {
  for (const std::string_view text : {"", "1", "123", "12345", "................."})
    CHECK_FALSE(hrm::parse_sudoku(text));
  const auto wrong = hrm::parse_sudoku("1234341221434325");
  REQUIRE_FALSE(wrong);
  CHECK(wrong.error().message() == "sudoku: cell 15, expected '.' or a digit up to 4, found '5'");
  for (const char c : {'5', 'A', ' ', '-', '\0', '\xff', '/', ':'}) {
    std::string text(solved4);
    text[3] = c;
    CHECK_FALSE(hrm::parse_sudoku(text));
  }
}

TEST_CASE("sudoku: what counts as solved") {
  const auto shape = SudokuShape::of_side(4).value();
  const SudokuGrid solved = grid_of(solved4);
  const SudokuGrid empty(16);
  CHECK(hrm::sudoku_solved(shape, empty, solved));
  CHECK(hrm::sudoku_solved(shape, solved, solved));
  CHECK_FALSE(hrm::sudoku_solved(shape, grid_of("2..............."), solved));  // a given was changed
  CHECK_FALSE(hrm::sudoku_solved(shape, empty, empty));
  CHECK_FALSE(hrm::sudoku_solved(shape, empty, SudokuGrid{}));
  CHECK_FALSE(hrm::sudoku_solved(shape, SudokuGrid(15), solved));
  for (std::size_t i = 0; i < 16; ++i) {  // every single wrong digit shows
    for (std::uint8_t digit = 0; digit < 7; ++digit) {
      SudokuGrid wrong = solved;
      wrong[i] = digit;
      CHECK(hrm::sudoku_solved(shape, empty, wrong) == (digit == solved[i]));
      CHECK(hrm::sudoku_solved(shape, empty, hrm::sudoku_tokens(wrong)) == (digit == solved[i]));
    }
  }
  std::vector<hrm::Token> tokens = hrm::sudoku_tokens(solved);
  CHECK(hrm::sudoku_solved(shape, solved, tokens));
  CHECK_FALSE(hrm::sudoku_solved(shape, solved, std::span(tokens).first(15)));
  for (const hrm::Token none : {-1, 0, 1, 6, 257 + tokens[3]}) {  // padding, a blank, beyond the side
    tokens[3] = none;
    CHECK_FALSE(hrm::sudoku_solved(shape, empty, tokens));
  }
  // One kind of unit alone is wrong: boxes, rows, columns.
  for (const std::string_view text : {"1234234134124123", "1212343421214343", "1324241313242413"})
    CHECK_FALSE(hrm::sudoku_solved(shape, empty, grid_of(text)));
}

TEST_CASE("sudoku: conflicts") {
  const auto shape = SudokuShape::of_side(4).value();
  const auto twice = hrm::sudoku_conflicts(shape, grid_of("1..1...........1"));
  CHECK(twice == std::vector<std::uint8_t>{1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1});
  CHECK(hrm::sudoku_conflicts(shape, grid_of("1....1.........."))[5] == 1);  // the box alone
  CHECK(hrm::sudoku_conflicts(shape, grid_of(solved4)) == std::vector<std::uint8_t>(16));
  CHECK_FALSE(hrm::sudoku_consistent(shape, grid_of("1....1..........")));
  CHECK(hrm::sudoku_consistent(shape, grid_of("1.....1.........")));
  CHECK(hrm::sudoku_consistent(shape, grid_of(solved4)));
}

TEST_CASE("sudoku: symmetries keep solutions and can be taken back") {
  hrm::Random random(12);
  for (const std::size_t side : {4U, 6U, 9U, 12U}) {
    const auto shape = SudokuShape::of_side(side).value();
    hrm::SudokuGenerator generator(shape);
    for (int round = 0; round < 20; ++round) {
      const auto made = generator.generate({.min_clues = side * side / 2}, random).value();
      const auto symmetry = hrm::random_sudoku_symmetry(shape, random);
      const auto puzzle = hrm::sudoku_tokens(made.puzzle);
      const auto solution = hrm::sudoku_tokens(made.solution);
      const auto moved = hrm::sudoku_grid(shape, symmetry.apply(puzzle));
      CHECK(hrm::sudoku_solved(shape, moved, hrm::sudoku_grid(shape, symmetry.apply(solution))));
      CHECK(symmetry.inverse().apply(symmetry.apply(puzzle)) == puzzle);
      CHECK(std::count(moved.begin(), moved.end(), 0) == std::count(made.puzzle.begin(), made.puzzle.end(), 0));
      if (side < 12) CHECK(hrm::SudokuSearch(shape).solve(moved).solutions == 1);
    }
  }
}

TEST_CASE("sudoku: symmetries by number, the first of which changes nothing") {
  for (const std::size_t side : {4U, 6U, 9U}) {
    const auto shape = SudokuShape::of_side(side).value();
    CHECK(hrm::sudoku_symmetry(shape, 0) == hrm::Symmetry::identity(shape.cells(), shape.vocab()));
    for (const std::uint64_t number : {std::uint64_t{1}, std::uint64_t{2}, ~std::uint64_t{0}}) {
      hrm::Random random(number);
      CHECK(hrm::sudoku_symmetry(shape, number) == hrm::random_sudoku_symmetry(shape, random));
      CHECK_FALSE(hrm::sudoku_symmetry(shape, number) == hrm::sudoku_symmetry(shape, number - 1));
    }
  }
}

TEST_CASE("sudoku: single symmetries by hand") {
  const auto shape = SudokuShape::of_side(4).value();
  const auto text = [&](const hrm::Symmetry& symmetry) {
    return hrm::format_sudoku(hrm::sudoku_grid(shape, symmetry.apply(hrm::sudoku_tokens(grid_of("12..34..........")))));
  };
  CHECK(text(hrm::sudoku_digit_symmetry(shape, std::vector<std::uint32_t>{3, 2, 1, 0})) == "43..21..........");
  CHECK(text(hrm::sudoku_transpose(shape)) == "13..24..........");
  const std::vector<std::uint32_t> same{0, 1, 2, 3};
  CHECK(text(hrm::sudoku_line_symmetry(shape, std::vector<std::uint32_t>{1, 0, 2, 3}, same)) == "34..12..........");
  CHECK(text(hrm::sudoku_line_symmetry(shape, std::vector<std::uint32_t>{2, 3, 0, 1}, same)) == "........12..34..");
  CHECK(text(hrm::sudoku_line_symmetry(shape, same, std::vector<std::uint32_t>{2, 3, 1, 0})) == "..21..43........");
}
