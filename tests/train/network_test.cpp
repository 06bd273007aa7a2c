#include <hrm/model/model.hpp>
#include <hrm/solve/solver.hpp>
#include <hrm/train/learner.hpp>

#include <doctest/doctest.h>

#include "plain.hpp"
#include "small.hpp"

using namespace hrm;
using namespace hrm::train;

TEST_CASE("a training segment's answer and wish to halt are the solver's, segment after segment") {
  const auto source = test::small_sudokus();
  for (const bool learned : {false, true}) {
    Config config = test::small_config(*source);
    config.halt_max_steps = 3;
    if (learned) config.positions = PositionEncoding::learned;
    LearnerOptions options;
    options.tokens = 16;
    options.batch = 1;
    Learner<> learner(config, options);
    const Layout& layout = learner.layout();
    initialise(layout, 3, learner.values());
    for (std::size_t i = 0; i < 64; ++i) learner.values()[layout.q_weight + i] = 0.01F * float(i % 9) - 0.03F;
    for (std::size_t i = 0; i < 32; ++i) learner.values()[layout.puzzles + i] = 0.02F * float(i % 7);
    learner.pack();
    const Model model = make_model(config, tensor_views(layout, learner.values())).value();

    std::vector<Token> tokens(16), labels(16), right(16);
    Example example{tokens, labels, 0};
    source->make(1, example);
    SolverOptions how;
    how.halting = Never{};
    how.max_tokens = 16;
    Solver solver(model, how);
    solver.start(tokens).value();
    std::vector<float> z_h(learner.positions() * 32), z_l(z_h);
    for (std::size_t r = 0; r < learner.positions(); ++r) {
      std::copy_n(learner.values().data() + layout.h_init, 32, z_h.data() + r * 32);
      std::copy_n(learner.values().data() + layout.l_init, 32, z_l.data() + r * 32);
    }
    std::vector<float> slopes(32);
    for (int segment = 0; segment < 3; ++segment) {
      solver.step();
      const auto prediction = solver.prediction();
      std::copy(prediction.begin(), prediction.end(), right.begin());
      SequenceResult result;
      SequenceBatch batch{1,          tokens.data(), right.data(), nullptr, z_h.data(),
                          z_l.data(), nullptr,       nullptr,      &result, slopes.data()};
      learner.segment(batch, {});
      CHECK(result.exact);  // the labels are the solver's own answer
      CHECK(result.counted == 16);
      CHECK(result.q_halt == doctest::Approx(solver.answer().q_halt).epsilon(1e-4));
      CHECK(result.q_continue == doctest::Approx(solver.answer().q_continue).epsilon(1e-4));
      CHECK(result.go_on == 0.0);
    }
  }
}

TEST_CASE("looking ahead gives the next segment's own values") {
  const auto source = test::small_sudokus();
  Config config = test::small_config(*source);
  LearnerOptions options;
  options.tokens = 16;
  options.batch = 2;
  Learner<> learner(config, options);
  const Layout& layout = learner.layout();
  initialise(layout, 4, learner.values());
  for (std::size_t i = 0; i < 64; ++i) learner.values()[layout.q_weight + i] = 0.02F * float(i % 5) - 0.05F;
  learner.pack();
  std::vector<Token> tokens(32), labels(32);
  for (std::size_t s = 0; s < 2; ++s) {
    Example example{std::span(tokens).subspan(16 * s, 16), std::span(labels).subspan(16 * s, 16), 0};
    source->make(s, example);
  }
  const std::size_t state = 2 * learner.positions() * 32;
  std::vector<float> z_h(state, 0.5F), z_l(state, -0.25F);
  std::vector<SequenceResult> results(2);
  const std::uint8_t last[2] = {0, 1};
  SequenceBatch batch{2,          tokens.data(), labels.data(), nullptr,        z_h.data(),
                      z_l.data(), nullptr,       last,          results.data(), nullptr};
  LossOptions loss;
  loss.target = ContinueTarget::look_ahead;
  learner.segment(batch, loss);
  const std::vector<SequenceResult> now = results;
  learner.segment(batch, {});
  for (std::size_t s = 0; s < 2; ++s) {
    const double q = double(last[s] != 0 ? results[s].q_halt : std::max(results[s].q_halt, results[s].q_continue));
    CHECK(now[s].go_on == doctest::Approx(binary_cross_entropy(double(now[s].q_continue), sigmoid(q))).epsilon(1e-4));
  }
}

TEST_CASE("labels that do not count have no part in loss, gradient or exactness") {
  const auto source = test::small_sudokus();
  Config config = test::small_config(*source);
  LearnerOptions options;
  options.tokens = 16;
  options.batch = 1;
  Learner<> learner(config, options);
  initialise(learner.layout(), 4, learner.values());
  learner.pack();
  std::vector<Token> tokens(16, 1), labels(16, -1);
  std::vector<float> z_h(learner.positions() * 32, 0.5F), z_l(z_h), slopes(32);
  SequenceResult result;
  SequenceBatch batch{1,          tokens.data(), labels.data(), nullptr, z_h.data(),
                      z_l.data(), nullptr,       nullptr,       &result, slopes.data()};
  learner.segment(batch, {});
  CHECK(result.counted == 0);
  CHECK(result.task == 0.0);
  CHECK(result.exact);
  for (const float g : learner.gradient().subspan(learner.layout().lm_head, 6 * 32)) CHECK(g == 0.0F);
  labels[3] = 2;
  learner.segment(batch, {});
  CHECK(result.counted == 1);
  CHECK(result.task > 0.0);
}

TEST_CASE("how much the halting losses count: their share of the q head's gradient, and none of the answer's") {
  const auto source = test::small_sudokus();
  const Config config = test::small_config(*source);
  LearnerOptions options;
  options.tokens = 16;
  options.batch = 1;
  Learner<> learner(config, options);
  const Layout& layout = learner.layout();
  initialise(layout, 4, learner.values());
  learner.pack();
  std::vector<Token> tokens(16), labels(16);
  Example example{tokens, labels, 0};
  source->make(1, example);
  std::vector<float> slopes(32);
  SequenceResult result;
  const auto gradient = [&](double halting, std::size_t from, std::size_t count) {
    std::vector<float> z_h(learner.positions() * 32, 0.5F), z_l(z_h.size(), -0.25F);
    SequenceBatch batch{1,          tokens.data(), labels.data(), nullptr, z_h.data(),
                        z_l.data(), nullptr,       nullptr,       &result, slopes.data()};
    LossOptions loss;
    loss.target = ContinueTarget::look_ahead;
    loss.halting = halting;
    learner.segment(batch, loss);
    const auto part = learner.gradient().subspan(from, count);
    return std::vector<float>(part.begin(), part.end());
  };
  const auto usual = gradient(0.5, layout.q_weight, 64), little = gradient(0.125, layout.q_weight, 64);
  for (std::size_t i = 0; i < usual.size(); ++i) CHECK(little[i] == doctest::Approx(0.25F * usual[i]));
  CHECK(usual[0] != 0.0F);
  for (const float g : gradient(0.0, layout.q_weight, 64)) CHECK(g == 0.0F);
  CHECK(gradient(0.0, layout.lm_head, 6 * 32) == gradient(0.5, layout.lm_head, 6 * 32));
}
