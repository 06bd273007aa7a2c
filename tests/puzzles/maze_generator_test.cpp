#include <doctest/doctest.h>
#include <hrm/puzzles/maze_generator.hpp>

#include <algorithm>

using hrm::Maze;
using hrm::MazeOptions;

namespace {

std::size_t count(const Maze& maze, char c) {
  return static_cast<std::size_t>(std::count(maze.cells.begin(), maze.cells.end(), c));
}

MazeOptions options_of(std::size_t rows, std::size_t cols) {
  MazeOptions options;
  options.rows = rows;
  options.cols = cols;
  return options;
}

}  // namespace

TEST_CASE("mazes: perfect ones are trees of all rooms") {
  hrm::Random random(51);
  for (const auto& [rows, cols] : {std::pair<std::size_t, std::size_t>{5, 5}, {3, 9}, {15, 15}, {21, 7}, {30, 30}}) {
    for (int round = 0; round < 5; ++round) {
      const auto made = hrm::generate_maze(options_of(rows, cols), random).value();
      const std::size_t rooms = ((rows - 1) / 2) * ((cols - 1) / 2);
      const std::size_t open = made.maze.size() - count(made.maze, '#');
      CHECK(open == 2 * rooms - 1);  // rooms and the doors of a tree
      CHECK(count(made.maze, 'S') == 1);
      CHECK(count(made.maze, 'G') == 1);
      CHECK(count(made.maze, 'o') == 0);
      CHECK(made.solution.shortest == 1);
      CHECK(count(made.solution.maze, 'o') + 1 == made.solution.steps);
      const auto distance = hrm::maze_distances(made.maze, made.maze.find('S'));
      CHECK(static_cast<std::size_t>(std::count(distance.begin(), distance.end(), Maze::none)) ==
            count(made.maze, '#'));
      for (std::size_t c = 0; c < cols; ++c) {
        CHECK(made.maze.cells[c] == '#');
        CHECK(made.maze.cells[(rows - 1) * cols + c] == '#');
      }
    }
  }
}

TEST_CASE("mazes: from room to room the number of steps is even, and others are refused at once") {
  hrm::Random random(57);
  for (const double loops : {0.0, 0.3, 1.0}) {
    for (const bool border : {true, false}) {
      MazeOptions options = options_of(12, 15);
      options.border = border;
      options.loops = loops;
      options.unique = false;
      for (int round = 0; round < 20; ++round)
        CHECK(hrm::generate_maze(options, random).value().solution.steps % 2 == 0);
    }
  }
  MazeOptions options = options_of(301, 301);
  for (const auto& [least, most] : {std::pair<std::size_t, std::size_t>{7, 7}, {0, 1}, {0, 0}, {9, 8}}) {
    options.min_steps = least;
    options.max_steps = most;
    const auto none = hrm::generate_maze(options, random);
    REQUIRE_FALSE(none);
    CHECK(none.error().message() == "maze: steps, expected a range with an even number of them, found " +
                                        std::to_string(least) + " to " + std::to_string(most));
  }
  options.min_steps = 7;
  options.max_steps = 8;
  options.rows = options.cols = 15;
  CHECK(hrm::generate_maze(options, random).value().solution.steps == 8);
}

TEST_CASE("mazes: without a border rooms begin at the corner") {
  hrm::Random random(52);
  MazeOptions options = options_of(9, 9);
  options.border = false;
  const auto made = hrm::generate_maze(options, random).value();
  CHECK(made.maze.cells[0] != '#');
  CHECK(made.maze.cells[80] != '#');
  CHECK(made.maze.size() - count(made.maze, '#') == 2 * 25 - 1);
}

TEST_CASE("mazes: loops, and shortest paths that are unique or not") {
  hrm::Random random(53);
  MazeOptions options = options_of(15, 15);
  options.loops = 1.0;
  options.unique = false;
  options.min_steps = 8;
  bool several = false;
  for (int round = 0; round < 10; ++round) {
    const auto made = hrm::generate_maze(options, random).value();
    CHECK(made.maze.size() - count(made.maze, '#') == 49 + 2 * 42);  // every door is open
    several = several || made.solution.shortest > 1;
  }
  CHECK(several);
  options.loops = 0.2;
  options.unique = true;
  std::size_t opened = 0;
  for (int round = 0; round < 10; ++round) {
    const auto made = hrm::generate_maze(options, random).value();
    CHECK(made.solution.shortest == 1);
    CHECK(made.solution.steps >= 8);
    CHECK(made.maze.size() - count(made.maze, '#') > 97);
    opened += made.maze.size() - count(made.maze, '#') - 97;
  }
  CHECK(opened < 120);  // a fifth of 360 doors that a tree leaves shut
}

TEST_CASE("mazes: path length, the same for a seed, and what cannot be had") {
  hrm::Random random(54);
  MazeOptions options = options_of(11, 11);
  options.min_steps = 12;
  options.max_steps = 20;
  for (int round = 0; round < 20; ++round) {
    const auto made = hrm::generate_maze(options, random).value();
    CHECK(made.solution.steps >= 12);
    CHECK(made.solution.steps <= 20);
  }
  options.min_steps = options.max_steps = 4;
  for (int round = 0; round < 20; ++round) CHECK(hrm::generate_maze(options, random).value().solution.steps == 4);
  hrm::Random a(9);
  hrm::Random b(9);
  const auto first = hrm::generate_maze(options_of(7, 7), a).value();
  CHECK(hrm::generate_maze(options_of(7, 7), b).value().maze == first.maze);
  CHECK(first.maze.cells == "########G    ## ### ##S  # ## ### ## #   ########");
  options.min_steps = 10000;
  options.attempts = 5;
  CHECK_FALSE(hrm::generate_maze(options, random));
  for (const auto& [rows, cols] :
       {std::pair<std::size_t, std::size_t>{0, 5}, {3, 3}, {1, 1}, {2, 2}, {4, 4}, {9, 2}, {2, 9}, {5000, 5}}) {
    CHECK_FALSE(hrm::generate_maze(options_of(rows, cols), random));
  }
}
