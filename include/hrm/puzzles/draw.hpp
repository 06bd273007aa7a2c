#pragma once
/// Puzzles drawn: as text for a terminal (with colours or without), and as pictures.

#include <hrm/puzzles/arc_vote.hpp>
#include <hrm/puzzles/maze.hpp>
#include <hrm/puzzles/picture.hpp>
#include <hrm/puzzles/sudoku.hpp>

namespace hrm {

namespace detail {

/// Whether cell i differs from what it was; `before` may be empty (nothing was).
template <class Cells>
[[nodiscard]] bool cell_changed(const Cells& now, const Cells& before, std::size_t i) noexcept {
  return before.size() == now.size() && before[i] != now[i];
}

inline void paint(std::string& out, std::string_view code, std::string_view text) {
  out.append("\x1b[").append(code).append("m").append(text).append("\x1b[0m");
}

}  // namespace detail

/// A Sudoku as lines of text. `puzzle` has the givens, `before` what the cells were one step ago (or nothing). With
/// colours givens are bold, changed cells stand on yellow and conflicts are red; without, a changed cell has a `*`
/// before it and a conflict a `!`.
[[nodiscard]] inline std::string terminal_sudoku(const SudokuShape& shape, std::span<const std::uint8_t> puzzle,
                                                 std::span<const std::uint8_t> answer,
                                                 std::span<const std::uint8_t> before, bool colours) {
  const auto conflicts = sudoku_conflicts(shape, answer);
  std::string rule;
  for (std::size_t c = 0; c < shape.side; c += shape.box_cols) rule += "+" + std::string(2 * shape.box_cols + 1, '-');
  rule += "+\n";
  std::string out;
  for (std::size_t i = 0; i < answer.size(); ++i) {
    if (shape.col(i) == 0 && shape.row(i) % shape.box_rows == 0) out += rule;
    if (shape.col(i) % shape.box_cols == 0) out += shape.col(i) == 0 ? "|" : " |";
    const bool changed = detail::cell_changed(answer, before, i);
    const char digit = sudoku_char(answer[i]);
    const std::string_view text(&digit, 1);
    if (!colours) {
      out.push_back(conflicts[i] != 0 ? '!' : changed ? '*' : ' ');
      out.push_back(digit);
    } else {
      out.push_back(' ');
      std::string code = puzzle[i] != 0 ? "1" : "36";
      if (conflicts[i] != 0) code += ";31";
      if (changed) code += ";30;43";
      detail::paint(out, code, text);
    }
    if (shape.col(i) + 1 == shape.side) out += " |\n";
  }
  return out + rule;
}

/// A maze as lines of text: without colours the characters themselves, with colours two columns a cell.
[[nodiscard]] inline std::string terminal_maze(const Maze& answer, const Maze& before, bool colours) {
  std::string out;
  for (std::size_t i = 0; i < answer.size(); ++i) {
    const char c = answer.cells[i];
    if (!colours) {
      out.push_back(c);
    } else if (c == '#') {
      detail::paint(out, detail::cell_changed(answer.cells, before.cells, i) ? "41" : "100", "  ");
    } else {
      const bool changed = detail::cell_changed(answer.cells, before.cells, i);
      const std::array<char, 2> text{c, ' '};
      detail::paint(out,
                    c == 'o'  ? (changed ? "30;43" : "33")
                    : changed ? "2;43"
                              : "1;32",
                    std::string_view(text.data(), 2));
    }
    if ((i + 1) % answer.cols == 0) out.push_back('\n');
  }
  return out;
}

/// The usual colours of ARC.
[[nodiscard]] constexpr Colour arc_colour(std::size_t index) noexcept {
  constexpr std::array<std::uint32_t, arc_colours> rgb{0x000000, 0x0074d9, 0xff4136, 0x2ecc40, 0xffdc00,
                                                       0xaaaaaa, 0xf012be, 0xff851b, 0x7fdbff, 0x870c25};
  return colour(rgb[index % arc_colours]);
}

/// An ARC grid as lines of text: digits, with colours on their colour and two columns a cell.
[[nodiscard]] inline std::string terminal_arc(const ArcGrid& grid, bool colours) {
  std::string out;
  for (std::size_t i = 0; i < grid.cells.size(); ++i) {
    const char digit = static_cast<char>('0' + grid.cells[i]);
    if (colours) {
      const Colour c = arc_colour(grid.cells[i]);
      detail::paint(out, "48;2;" + std::to_string(c.red) + ";" + std::to_string(c.green) + ";" + std::to_string(c.blue),
                    "  ");
    } else {
      out.push_back(digit);
    }
    if ((i + 1) % grid.cols == 0) out.push_back('\n');
  }
  return out;
}

/// A Sudoku as a picture, 36 pixels a cell: givens black, the model's digits blue, conflicts red, changed cells on
/// yellow; `caption` below (may be empty).
[[nodiscard]] inline Picture draw_sudoku(const SudokuShape& shape, std::span<const std::uint8_t> puzzle,
                                         std::span<const std::uint8_t> answer, std::span<const std::uint8_t> before,
                                         std::string_view caption = {}) {
  constexpr double cell = 36, edge = 12;
  const double side = cell * static_cast<double>(shape.side);
  Picture picture{side + 2 * edge, side + 2 * edge + (caption.empty() ? 0 : 24), {}};
  picture.rectangle(0, 0, picture.width, picture.height, colour(0xffffff));
  const auto conflicts = sudoku_conflicts(shape, answer);
  for (std::size_t i = 0; i < answer.size(); ++i) {
    const double x = edge + cell * static_cast<double>(shape.col(i));
    const double y = edge + cell * static_cast<double>(shape.row(i));
    if (detail::cell_changed(answer, before, i)) picture.rectangle(x, y, cell, cell, colour(0xfff2a8));
    if (answer[i] == 0) continue;
    const Colour ink = conflicts[i] != 0 ? colour(0xd0021b) : puzzle[i] != 0 ? colour(0x111111) : colour(0x1f5fbf);
    const char digit = sudoku_char(answer[i]);
    picture.text(x + cell / 2, y + cell / 2, 22, std::string_view(&digit, 1), ink, puzzle[i] != 0);
  }
  for (std::size_t k = 0; k <= shape.side; ++k) {
    const double at = edge + cell * static_cast<double>(k);
    const double row = k % shape.box_rows == 0 ? 2 : 0.5;
    const double col = k % shape.box_cols == 0 ? 2 : 0.5;
    picture.line(edge, at, edge + side, at, row, colour(0x333333));
    picture.line(at, edge, at, edge + side, col, colour(0x333333));
  }
  if (!caption.empty()) picture.text(picture.width / 2, side + 2 * edge + 8, 12, caption, colour(0x333333));
  return picture;
}

/// A maze as a picture, 16 pixels a cell; what differs from `puzzle` where it must not is red, changed cells are paler.
[[nodiscard]] inline Picture draw_maze(const Maze& puzzle, const Maze& answer, const Maze& before,
                                       std::string_view caption = {}) {
  constexpr double cell = 16, edge = 8;
  Picture picture{cell * static_cast<double>(answer.cols) + 2 * edge,
                  cell * static_cast<double>(answer.rows) + 2 * edge + (caption.empty() ? 0 : 24),
                  {}};
  picture.rectangle(0, 0, picture.width, picture.height, colour(0xffffff));
  for (std::size_t i = 0; i < answer.size(); ++i) {
    const char c = answer.cells[i];
    const char was = puzzle.size() == answer.size() ? puzzle.cells[i] : c;
    const bool changed = detail::cell_changed(answer.cells, before.cells, i);
    const bool wrong = c != was && !((was == ' ' || was == 'o') && (c == ' ' || c == 'o'));
    Colour fill = colour(0xffffff);
    if (c == '#') fill = colour(0x3b4252);
    if (c == 'o') fill = changed ? colour(0xffe08a) : colour(0xf5b700);
    if (c == ' ' && changed) fill = colour(0xeeeeee);
    if (c == 'S') fill = colour(0x2e9e4f);
    if (c == 'G') fill = colour(0x1f5fbf);
    if (wrong) fill = colour(0xd0021b);
    if (fill == colour(0xffffff)) continue;
    const std::size_t row = i / answer.cols;
    const double x = edge + cell * static_cast<double>(i % answer.cols);
    const double y = edge + cell * static_cast<double>(row);
    picture.rectangle(x, y, cell, cell, fill);
    if (c == 'S' || c == 'G') {
      picture.text(x + cell / 2, y + cell / 2, 12, std::string_view(&c, 1), colour(0xffffff), true);
    }
  }
  if (!caption.empty()) picture.text(picture.width / 2, picture.height - 14, 12, caption, colour(0x333333));
  return picture;
}

/// An ARC grid as a picture of at most `size` pixels, cells of equal size with thin gaps.
[[nodiscard]] inline Picture draw_arc_grid(const ArcGrid& grid, double size) {
  const double cell = grid.empty() ? size : size / static_cast<double>(std::max(grid.rows, grid.cols));
  Picture picture{cell * static_cast<double>(grid.cols), cell * static_cast<double>(grid.rows), {}};
  picture.rectangle(0, 0, picture.width, picture.height, colour(0x555555));
  const double gap = std::min(1.0, cell / 10);
  for (std::size_t i = 0; i < grid.cells.size(); ++i) {
    const std::size_t row = i / grid.cols;
    picture.rectangle(cell * static_cast<double>(i % grid.cols) + gap / 2, cell * static_cast<double>(row) + gap / 2,
                      cell - gap, cell - gap, arc_colour(grid.cells[i]));
  }
  return picture;
}

/// A task with what was tried: a row for each training pair, then one for each test input with both attempts and, where
/// known, the truth; a right attempt has a green bar above it, a wrong one a red bar.
[[nodiscard]] inline Picture draw_arc_task(const ArcTask& task, std::span<const ArcAttempts> attempts) {
  constexpr double size = 150, gap = 20, bar = 5;
  constexpr Colour ink = colour(0x333333);
  const double rows = static_cast<double>(task.train.size() + task.test.size());
  Picture picture{4 * (size + gap) + gap, 60 + rows * (size + 2 * gap) + gap, {}};
  picture.rectangle(0, 0, picture.width, picture.height, colour(0xffffff));
  picture.text(picture.width / 2, 20, 16, task.id, ink, true);
  double y = 60;
  const auto put = [&](std::size_t column, const ArcGrid& grid, std::string_view title) {
    const double x = gap + static_cast<double>(column) * (size + gap);
    picture.text(x + size / 2, y - 14, 12, title, ink);
    if (!grid.empty()) picture.add(draw_arc_grid(grid, size), x, y);
  };
  for (const ArcPair& pair : task.train) {
    put(0, pair.input, "input");
    put(1, pair.output, "output");
    y += size + 2 * gap;
  }
  for (std::size_t i = 0; i < task.test.size(); ++i) {
    put(0, task.test[i].input, "test input");
    const ArcGrid& truth = task.test[i].output;
    if (i < attempts.size()) {
      std::size_t column = 1;
      for (const ArcGrid* attempt : {&attempts[i].first, &attempts[i].second}) {
        if (!truth.empty()) {
          picture.rectangle(gap + static_cast<double>(column) * (size + gap), y - bar - 1, size, bar,
                            *attempt == truth ? colour(0x2e9e4f) : colour(0xd0021b));
        }
        put(column, *attempt, column == 1 ? "attempt 1" : "attempt 2");
        ++column;
      }
    }
    if (!truth.empty()) put(3, truth, "truth");
    y += size + 2 * gap;
  }
  return picture;
}

}  // namespace hrm
