#include <hrm/solve/solve.hpp>
#include <hrm/train/evaluate.hpp>

#include <doctest/doctest.h>

#include <atomic>

#include "small.hpp"

using namespace hrm;
using namespace hrm::train;

namespace {
// Asks for the model's own answer: everything is right then.
class Echo final : public ExampleSource {
 public:
  Echo(const Model& model, const ExampleSource& base) : model_(model), base_(base) {}
  [[nodiscard]] std::size_t tokens() const noexcept override { return base_.tokens(); }
  [[nodiscard]] std::size_t vocab() const noexcept override { return base_.vocab(); }
  void make(std::uint64_t index, Example& example) const noexcept override {
    base_.make(index, example);
    SolverOptions options;
    options.halting = Never{};
    const Answer answer = solve(model_, example.tokens, options).value();
    std::copy(answer.tokens.begin(), answer.tokens.end(), example.labels.begin());
    if (index == 2) example.labels[5] = example.labels[5] == 1 ? 2 : 1;
    if (index == 3) example.labels[5] = -1;
    if (index == 7) std::fill(example.labels.begin(), example.labels.end(), -1);
  }

 private:
  Model model_;
  const ExampleSource& base_;
};
}  // namespace

TEST_CASE("counts of right cells, exact answers and segments") {
  const auto source = test::small_sudokus();
  const Config config = test::small_config(*source);
  const Layout layout(config);
  Values values(layout.size());
  initialise(layout, 8, values.span());
  const Echo echo(make_model(config, tensor_views(layout, values.span())).value(), *source);
  BatchOptions options;
  options.slots = 3;
  options.halting = Never{};
  const Evaluation found = evaluate(layout, values.span(), echo, 7, options).value();
  CHECK(found.puzzles == 7);
  CHECK(found.exact == 6);
  CHECK(found.counted == 7 * 16 - 1);
  CHECK(found.right == 7 * 16 - 2);
  CHECK(found.segments == 7 * config.halt_max_steps);
  CHECK(found.halted == 0);
  CHECK(found.mean_segments() == 4.0);
  // The eighth has no cell that counts: as if it were not there.
  CHECK(evaluate(layout, values.span(), echo, 8, options).value().puzzles == 7);
  CHECK(evaluate(layout, values.span(), echo, 8, options).value().exact == 6);
  CHECK(evaluate(layout, values.span(), echo, 8, options).value().segments == 7 * config.halt_max_steps);
  CHECK_FALSE(found.cancelled);
  // Cancelled at the first question: nothing; after some: what had come to an end.
  const Evaluation none = evaluate(layout, values.span(), echo, 7, options, []() noexcept { return false; }).value();
  CHECK(none.cancelled);
  CHECK(none.puzzles == 0);
  std::atomic<int> left = 4000;
  const auto some = [&left]() noexcept { return --left > 0; };
  std::size_t most = 0;
  for (bool cancelled = true; cancelled; left = 4000 + static_cast<int>(1000 * most)) {
    const Evaluation part = evaluate(layout, values.span(), echo, 7, options, some).value();
    cancelled = part.cancelled;
    CHECK(part.puzzles >= most);
    CHECK((part.puzzles == 7) == !cancelled);
    most = part.puzzles + 1;
  }
  values.data()[layout.q_bias] = 5.0F;  // halts at once
  options.halting = BatchOptions().halting;
  CHECK(evaluate(layout, values.span(), echo, 7, options).value().halted == 7);
  CHECK(evaluate(layout, values.span(), echo, 7, options).value().segments == 7);
  values.data()[layout.lm_head] = std::bit_cast<float>(0x7fc00000U);
  CHECK_FALSE(evaluate(layout, values.span(), echo, 1, options));
}
