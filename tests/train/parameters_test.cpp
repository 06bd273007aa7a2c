#include <hrm/train/parameters.hpp>

#include <support/places.hpp>

#include <doctest/doctest.h>

#include "golden.hpp"

using namespace hrm;
using namespace hrm::train;

TEST_CASE("names and shapes are the published ones, tensor for tensor") {
  for (const std::string name : {"rope", "learned", "two_puzzle_tokens"}) {
    const test::Tensors model(support::data("golden/") + name + "/model.safetensors");
    const Layout layout(test::golden_config(name));
    CHECK(layout.list().size() == model.list().size());
    Values values(layout.size());
    CHECK(read_parameters(layout, model.list(), values.span()));
    std::size_t numbers = 0;
    for (const TensorView& view : tensor_views(layout, values.span())) {
      const auto want = model.floats(std::string(view.name));
      CHECK(view.elements() == want.size());
      CHECK(std::memcmp(view.data, want.data(), want.size() * sizeof(float)) == 0);
      numbers += view.elements();
    }
    CHECK(numbers == layout.count());
    CHECK(layout.dense() <= layout.h_init);
    CHECK(layout.puzzles % 16 == 0);
  }
}

TEST_CASE("tensors that do not fit are refused by name") {
  const test::Tensors model(support::data("golden/rope/model.safetensors"));
  Config config = test::golden_config("rope");
  config.sizes.vocab = 8;
  const Layout other(config);
  Values values(other.size());
  auto read = read_parameters(other, model.list(), values.span());
  CHECK_FALSE(read);
  const std::string hidden = std::to_string(config.sizes.hidden);
  CHECK(read.error().message() == "embed_tokens.embedding_weight: expected shape [8, " + hidden + "], found [" +
                                      std::to_string(test::golden_config("rope").sizes.vocab) + ", " + hidden + "]");
  config = test::golden_config("rope");
  config.sizes.h_layers = 3;
  const Layout deeper(config);
  Values more(deeper.size());
  read = read_parameters(deeper, model.list(), more.span());
  CHECK(read.error().code() == ErrorCode::missing);
}

TEST_CASE("first weights: spread as the reference's, the q head at rest, seeds apart") {
  const Layout layout(test::golden_config("rope"));
  Values a(layout.size()), b(layout.size()), c(layout.size());
  initialise(layout, 1, a.span());
  initialise(layout, 1, b.span());
  initialise(layout, 2, c.span());
  CHECK(std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0);
  CHECK(std::memcmp(a.data(), c.data(), a.size() * sizeof(float)) != 0);
  for (const Parameter& p : layout.list()) {
    CAPTURE(p.name);
    double sum = 0, most = 0;
    for (std::size_t i = 0; i < p.size(); ++i) {
      const double x = double(a.data()[p.offset + i]);
      sum += x * x;
      most = std::max(most, std::fabs(x));
    }
    const double deviation = std::sqrt(sum / double(p.size()));
    if (p.name == "q_head.weight" || p.name == "puzzle_emb.weights") {
      CHECK(most == 0.0);
    } else if (p.name == "q_head.bias") {
      CHECK(deviation == 5.0);
    } else {
      const double want = p.rank == 1 ? 1.0 : 1.0 / std::sqrt(double(p.cols));
      CHECK(deviation == doctest::Approx(want).epsilon(p.size() > 1000 ? 0.05 : 0.4));
      CHECK(most <= 2.001 * want / 0.8796 * (p.rank == 1 ? 1.01 : 1.0));
    }
  }
}
