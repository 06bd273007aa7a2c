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

/// A part of a trainer's state, copied.
template <class Number>
std::vector<Number> part(Trainer<>& trainer, std::string_view name) {
  std::vector<Number> out;
  trainer.state([&](std::string_view its, const auto* data, std::size_t count) {
    if constexpr (std::is_same_v<decltype(data), const Number*>) {
      if (its == name) out.assign(data, data + count);
    }
  });
  return out;
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

TEST_CASE("a step learns q_continue from the next segment, at the course's rate, and puzzle rows at theirs") {
  const auto source = test::small_sudokus();
  Config config = test::small_config(*source);
  config.halt_max_steps = 3;
  TrainerOptions options = test::small_options();
  options.exploration = 1.0;  // nothing halts after one segment
  options.halting = 0.7;
  options.optimizer.puzzle_rate = 0.02;
  options.optimizer.puzzle_decay = 0.5;
  const OptimizerOptions& o = options.optimizer;
  Trainer<> trainer(config, *source, options);
  REQUIRE(trainer.status());
  const Layout& layout = trainer.layout();
  const std::size_t hidden = config.sizes.hidden;
  const std::size_t row = layout.q_weight + hidden;
  // A q head that wants to halt here and to go on there.
  std::vector<float> begin(trainer.values().begin(), trainer.values().end());
  Random random(11);
  for (std::size_t k = 0; k < 2 * hidden; ++k)
    begin[layout.q_weight + k] = static_cast<float>(0.5 * truncated_normal(random));
  begin[layout.q_bias] = 0.25F;
  begin[layout.q_bias + 1] = -0.25F;
  for (std::size_t k = 0; k < config.puzzle_emb_ndim; ++k) begin[layout.puzzles + k] = 0.5F;
  trainer.start_from(begin);

  const auto q_of = [&](const std::vector<float>& w, const std::vector<float>& z, std::size_t s, std::size_t head) {
    double q = double(w[layout.q_bias + head]);
    for (std::size_t k = 0; k < hidden; ++k) {
      q += double(w[layout.q_weight + head * hidden + k]) * double(z[s * (z.size() / options.batch) + k]);
    }
    return q;
  };
  std::size_t halting = 0, going_on = 0, at_limit = 0;
  for (std::uint64_t n = 1; n <= 3; ++n) {
    CAPTURE(n);
    const auto w = part<float>(trainer, "weights");
    const auto z = part<float>(trainer, "z_h");
    const auto moments = part<float>(trainer, "moment1");
    const auto slots = part<std::uint64_t>(trainer, "slots");
    const StepStats stats = trainer.step();
    const auto after = part<float>(trainer, "weights");
    const auto reached = part<float>(trainer, "z_h");
    const auto first = part<float>(trainer, "moment1");
    const auto second = part<float>(trainer, "moment2");

    double loss = 0.0, bias = 0.0;
    std::vector<double> slope(hidden);
    for (std::size_t s = 0; s < options.batch; ++s) {
      if (slots[5 * s + 3] != 0) continue;  // had ended: a new puzzle came from nowhere
      const bool last = slots[5 * s + 1] + 1 == config.halt_max_steps;
      const double halt = q_of(w, reached, s, 0), next = q_of(w, reached, s, 1);
      last ? ++at_limit : halt > next ? ++halting : ++going_on;
      const double target = 1.0 / (1.0 + std::exp(-(last || halt > next ? halt : next)));
      const double share = 1.0 / (1.0 + std::exp(-q_of(w, z, s, 1)));
      loss -= target * std::log(share) + (1.0 - target) * std::log(1.0 - share);
      const double g = options.halting * (share - target) / double(options.batch);
      bias += g;
      for (std::size_t k = 0; k < hidden; ++k) slope[k] += g * double(z[s * (z.size() / options.batch) + k]);
    }
    CHECK(stats.go_on == doctest::Approx(loss).epsilon(1e-5));
    const auto gradient = [&](std::size_t i) {
      return (double(first[i]) - o.beta1 * double(moments[i])) / (1.0 - o.beta1);
    };
    CHECK(std::fabs(gradient(layout.q_bias + 1) - bias) < 1e-6);
    double off = 0.0;
    for (std::size_t k = 0; k < hidden; ++k) off = std::max(off, std::fabs(gradient(row + k) - slope[k]));
    CHECK(off < 1e-6);

    const double course = rate_course(o, n);
    const double rate = o.rate * course;
    double far = 0.0;
    for (std::size_t i = 0; i < layout.dense(); ++i) {
      const double m = double(first[i]) / (1.0 - std::pow(o.beta1, double(n)));
      const double v = double(second[i]) / (1.0 - std::pow(o.beta2, double(n)));
      const double want = double(w[i]) - rate * (o.decay * double(w[i]) + std::atan2(m, std::sqrt(v)));
      far = std::max(far, std::fabs(double(after[i]) - want));
    }
    CHECK(far < 1e-6);
    const double puzzle_rate = o.puzzle_rate * course;
    double strange = 0.0;
    for (std::size_t i = layout.puzzles; i < layout.puzzles + config.puzzle_emb_ndim; ++i) {
      const double moved = double(after[i]) - double(w[i]) * (1.0 - puzzle_rate * o.puzzle_decay);
      strange = std::max(strange, std::fabs(std::fabs(moved) - puzzle_rate));
    }
    CHECK(strange < 1e-6);
  }
  CHECK(halting > 0);
  CHECK(going_on > 0);
  CHECK(at_limit > 0);
}

TEST_CASE("a trainer does not begin again from a token, a label or a puzzle id that is none") {
  const auto source = test::small_sudokus();
  const Config config = test::small_config(*source);
  Trainer<> trainer(config, *source, test::small_options());
  trainer.step();
  const auto accepted = [&](std::string_view name, std::size_t at, auto value) {
    auto good = value;
    const auto put = [&](auto number) {
      trainer.state([&](std::string_view part, auto* data, std::size_t) {
        if constexpr (std::is_same_v<decltype(data), decltype(value)*>) {
          if (part == name) good = std::exchange(data[at], number);
        }
      });
      return trainer.begin_again();
    };
    const bool taken = put(value);
    CHECK(put(good));
    return taken;
  };
  const auto vocab = static_cast<Token>(config.sizes.vocab);
  CHECK(accepted("tokens", 3, Token{0}));
  CHECK(accepted("tokens", 3, vocab - 1));
  CHECK_FALSE(accepted("tokens", 3, vocab));
  CHECK_FALSE(accepted("tokens", 3, Token{-1}));
  CHECK(accepted("labels", 3, Token{-1}));
  CHECK_FALSE(accepted("labels", 3, vocab));
  CHECK(accepted("slots", 4, std::uint64_t{config.puzzle_ids - 1}));
  CHECK_FALSE(accepted("slots", 4, std::uint64_t{config.puzzle_ids}));
}
