#pragma once
// What the solver's benchmarks measure: the published Sudoku shape, and the work of a segment.

#include <hrm/model/weights.hpp>

#include <array>
#include <utility>

namespace bench {

inline constexpr std::array<std::pair<hrm::Precision, const char*>, 3> precisions{
    {{hrm::Precision::f32, "f32"}, {hrm::Precision::bf16, "bf16"}, {hrm::Precision::int8, "int8"}}};

/// 27 million parameters, 81 tokens and one puzzle token.
inline hrm::Config published_sudoku() {
  hrm::Config c;
  c.sizes = hrm::Sizes{512, 8, 1536, 11, 4, 4, 2, 2, 1};
  c.puzzle_ids = 1;
  c.puzzle_emb_ndim = 512;
  c.seq_len = 81;
  return c;
}

}  // namespace bench
