/// Saved solver states. The first byte chooses: 0, the bytes as they are; otherwise the mark, model, kernels and
/// checksum are put right first, so that everything behind them is reached. A state that is taken must be one that can
/// think on.

#include <fuzz/fuzz.hpp>
#include <hrm/io/config.hpp>
#include <hrm/solve/saved_state.hpp>
#include <support/make_weights.hpp>
#include <vector>

namespace {

constexpr std::size_t identity = 24;     // mark, version, fingerprint, kernels
constexpr std::size_t done_at = 72;      // not 0 inside a segment
constexpr std::size_t checksum_at = 80;  // of a header of 88 bytes

struct Fixture {
  support::Shape shape{
      .hidden = 8, .heads = 2, .h_layers = 1, .l_layers = 1, .vocab = 5, .puzzle_emb_ndim = 8, .inner = 64};
  std::vector<support::Tensor> weights = support::make_weights(shape);
  std::vector<hrm::TensorView> views = support::views_of(weights);
  hrm::Model model =
      hrm::make_model(*hrm::complete(*hrm::read_config(support::write_yaml(shape)), views), views).value();
  hrm::Solver solver{model, {.max_tokens = 6, .max_segments = 3}};
  std::vector<std::byte> valid;
  std::vector<std::byte> inside;  // a segment, for its name of the kernels

  Fixture() {
    const std::vector<hrm::Token> tokens{1, 2, 3, 4};
    fuzz::require(solver.start(tokens).has_value());
    valid = saved();
    int tiles = 0;
    static_cast<void>(solver.tick_while([&tiles]() noexcept { return tiles++ < 1; }));
    inside = saved();
  }
  [[nodiscard]] std::vector<std::byte> saved() const {
    std::vector<std::byte> bytes(hrm::SavedState::size(solver));
    fuzz::require(hrm::SavedState::save(solver, bytes).has_value());
    return bytes;
  }
};

std::uint64_t hash(std::span<const std::byte> bytes, std::uint64_t state) {
  for (std::size_t i = 0; i < bytes.size(); i += 8) {
    std::uint64_t word = 0;
    std::memcpy(&word, bytes.data() + i, bytes.size() - i < 8 ? bytes.size() - i : 8);
    state = (state ^ word) * 0x100000001b3U;
    state ^= state >> 32;
  }
  return state;
}

}  // namespace

void fuzz_one(std::span<const std::byte> bytes) {
  static Fixture fixture;
  if (bytes.empty()) return;
  std::vector<std::byte> state(bytes.begin() + 1, bytes.end());
  if (bytes[0] != std::byte{0} && state.size() >= checksum_at + 8) {
    std::uint64_t done = 0;
    std::memcpy(&done, state.data() + done_at, 8);
    std::memcpy(state.data(), (done == 0 ? fixture.valid : fixture.inside).data(), identity);
    std::memset(state.data() + checksum_at, 0, 8);
    const std::span all(state);
    const std::uint64_t sum = hash(all.subspan(checksum_at + 8), hash(all.first(checksum_at + 8), 0xcbf29ce484222325U));
    std::memcpy(state.data() + checksum_at, &sum, 8);
  }
  hrm::Solver& solver = fixture.solver;
  fuzz::require(hrm::SavedState::restore(solver, fixture.valid).has_value());
  if (auto taken = hrm::SavedState::restore(solver, state); !taken) {
    fuzz::look_at(taken.error());
    fuzz::require(fixture.saved() == fixture.valid);  // left as it was
    return;
  }
  static_cast<void>(solver.step());
  for (const hrm::Token token : solver.prediction()) fuzz::require(token >= 0 && token < 5);
}
