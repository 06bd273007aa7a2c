#pragma once
/// How well weights solve puzzles that they were not trained on, as the library's users will run them.

#include <hrm/model/model.hpp>
#include <hrm/solve/batch_solver.hpp>
#include <hrm/train/examples.hpp>
#include <hrm/train/parameters.hpp>

namespace hrm::train {

/// What a model made of a number of puzzles.
struct Evaluation {
  std::size_t puzzles = 0;             ///< with a cell that counts; others are left out, as published
  std::size_t exact = 0;               ///< every counted cell right
  std::size_t halted = 0;              ///< by themselves, before the limit or at it
  std::size_t segments = 0;            ///< of all puzzles together
  std::size_t counted = 0, right = 0;  ///< cells
  bool cancelled = false;              ///< some puzzles are missing

  [[nodiscard]] static double share(std::size_t part, std::size_t whole) noexcept {
    return whole == 0 ? 0.0 : static_cast<double>(part) / static_cast<double>(whole);
  }
  [[nodiscard]] double exact_share() const noexcept { return share(exact, puzzles); }
  [[nodiscard]] double cell_share() const noexcept { return share(right, counted); }
  [[nodiscard]] double mean_segments() const noexcept { return share(segments, puzzles); }
};

/// Solves examples 0 .. count - 1 of a source in float32. `options`: how many at once, when to halt, who helps; its
/// length is the source's. `go_on()` is asked before every tile on every thread that helps; where it says no, what came
/// to an end before is counted. Error: the weights are no model, memory.
template <NoexceptConstCallable<bool> GoOn = NeverCancelled>
[[nodiscard]] Result<Evaluation> evaluate(const Layout& layout, std::span<const float> values,
                                          const ExampleSource& source, std::size_t count, BatchOptions options,
                                          const GoOn& go_on = {}) {
  const auto model = make_model(layout.config(), tensor_views(layout, values));
  if (!model) return model.error();
  options.tokens = source.tokens();
  BatchSolver solver(*model, options);
  if (!solver.status()) return solver.status().error();
  const std::size_t length = source.tokens();
  std::vector<Token> tokens(length);
  std::vector<Token> labels(length);
  std::size_t next = 0;
  Evaluation result;
  Result<void> status;
  const bool whole = solver.run(
      [&](Job& job) noexcept {
        if (next == count) return false;
        Example example{tokens, labels, 0};
        source.make(next, example);
        job = Job{tokens, layout.config().puzzle_emb_ndim == 0 ? 0 : example.puzzle_id, next++, 0};
        return true;
      },
      [&](const Outcome& outcome) noexcept {
        if (outcome.error != nullptr) {
          status = *outcome.error;
          return;
        }
        std::vector<Token> asked(length);  // made again rather than kept: counts can be large
        std::vector<Token> answer(length);
        Example example{asked, answer, 0};
        source.make(outcome.id, example);
        std::size_t counted = 0;
        std::size_t right = 0;
        for (std::size_t i = 0; i < length; ++i) {
          counted += answer[i] >= 0 ? 1 : 0;
          right += answer[i] >= 0 && answer[i] == outcome.tokens[i] ? 1 : 0;
        }
        if (counted == 0) return;
        ++result.puzzles;
        result.counted += counted;
        result.right += right;
        result.exact += counted == right ? 1 : 0;
        result.halted += outcome.halted ? 1 : 0;
        result.segments += outcome.segments;
      },
      go_on);
  result.cancelled = !whole;
  if (!status) return status.error();
  return result;
}

}  // namespace hrm::train
