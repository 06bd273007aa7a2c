#include <doctest/doctest.h>
#include <hrm/puzzles/draw.hpp>

using hrm::SudokuGrid;
using hrm::SudokuShape;

namespace {

SudokuGrid grid_of(std::string_view text) { return hrm::parse_sudoku(text).value(); }

std::size_t count(const hrm::Picture& picture, hrm::Colour fill) {
  std::size_t n = 0;
  for (const auto& shape : picture.shapes) n += shape.fill == fill ? 1 : 0;
  return n;
}

}  // namespace

TEST_CASE("draw: a Sudoku in the terminal") {
  const auto shape = SudokuShape::of_side(4).value();
  const auto puzzle = grid_of("1...............");
  const auto before = grid_of("1234............");
  const auto answer = grid_of("1232...1........");
  CHECK(hrm::terminal_sudoku(shape, puzzle, answer, before, false) ==
        "+-----+-----+\n"
        "| 1!2 | 3!2 |\n"
        "| . . | .*1 |\n"
        "+-----+-----+\n"
        "| . . | . . |\n"
        "| . . | . . |\n"
        "+-----+-----+\n");
  const std::string coloured = hrm::terminal_sudoku(shape, puzzle, answer, before, true);
  CHECK(coloured.find("\x1b[1m1\x1b[0m") != std::string::npos);
  CHECK(coloured.find("\x1b[36;30;43m1\x1b[0m") != std::string::npos);
  CHECK(coloured.find("\x1b[36;31;30;43m2\x1b[0m") != std::string::npos);
  const auto six = SudokuShape::of_side(6).value();
  const std::string wide = hrm::terminal_sudoku(six, SudokuGrid(36), SudokuGrid(36), {}, false);
  CHECK(wide.substr(0, 18) == "+-------+-------+\n");
  CHECK(std::count(wide.begin(), wide.end(), '\n') == 6 + 4);
}

TEST_CASE("draw: a maze in the terminal") {
  const hrm::Maze maze = hrm::parse_maze("#So\n# G\n").value();
  CHECK(hrm::terminal_maze(maze, {}, false) == "#So\n# G\n");
  hrm::Maze before = maze;
  before.cells[2] = ' ';
  CHECK(hrm::terminal_maze(maze, before, true).find("\x1b[30;43mo \x1b[0m") != std::string::npos);
  CHECK(hrm::terminal_maze(maze, maze, true).find("\x1b[33mo \x1b[0m") != std::string::npos);
}

TEST_CASE("draw: an ARC grid in the terminal") {
  const hrm::ArcGrid grid{2, 2, {0, 1, 2, 3}};
  CHECK(hrm::terminal_arc(grid, false) == "01\n23\n");
  CHECK(hrm::terminal_arc(grid, true).find("\x1b[48;2;0;116;217m  \x1b[0m") != std::string::npos);
  CHECK(hrm::terminal_arc({}, false).empty());
}

TEST_CASE("draw: pictures show what stands in the grid") {
  const auto shape = SudokuShape::of_side(4).value();
  const auto sudoku = hrm::draw_sudoku(shape, grid_of("1..............."), grid_of("1212............"),
                                       grid_of("1234............"), "x");
  CHECK(count(sudoku, hrm::colour(0xfff2a8)) == 2);  // changed
  CHECK(count(sudoku, hrm::colour(0xd0021b)) == 4);  // conflicts
  CHECK(sudoku.height == sudoku.width + 24);

  const auto maze = hrm::parse_maze("#So\n# G\n").value();
  auto wrong = maze;
  wrong.cells[0] = ' ';
  CHECK(count(hrm::draw_maze(maze, maze, {}), hrm::colour(0x3b4252)) == 2);
  CHECK(count(hrm::draw_maze(maze, maze, {}), hrm::colour(0xd0021b)) == 0);
  CHECK(count(hrm::draw_maze(maze, wrong, {}), hrm::colour(0xd0021b)) == 1);
  CHECK(count(hrm::draw_maze(maze, maze, wrong), hrm::colour(0xf5b700)) == 1);
}

TEST_CASE("draw: a task with a right and a wrong attempt") {
  hrm::ArcTask task{"name", {{{1, 1, {1}}, {1, 1, {2}}}}, {{{1, 1, {3}}, {1, 1, {4}}}, {{1, 1, {5}}, {}}}};
  const std::vector<hrm::ArcAttempts> attempts{{{1, 1, {7}}, {1, 1, {4}}}, {{}, {}}};
  const auto picture = hrm::draw_arc_task(task, attempts);
  CHECK(count(picture, hrm::colour(0x2e9e4f)) == 1);
  CHECK(count(picture, hrm::colour(0xd0021b)) == 1);
  CHECK(count(picture, hrm::arc_colour(7)) == 1);
  CHECK(count(picture, hrm::arc_colour(4)) == 2);
  for (const auto& shape : picture.shapes) {
    CHECK(shape.x + shape.w <= picture.width);
    CHECK(shape.y + shape.h <= picture.height);
  }
}
