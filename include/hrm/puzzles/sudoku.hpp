#pragma once
/// Sudoku of any side with rectangular boxes: text, grids and tokens, the rules, and symmetries. Solving by search and
/// making puzzles stand in sudoku_search.hpp. A grid is side * side bytes, row by row: 0 blank, else a digit.

#include <hrm/base/error.hpp>
#include <hrm/base/types.hpp>
#include <hrm/puzzles/symmetry.hpp>

#include <string>
#include <vector>

namespace hrm {

/// The sizes of one kind of Sudoku.
struct SudokuShape {
  std::size_t side = 0;      ///< digits, rows, columns and boxes
  std::size_t box_rows = 0;  ///< height of a box
  std::size_t box_cols = 0;  ///< width of a box; box_rows * box_cols == side

  static constexpr std::size_t max_side = 25;

  /// The usual boxes for a side: as near to square as can be, never higher than wide (2 x 3 for 6). Error: a side
  /// outside 4 .. 25 or prime.
  [[nodiscard]] static Result<SudokuShape> of_side(std::size_t side) noexcept {
    if (side <= max_side) {
      for (std::size_t height = 5; height >= 2; --height) {
        if (side % height == 0 && side / height >= height) return SudokuShape{side, height, side / height};
      }
    }
    return Error(ErrorCode::shape, "sudoku: side, expected a number from 4 to ", max_side, " that is not prime, found ",
                 side);
  }

  /// The kind that has so many cells.
  [[nodiscard]] static Result<SudokuShape> of_cells(std::size_t cells) noexcept {
    std::size_t side = 0;
    while (side * side < cells && side <= max_side) ++side;
    if (side * side == cells) {
      if (auto shape = of_side(side)) return shape;
    }
    return Error(ErrorCode::shape, "sudoku: cells, expected 16, 36, 64, 81, 100, 144, .. (side by side), found ",
                 cells);
  }

  [[nodiscard]] constexpr std::size_t cells() const noexcept { return side * side; }
  /// Tokens: padding, blank and the digits.
  [[nodiscard]] constexpr std::size_t vocab() const noexcept { return side + 2; }
  [[nodiscard]] constexpr std::size_t row(std::size_t cell) const noexcept { return cell / side; }
  [[nodiscard]] constexpr std::size_t col(std::size_t cell) const noexcept { return cell % side; }
  [[nodiscard]] constexpr std::size_t box(std::size_t cell) const noexcept {
    return row(cell) / box_rows * (side / box_cols) + col(cell) / box_cols;
  }

