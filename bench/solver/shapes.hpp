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

/// 2 x multiply-adds of a puzzle's segment: linear layers and attention of every block, and the head.
inline double segment_flop(const hrm::Config& config, std::size_t positions) {
  const hrm::Sizes& s = config.sizes;
  const double blocks = static_cast<double>(s.h_cycles * (s.l_cycles * s.l_layers + s.h_layers));
  const double linear = static_cast<double>(positions * (4 * s.hidden * s.hidden + 3 * s.hidden * s.inner));
  const double attention = static_cast<double>(2 * positions * positions * s.hidden);
  return 2.0 * (blocks * (linear + attention) + static_cast<double>(positions * s.hidden * s.vocab));
}

}  // namespace bench
