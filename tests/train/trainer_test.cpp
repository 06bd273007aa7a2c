#include <hrm/solve/pool.hpp>
#include <hrm/train/trainer.hpp>

#include <doctest/doctest.h>

#include <support/sanitized.hpp>

#include "small.hpp"

using namespace hrm;
using namespace hrm::train;

namespace {

template <class Weight = float>
std::vector<float> weights_after(std::size_t steps, const TrainerOptions& options, const ExampleSource& source) {
  Trainer<kernels::DefaultArch, Weight> trainer(test::small_config(source), source, options);
  for (std::size_t i = 0; i < steps; ++i) trainer.step();
  return {trainer.values().begin(), trainer.values().end()};
}

/// A template, so that a compiler leaves it alone where nothing is offered.
template <class Weight>
void check_rounded() {
  if constexpr (Products<kernels::DefaultArch, Weight>::offered) {
    const auto source = test::small_sudokus();
    TrainerOptions options = test::small_options();
    const auto wide = weights_after(4, options, *source);
    const auto alone = weights_after<Weight>(4, options, *source);
    ThreadPool pool(3);
    options.executor = Executor(pool);
    CHECK(weights_after<Weight>(4, options, *source) == alone);
    double off = 0;
    double moved = 0;
    const auto before = weights_after(0, options, *source);
    for (std::size_t i = 0; i < wide.size(); ++i) {
      off += std::fabs(double(alone[i]) - double(wide[i]));
      moved += std::fabs(double(wide[i]) - double(before[i]));
    }
    CHECK(alone != wide);
    CHECK(off < 0.2 * moved);
  } else {
    MESSAGE("skipped: no bfloat16 products on this instruction set");
  }
}

/// Of three Sudokus one asks for zeros everywhere and one for nothing.
class Thirds final : public ExampleSource {
 public:
  [[nodiscard]] std::size_t tokens() const noexcept override { return base_->tokens(); }
  [[nodiscard]] std::size_t vocab() const noexcept override { return base_->vocab(); }
  void make(std::uint64_t index, Example& example) const noexcept override {
    base_->make(index, example);
    if (index % 3 != 2) std::fill(example.labels.begin(), example.labels.end(), index % 3 == 0 ? 0 : -1);
  }

 private:
  std::unique_ptr<ExampleSource> base_ = test::small_sudokus();
};

}  // namespace

TEST_CASE("the same bits on one thread and on three, for both ways to value the next step") {
  const auto source = test::small_sudokus();
  for (const NextValue next : {NextValue::next_step, NextValue::look_ahead}) {
    TrainerOptions options = test::small_options();
    options.next_value = next;
    const auto alone = weights_after(6, options, *source);
    ThreadPool pool(3);
    options.executor = Executor(pool);
    CHECK(weights_after(6, options, *source) == alone);
    options.seed = 9;
    CHECK(weights_after(6, options, *source) != alone);
  }
}

TEST_CASE("in bfloat16 too: the same bits on any number of threads, and close to float32") {
  check_rounded<bfloat16>();
}

TEST_CASE("the two ways to value the next step differ, and rows a pass do not matter to what is learned") {
  const auto source = test::small_sudokus();
  TrainerOptions options = test::small_options();
  const auto step = weights_after(4, options, *source);
  options.next_value = NextValue::look_ahead;
  const auto ahead = weights_after(4, options, *source);
  CHECK(step != ahead);
  options.rows = 17;  // one sequence a pass: sums of other lengths, so not the same bits
  const auto single = weights_after(4, options, *source);
  double off = 0;
  for (std::size_t i = 0; i < single.size(); ++i) off = std::max(off, std::fabs(double(single[i]) - double(ahead[i])));
  CHECK(off < 5e-3);  // four steps of at most 1e-3 each, where a gradient's sign is a toss
}

