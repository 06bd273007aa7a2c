#pragma once
/// ARC-AGI: grids and the 30 x 30 canvas that models read and write, and the augmentations with their names and
/// inverses. Tasks as files stand in arc_task.hpp, voting and scoring in arc_vote.hpp.

#include <hrm/base/error.hpp>
#include <hrm/base/types.hpp>
#include <hrm/puzzles/symmetry.hpp>

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

namespace hrm {

inline constexpr std::size_t arc_side = 30;                     ///< of the canvas, and the largest grid
inline constexpr std::size_t arc_tokens = arc_side * arc_side;  ///< positions of the canvas
inline constexpr std::size_t arc_colours = 10;                  ///< 0 is black
inline constexpr std::size_t arc_vocab = arc_colours + 2;       ///< 0 padding, 1 end marker, 2 .. 11 colours
inline constexpr Token arc_end = 1;
inline constexpr Token arc_first_colour = 2;

/// A rectangle of colours, row by row; empty (0 x 0) where there is none.
struct ArcGrid {
  std::size_t rows = 0;
  std::size_t cols = 0;
  std::vector<std::uint8_t> cells;

  [[nodiscard]] bool empty() const noexcept { return cells.empty(); }
  bool operator==(const ArcGrid&) const = default;
};

/// The canvas of a grid, with its upper left corner at (row, col) (training shifts it): the colours, below them a row
/// and to their right a column of end markers where these lie on the canvas, all else padding. The grid has to fit.
[[nodiscard]] inline std::vector<Token> arc_canvas(const ArcGrid& grid, std::size_t row = 0, std::size_t col = 0) {
  HRM_ASSERT(row + grid.rows <= arc_side && col + grid.cols <= arc_side);
  std::vector<Token> canvas(arc_tokens);
  for (std::size_t r = 0; r < grid.rows; ++r) {
    for (std::size_t c = 0; c < grid.cols; ++c) {
      canvas[(row + r) * arc_side + col + c] = grid.cells[r * grid.cols + c] + arc_first_colour;
    }
  }
  if (const std::size_t below = row + grid.rows; below < arc_side) {
    for (std::size_t c = 0; c < grid.cols; ++c) canvas[below * arc_side + col + c] = arc_end;
  }
  if (const std::size_t right = col + grid.cols; right < arc_side) {
    for (std::size_t r = 0; r < grid.rows; ++r) canvas[(row + r) * arc_side + right] = arc_end;
  }
  return canvas;
}

/// The grid on a canvas whose upper left corner is at (row, col): the rectangle of the largest area from there that
/// holds nothing but colours (of equal ones the lowest). So a missing end marker does no harm where padding follows,
/// and a canvas with no colour in that corner gives the empty grid.
[[nodiscard]] inline ArcGrid arc_crop(std::span<const Token> canvas, std::size_t row = 0, std::size_t col = 0) {
  HRM_ASSERT(canvas.size() == arc_tokens && row < arc_side && col < arc_side);
  const auto coloured = [&](std::size_t r, std::size_t c) {
    const Token token = canvas[r * arc_side + c];
    return token >= arc_first_colour && token < static_cast<Token>(arc_vocab);
  };
  ArcGrid grid;
  std::size_t width = arc_side - col;  // of the widest rectangle that reaches down to row r
  for (std::size_t r = row; r < arc_side && width > 0; ++r) {
    std::size_t c = 0;
    while (c < width && coloured(r, col + c)) ++c;
    width = c;
    if ((r - row + 1) * width > grid.rows * grid.cols) {
      grid.rows = r - row + 1;
      grid.cols = width;
    }
  }
  grid.cells.resize(grid.rows * grid.cols);
  for (std::size_t r = 0; r < grid.rows; ++r) {
    for (std::size_t c = 0; c < grid.cols; ++c) {
      grid.cells[r * grid.cols + c] =
          static_cast<std::uint8_t>(canvas[(row + r) * arc_side + col + c] - arc_first_colour);
    }
  }
  return grid;
}

/// One of the eight symmetries of the square (see symmetry.hpp), then a renaming of colours that keeps black.
struct ArcAugmentation {
  std::size_t kind = 0;
  std::array<std::uint8_t, arc_colours> colours{0, 1, 2, 3, 4, 5, 6, 7, 8, 9};

