/// The H-module and the L-module run by hand, and what is seen as a tensor. Compiled alone:
/// fwd.hpp stands first, as it needs no other.

#include <hrm/fwd.hpp>

using Named = hrm::Solver*(hrm::Model&, const hrm::Config&, hrm::BatchSolver&, hrm::ThreadPool&);

#include <doctest/doctest.h>

#include <hrm/solve/solver.hpp>
#include <hrm/tensor_views.hpp>

#include "support/random_model.hpp"

using namespace hrm;

namespace {

constexpr std::size_t puzzle_id = 1;

/// A segment's N x (T x L, H), by the modules; the bits are those of Solver::step().
template <class Weight>
void check_modules(const Config& config, std::span<const Token> tokens) {
  const test::RandomTensors tensors(config, 4);
  const auto made = make_basic_model<DynamicShape, Weight>(config, tensors.views()).value();
  const HModule<DynamicShape, Weight> h = made->h_module();
  const LModule<DynamicShape, Weight> l = made->l_module();
  CHECK(h.layers() == config.sizes.h_layers);
  CHECK(l.layers() == config.sizes.l_layers);

  SolverOptions options;
  options.halting = Never{};
  Solver solver(Model(made), options);
  solver.start(tokens, puzzle_id).value();
  Mind mind(Model(made), {tokens.size(), 1});
  mind.set_tokens(tokens.size());
  mind.set_active(1);
  REQUIRE(mind.begin(0, tokens, puzzle_id));
  const auto same = [](const ConstMatrixMap& a, const ConstMatrixMap& b) {
    return a.size() == b.size() && std::memcmp(a.data(), b.data(), static_cast<std::size_t>(a.size()) * 4) == 0;
  };
  for (std::size_t segment = 0; segment < 2; ++segment) {
    solver.step();
    for (std::size_t n = 0; n < config.sizes.h_cycles; ++n) {
      for (std::size_t t = 0; t < config.sizes.l_cycles; ++t) l.forward(mind.workspace());
      h.forward(mind.workspace());
    }
    CHECK(same(mind.z_h(0), solver.z_h()));
    CHECK(same(mind.z_l(0), solver.z_l()));
  }
}

}  // namespace

TEST_CASE("a segment is N x (T x L, H), whoever runs the modules") {
  Config config = test::small_config();
  config.sizes.h_layers = 1;
  config.sizes.h_cycles = 3;
  for (const std::size_t count : {std::size_t{16}, std::size_t{150}}) {  // one lane and two
    config.seq_len = count;
    const auto tokens = test::random_tokens(config, count, 5);
    check_modules<float>(config, tokens);
    check_modules<bfloat16>(config, tokens);
    check_modules<std::int8_t>(config, tokens);
  }
}

TEST_CASE("z_H, logits and a whole workspace as tensors") {
  const Model model = test::random_model(test::small_config());
  Solver solver(model);
  solver.start(test::random_tokens(model.config(), 16, 6), puzzle_id).value();
  solver.step();
  const ConstMatrixMap z = solver.z_h();
  const ConstTensorMap view = tensor_map(z);
  REQUIRE(view.dimension(0) == 1);
  REQUIRE(view.dimension(1) == z.rows());
  REQUIRE(view.dimension(2) == z.cols());
  CHECK(view.data() == z.data());
  CHECK(view(0, 3, 5) == z(3, 5));
  CHECK(tensor_map(solver.logits()).dimension(1) == 16);

  Mind two(model, {16, 2});
  two.set_tokens(16);
  two.set_active(2);
  const Workspace& w = two.workspace();
  REQUIRE(two.begin(0, test::random_tokens(model.config(), 16, 7), 0));
  REQUIRE(two.begin(1, test::random_tokens(model.config(), 16, 8), 2));
  const ConstTensorMap x = tensor_map(w.x, w.batch, w.positions, model.config().sizes.hidden);
  CHECK(x(1, 2, 3) == w.x[(w.positions + 2) * model.config().sizes.hidden + 3]);
  CHECK(tensor_map(two.z_h(1)).data() == tensor_map(w.z_h, w.batch, w.positions, 32).data() + w.positions * 32);
}