  bool operator==(const SudokuShape&) const = default;
};

using SudokuGrid = std::vector<std::uint8_t>;

/// '.' for 0, then 1 .. 9, A .. P.
[[nodiscard]] constexpr char sudoku_char(std::uint8_t digit) noexcept {
  return digit == 0 ? '.' : static_cast<char>(digit < 10 ? '0' + digit : 'A' + digit - 10);
}

/// Reads a grid: one character a cell, row by row; '.' and '0' are blanks. Error: a length that is no Sudoku's, or a
/// character that is no digit of this side.
[[nodiscard]] inline Result<SudokuGrid> parse_sudoku(std::string_view text) {
  const auto shape = SudokuShape::of_cells(text.size());
  if (!shape) return shape.error();
  SudokuGrid grid(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    std::size_t digit = shape->side + 1;
    if (c == '.' || (c >= '0' && c <= '9')) digit = c == '.' ? 0 : static_cast<std::size_t>(c - '0');
    if (c >= 'A' && c <= 'P') digit = static_cast<std::size_t>(c - 'A') + 10;
    if (c >= 'a' && c <= 'p') digit = static_cast<std::size_t>(c - 'a') + 10;
    if (digit > shape->side) {
      return Error(ErrorCode::value, "sudoku: cell ", i, ", expected '.' or a digit up to ",
                   sudoku_char(static_cast<std::uint8_t>(shape->side)), ", found '", c, "'");
    }
    grid[i] = static_cast<std::uint8_t>(digit);
  }
  return grid;
}

/// The text of a grid, as parse_sudoku reads it.
[[nodiscard]] inline std::string format_sudoku(std::span<const std::uint8_t> grid) {
  std::string text(grid.size(), '.');
  for (std::size_t i = 0; i < grid.size(); ++i) text[i] = sudoku_char(grid[i]);
  return text;
}

/// Digits to tokens: 1 blank, 2 the digit 1, and so on (0 is padding, which a grid has none of).
inline void sudoku_tokens(std::span<const std::uint8_t> grid, std::span<Token> tokens) noexcept {
  HRM_ASSERT(tokens.size() == grid.size());
  for (std::size_t i = 0; i < grid.size(); ++i) tokens[i] = grid[i] + 1;
}
[[nodiscard]] inline std::vector<Token> sudoku_tokens(std::span<const std::uint8_t> grid) {
  std::vector<Token> tokens(grid.size());
  sudoku_tokens(grid, tokens);
  return tokens;
}

/// The digit of a token; 0 where it is none of this side.
[[nodiscard]] constexpr std::uint8_t sudoku_digit(const SudokuShape& shape, Token token) noexcept {
  return static_cast<std::uint8_t>(token > 1 && static_cast<std::size_t>(token) < shape.vocab() ? token - 1 : 0);
}

/// Tokens to digits; what is no digit of this side is a blank.
[[nodiscard]] inline SudokuGrid sudoku_grid(const SudokuShape& shape, std::span<const Token> tokens) {
  SudokuGrid grid(tokens.size());
  for (std::size_t i = 0; i < tokens.size(); ++i) grid[i] = sudoku_digit(shape, tokens[i]);
  return grid;
}

/// Which cells hold a digit that stands twice in their row, column or box (1), and which do not (0).
[[nodiscard]] inline std::vector<std::uint8_t> sudoku_conflicts(const SudokuShape& shape,
                                                                std::span<const std::uint8_t> grid) {
  HRM_ASSERT(grid.size() == shape.cells());
  const std::size_t digits = shape.side + 1;
  std::vector<std::uint8_t> seen(3 * shape.side * digits);  // how often each row, column and box has each digit
  const auto count = [&](std::size_t unit, std::size_t which, std::size_t digit) -> std::uint8_t& {
    return seen[(unit * shape.side + which) * digits + digit];
  };
  for (std::size_t i = 0; i < grid.size(); ++i) {
    if (grid[i] == 0 || grid[i] > shape.side) continue;
    ++count(0, shape.row(i), grid[i]);
    ++count(1, shape.col(i), grid[i]);
    ++count(2, shape.box(i), grid[i]);
  }
  std::vector<std::uint8_t> twice(grid.size());
  for (std::size_t i = 0; i < grid.size(); ++i) {
    if (grid[i] == 0 || grid[i] > shape.side) continue;
    twice[i] = count(0, shape.row(i), grid[i]) > 1 || count(1, shape.col(i), grid[i]) > 1 ||
               count(2, shape.box(i), grid[i]) > 1;
  }
  return twice;
}

/// Whether no digit stands twice in a row, column or box; where one does, no digits in the blanks can mend it.
[[nodiscard]] inline bool sudoku_consistent(const SudokuShape& shape, std::span<const std::uint8_t> grid) {
  for (const std::uint8_t conflict : sudoku_conflicts(shape, grid)) {
    if (conflict != 0) return false;
  }
  return true;
}

namespace detail {

// `digit_of(i)`: of the answer, which is of the shape's size.
template <class Digit>
[[nodiscard]] bool sudoku_solved(const SudokuShape& shape, std::span<const std::uint8_t> puzzle,
                                 const Digit& digit_of) noexcept {
  std::array<std::uint32_t, 3 * SudokuShape::max_side> seen{};
  for (std::size_t i = 0; i < puzzle.size(); ++i) {
    const std::uint8_t digit = digit_of(i);
    if (digit == 0 || digit > shape.side || (puzzle[i] != 0 && puzzle[i] != digit)) return false;
    const std::uint32_t bit = std::uint32_t{1} << digit;
    std::uint32_t& row = seen[shape.row(i)];
    std::uint32_t& col = seen[SudokuShape::max_side + shape.col(i)];
    std::uint32_t& box = seen[2 * SudokuShape::max_side + shape.box(i)];
    if (((row | col | box) & bit) != 0) return false;
    row |= bit;
    col |= bit;
    box |= bit;
  }
  return true;
}

}  // namespace detail

/// Whether `answer` solves `puzzle`: every cell holds a digit, none stands twice in a row, column or box, and the
/// givens are kept. Allocates nothing.
[[nodiscard]] inline bool sudoku_solved(const SudokuShape& shape, std::span<const std::uint8_t> puzzle,
                                        std::span<const std::uint8_t> answer) noexcept {
  return puzzle.size() == shape.cells() && answer.size() == shape.cells() &&
         detail::sudoku_solved(shape, puzzle, [answer](std::size_t i) noexcept { return answer[i]; });
}
/// The same of an answer in tokens, as a solver predicts it: `Until` may ask this after every segment.
[[nodiscard]] inline bool sudoku_solved(const SudokuShape& shape, std::span<const std::uint8_t> puzzle,
                                        std::span<const Token> answer) noexcept {
  return puzzle.size() == shape.cells() && answer.size() == shape.cells() &&
         detail::sudoku_solved(shape, puzzle,
                               [&shape, answer](std::size_t i) noexcept { return sudoku_digit(shape, answer[i]); });
}

/// Digits renamed: digit d becomes order[d - 1] + 1, where `order` permutes 0 .. side - 1.
[[nodiscard]] inline Symmetry sudoku_digit_symmetry(const SudokuShape& shape, std::span<const std::uint32_t> order) {
  HRM_ASSERT(order.size() == shape.side);
  Symmetry symmetry = Symmetry::identity(shape.cells(), shape.vocab());
  for (std::size_t d = 0; d < shape.side; ++d) symmetry.tokens[d + 2] = static_cast<Token>(order[d] + 2);
  return symmetry;
}

/// Rows and columns reordered: row r of the result is row rows[r] of the grid, likewise columns. It is a symmetry where
/// lines stay together with those of their band (or stack), as sudoku_lines gives them.
[[nodiscard]] inline Symmetry sudoku_line_symmetry(const SudokuShape& shape, std::span<const std::uint32_t> rows,
                                                   std::span<const std::uint32_t> cols) {
  HRM_ASSERT(rows.size() == shape.side && cols.size() == shape.side);
  Symmetry symmetry = Symmetry::identity(shape.cells(), shape.vocab());
  for (std::size_t i = 0; i < shape.cells(); ++i) {
    symmetry.positions[i] = static_cast<std::uint32_t>(rows[shape.row(i)] * shape.side + cols[shape.col(i)]);
  }
  return symmetry;
}

/// A random order of the bands (or stacks), and within each of its `height` lines.
[[nodiscard]] inline std::vector<std::uint32_t> sudoku_lines(std::size_t side, std::size_t height, Random& random) {
  std::vector<std::uint32_t> lines;
  for (const std::uint32_t band : random.permutation(side / height)) {
    for (const std::uint32_t line : random.permutation(height)) {
      lines.push_back(band * static_cast<std::uint32_t>(height) + line);
    }
  }
  return lines;
}

/// Rows and columns change places; a symmetry where boxes are square.
[[nodiscard]] inline Symmetry sudoku_transpose(const SudokuShape& shape) {
  return square_symmetry(6, shape.side, shape.vocab());
}

/// A random symmetry of digits, bands, rows, stacks, columns and, where boxes are square, transposition.
[[nodiscard]] inline Symmetry random_sudoku_symmetry(const SudokuShape& shape, Random& random) {
  const auto digits = random.permutation(shape.side);
  const auto rows = sudoku_lines(shape.side, shape.box_rows, random);
  const auto cols = sudoku_lines(shape.side, shape.box_cols, random);
  Symmetry symmetry = sudoku_digit_symmetry(shape, digits).then(sudoku_line_symmetry(shape, rows, cols));
  if (shape.box_rows == shape.box_cols && random.chance(0.5)) symmetry = symmetry.then(sudoku_transpose(shape));
  return symmetry;
}

/// Symmetries by number, to look at a puzzle in several ways: 0 leaves it as it is, every other number stands for a
/// random one, always the same.
[[nodiscard]] inline Symmetry sudoku_symmetry(const SudokuShape& shape, std::uint64_t number) {
  if (number == 0) return Symmetry::identity(shape.cells(), shape.vocab());
  Random random(number);
  return random_sudoku_symmetry(shape, random);
}

}  // namespace hrm
