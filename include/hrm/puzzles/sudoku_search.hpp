#pragma once
/// Sudoku by search: counts solutions, measures how hard a puzzle is, and makes puzzles with one solution.

#include <hrm/puzzles/sudoku.hpp>

#include <bit>
#include <limits>

namespace hrm {

/// A plain solver: always tries the first of the cells with the fewest digits left. Allocates nothing. Not for several
/// threads at once.
class SudokuSearch {
 public:
  /// What one search found.
  struct Found {
    std::size_t solutions = 0;  ///< at most the limit
    std::uint64_t nodes = 0;    ///< cells where more than one digit had to be tried: a measure of difficulty
    bool complete = true;       ///< false: max_nodes ran out, so there may be more solutions
  };

  explicit SudokuSearch(const SudokuShape& shape) noexcept : shape_(shape) {
    HRM_ASSERT(shape.cells() <= max_cells);
    for (std::size_t i = 0; i < shape.cells(); ++i) {
      units_[i] = {static_cast<std::uint8_t>(shape.row(i)), static_cast<std::uint8_t>(shape.col(i)),
                   static_cast<std::uint8_t>(shape.box(i))};
    }
  }

  /// Looks for up to `limit` solutions of `grid`, within `max_nodes` nodes. A grid of the wrong size, or with a digit
  /// twice in a unit or out of range, has none.
  Found solve(std::span<const std::uint8_t> grid, std::size_t limit = 2,
              std::uint64_t max_nodes = std::numeric_limits<std::uint64_t>::max()) noexcept {
    return start(grid, limit, max_nodes, nullptr) ? finish() : Found{};
  }

  /// The same, trying digits in a random order; for filling an empty grid.
  Found solve_randomly(std::span<const std::uint8_t> grid, std::uint64_t max_nodes, Random& random) noexcept {
    return start(grid, 1, max_nodes, &random) ? finish() : Found{};
  }

  /// Whether `grid` can be solved with something else than its present digit in `cell`, the other cells fixed where
  /// they hold one. Quicker than counting to two: the solution that is known need not be found again. `complete` as
  /// above.
  Found other_than(std::span<const std::uint8_t> grid, std::size_t cell, std::uint64_t max_nodes) noexcept {
    if (grid.size() > max_cells || grid.size() != shape_.cells() || cell >= grid.size()) return {};
    SudokuCells open{};
    for (std::size_t i = 0; i < grid.size(); ++i) open[i] = i == cell ? std::uint8_t{0} : grid[i];
    if (!start(std::span(open.data(), grid.size()), 1, max_nodes, nullptr)) return {};
    banned_cell_ = cell;
    banned_ = std::uint32_t{1} << (grid[cell] & 31U);
    return finish();
  }

  /// The first solution of the last search that found one.
  [[nodiscard]] std::span<const std::uint8_t> solution() const noexcept { return {first_.data(), shape_.cells()}; }

 private:
  static constexpr std::size_t max_cells = SudokuShape::max_side * SudokuShape::max_side;
  using SudokuCells = std::array<std::uint8_t, max_cells>;
  struct Units {
    std::uint8_t row, col, box;
  };

  bool start(std::span<const std::uint8_t> grid, std::size_t limit, std::uint64_t max_nodes, Random* random) noexcept {
    if (grid.size() != shape_.cells() || limit == 0) return false;
    row_ = {};
    col_ = {};
    box_ = {};
    open_count_ = 0;
    for (std::size_t i = 0; i < grid.size(); ++i) {
      cells_[i] = grid[i];
      if (grid[i] == 0) {
        open_[open_count_++] = static_cast<std::uint16_t>(i);
        continue;
      }
      const std::uint32_t bit = std::uint32_t{1} << (grid[i] & 31U);
      if (grid[i] > shape_.side || (taken(i) & bit) != 0) return false;
      flip(i, bit);
    }
    found_ = {};
    limit_ = limit;
    max_nodes_ = max_nodes;
    random_ = random;
    banned_cell_ = max_cells;
    return true;
  }
  Found finish() noexcept {
    search(open_count_);
    return found_;
  }

