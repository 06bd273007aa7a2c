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

/// Whether every rectangle and line lies in the picture.
bool within(const hrm::Picture& picture) {
  return std::all_of(picture.shapes.begin(), picture.shapes.end(), [&](const auto& shape) {
    const bool line = shape.kind == hrm::Picture::Kind::line;  // w and h are a place then, not a size
    return (line ? shape.w : shape.x + shape.w) <= picture.width &&
           (line ? shape.h : shape.y + shape.h) <= picture.height;
  });
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
  CHECK(coloured.find("\x1b[30;43m1\x1b[0m") != std::string::npos);  // changed
  CHECK(coloured.find("\x1b[31m2\x1b[0m") != std::string::npos);     // against the rules
  CHECK(coloured.find("\x1b[97;41m2\x1b[0m") != std::string::npos);  // both: red has to be seen
  CHECK(coloured.find("\x1b[36m3\x1b[0m") != std::string::npos);
  CHECK(hrm::terminal_sudoku(shape, grid_of("1..1............"), grid_of("1..1............"), {}, true)
            .find("\x1b[1;31m1\x1b[0m") != std::string::npos);
  // a given that became another digit, though no rule is broken
  CHECK(hrm::terminal_sudoku(shape, puzzle, grid_of("2..............."), {}, false).find("|!2 . |") !=
        std::string::npos);
  CHECK(hrm::terminal_sudoku(shape, puzzle, grid_of("2..............."), {}, true).find("\x1b[1;31m2") !=
        std::string::npos);
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
                                       grid_of("1234............"), {"x", 0.25, false});
  CHECK(count(sudoku, hrm::colour(0xfff2a8)) == 2);  // changed
  CHECK(count(sudoku, hrm::colour(0xd0021b)) == 4);  // conflicts
  const auto bare = hrm::draw_sudoku(shape, grid_of("1..............."), grid_of("1..............."), {});
  CHECK(bare.height == bare.width);
  CHECK(sudoku.height > bare.height);

  const auto maze = hrm::parse_maze("#So\n# G\n").value();
  auto wrong = maze;
  wrong.cells[0] = ' ';
  CHECK(count(hrm::draw_maze(maze, maze, {}), hrm::colour(0x3b4252)) == 2);
  CHECK(count(hrm::draw_maze(maze, maze, {}), hrm::colour(0xd0021b)) == 0);
  CHECK(count(hrm::draw_maze(maze, wrong, {}), hrm::colour(0xd0021b)) == 1);
  CHECK(count(hrm::draw_maze(maze, maze, wrong), hrm::colour(0xf5b700)) == 1);
}

TEST_CASE("draw: a maze's neighbours of one colour are one shape") {
  const auto maze = hrm::parse_maze("#####\n#SoG#\n#   #\n#####\n").value();
  const auto picture = hrm::draw_maze(maze, maze, {});
  CHECK(count(picture, hrm::colour(0x3b4252)) == 6);
  double area = 0;
  for (const auto& shape : picture.shapes) area += shape.fill == hrm::colour(0x3b4252) ? shape.w * shape.h : 0;
  CHECK(area == 14 * 36 * 36);
}

TEST_CASE("draw: below a thought stand its caption and how sure the model is, all of it in the picture") {
  const auto shape = SudokuShape::of_side(4).value();
  const SudokuGrid grid(16);
  for (const double sure : {0.0, 0.25, 1.0}) {
    for (const bool halts : {false, true}) {
      const auto picture = hrm::draw_sudoku(shape, grid, grid, {}, {"segment 16: 16 cells changed", sure, halts});
      const hrm::Colour fill = halts ? hrm::colour(0x2e9e4f) : hrm::colour(0x1f5fbf);
      double track = 0, bar = 0;
      for (const auto& part : picture.shapes) {
        track += part.fill == hrm::colour(0xe5e7eb) ? part.w : 0;
        bar += part.fill == fill ? part.w : 0;
        if (part.kind != hrm::Picture::Kind::text) continue;
        const double width = 0.6 * part.h * static_cast<double>(part.text.size());  // of a usual font
        const double left = part.anchor == hrm::Picture::Anchor::start ? part.x
                            : part.anchor == hrm::Picture::Anchor::end ? part.x - width
                                                                       : part.x - width / 2;
        CHECK(left >= 0);
        CHECK(left + width <= picture.width);
        CHECK(part.y + part.h / 2 <= picture.height);
      }
      CHECK(track > 100);
      CHECK(bar == doctest::Approx(track * sure));
    }
  }
  const auto plain = hrm::draw_sudoku(shape, grid, grid, {}, {"the puzzle", {}, false});
  CHECK(count(plain, hrm::colour(0xe5e7eb)) == 0);
  CHECK(plain.height == hrm::draw_sudoku(shape, grid, grid, {}, {"x", 1.0, true}).height);  // frames of one size
}

TEST_CASE("draw: a task with a right and a wrong attempt") {
  hrm::ArcTask task{"name", {{{1, 1, {1}}, {1, 1, {2}}}}, {{{1, 1, {3}}, {1, 1, {4}}}, {{1, 1, {5}}, {}}}};
  const std::vector<hrm::ArcAttempts> attempts{{{1, 1, {7}}, {1, 1, {4}}}, {{}, {}}};
  const auto picture = hrm::draw_arc_task(task, attempts);
  CHECK(count(picture, hrm::colour(0x2e9e4f)) == 1);
  CHECK(count(picture, hrm::colour(0xd0021b)) == 1);
  CHECK(count(picture, hrm::arc_colour(7)) == 1);
  CHECK(count(picture, hrm::arc_colour(4)) == 2);
  std::size_t without = 0;  // both attempts at the second input, and its truth
  for (const auto& shape : picture.shapes) without += shape.text == "no answer" || shape.text == "not known" ? 1 : 0;
  CHECK(without == 3);
  CHECK(within(picture));
  // A grid of 30 fits its column, and what stands beside it has cells of the same size.
  const hrm::ArcGrid large{30, 30, std::vector<std::uint8_t>(900, 6)};
  const auto sizes = hrm::draw_arc_task({"n", {{large, {1, 1, {8}}}}, {}}, {});
  CHECK(within(sizes));
  for (const auto& shape : sizes.shapes) {
    if (shape.fill == hrm::arc_colour(6) || shape.fill == hrm::arc_colour(8)) CHECK(shape.w < 160.0 / 30);
  }
}
