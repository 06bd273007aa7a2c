#pragma once
/// Puzzles drawn: as text for a terminal (with colours or without), and as pictures.

#include <hrm/puzzles/arc_vote.hpp>
#include <hrm/puzzles/maze.hpp>
#include <hrm/puzzles/picture.hpp>
#include <hrm/puzzles/sudoku.hpp>

#include <cmath>

namespace hrm {

namespace detail {

/// Whether cell i differs from what it was; `before` may be empty (nothing was).
template <class Cells>
[[nodiscard]] bool cell_changed(const Cells& now, const Cells& before, std::size_t i) noexcept {
  return before.size() == now.size() && before[i] != now[i];
}

/// Cells that break a rule, and givens that became something else.
[[nodiscard]] inline std::vector<std::uint8_t> sudoku_wrong(const SudokuShape& shape,
                                                            std::span<const std::uint8_t> puzzle,
                                                            std::span<const std::uint8_t> answer) {
  auto wrong = sudoku_conflicts(shape, answer);
  for (std::size_t i = 0; i < wrong.size(); ++i) {
    if (puzzle[i] != 0 && puzzle[i] != answer[i]) wrong[i] = 1;
  }
  return wrong;
}

inline void paint(std::string& out, std::string_view code, std::string_view text) {
  out.append("\x1b[").append(code).append("m").append(text).append("\x1b[0m");
}

}  // namespace detail

/// A Sudoku as lines of text. `puzzle` has the givens, `before` what the cells were one step ago (or nothing). With
/// colours givens are bold, changed cells stand on yellow and conflicts and lost givens are red (white on red where
/// they changed); without, a changed cell has a `*` before it and a wrong one a `!`.
[[nodiscard]] inline std::string terminal_sudoku(const SudokuShape& shape, std::span<const std::uint8_t> puzzle,
                                                 std::span<const std::uint8_t> answer,
                                                 std::span<const std::uint8_t> before, bool colours) {
  const auto wrong = detail::sudoku_wrong(shape, puzzle, answer);
  std::string rule;
  for (std::size_t s = shape.side / shape.box_cols; s > 0; --s) rule += "+" + std::string(2 * shape.box_cols + 1, '-');
  rule += "+\n";
  std::string out;
  for (std::size_t i = 0; i < answer.size(); ++i) {
    if (shape.col(i) == 0 && shape.row(i) % shape.box_rows == 0) out += rule;
    if (shape.col(i) % shape.box_cols == 0) out += shape.col(i) == 0 ? "|" : " |";
    const bool changed = detail::cell_changed(answer, before, i);
    const char digit = sudoku_char(answer[i]);
    const std::string_view text(&digit, 1);
    if (!colours) {
      out.push_back(wrong[i] != 0 ? '!' : changed ? '*' : ' ');
      out.push_back(digit);
    } else {
      out.push_back(' ');
      const std::string_view look = wrong[i] != 0 ? (changed ? "97;41" : "31") : changed ? "30;43" : "36";
      detail::paint(out, puzzle[i] == 0 ? look : wrong[i] != 0 ? "1;31" : "1", text);
    }
    if (shape.col(i) + 1 == shape.side) out += " |\n";
  }
  return out + rule;
}

/// A maze, whole(), as lines of text: without colours the characters themselves, with colours two columns a cell.
[[nodiscard]] inline std::string terminal_maze(const Maze& answer, const Maze& before, bool colours) {
  HRM_ASSERT(answer.whole());
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

/// What stands below the picture of a thought.
struct Caption {
  std::string_view text;       ///< one line; where it is empty nothing stands there
  std::optional<double> sure;  ///< sigmoid(q_halt): the share of a bar that is filled
  bool halts = false;          ///< the model stops here: the bar is green
};

namespace detail {

/// An empty picture with room for a grid of this size, for what stands below, and an edge around; where the grid
/// begins.
struct Frame {
  Picture picture;
  double x = 0, y = 0;
};

inline Frame frame(double width, double height, const Caption& caption) {
  constexpr double edge = 12, least = 216;  // so wide that a caption has room
  constexpr Colour ink = colour(0x333333);
  const bool below = !caption.text.empty();
  const double room = below ? std::max(width, least) : width;
  Frame out{{room + 2 * edge, height + 2 * edge + (below ? 44 : 0), {}}, edge + (room - width) / 2, edge};
  out.picture.rectangle(0, 0, out.picture.width, out.picture.height, colour(0xffffff));
  if (!below) return out;
  out.picture.text(out.picture.width / 2, edge + height + 18, 13, caption.text, ink);
  if (!caption.sure) return out;
  constexpr double name = 34, number = 44, high = 8;
  const double y = edge + height + 40;
  const double bar = room - name - number;
  out.picture.text(edge, y, 12, "sure", ink, false, Picture::Anchor::start);
  out.picture.rectangle(edge + name, y - high / 2, bar, high, colour(0xe5e7eb));
  out.picture.rectangle(edge + name, y - high / 2, bar * *caption.sure, high,
                        caption.halts ? colour(0x2e9e4f) : colour(0x1f5fbf));
  out.picture.text(edge + room, y, 12, format_number(100 * *caption.sure, 0) + " %", ink, false, Picture::Anchor::end);
  return out;
}

}  // namespace detail

/// A Sudoku as a picture, 36 pixels a cell: givens black, the model's digits blue, conflicts and lost givens red,
/// changed cells on yellow.
[[nodiscard]] inline Picture draw_sudoku(const SudokuShape& shape, std::span<const std::uint8_t> puzzle,
                                         std::span<const std::uint8_t> answer, std::span<const std::uint8_t> before,
                                         const Caption& caption = {}) {
  constexpr double cell = 36;
  const double side = cell * static_cast<double>(shape.side);
  auto [picture, left, top] = detail::frame(side, side, caption);
  const auto wrong = detail::sudoku_wrong(shape, puzzle, answer);
  for (std::size_t i = 0; i < answer.size(); ++i) {
    const double x = left + cell * static_cast<double>(shape.col(i));
    const double y = top + cell * static_cast<double>(shape.row(i));
    if (detail::cell_changed(answer, before, i)) picture.rectangle(x, y, cell, cell, colour(0xfff2a8));
    if (answer[i] == 0) continue;
    const Colour ink = wrong[i] != 0 ? colour(0xd0021b) : puzzle[i] != 0 ? colour(0x111111) : colour(0x1f5fbf);
    const char digit = sudoku_char(answer[i]);
    picture.text(x + cell / 2, y + cell / 2, 22, std::string_view(&digit, 1), ink, puzzle[i] != 0);
  }
  for (const bool thick : {false, true}) {  // thin lines first: a thick one is not cut
    for (std::size_t k = 0; k <= shape.side; ++k) {
      const double at = cell * static_cast<double>(k);
      const double width = thick ? 2 : 1;
      const Colour ink = thick ? colour(0x333333) : colour(0xb8bcc4);
      if ((k % shape.box_rows == 0) == thick) picture.line(left, top + at, left + side, top + at, width, ink);
      if ((k % shape.box_cols == 0) == thick) picture.line(left + at, top, left + at, top + side, width, ink);
    }
  }
  return picture;
}

/// A maze as a picture: walls dark, the way yellow; what differs from `puzzle` where it must not is red, cells that
/// changed are paler. Cells have 8 to 36 pixels, fewer in larger mazes. `answer` is whole().
[[nodiscard]] inline Picture draw_maze(const Maze& puzzle, const Maze& answer, const Maze& before,
                                       const Caption& caption = {}) {
  HRM_ASSERT(answer.whole());
  constexpr Colour free = colour(0xffffff);
  const auto longest = static_cast<double>(std::max<std::size_t>({answer.rows, answer.cols, 1}));
  const double cell = std::clamp(std::floor(320 / longest), 8.0, 36.0);
  const double width = cell * static_cast<double>(answer.cols);
  auto [picture, left, top] = detail::frame(width, cell * static_cast<double>(answer.rows), caption);
  const auto fill = [&](std::size_t i) {
    const char c = answer.cells[i];
    const char was = puzzle.size() == answer.size() ? puzzle.cells[i] : c;
    const bool changed = detail::cell_changed(answer.cells, before.cells, i);
    if (c != was && !((was == ' ' || was == 'o') && (c == ' ' || c == 'o'))) return colour(0xd0021b);
    if (c == '#') return colour(0x3b4252);
    if (c == 'o') return changed ? colour(0xffe08a) : colour(0xf5b700);
    if (c == 'S') return colour(0x2e9e4f);
    if (c == 'G') return colour(0x1f5fbf);
    return changed ? colour(0xeceef1) : free;
  };
  for (std::size_t i = 0; i < answer.size();) {  // neighbours of one colour as one: fewer shapes, and no seams
    std::size_t end = i + 1;
    while (end % answer.cols != 0 && fill(end) == fill(i)) ++end;
    const double x = left + cell * static_cast<double>(i % answer.cols);
    const std::size_t row = i / answer.cols;
    const double y = top + cell * static_cast<double>(row);
    if (fill(i) != free) picture.rectangle(x, y, cell * static_cast<double>(end - i), cell, fill(i));
    i = end;
  }
  for (std::size_t i = 0; i < answer.size(); ++i) {
    const char c = answer.cells[i];
    if (c != 'S' && c != 'G') continue;
    const std::size_t row = i / answer.cols;
    picture.text(left + cell * (static_cast<double>(i % answer.cols) + 0.5),
                 top + cell * (static_cast<double>(row) + 0.5), cell * 0.6, std::string_view(&c, 1), colour(0xffffff),
                 true);
  }
  return picture;
}

/// An ARC grid as a picture, `cell` pixels a cell with thin gaps between.
[[nodiscard]] inline Picture draw_arc_grid(const ArcGrid& grid, double cell) {
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
/// known, the truth; a right attempt has a green bar above it, a wrong one a red bar. Within a row all grids have cells
/// of one size.
[[nodiscard]] inline Picture draw_arc_task(const ArcTask& task, std::span<const ArcAttempts> attempts) {
  constexpr double size = 160, gap = 20, most = 32, bar = 4, head = 26;  // of a column, between them, of a cell, ..
  constexpr Colour ink = colour(0x333333), faint = colour(0x888888);
  constexpr double width = 4 * (size + gap) + gap;
  Picture picture{width, 0, {}};
  picture.rectangle(0, 0, width, 0, colour(0xffffff));  // its height is known at the end
  picture.text(width / 2, 22, 16, task.id, ink, true);
  double y = 44;
  double cell = most;
  double high = 0;  // of the row
  const auto begin_row = [&](std::initializer_list<const ArcGrid*> grids) {
    double longest = 1;
    double rows = 1;
    for (const ArcGrid* grid : grids) {
      longest = std::max(longest, static_cast<double>(std::max(grid->rows, grid->cols)));
      rows = std::max(rows, static_cast<double>(grid->rows));
    }
    cell = std::min(most, size / longest);
    high = std::max(rows * cell, 24.0);
  };
  const auto put = [&](std::size_t column, const ArcGrid& grid, std::string_view title, std::string_view otherwise) {
    const double middle = gap + static_cast<double>(column) * (size + gap) + size / 2;
    picture.text(middle, y + 8, 12, title, ink);
    if (grid.empty()) {
      picture.text(middle, y + head + 12, 12, otherwise, faint);
    } else {
      picture.add(draw_arc_grid(grid, cell), middle - cell * static_cast<double>(grid.cols) / 2, y + head);
    }
  };
  for (std::size_t i = 0; i < task.train.size(); ++i) {
    begin_row({&task.train[i].input, &task.train[i].output});
    put(0, task.train[i].input, "example " + std::to_string(i + 1), "");
    put(1, task.train[i].output, "becomes", "");
    y += head + high + gap;
  }
  for (std::size_t i = 0; i < task.test.size(); ++i) {
    const ArcGrid& truth = task.test[i].output;
    const ArcAttempts tried = i < attempts.size() ? attempts[i] : ArcAttempts{};
    picture.line(gap, y - gap / 2, width - gap, y - gap / 2, 1, colour(0xcccccc));
    begin_row({&task.test[i].input, &truth, &tried.first, &tried.second});
    put(0, task.test[i].input, "test " + std::to_string(i + 1), "");
    std::size_t column = 1;
    for (const ArcGrid* attempt : {&tried.first, &tried.second}) {
      if (!truth.empty()) {
        picture.rectangle(gap + static_cast<double>(column) * (size + gap), y + head - bar - 3, size, bar,
                          *attempt == truth ? colour(0x2e9e4f) : colour(0xd0021b));
      }
      put(column, *attempt, column == 1 ? "attempt 1" : "attempt 2", "no answer");
      ++column;
    }
    put(3, truth, "truth", "not known");
    y += head + high + gap;
  }
  picture.height = y;
  picture.shapes[0].h = y;
  return picture;
}

}  // namespace hrm
