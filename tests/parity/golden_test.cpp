/// Every golden case, from every file it comes in, against values computed in float64 by the reference model.
#include <doctest/doctest.h>

#include <support/places.hpp>

#include <hrm/hrm.hpp>

#include <string>

using namespace hrm;

namespace {

// float32 results are held to these; a wrong formula is off by orders of magnitude more.
constexpr float tolerance_early = 1e-4F;  // segments 1 to 4
constexpr float tolerance_late = 1e-3F;   // up to 8
constexpr float tolerance_state = 2e-3F;
// Rounding grows a thousandfold over the eight segments of sudoku_like, and which way it falls is chance: PyTorch's own
// float32 ends 8e-4 off, other instruction sets than AVX-512 up to four times that.
constexpr float tolerance_state_elsewhere = 3.2e-3F;

struct Golden {
  Source source;
  TensorTable table;

  explicit Golden(const std::string& folder) : source(Source::open(folder + "/golden.safetensors").value()) {
    table = read_safetensors(source.bytes()).value();
  }
  [[nodiscard]] const TensorView& operator[](std::string_view name) const {
    for (const TensorView& tensor : table.tensors) {
      if (tensor.name == name) return tensor;
    }
    FAIL("golden.safetensors holds no ", std::string(name));
    return table.tensors.front();
  }
  [[nodiscard]] std::vector<float> floats(std::string_view name) const {
    const TensorView& tensor = (*this)[name];
    std::vector<float> values(tensor.elements());
    CHECK(read_floats(tensor, 0, values.size(), values.data()));
    return values;
  }
  [[nodiscard]] std::vector<std::int32_t> integers(std::string_view name) const {
    const TensorView& tensor = (*this)[name];
    REQUIRE(tensor.dtype == DType::i32);
    std::vector<std::int32_t> values(tensor.elements());
    std::memcpy(values.data(), tensor.data, tensor.bytes());
    return values;
  }
};

float farthest(const float* a, const float* b, std::size_t count) {
  float most = 0.0F;
  for (std::size_t i = 0; i < count; ++i) most = std::max(most, std::abs(a[i] - b[i]));
  return most;
}

void compare(const Model& model, const Golden& golden, Executor executor) {
  const auto& shape = golden["logits"].shape;  // [M, B, S, V]
  const std::size_t segments = shape[0];
  const std::size_t batch = shape[1];
  const std::size_t length = shape[2];
  const std::size_t vocab = shape[3];
  const auto logits = golden.floats("logits");
  const auto q = golden.floats("q");
  const auto z_h = golden.floats("z_H");
  const auto z_l = golden.floats("z_L");
  const std::size_t states = golden["z_H"].shape[0];  // of every segment, or of the last alone
  const auto inputs = golden.integers("inputs");
  const auto ids = golden.integers("puzzle_identifiers");
  SolverOptions options;
  options.halting = Never{};
  options.max_segments = segments;
  options.executor = executor;
  const float tolerance_z = model.kernels().starts_with("avx512") ? tolerance_state : tolerance_state_elsewhere;
  Solver solver(model, options);
  for (std::size_t b = 0; b < batch; ++b) {
    const auto tokens = std::span<const Token>(inputs).subspan(b * length, length);
    solver.start(tokens, static_cast<std::size_t>(ids[b])).value();
    std::size_t halts_after = segments;
    for (std::size_t m = 0; m < segments; ++m) {
      solver.step();
      CAPTURE(b);
      CAPTURE(m);
      const float tolerance = m < 4 ? tolerance_early : tolerance_late;
      const float* want = logits.data() + (m * batch + b) * length * vocab;
      CHECK(farthest(solver.logits().data(), want, length * vocab) < tolerance);
      CHECK(std::abs(solver.q_halt() - q[2 * (m * batch + b)]) < tolerance);
      CHECK(std::abs(solver.q_continue() - q[2 * (m * batch + b) + 1]) < tolerance);
      if (states == segments || m + 1 == segments) {
        const std::size_t size = static_cast<std::size_t>(solver.z_h().size());
        const std::size_t at = ((states == segments ? m : 0) * batch + b) * size;
        CHECK(farthest(solver.z_h().data(), z_h.data() + at, size) < tolerance_z);
        CHECK(farthest(solver.z_l().data(), z_l.data() + at, size) < tolerance_z);
      }
      for (std::size_t s = 0; s < length; ++s) {
        std::vector<float> row(want + s * vocab, want + (s + 1) * vocab);
        const auto best = static_cast<Token>(std::max_element(row.begin(), row.end()) - row.begin());
        std::nth_element(row.begin(), row.begin() + 1, row.end(), std::greater<>());
        if (row[0] - row[1] > 2 * tolerance) CHECK(solver.prediction()[s] == best);
      }
      if (halts_after == segments && q[2 * (m * batch + b)] > q[2 * (m * batch + b) + 1]) halts_after = m + 1;
    }
    options.halting = QHalt{};
    Solver halting(model, options);
    halting.start(tokens, static_cast<std::size_t>(ids[b])).value();
    while (!halting.step()) {
    }
    CHECK(halting.segments() == halts_after);
    options.halting = Never{};
  }
}

}  // namespace

TEST_CASE("the reference's numbers, from each kind of file") {
  const std::string root = support::data("golden/");
  std::size_t files = 0;
  for (const char* name : {"rope", "learned", "two_puzzle_tokens", "sudoku_like", "bfloat16_weights"}) {
    const std::string folder = root + name;
    const Golden golden(folder);
    for (const char* file : {"", "/checkpoint", "/model.safetensors", "/published_checkpoint"}) {
      if (std::string(file) == "/published_checkpoint" && std::string(name) != "rope") continue;
      CAPTURE(folder + file);
      const Model model = load(folder + file).value();
      compare(model, golden, {});
      ++files;
    }
    ThreadPool pool(3);
    compare(load(folder).value(), golden, pool);
  }
  CHECK(files == 16);
}

TEST_CASE("the reference's numbers with another rms_norm_eps and rope_theta") {
  const std::string folder = support::data("golden/constants");
  LoadOptions options;
  options.config = folder + "/all_config.yaml";
  const Golden golden(folder);
  compare(load(support::data("golden/rope/checkpoint"), options).value(), golden, {});
}
