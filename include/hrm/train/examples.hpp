#pragma once
/// Where a trainer's puzzles come from. Example number i depends on i alone, so training can stop, go on and run on any
/// number of threads without a difference.

#include <hrm/base/error.hpp>
#include <hrm/puzzles/maze_generator.hpp>
#include <hrm/puzzles/sudoku_search.hpp>

namespace hrm::train {

/// One puzzle to fill in: what is asked and what is right, both S tokens; a label below 0 is not counted.
struct Example {
  std::span<Token> tokens;
  std::span<Token> labels;
  std::size_t puzzle_id = 0;
};

/// A supply of puzzles of one length.
class ExampleSource {
 public:
  ExampleSource() = default;
  ExampleSource(const ExampleSource&) = delete;
  ExampleSource& operator=(const ExampleSource&) = delete;
  virtual ~ExampleSource() = default;

  [[nodiscard]] virtual std::size_t tokens() const noexcept = 0;
  [[nodiscard]] virtual std::size_t vocab() const noexcept = 0;
  [[nodiscard]] virtual std::size_t puzzle_ids() const noexcept { return 1; }
  /// The largest puzzle id that an example has.
  [[nodiscard]] virtual std::size_t largest_id() const noexcept { return 0; }
  /// How many examples there are before they begin anew; all ones where they are made.
  [[nodiscard]] virtual std::size_t size() const noexcept { return std::numeric_limits<std::size_t>::max(); }
  /// A hash of stored examples; 0 where they are made (their seed and options tell those apart).
  [[nodiscard]] virtual std::uint64_t fingerprint() const noexcept { return 0; }
  /// Fills example number `index`, always the same way; called from any thread.
  virtual void make(std::uint64_t index, Example& example) const noexcept = 0;
};

/// Independent random bits for (seed, index): splitmix64's finaliser over both.
[[nodiscard]] constexpr std::uint64_t mixed(std::uint64_t seed, std::uint64_t index) noexcept {
  std::uint64_t x = seed + 0x9e3779b97f4a7c15U * (index + 1);
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9U;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebU;
  x ^= x >> 31;
  x += 0x9e3779b97f4a7c15U * (seed | 1U);
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9U;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebU;
  return x ^ (x >> 31);
}

/// The bits to make example `index` with, also where earlier attempts at it led to nothing. (Not the next seed's: that
/// is another stream, of held-out puzzles for instance.)
[[nodiscard]] constexpr std::uint64_t mixed(std::uint64_t seed, std::uint64_t index, std::uint64_t attempt) noexcept {
  const std::uint64_t bits = mixed(seed, index);
  return attempt == 0 ? bits : mixed(bits, attempt);
}

/// Sudokus with one solution, freshly generated. There must be some as the options have them: make() tries until it has
/// one.
class SudokuSource final : public ExampleSource {
 public:
  SudokuSource(const SudokuShape& shape, const SudokuOptions& options, std::uint64_t seed)
      : shape_(shape), options_(options), seed_(seed) {}

  [[nodiscard]] std::size_t tokens() const noexcept override { return shape_.cells(); }
  [[nodiscard]] std::size_t vocab() const noexcept override { return shape_.vocab(); }
  void make(std::uint64_t index, Example& example) const noexcept override {
    for (std::uint64_t attempt = 0;; ++attempt) {
      Random random(mixed(seed_, index, attempt));
      const auto made = SudokuGenerator(shape_).generate(options_, random);
      if (!made) continue;
      sudoku_tokens(made->puzzle, example.tokens);
      sudoku_tokens(made->solution, example.labels);
      return;
    }
  }

