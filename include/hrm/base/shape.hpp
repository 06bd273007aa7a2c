#pragma once
/// The numbers that fix a model's shape, known when the program runs (DynamicShape) or when it is compiled
/// (StaticShape); the code above is written once for both.

#include <hrm/base/error.hpp>
#include <hrm/base/types.hpp>

namespace hrm {

/// Sizes of one model (paper, section 2; reference: tests/reference/hrm_torch.py, class Inner).
struct Sizes {
  std::size_t hidden = 0;         ///< H, width of z_H and z_L
  std::size_t heads = 0;          ///< attention heads; divides hidden, and hidden / heads is even
  std::size_t inner = 0;          ///< width inside the SwiGLU
  std::size_t vocab = 0;          ///< tokens, in and out
  std::size_t h_layers = 0;       ///< blocks of the H-module
  std::size_t l_layers = 0;       ///< blocks of the L-module
  std::size_t h_cycles = 0;       ///< N
  std::size_t l_cycles = 0;       ///< T
  std::size_t puzzle_tokens = 0;  ///< P, positions before the first token that hold the puzzle's embedding

  [[nodiscard]] constexpr std::size_t head_dim() const noexcept { return heads == 0 ? 0 : hidden / heads; }
  bool operator==(const Sizes&) const = default;
};

/// A shape found in a file.
struct DynamicShape {
  Sizes content;
  constexpr DynamicShape(const Sizes& sizes = {}) noexcept : content(sizes) {}  // NOLINT(google-explicit-constructor)
  [[nodiscard]] constexpr const Sizes& sizes() const noexcept { return content; }
};

/// A shape fixed in the program: `StaticShape<Sizes{.hidden = 96, ..}>`. Loading a file of another shape is an error.
template <Sizes S>
struct StaticShape {
  constexpr StaticShape() noexcept = default;
  constexpr explicit StaticShape(const Sizes&) noexcept {}
  [[nodiscard]] static constexpr Sizes sizes() noexcept { return S; }
  static_assert(S.heads > 0 && S.hidden % (2 * S.heads) == 0, "heads must divide hidden into even parts");
};

/// Largest sizes of a model: its layers a level, cycles, and the width of any matrix, which keeps every product of two
/// within 64 bits.
inline constexpr std::size_t max_layers = 1024;
inline constexpr std::size_t max_cycles = 1024;
inline constexpr std::size_t max_width = std::size_t{1} << 20;
/// Tokens of a puzzle at most, whatever a file or a caller says: what follows from a length stays far from the end of
/// 64 bits, and attention over so many would take days.
inline constexpr std::size_t max_seq_len = std::size_t{1} << 20;

enum class PositionEncoding : std::uint8_t { rope, learned };

/// All that a model's config says; read from all_config.yaml, config.json or the archive and held against the tensors.
struct Config {
  Sizes sizes;
  /// Rows of the puzzle embedding in the file, whichever of them were kept; 0 without one. Whether a puzzle id is
  /// there, the model's check(tokens, id) says.
  std::size_t puzzle_ids = 0;
  std::size_t puzzle_emb_ndim = 0;  ///< width of one row; P = ceil(puzzle_emb_ndim / hidden)
  std::size_t seq_len = 0;          ///< tokens of a puzzle; 0: the file does not say, the input's length counts
  std::size_t halt_max_steps = 16;  ///< segments that training allowed
  PositionEncoding positions = PositionEncoding::rope;
  float rms_norm_eps = 1e-5F;
  float rope_theta = 10000.0F;

  bool operator==(const Config&) const = default;
};

/// Multiply-adds of one puzzle's segment, in floating point, as a file's sizes could wrap round.
struct SegmentWork {
  double block = 0.0;   ///< of one block: linear layers and attention
  double blocks = 0.0;  ///< how many blocks a segment runs
  double heads = 0.0;   ///< lm_head
  [[nodiscard]] constexpr double sum() const noexcept { return blocks * block + heads; }
};
[[nodiscard]] constexpr SegmentWork segment_work(const Sizes& s, std::size_t positions) noexcept {
  const auto real = [](std::size_t n) { return static_cast<double>(n); };
  const double rows = real(positions);
  const double hidden = real(s.hidden);
  return {rows * hidden * (4 * hidden + 3 * real(s.inner) + 2 * rows),
          real(s.h_cycles) * (real(s.l_cycles) * real(s.l_layers) + real(s.h_layers)), rows * hidden * real(s.vocab)};
}

/// inner = expansion * hidden * 2 / 3, rounded, then up to a multiple of 256 (reference: class SwiGLU).
[[nodiscard]] constexpr std::size_t inner_size(std::size_t hidden, double expansion) noexcept {
  const double exact = expansion * static_cast<double>(hidden) * 2.0 / 3.0;
  const auto floor = static_cast<std::size_t>(exact);
  const double rest = exact - static_cast<double>(floor);  // Python's round: ties to even
  const std::size_t rounded = floor + (rest > 0.5 || (rest == 0.5 && floor % 2 == 1) ? 1 : 0);
  return round_up(rounded, 256);
}

}  // namespace hrm