  [[nodiscard]] std::uint32_t taken(std::size_t cell) const noexcept {
    const Units u = units_[cell];
    return row_[u.row] | col_[u.col] | box_[u.box];
  }
  void flip(std::size_t cell, std::uint32_t bit) noexcept {
    const Units u = units_[cell];
    row_[u.row] ^= bit;
    col_[u.col] ^= bit;
    box_[u.box] ^= bit;
  }

  /// True: stop. The depth is at most the number of cells.
  bool search(std::size_t open_left) noexcept {
    if (open_left == 0) {
      if (found_.solutions == 0) first_ = cells_;
      return ++found_.solutions >= limit_;
    }
    const std::uint32_t all = ((std::uint32_t{2} << shape_.side) - 1) & ~std::uint32_t{1};
    std::size_t cell = max_cells;
    int fewest = static_cast<int>(shape_.side) + 1;
    std::uint32_t candidates = 0;
    for (std::size_t k = 0; k < open_count_ && fewest > 1; ++k) {
      const std::size_t i = open_[k];
      if (cells_[i] != 0) continue;
      std::uint32_t digits = all & ~taken(i);
      if (i == banned_cell_) digits &= ~banned_;
      if (const int count = std::popcount(digits); count < fewest) {
        fewest = count;
        cell = i;
        candidates = digits;
      }
    }
    if (fewest > 1 && ++found_.nodes > max_nodes_) {
      found_.complete = false;
      return true;
    }
    while (candidates != 0) {
      std::uint32_t rest = candidates;
      if (random_ != nullptr) {
        for (auto skip = random_->below(static_cast<std::uint64_t>(std::popcount(rest))); skip > 0; --skip)
          rest &= rest - 1;
      }
      const std::uint32_t bit = rest & (0 - rest);
      candidates ^= bit;
      cells_[cell] = static_cast<std::uint8_t>(std::countr_zero(bit));
      flip(cell, bit);
      const bool stop = search(open_left - 1);
      cells_[cell] = 0;
      flip(cell, bit);
      if (stop) return true;
    }
    return false;
  }

  SudokuShape shape_;
  std::array<Units, max_cells> units_{};
  SudokuCells cells_{};
  SudokuCells first_{};
  std::array<std::uint16_t, max_cells> open_{};
  std::size_t open_count_ = 0;
  std::array<std::uint32_t, SudokuShape::max_side> row_{}, col_{}, box_{};
  Found found_;
  std::size_t limit_ = 0;
  std::uint64_t max_nodes_ = 0;
  Random* random_ = nullptr;
  std::size_t banned_cell_ = max_cells;
  std::uint32_t banned_ = 0;
};

/// What a generated puzzle shall be like.
struct SudokuOptions {
  /// A target is drawn from min_clues .. max_clues; 0 goes as low as one grid allows, or as a search of bounded length
  /// can tell (from 16 x 16 on).
  std::size_t min_clues = 0;
  std::size_t max_clues = 0;    ///< 0: any number
  std::uint64_t min_nodes = 0;  ///< search nodes, see SudokuSearch::Found
  std::uint64_t max_nodes = std::numeric_limits<std::uint64_t>::max();
  std::size_t attempts = 1000;  ///< grids tried before giving up
};

/// A puzzle with one solution.
struct SudokuCase {
  SudokuGrid puzzle, solution;
  std::size_t clues = 0;
  std::uint64_t nodes = 0;  ///< of a search that proves the solution to be the only one
};

/// Makes puzzles with one solution: a full grid, from which clues are taken in random order while one solution is left.
/// Equal seeds give equal puzzles everywhere. Not for several threads at once.
class SudokuGenerator {
 public:
  explicit SudokuGenerator(const SudokuShape& shape) : shape_(shape), search_(shape) {}

