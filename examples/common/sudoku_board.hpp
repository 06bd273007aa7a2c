#pragma once
/// A Sudoku as it is played: givens, the player's digits, what is selected. Knows nothing of models and windows.

#include <hrm/puzzles/sudoku_search.hpp>

#include <algorithm>

namespace example {

class SudokuBoard {
 public:
  SudokuBoard(const hrm::SudokuShape& shape, std::uint64_t seed) : shape_(shape), random_(seed), generator_(shape) {
    deal();
  }

  [[nodiscard]] const hrm::SudokuShape& shape() const noexcept { return shape_; }
  [[nodiscard]] const hrm::SudokuGrid& givens() const noexcept { return givens_; }
  /// Givens and the player's digits.
  [[nodiscard]] const hrm::SudokuGrid& digits() const noexcept { return digits_; }
  /// Cells whose digit stands twice in a unit.
  [[nodiscard]] const std::vector<std::uint8_t>& conflicts() const noexcept { return conflicts_; }
  [[nodiscard]] std::size_t selected() const noexcept { return selected_; }
  [[nodiscard]] bool solved() const noexcept { return solved_; }
  [[nodiscard]] std::size_t moves() const noexcept { return moves_; }
  [[nodiscard]] std::size_t games_solved() const noexcept { return games_solved_; }

  /// A new puzzle with a third to two fifths of its cells given, and one solution.
  void deal() {
    hrm::SudokuOptions options;
    options.min_clues = shape_.cells() / 3;
    options.max_clues = shape_.cells() * 2 / 5;
    if (auto made = generator_.generate(options, random_)) givens_ = made->puzzle;
    if (givens_.empty()) givens_.resize(shape_.cells());
    digits_ = givens_;
    look();
    select(static_cast<std::size_t>(std::find(givens_.begin(), givens_.end(), 0) - givens_.begin()));
  }
  void select(std::size_t cell) noexcept { selected_ = std::min(cell, shape_.cells() - 1); }
  void move(int right, int down) noexcept {
    const auto wrapped = [this](std::size_t at, int by) {
      return (at + shape_.side + static_cast<std::size_t>(by + static_cast<int>(shape_.side))) % shape_.side;
    };
    selected_ = wrapped(shape_.row(selected_), down) * shape_.side + wrapped(shape_.col(selected_), right);
  }
  /// Puts a digit (0: none) into a cell; false where a given stands, or where nothing would change.
  bool put(std::size_t cell, std::size_t digit) {
    if (digit > shape_.side || givens_[cell] != 0 || digits_[cell] == digit || solved_) return false;
    digits_[cell] = static_cast<std::uint8_t>(digit);
    ++moves_;
    look();
    games_solved_ += solved_ ? 1 : 0;
    return true;
  }

 private:
  void look() {
    conflicts_ = hrm::sudoku_conflicts(shape_, digits_);
    solved_ = hrm::sudoku_solved(shape_, givens_, digits_);
  }

  hrm::SudokuShape shape_;
  hrm::Random random_;
  hrm::SudokuGenerator generator_;
  hrm::SudokuGrid givens_, digits_;
  std::vector<std::uint8_t> conflicts_;
  std::size_t selected_ = 0;
  std::size_t moves_ = 0;
  std::size_t games_solved_ = 0;
  bool solved_ = false;
};

}  // namespace example
