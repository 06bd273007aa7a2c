#pragma once
/// Mazes: text, grid and tokens, the shortest way, and whether an answer is a path. Making mazes stands in
/// maze_generator.hpp. '#' wall, ' ' free, S start, G goal, o path; a step goes to one of four neighbours.

#include <hrm/base/error.hpp>
#include <hrm/base/types.hpp>
#include <hrm/puzzles/symmetry.hpp>

#include <limits>
#include <string>
#include <vector>

namespace hrm {

/// Tokens of a maze are 1 + the place in this text; 0 is padding.
inline constexpr std::string_view maze_chars = "# SGo";
inline constexpr std::size_t maze_vocab = 6;

/// A rectangle of the characters above, row by row. Models take squares; everything here takes any rectangle. Of
/// one made by hand whose cells do not fill it solve_maze and check_maze say so; other functions must not be given it.
struct Maze {
  std::size_t rows = 0;
  std::size_t cols = 0;
  std::string cells;

  static constexpr std::size_t none = std::numeric_limits<std::size_t>::max();

  [[nodiscard]] std::size_t size() const noexcept { return cells.size(); }
  /// Whether there are as many cells as rows and columns say.
  [[nodiscard]] bool whole() const noexcept {
    return cols == 0 ? cells.empty() : cells.size() % cols == 0 && cells.size() / cols == rows;
  }
  /// The first cell that holds `c`, or none.
  [[nodiscard]] std::size_t find(char c) const noexcept {
    const std::size_t at = cells.find(c);
    return at == std::string::npos ? none : at;
  }
  /// Calls `visit(cell)` for the up to four neighbours of `cell`: right, left, below, above. The maze is whole().
  template <class Visit>
  void neighbours(std::size_t cell, Visit&& visit) const {
    if (cell % cols + 1 < cols) visit(cell + 1);
    if (cell % cols > 0) visit(cell - 1);
    if (cell + cols < cells.size()) visit(cell + cols);
    if (cell >= cols) visit(cell - cols);
  }
  bool operator==(const Maze&) const = default;
};

/// Reads rows of equal length with a line end after each (the last may go without), or a square on one line. Error:
/// another character, rows of unequal length, one line that is no square, no cell at all.
[[nodiscard]] inline Result<Maze> parse_maze(std::string_view text) {
  Maze maze;
  std::size_t col = 0;
  bool lines = false;
  for (std::size_t i = 0; i <= text.size(); ++i) {
    const bool end = i == text.size();
    if (end && col == 0) break;
    if (!end && text[i] == '\r' && i + 1 < text.size() && text[i + 1] == '\n') continue;
    if (end || text[i] == '\n') {
      if (maze.rows > 0 && col != maze.cols) {
        return Error(ErrorCode::shape, "maze: row ", maze.rows + 1, ", expected ", maze.cols, " cells, found ", col);
      }
      lines = lines || !end;
      maze.cols = col;
      ++maze.rows;
      col = 0;
      continue;
    }
    if (maze_chars.find(text[i]) == std::string_view::npos) {
      return Error(ErrorCode::value, "maze: cell ", maze.cells.size(), ", expected one of '", maze_chars, "', found '",
                   text[i], "'");
    }
    maze.cells.push_back(text[i]);
    ++col;
  }
  if (maze.cells.empty()) return Error(ErrorCode::shape, "maze: expected at least one cell, found none");
  if (!lines) {
    const std::size_t side = square_side(maze.cells.size());
    if (side * side != maze.cells.size()) {
      return Error(ErrorCode::shape, "maze: cells on one line, expected a square number, found ", maze.cells.size());
    }
    maze.rows = maze.cols = side;
  }
  return maze;
}

/// The rows, each with a line end. The maze is whole().
[[nodiscard]] inline std::string format_maze(const Maze& maze) {
  HRM_ASSERT(maze.whole());
  std::string text;
  for (std::size_t r = 0; r < maze.rows; ++r) text.append(maze.cells, r * maze.cols, maze.cols).push_back('\n');
  return text;
}

[[nodiscard]] inline std::vector<Token> maze_tokens(const Maze& maze) {
  std::vector<Token> tokens(maze.size());
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    tokens[i] = static_cast<Token>(maze_chars.find(maze.cells[i]) + 1);  // an unknown character becomes padding
  }
  return tokens;
}

/// Tokens to a maze of this size (rows * cols tokens); a token that is no cell becomes a '?', which no check passes.
[[nodiscard]] inline Maze maze_grid(std::size_t rows, std::size_t cols, std::span<const Token> tokens) {
  HRM_ASSERT(tokens.size() == rows * cols);
  Maze maze{rows, cols, std::string(tokens.size(), '?')};
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    if (tokens[i] >= 1 && static_cast<std::size_t>(tokens[i]) < maze_vocab) {
      maze.cells[i] = maze_chars[static_cast<std::size_t>(tokens[i]) - 1];
    }
  }
  return maze;
}

/// Steps from `from` to every cell, walls and what cannot be reached Maze::none. The maze is whole().
[[nodiscard]] inline std::vector<std::size_t> maze_distances(const Maze& maze, std::size_t from) {
  HRM_ASSERT(maze.whole());
  std::vector<std::size_t> distance(maze.size(), Maze::none);
  if (from >= maze.size() || maze.cells[from] == '#') return distance;
  std::vector<std::size_t> queue{from};
  distance[from] = 0;
  for (std::size_t i = 0; i < queue.size(); ++i) {
    const std::size_t at = queue[i];
    maze.neighbours(at, [&](std::size_t next) {
      if (maze.cells[next] == '#' || distance[next] != Maze::none) return;
      distance[next] = distance[at] + 1;
      queue.push_back(next);
    });
  }
  return distance;
}

