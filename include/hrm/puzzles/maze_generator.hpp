#pragma once
/// Makes mazes: perfect ones (one way between any two cells), and ones with loops.

#include <hrm/puzzles/maze.hpp>

namespace hrm {

/// What a generated maze shall be like.
struct MazeOptions {
  std::size_t rows = 15;
  std::size_t cols = 15;
  bool border = true;         ///< walls all around; without, corridors may run along the edge
  double loops = 0.0;         ///< share of the walls between neighbouring rooms that is opened after carving
  bool unique = true;         ///< only one shortest path (a perfect maze never has more)
  std::size_t min_steps = 1;  ///< of the shortest path
  std::size_t max_steps = Maze::none;
  std::size_t attempts = 1000;  ///< mazes tried before giving up

  static constexpr std::size_t max_side = 1024;
};

/// A maze with its shortest path.
struct MazeCase {
  Maze maze;
  MazeSolution solution;
};

/// Carves rooms on every second row and column by a random depth-first walk, opens loops, then places S and G in rooms.
/// Where a side leaves half a room over (even with a border), the last line stays wall. Equal seeds give equal mazes
/// everywhere. Error: sizes out of range, no even number in min_steps .. max_steps (from a room to a room there is no
/// odd number of steps, whatever the loops), or no maze in `attempts` with such a path.
[[nodiscard]] inline Result<MazeCase> generate_maze(const MazeOptions& options, Random& random) {
  const std::size_t edge = options.border ? 1 : 0;
  const std::size_t rows = options.rows;
  const std::size_t cols = options.cols;
  if (rows < 1 || cols < 1 || rows > MazeOptions::max_side || cols > MazeOptions::max_side) {
    return Error(ErrorCode::shape, "maze: sides, expected 1 to ", MazeOptions::max_side, ", found ", rows, " x ", cols);
  }
  const std::size_t room_rows = rows > 2 * edge ? (rows - 2 * edge + 1) / 2 : 0;
  const std::size_t room_cols = cols > 2 * edge ? (cols - 2 * edge + 1) / 2 : 0;
  const std::size_t rooms = room_rows * room_cols;
  if (rooms < 2) return Error(ErrorCode::shape, "maze: too small for two rooms, found ", rows, " x ", cols);
  const std::size_t least = std::max<std::size_t>(options.min_steps, 1);
  if (least > options.max_steps || (least == options.max_steps && least % 2 != 0)) {
    return Error(ErrorCode::value, "maze: steps, expected a range with an even number of them, found ",
                 options.min_steps, " to ", options.max_steps);
  }
  const auto cell_of = [&](std::size_t room) {
    return (2 * (room / room_cols) + edge) * cols + 2 * (room % room_cols) + edge;
  };
  const Maze plan{room_rows, room_cols, std::string(rooms, ' ')};  // the rooms alone, for their neighbours

  for (std::size_t attempt = 0; attempt < options.attempts; ++attempt) {
    Maze maze{rows, cols, std::string(rows * cols, '#')};
    std::vector<std::size_t> stack{static_cast<std::size_t>(random.below(rooms))};
    maze.cells[cell_of(stack[0])] = ' ';
    while (!stack.empty()) {
      const std::size_t at = stack.back();
      std::array<std::size_t, 4> open{};
      std::size_t count = 0;
      plan.neighbours(at, [&](std::size_t next) {
        if (maze.cells[cell_of(next)] == '#') open[count++] = next;
      });
      if (count == 0) {
        stack.pop_back();
        continue;
      }
      const std::size_t next = open[static_cast<std::size_t>(random.below(count))];
      maze.cells[(cell_of(at) + cell_of(next)) / 2] = ' ';
      maze.cells[cell_of(next)] = ' ';
      stack.push_back(next);
    }
    if (options.loops > 0) {
      for (std::size_t room = 0; room < rooms; ++room) {
        plan.neighbours(room, [&](std::size_t next) {
          char& wall = maze.cells[(cell_of(room) + cell_of(next)) / 2];
          if (next > room && wall == '#' && random.chance(options.loops)) wall = ' ';
        });
      }
    }
    const std::size_t start = cell_of(static_cast<std::size_t>(random.below(rooms)));
    const std::vector<std::size_t> distance = maze_distances(maze, start);
    std::vector<std::size_t> goals;
    for (std::size_t room = 0; room < rooms; ++room) {
      const std::size_t steps = distance[cell_of(room)];
      if (steps > 0 && steps >= options.min_steps && steps <= options.max_steps) goals.push_back(cell_of(room));
    }
    if (goals.empty()) continue;
    maze.cells[start] = 'S';
    maze.cells[goals[static_cast<std::size_t>(random.below(goals.size()))]] = 'G';
    auto solution = solve_maze(maze);
    if (!solution) return solution.error();
    if (options.unique && solution->shortest != 1) continue;
    return MazeCase{std::move(maze), std::move(*solution)};
  }
  return Error(ErrorCode::value, "maze: no maze with a shortest path of the wanted length in ", options.attempts,
               " attempts");
}

}  // namespace hrm