TEST_CASE("sizes that make no model, or that no memory holds, are an error and no crash") {
  const auto source = test::small_sudokus();
  const Config good = test::small_config(*source);
  const auto code_of = [&](const Config& config, std::size_t batch) {
    TrainerOptions options = test::small_options();
    options.batch = batch;
    const Trainer<> trainer(config, *source, options);
    return trainer.status() ? ErrorCode::state : trainer.status().error().code();
  };
  CHECK(code_of(good, 2) == ErrorCode::state);
  CHECK(code_of(good, 0) == ErrorCode::value);
  CHECK(code_of(good, std::size_t{1} << 62) == ErrorCode::value);
  const auto changed = [&](std::size_t Sizes::*size, std::size_t value) {
    Config config = good;
    config.sizes.*size = value;
    return code_of(config, 2);
  };
  CHECK(changed(&Sizes::inner, 0) == ErrorCode::shape);
  CHECK(changed(&Sizes::heads, 3) == ErrorCode::shape);
  CHECK(changed(&Sizes::hidden, std::size_t{1} << 40) == ErrorCode::shape);
  CHECK(changed(&Sizes::l_layers, 1000000000) == ErrorCode::shape);
  Config wide = good;
  wide.puzzle_emb_ndim = ~std::size_t{0};
  CHECK(code_of(wide, 2) == ErrorCode::shape);
  // Of a model that is loaded none of these would be taken either.
  wide.puzzle_emb_ndim = 1000000;
  CHECK(code_of(wide, 2) == ErrorCode::shape);
  Config none = good;
  none.puzzle_ids = 0;
  CHECK(code_of(none, 2) == ErrorCode::shape);
  none = good;
  none.halt_max_steps = 0;
  CHECK(code_of(none, 2) == ErrorCode::value);
  CHECK(changed(&Sizes::inner, 100) == ErrorCode::shape);
  CHECK(changed(&Sizes::l_cycles, 0) == ErrorCode::shape);
  CHECK(changed(&Sizes::h_cycles, 0) == ErrorCode::shape);
  CHECK(changed(&Sizes::l_cycles, 100000) == ErrorCode::unsupported);
  CHECK(changed(&Sizes::puzzle_tokens, 2) == ErrorCode::shape);
  CHECK(changed(&Sizes::puzzle_tokens, 0) == ErrorCode::shape);
  if (HRM_TEST_SANITIZED == 0) CHECK(changed(&Sizes::hidden, std::size_t{1} << 20) == ErrorCode::memory);
}

TEST_CASE("slots: puzzles end at the limit or when they wish to, and are replaced") {
  const auto source = test::small_sudokus();
  TrainerOptions options = test::small_options();
  options.exploration = 0.0;
  Config config = test::small_config(*source);
  config.halt_max_steps = 3;
  Trainer<> trainer(config, *source, options);
  StepStats sum;
  for (int i = 0; i < 3; ++i) {
    const StepStats stats = trainer.step();
    CHECK(stats.sequences == options.batch);
    CHECK(stats.counted == options.batch * 16);
    CHECK(stats.ended == (i == 2 ? options.batch : 0));  // the q head begins at -5, -5: nothing halts by itself
    sum.add(stats);
  }
  CHECK(sum.ended_segments == 3 * options.batch);
  CHECK(sum.task / double(sum.sequences) == doctest::Approx(std::log(6.0)).epsilon(0.5));
  CHECK(trainer.step().ended == 0);
}

TEST_CASE("slots: right cells and exact answers are counted, puzzles that ask for nothing are not") {
  const Thirds source;
  Config config = test::small_config(source);
  config.halt_max_steps = 2;
  TrainerOptions options = test::small_options();
  options.optimizer.rate = options.optimizer.puzzle_rate = 0.0;
  Trainer<> trainer(config, source, options);
  std::vector<float> values(trainer.values().begin(), trainer.values().end());
  std::fill_n(values.data() + trainer.layout().lm_head, source.vocab() * config.sizes.hidden, 0.0F);
  trainer.start_from(values);  // answers zeros
  for (const std::uint64_t ended : {0U, 8U}) {
    const StepStats stats = trainer.step();
    CHECK(stats.sequences == 12);
    CHECK(stats.counted == 8 * 16);
    CHECK(stats.right == 4 * 16);
    CHECK(stats.exact == 4);
    CHECK(stats.task == doctest::Approx(8 * std::log(6.0)));
    CHECK(stats.ended == ended);
    CHECK(stats.ended_segments == 2 * ended);
    CHECK(stats.ended_exact == ended / 2);
  }
}