 private:
  SudokuShape shape_;
  SudokuOptions options_;
  std::uint64_t seed_;
};

/// Walls up what is more than `depth` cells away from the path: dead ends are then at most so deep, and the path is the
/// same. `maze` and its `solution` (path drawn) both change.
inline void trim_dead_ends(Maze& maze, Maze& solution, std::uint64_t depth) {
  std::vector<std::size_t> rim;
  std::vector<bool> keep(maze.cells.size());
  for (std::size_t cell = 0; cell < keep.size(); ++cell) {
    const char c = solution.cells[cell];
    if (c == 'o' || c == 'S' || c == 'G') rim.push_back(cell), keep[cell] = true;
  }
  for (std::uint64_t step = 0; step < depth && !rim.empty(); ++step) {
    std::vector<std::size_t> further;
    for (const std::size_t cell : rim) {
      maze.neighbours(cell, [&](std::size_t next) {
        if (maze.cells[next] == ' ' && !keep[next]) further.push_back(next), keep[next] = true;
      });
    }
    rim = std::move(further);
  }
  for (std::size_t cell = 0; cell < keep.size(); ++cell) {
    if (!keep[cell]) maze.cells[cell] = solution.cells[cell] = '#';
  }
}

/// Mazes, freshly generated; the label is the maze with its shortest path drawn in. There must be some as the options
/// have them: make() tries until it has one.
class MazeSource final : public ExampleSource {
 public:
  /// Dead ends of the first `period` mazes are one cell deep at most (see trim_dead_ends), and a cell deeper after
  /// every further `period`: what tells a cell's label stands beside it at first, and moves away as the model learns to
  /// look around. 0: whole mazes from the beginning. After 64 periods they are whole in any case.
  void grow(std::uint64_t period) noexcept { period_ = period; }

  /// Sides are drawn from `smallest` up in steps of two (square ones where the canvas is); a smaller maze stands at a
  /// random even offset in a canvas of walls, so that positions keep their meaning while mazes grow. Fewer rows of the
  /// same width do that too, for less work: to a rotary embedding the cell below is a row's length away in either.
  MazeSource(const MazeOptions& options, std::size_t smallest, std::uint64_t seed)
      : options_(options), smallest_(smallest), seed_(seed) {}

  [[nodiscard]] std::size_t tokens() const noexcept override { return options_.rows * options_.cols; }
  [[nodiscard]] std::size_t vocab() const noexcept override { return maze_vocab; }
  void make(std::uint64_t index, Example& example) const noexcept override {
    const auto smaller = [this](std::size_t side, Random& random) {
      return side <= smallest_ ? side : smallest_ + 2 * random.between(0, (side - smallest_) / 2);
    };
    for (std::uint64_t attempt = 0;; ++attempt) {
      Random random(mixed(seed_, index, attempt));
      MazeOptions options = options_;
      options.rows = smaller(options_.rows, random);
      options.cols = options_.rows == options_.cols ? options.rows : smaller(options_.cols, random);
      auto made = generate_maze(options, random);
      if (!made) continue;
      if (period_ != 0 && index / period_ < last_period) {
        trim_dead_ends(made->maze, made->solution.maze, 1 + index / period_);
      }
      const std::size_t top = 2 * random.between(0, (options_.rows - options.rows) / 2);
      const std::size_t left = 2 * random.between(0, (options_.cols - options.cols) / 2);
      for (Token& t : example.tokens) t = 1;
      for (Token& t : example.labels) t = 1;
      for (std::size_t cell = 0; cell < made->maze.cells.size(); ++cell) {
        const std::size_t at = (top + cell / options.cols) * options_.cols + left + cell % options.cols;
        example.tokens[at] = token(made->maze.cells[cell]);
        example.labels[at] = token(made->solution.maze.cells[cell]);
      }
      return;
    }
  }

 private:
  [[nodiscard]] static Token token(char c) noexcept { return static_cast<Token>(maze_chars.find(c) + 1); }

  static constexpr std::uint64_t last_period = 64;

  MazeOptions options_;
  std::size_t smallest_;
  std::uint64_t seed_;
  std::uint64_t period_ = 0;
};

}  // namespace hrm::train