  /// Error: no grid out of `attempts` led to a puzzle with these clues and nodes.
  [[nodiscard]] Result<SudokuCase> generate(const SudokuOptions& options, Random& random) {
    const std::size_t most = options.max_clues == 0 ? shape_.cells() : options.max_clues;
    for (const std::size_t clues : {options.min_clues, options.max_clues}) {  // a target beyond the grid is a full one
      if (clues > shape_.cells())
        return Error(ErrorCode::value, "sudoku: clues, expected at most ", shape_.cells(), ", found ", clues);
    }
    if (options.min_clues > most) {
      return Error(ErrorCode::value, "sudoku: clues, expected at least ", options.min_clues, " and at most ", most);
    }
    const std::uint64_t wanted = std::min(options.min_nodes, std::numeric_limits<std::uint64_t>::max() / 4) * 4;
    const std::uint64_t most_nodes = std::min(options.max_nodes, std::max(proof_limit, wanted));
    for (std::size_t attempt = 0; attempt < options.attempts; ++attempt) {
      SudokuCase made;
      made.solution = full_grid(random);
      made.puzzle = made.solution;
      made.clues = shape_.cells();
      const std::size_t target = random.between(options.min_clues, options.max_clues == 0 ? options.min_clues : most);
      std::vector<std::uint32_t> taken = take_clues(made, target, random);
      if (made.clues > most) continue;
      SudokuSearch::Found proof = search_.solve(made.puzzle, 2, most_nodes);
      // Where not the caller wants it easier, but no search tells in time that one solution is left.
      for (std::size_t count = 1; !proof.complete && options.max_nodes > most_nodes; count *= 2) {
        give_back(made, taken, count);
        proof = search_.solve(made.puzzle, 2, most_nodes);
      }
      made.nodes = proof.nodes;
      if (proof.complete && made.clues <= most && made.nodes >= options.min_nodes) return made;
    }
    return Error(ErrorCode::value, "sudoku: no puzzle with ", options.min_clues, " to ", most,
                 " clues and the wanted difficulty in ", options.attempts, " grids");
  }

 private:
  // Large grids have a heavy tail of searches that never end; giving up early only means to try again or keep a clue.
  static constexpr std::uint64_t node_limit = 2000;
  static constexpr std::uint64_t grid_limit = 200'000;   // of all that is taken from one grid
  static constexpr std::uint64_t proof_limit = 100'000;  // of the proof, unless more are asked for; clues go back first

  // Takes clues in random order while one solution is left, down to `target`; gives their cells.
  std::vector<std::uint32_t> take_clues(SudokuCase& made, std::size_t target, Random& random) {
    std::vector<std::uint32_t> taken;
    std::uint64_t spent = 0;
    for (const std::uint32_t cell : random.permutation(shape_.cells())) {
      if (made.clues <= target || spent > grid_limit) break;
      const SudokuSearch::Found other = search_.other_than(made.puzzle, cell, node_limit);
      spent += other.nodes;
      if (other.solutions != 0 || !other.complete) continue;
      made.puzzle[cell] = 0;
      taken.push_back(cell);
      --made.clues;
    }
    return taken;
  }
  static void give_back(SudokuCase& made, std::vector<std::uint32_t>& taken, std::size_t count) {
    for (; count > 0 && !taken.empty(); --count, taken.pop_back(), ++made.clues)
      made.puzzle[taken.back()] = made.solution[taken.back()];
  }

  [[nodiscard]] SudokuGrid full_grid(Random& random) {
    if (shape_.side <= 12) {
      const SudokuGrid empty(shape_.cells());
      for (int restart = 0; restart < 100; ++restart) {
        if (search_.solve_randomly(empty, node_limit, random).solutions == 1) {
          return {search_.solution().begin(), search_.solution().end()};
        }
      }
    }
    std::vector<Token> pattern(shape_.cells());  // rows shifted by a box within a band, by one from band to band
    for (std::size_t i = 0; i < pattern.size(); ++i) {
      const std::size_t row = shape_.row(i);
      const std::size_t shift = row % shape_.box_rows * shape_.box_cols + row / shape_.box_rows;
      pattern[i] = static_cast<Token>((shift + shape_.col(i)) % shape_.side + 2);
    }
    return sudoku_grid(shape_, random_sudoku_symmetry(shape_, random).apply(pattern));
  }

  SudokuShape shape_;
  SudokuSearch search_;
};

}  // namespace hrm