  [[nodiscard]] ArcGrid apply(const ArcGrid& grid) const { return recoloured(turned(grid, kind), colours); }
  /// Takes apply() back.
  [[nodiscard]] ArcGrid undo(const ArcGrid& grid) const {
    std::array<std::uint8_t, arc_colours> back{};
    for (std::size_t c = 0; c < arc_colours; ++c) back[colours[c]] = static_cast<std::uint8_t>(c);
    return turned(recoloured(grid, back), square_inverse(kind));
  }

  /// As identifiers.json has it behind the task's name and an underscore: "t3_0213456789".
  [[nodiscard]] std::string name() const {
    std::string text = "t";
    text.push_back(static_cast<char>('0' + kind));
    text.push_back('_');
    for (const std::uint8_t colour : colours) text.push_back(static_cast<char>('0' + colour));
    return text;
  }

  /// As permutations of positions and tokens, for a square canvas that is full.
  [[nodiscard]] Symmetry symmetry(std::size_t side = arc_side) const {
    Symmetry symmetry = square_symmetry(kind, side, arc_vocab);
    for (std::size_t c = 0; c < arc_colours; ++c) symmetry.tokens[c + 2] = colours[c] + 2;
    return symmetry;
  }

  bool operator==(const ArcAugmentation&) const = default;

 private:
  [[nodiscard]] static ArcGrid turned(const ArcGrid& grid, std::size_t kind) {
    ArcGrid out{square_turns(kind) ? grid.cols : grid.rows, square_turns(kind) ? grid.rows : grid.cols, {}};
    for (const std::uint32_t from : square_positions(kind, grid.rows, grid.cols)) out.cells.push_back(grid.cells[from]);
    return out;
  }
  [[nodiscard]] static ArcGrid recoloured(ArcGrid grid, const std::array<std::uint8_t, arc_colours>& to) {
    for (std::uint8_t& cell : grid.cells) cell = to[cell];
    return grid;
  }
};

/// A random augmentation; black stays black.
[[nodiscard]] inline ArcAugmentation random_arc_augmentation(Random& random) {
  ArcAugmentation augmentation;
  augmentation.kind = static_cast<std::size_t>(random.below(square_symmetries));
  random.shuffle(std::span(augmentation.colours).subspan(1));
  return augmentation;
}

/// A puzzle identifier taken apart.
struct ArcIdentifier {
  std::string_view task;         ///< a view of the name
  ArcAugmentation augmentation;  ///< none where the name is the task's own
};

/// Takes "TASK" or "TASK_t3_0213456789" apart, "|||" may stand for "_"; nothing if what follows the task is no such
/// augmentation. (A task's own name may hold such signs: who knows the tasks looks for the whole name first.)
[[nodiscard]] inline std::optional<ArcIdentifier> parse_arc_identifier(std::string_view name) noexcept {
  for (const std::string_view sign : {"|||", "_"}) {
    if (name.find(sign) == std::string_view::npos) continue;
    const std::size_t tail = sign.size() + 2 + sign.size() + arc_colours;  // sign, "t3", sign and the colours
    if (name.size() <= tail) return std::nullopt;
    ArcIdentifier identifier{name.substr(0, name.size() - tail), {}};
    std::string_view text = name.substr(name.size() - tail);
    if (!text.starts_with(sign)) return std::nullopt;
    text.remove_prefix(sign.size());
    if (text[0] != 't' || text[1] < '0' || text[1] > '7') return std::nullopt;
    identifier.augmentation.kind = static_cast<std::size_t>(text[1] - '0');
    text.remove_prefix(2);
    if (!text.starts_with(sign)) return std::nullopt;
    text.remove_prefix(sign.size());
    std::array<bool, arc_colours> seen{};
    for (std::size_t c = 0; c < arc_colours; ++c) {
      const char digit = text[c];
      if (digit < '0' || digit > '9' || seen[static_cast<std::size_t>(digit - '0')]) return std::nullopt;
      seen[static_cast<std::size_t>(digit - '0')] = true;
      identifier.augmentation.colours[c] = static_cast<std::uint8_t>(digit - '0');
    }
    return identifier;
  }
  return ArcIdentifier{name, {}};
}

}  // namespace hrm