TEST_CASE("a small model learns small Sudokus") {
  const auto source = test::small_sudokus();
  TrainerOptions options = test::small_options();
  options.optimizer.rate = 2e-3;
  options.optimizer.warm_up = 20;
  options.optimizer.steps = 200;
  Trainer<> trainer(test::small_config(*source), *source, options);
  StepStats first, last;
  for (int i = 0; i < 120; ++i) {
    const StepStats stats = trainer.step();
    if (i < 10) first.add(stats);
    if (i >= 110) last.add(stats);
  }
  CHECK(last.loss() < 0.7 * first.loss());
  CHECK(double(last.right) / double(last.counted) > 0.45);
  bool finite = true;
  for (const float v : trainer.average()) finite = finite && is_finite(v);
  CHECK(finite);
}

TEST_CASE("labels can weigh differently") {
  const auto source = test::small_sudokus();
  TrainerOptions options = test::small_options();
  const auto even = weights_after(2, options, *source);
  options.label_weights.assign(6, 2.0F);
  const auto doubled = weights_after(2, options, *source);
  CHECK(even == doubled);  // only the proportions count
  options.label_weights[3] = 8.0F;
  CHECK(weights_after(2, options, *source) != even);
}

TEST_CASE("exploration: a minimum of 2 .. max_segments segments for its share of the puzzles") {
  const auto source = test::small_sudokus();
  Config config = test::small_config(*source);
  config.halt_max_steps = 6;
  struct Case {
    double exploration, mean;
  };
  for (const Case c : {Case{0.0, 1.0}, Case{0.5, 2.5}, Case{1.0, 4.0}}) {
    CAPTURE(c.exploration);
    TrainerOptions options = test::small_options();
    options.exploration = c.exploration;
    options.optimizer.rate = options.optimizer.puzzle_rate = 0.0;
    Trainer<> trainer(config, *source, options);
    std::vector<float> eager(trainer.values().begin(), trainer.values().end());
    eager[trainer.layout().q_bias] = 5.0F;  // wants to halt at once, always
    trainer.start_from(eager);
    StepStats sum;
    for (int i = 0; i < 90; ++i) {
      const StepStats stats = trainer.step();
      sum.add(stats);
      if (c.exploration == 0.0) CHECK(stats.ended == options.batch);
      if (c.exploration == 1.0 && i == 0) CHECK(stats.ended == 0);
    }
    CHECK(double(sum.ended_segments) / double(sum.ended) == doctest::Approx(c.mean).epsilon(0.1));
  }
}

TEST_CASE("the averaged weights are the running mean of the weights, which forgets fast at first") {
  const auto source = test::small_sudokus();
  TrainerOptions options = test::small_options();
  options.optimizer.average = 0.4;
  Trainer<> trainer(test::small_config(*source), *source, options);
  std::vector<double> mean(trainer.values().begin(), trainer.values().end());
  for (int n = 1; n <= 8; ++n) {
    trainer.step();
    const double keep = std::min(0.4, (1.0 + n) / (10.0 + n));
    for (std::size_t i = 0; i < mean.size(); ++i) mean[i] = keep * mean[i] + (1 - keep) * double(trainer.values()[i]);
  }
  double off = 0;
  for (std::size_t i = 0; i < mean.size(); ++i) off = std::max(off, std::fabs(mean[i] - double(trainer.average()[i])));
  CHECK(off < 1e-6);
  CHECK_FALSE(std::equal(trainer.average().begin(), trainer.average().end(), trainer.values().begin()));
}
