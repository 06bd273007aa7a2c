#pragma once
/// A puzzle with the answer that a model must give to it; archives carry one, so that a model can be tried on any
/// machine.

#include <hrm/base/types.hpp>

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

}  // namespace hrm
