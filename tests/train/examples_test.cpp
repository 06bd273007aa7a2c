#include <hrm/train/examples.hpp>

#include <doctest/doctest.h>

#include <algorithm>

using namespace hrm;
using namespace hrm::train;

namespace {
struct Made {
  std::vector<Token> tokens, labels;
  bool operator==(const Made&) const = default;
};
Made made(const ExampleSource& source, std::uint64_t index) {
  Made m{std::vector<Token>(source.tokens()), std::vector<Token>(source.tokens())};
  Example example{m.tokens, m.labels, 7};
  source.make(index, example);
  return m;
}
}  // namespace

TEST_CASE("Sudokus: an index always means the same puzzle, solved, within the clues asked for") {
  SudokuOptions options;
  options.min_clues = 8;
  options.max_clues = 18;
  const SudokuSource source(*SudokuShape::of_side(6), options, 5), other(*SudokuShape::of_side(6), options, 6);
  CHECK(source.vocab() == 8);
  for (std::uint64_t i = 0; i < 20; ++i) {
    const Made m = made(source, i);
    CHECK(m == made(source, i));
    CHECK(m != made(other, i));
    std::size_t clues = 0;
    for (std::size_t k = 0; k < 36; ++k) {
      clues += m.tokens[k] > 1 ? 1 : 0;
      CHECK((m.tokens[k] == 1 || m.tokens[k] == m.labels[k]));
      CHECK(m.labels[k] > 1);
    }
    CHECK(clues >= 8);
    CHECK(clues <= 18);
  }
  CHECK(made(source, 1) != made(source, 2));
}

TEST_CASE("a further attempt at an example is not the next seed's example") {
  CHECK(mixed(6, 3, 0) == mixed(6, 3));
  CHECK(mixed(6, 3, 1) != mixed(7, 3));
  CHECK(mixed(6, 3, 1) != mixed(6, 3, 2));
}

TEST_CASE("mazes: the label is the shortest way; smaller ones stand in a canvas of walls") {
  MazeOptions options;
  options.rows = options.cols = 11;
  const MazeSource source(options, 7, 5);
  bool smaller = false;
  for (std::uint64_t i = 0; i < 30; ++i) {
    const Made m = made(source, i);
    CHECK(m == made(source, i));
    const Maze maze = maze_grid(11, 11, m.tokens);
    CHECK(check_maze(maze, maze_grid(11, 11, m.labels)).shortest);
    std::size_t walls = 0;
    for (std::size_t c = 0; c < 11; ++c) walls += m.tokens[9 * 11 + c] == 1 && m.tokens[11 + c] == 1 ? 1 : 0;
    smaller = smaller || walls == 11;
  }
  CHECK(smaller);
}

TEST_CASE("mazes need not be square, and their ways can be short or long") {
  MazeOptions options;
  options.rows = 7;
  options.cols = 11;
  options.min_steps = 4;
  options.max_steps = 8;
  const MazeSource source(options, 11, 5);
  CHECK(source.tokens() == 77);
  for (std::uint64_t i = 0; i < 30; ++i) {
    const Made m = made(source, i);
    CHECK(check_maze(maze_grid(7, 11, m.tokens), maze_grid(7, 11, m.labels)).shortest);
    const auto drawn = std::count(m.labels.begin(), m.labels.end(), 5);
    CHECK(drawn >= 3);
    CHECK(drawn <= 7);
  }
}

TEST_CASE("mazes that grow: dead ends one cell deep at most, then two, three, .., with the same way through") {
  const Maze maze{5, 9,
                  "#########"
                  "#S      #"
                  "#### ####"
                  "#G      #"
                  "#########"};
  const auto trimmed = [&](std::uint64_t depth) {
    Maze asked = maze, solution = solve_maze(maze).value().maze;
    trim_dead_ends(asked, solution, depth);
    CHECK(solve_maze(asked).value().maze == solution);
    return asked.cells;
  };
  CHECK(trimmed(0) ==
        "#########"
        "#S   ####"
        "#### ####"
        "#G   ####"
        "#########");
  CHECK(trimmed(1) ==
        "#########"
        "#S    ###"
        "#### ####"
        "#G    ###"
        "#########");
  CHECK(trimmed(3) == maze.cells);

  MazeOptions options;
  options.rows = options.cols = 15;
  MazeSource growing(options, 15, 5);
  const MazeSource grown(options, 15, 5);
  growing.grow(4);
  std::size_t open = 0;
  for (std::uint64_t i = 0; i < 260; i += 3) {
    const Made m = made(growing, i), whole = made(grown, i);
    const Maze asked = maze_grid(15, 15, m.tokens), all = maze_grid(15, 15, whole.tokens);
    CHECK(check_maze(asked, maze_grid(15, 15, m.labels)).shortest);
    for (std::size_t c = 0; c < asked.cells.size(); ++c)
      CHECK((asked.cells[c] == all.cells[c] || asked.cells[c] == '#'));
    CHECK(std::count(m.labels.begin(), m.labels.end(), 5) == std::count(whole.labels.begin(), whole.labels.end(), 5));
    if (i >= 256) CHECK(m == whole);
    if (i < 4)
      open += std::count(m.tokens.begin(), m.tokens.end(), 2) < std::count(whole.tokens.begin(), whole.tokens.end(), 2)
                  ? 1
                  : 0;
  }
  CHECK(open > 0);
}
