#pragma once
/// A puzzle with the answer that a model must give to it; archives carry one, so that a model can be tried on any
/// machine.

#include <hrm/base/shape.hpp>

#include <vector>

namespace hrm {

/// What a model computed where the test was made.
struct SelfTest {
  std::vector<Token> tokens;
  std::uint64_t puzzle_id = 0;
  std::uint32_t segments = 0;  ///< after how many, without halting
  float tolerance = 0.0F;      ///< largest difference of any value below
  std::vector<float> logits;   ///< [tokens, vocab]
  std::vector<float> q;        ///< q_halt, q_continue

  bool operator==(const SelfTest&) const = default;
};

namespace detail {

/// Multiply-adds of all tests of an archive at most: some seconds, as whoever loads the model runs them. A test of the
/// published sizes, 128 tokens through two segments, takes 2^34.
inline constexpr double max_self_test_work = 0x1p38;

/// Multiply-adds of a test; above the most for one of more than 4,096 positions or 2^22 logits and states, which would
/// take more than some hundred mebibytes.
[[nodiscard]] constexpr double self_test_work(const Config& config, std::size_t tokens, std::size_t segments) noexcept {
  constexpr double most_positions = 4096;
  constexpr double most_numbers = 0x1p22;
  constexpr double least_of_block = 0x1p17;  // what a block takes whose sizes are nothing
  const Sizes& s = config.sizes;
  const std::size_t rows = saturating_add(tokens, s.puzzle_tokens);
  const auto positions = static_cast<double>(rows);
  SegmentWork work = segment_work(s, rows);
  work.block = work.block > least_of_block ? work.block : least_of_block;
  const double numbers = positions * (static_cast<double>(s.vocab) + static_cast<double>(s.hidden));
  const bool fits = positions <= most_positions && numbers <= most_numbers;
  return fits ? static_cast<double>(segments) * work.sum() : 2 * max_self_test_work;
}

}  // namespace detail

}  // namespace hrm