/// The shortest way through a maze.
struct MazeSolution {
  Maze maze;                   ///< with the way marked; ways of equal length: the same one every time
  std::size_t steps = 0;       ///< from S to G
  std::size_t choices = 0;     ///< cells on the way, S among them, where more than one way leads on: difficulty
  std::uint64_t shortest = 0;  ///< ways of this length (stays at the largest number once it is reached)
};

/// Breadth-first search from G; an `o` counts as free. Error: a maze that is not whole(), not exactly one S and one G,
/// or no way between them.
[[nodiscard]] inline Result<MazeSolution> solve_maze(const Maze& maze) {
  if (!maze.whole()) {
    return Error(ErrorCode::shape, "maze: cells, expected ", maze.rows, " x ", maze.cols, ", found ", maze.size());
  }
  const std::size_t start = maze.find('S');
  const std::size_t goal = maze.find('G');
  if (start == Maze::none || goal == Maze::none || maze.cells.find('S', start + 1) != std::string::npos ||
      maze.cells.find('G', goal + 1) != std::string::npos) {
    return Error(ErrorCode::value, "maze: expected exactly one S and one G");
  }
  const std::vector<std::size_t> distance = maze_distances(maze, goal);
  if (distance[start] == Maze::none) return Error(ErrorCode::value, "maze: no way leads from S to G");

  MazeSolution solution{maze, distance[start], 0, 0};
  for (char& c : solution.maze.cells) c = c == 'o' ? ' ' : c;
  for (std::size_t at = start, before = start; at != goal;) {
    std::size_t next = goal;
    std::size_t open = 0;
    maze.neighbours(at, [&](std::size_t to) {
      if (maze.cells[to] == '#') return;
      open += to != before || at == start ? 1 : 0;
      if (distance[to] + 1 == distance[at] && (next == goal || distance[next] + 1 != distance[at])) next = to;
    });
    solution.choices += open > 1 ? 1 : 0;
    before = at;
    at = next;
    if (at != goal) solution.maze.cells[at] = 'o';
  }

  std::vector<std::uint64_t> ways(maze.size());  // layer by layer outward from S, along falling distances
  std::vector<std::size_t> layer{start};
  ways[start] = 1;
  for (std::size_t left = distance[start]; left > 0; --left) {
    std::vector<std::size_t> nearer;
    for (const std::size_t at : layer) {
      maze.neighbours(at, [&](std::size_t to) {
        if (distance[to] != left - 1) return;
        if (ways[to] == 0) nearer.push_back(to);
        const std::uint64_t sum = ways[to] + ways[at];
        ways[to] = sum < ways[at] ? std::numeric_limits<std::uint64_t>::max() : sum;
      });
    }
    layer = std::move(nearer);
  }
  solution.shortest = ways[goal];
  return solution;
}

/// What an answer to a maze is worth.
struct MazeCheck {
  bool kept = false;      ///< walls, S and G are where they were, free cells are free or path
  bool valid = false;     ///< kept, and the path cells are one walk from S to G without branch, gap or loose cell
  bool shortest = false;  ///< valid, and no way is shorter
  std::size_t steps = 0;  ///< of the valid path
};

/// Holds an answer against its maze. A path may not touch itself from the side: it could then be walked in more than
/// one way (a shortest path never does).
[[nodiscard]] inline MazeCheck check_maze(const Maze& maze, const Maze& answer) {
  MazeCheck check;
  if (!maze.whole() || maze.rows != answer.rows || maze.cols != answer.cols || maze.size() != answer.size())
    return check;
  for (std::size_t i = 0; i < maze.size(); ++i) {
    const bool free = maze.cells[i] == ' ' || maze.cells[i] == 'o';
    if (free ? answer.cells[i] != ' ' && answer.cells[i] != 'o' : answer.cells[i] != maze.cells[i]) return check;
  }
  check.kept = true;
  const auto solution = solve_maze(maze);
  if (!solution) return check;

  const std::size_t goal = maze.find('G');
  const auto on_path = [&](std::size_t cell) { return answer.cells[cell] != '#' && answer.cells[cell] != ' '; };
  std::size_t walked = 1;
  std::size_t before = Maze::none;
  for (std::size_t at = maze.find('S'); at != goal; ++walked) {  // without a branch it comes to no cell twice
    std::size_t next = Maze::none;
    std::size_t ways = 0;
    answer.neighbours(at, [&](std::size_t to) {
      if (to == before || !on_path(to)) return;
      next = to;
      ++ways;
    });
    if (ways != 1) return check;
    before = at;
    at = next;
  }
  std::size_t goal_ways = 0;
  std::size_t marked = 0;
  answer.neighbours(goal, [&](std::size_t to) { goal_ways += on_path(to) ? 1 : 0; });
  for (std::size_t i = 0; i < answer.size(); ++i) marked += on_path(i) ? 1 : 0;
  check.valid = goal_ways == 1 && marked == walked;
  check.steps = check.valid ? walked - 1 : 0;
  check.shortest = check.valid && check.steps == solution->steps;
  return check;
}

}  // namespace hrm
