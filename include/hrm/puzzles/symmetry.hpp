#pragma once
/// Symmetries: changes of a puzzle after which a solution is still one. All of them are a permutation of positions
/// with a permutation of tokens, so one type, one inverse and one way to apply them serve every task. Used to make
/// more training data, to ask a model several times (and undo the change in its answers), and in tests.

#include <hrm/base/types.hpp>
#include <hrm/puzzles/random.hpp>

#include <vector>

namespace hrm {

/// The side of the smallest square, from 1 on, that has room for so many cells.
[[nodiscard]] constexpr std::size_t square_side(std::size_t cells) noexcept {
  std::size_t side = 1;
  while (side * side < cells) ++side;
  return side;
}

/// `out[i] = tokens[in[positions[i]]]`. Tokens from `tokens.size()` on stay as they are. `View{s.positions, s.tokens}`
/// lets a model look at a puzzle through it (hrm::solve_attempts).
struct Symmetry {
  std::vector<std::uint32_t> positions;
  std::vector<Token> tokens;

  /// The one that changes nothing.
  [[nodiscard]] static Symmetry identity(std::size_t positions, std::size_t vocab) {
    Symmetry same;
    same.positions.resize(positions);
    same.tokens.resize(vocab);
    for (std::size_t i = 0; i < positions; ++i) same.positions[i] = static_cast<std::uint32_t>(i);
    for (std::size_t i = 0; i < vocab; ++i) same.tokens[i] = static_cast<Token>(i);
    return same;
  }

  /// Where a token goes.
  [[nodiscard]] Token map(Token token) const noexcept {
    const auto index = static_cast<std::size_t>(token);  // a negative token becomes one past the end
    return index < tokens.size() ? tokens[index] : token;
  }

  /// Both spans hold positions.size() tokens and do not overlap. Allocates nothing.
  void apply(std::span<const Token> in, std::span<Token> out) const noexcept {
    HRM_ASSERT(in.size() == positions.size() && out.size() == positions.size());
    for (std::size_t i = 0; i < positions.size(); ++i) out[i] = map(in[positions[i]]);
  }
  [[nodiscard]] std::vector<Token> apply(std::span<const Token> in) const {
    std::vector<Token> out(positions.size());
    apply(in, out);
    return out;
  }

  /// The symmetry that takes this one back.
  [[nodiscard]] Symmetry inverse() const {
    Symmetry back = *this;
    for (std::size_t i = 0; i < positions.size(); ++i) back.positions[positions[i]] = static_cast<std::uint32_t>(i);
    for (std::size_t i = 0; i < tokens.size(); ++i)
      back.tokens[static_cast<std::size_t>(tokens[i])] = static_cast<Token>(i);
    return back;
  }

  /// First this, then `next`; both for as many positions and tokens.
  [[nodiscard]] Symmetry then(const Symmetry& next) const {
    HRM_ASSERT(next.positions.size() == positions.size() && next.tokens.size() == tokens.size());
    Symmetry both = *this;
    for (std::size_t i = 0; i < positions.size(); ++i) both.positions[i] = positions[next.positions[i]];
    for (std::size_t i = 0; i < tokens.size(); ++i) both.tokens[i] = next.tokens[static_cast<std::size_t>(tokens[i])];
    return both;
  }

  bool operator==(const Symmetry&) const = default;
};

/// The eight symmetries of the square, numbered as the published data sets do: 0 none; 1, 2, 3 a quarter, half and
/// three quarter turn counter-clockwise; 4 left and right swapped; 5 top and bottom swapped; 6 transposed; 7 reflected
/// on the other diagonal.
inline constexpr std::size_t square_symmetries = 8;

/// The number of the symmetry that takes this one back.
[[nodiscard]] constexpr std::size_t square_inverse(std::size_t kind) noexcept {
  return kind == 1 || kind == 3 ? 4 - kind : kind;
}

/// Whether rows and columns of a rectangle change places.
[[nodiscard]] constexpr bool square_turns(std::size_t kind) noexcept { return kind == 1 || kind == 3 || kind >= 6; }

/// The positions of one of the eight for a rectangle of rows x cols (the result is cols x rows where square_turns):
/// element i of the result comes from element `square_positions(..)[i]`.
[[nodiscard]] inline std::vector<std::uint32_t> square_positions(std::size_t kind, std::size_t rows, std::size_t cols) {
  HRM_ASSERT(kind < square_symmetries);
  const std::size_t out_rows = square_turns(kind) ? cols : rows;
  const std::size_t out_cols = square_turns(kind) ? rows : cols;
  std::vector<std::uint32_t> from(rows * cols);
  for (std::size_t r = 0; r < out_rows; ++r) {
    for (std::size_t c = 0; c < out_cols; ++c) {
      const std::size_t up = out_rows - 1 - r;
      const std::size_t left = out_cols - 1 - c;
      std::size_t row = r;
      std::size_t col = c;
      switch (kind) {
        case 1:
          row = c, col = up;
          break;
        case 2:
          row = up, col = left;
          break;
        case 3:
          row = left, col = r;
          break;
        case 4:
          col = left;
          break;
        case 5:
          row = up;
          break;
        case 6:
          row = c, col = r;
          break;
        case 7:
          row = left, col = up;
          break;
        default:
          break;
      }
      from[r * out_cols + c] = static_cast<std::uint32_t>(row * cols + col);
    }
  }
  return from;
}

/// One of the eight for a square grid of tokens, which keep their meaning (mazes and the like).
[[nodiscard]] inline Symmetry square_symmetry(std::size_t kind, std::size_t side, std::size_t vocab) {
  Symmetry symmetry = Symmetry::identity(side * side, vocab);
  symmetry.positions = square_positions(kind, side, side);
  return symmetry;
}

/// A random one of the eight.
[[nodiscard]] inline Symmetry random_square_symmetry(std::size_t side, std::size_t vocab, Random& random) {
  return square_symmetry(static_cast<std::size_t>(random.below(square_symmetries)), side, vocab);
}

}  // namespace hrm
