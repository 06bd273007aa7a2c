#pragma once
/// A model and a task small enough for tests.

#include <hrm/train/trainer.hpp>

#include <memory>

namespace hrm::train::test {

inline std::unique_ptr<ExampleSource> small_sudokus(std::uint64_t seed = 3) {
  SudokuOptions options;
  options.min_clues = 6;
  options.max_clues = 12;
  return std::make_unique<SudokuSource>(*SudokuShape::of_side(4), options, seed);
}

inline Config small_config(const ExampleSource& source) {
  Config c;
  c.sizes = {32, 2, 64, source.vocab(), 1, 1, 2, 2, 1};
  c.puzzle_emb_ndim = 32;
  c.puzzle_ids = source.puzzle_ids();
  c.seq_len = source.tokens();
  c.halt_max_steps = 4;
  return c;
}

inline TrainerOptions small_options() {
  TrainerOptions o;
  o.batch = 12;
  o.lanes = 4;
  o.seed = 5;
  o.exploration = 0.5;
  o.optimizer.rate = 1e-3;
  o.optimizer.warm_up = 2;
  o.optimizer.steps = 100;
  return o;
}

}  // namespace hrm::train::test
