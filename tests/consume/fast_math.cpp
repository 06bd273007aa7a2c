/// Compiled with -ffast-math, under which a comparison with NaN means nothing and sums are regrouped: weights that are
/// not finite must be refused all the same, and answers be equal to the bit with any neighbours and any threads.

#include <hrm/hrm.hpp>

#include <cstdint>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

namespace fs = std::filesystem;

namespace {

/// Writes the model of `from` to `to` with the last weight of every float32 tensor's data block replaced.
bool copy_with(const fs::path& from, const fs::path& to, std::uint32_t bits) {
  fs::create_directories(to);
  fs::copy_file(from / "all_config.yaml", to / "all_config.yaml", fs::copy_options::overwrite_existing);
  std::ifstream in(from / "model.safetensors", std::ios::binary);
  std::string bytes((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
  if (bytes.size() < 64) return false;
  if (bits != 0) std::memcpy(bytes.data() + bytes.size() - 4, &bits, 4);
  std::ofstream(to / "model.safetensors", std::ios::binary) << bytes;
  return true;
}

bool same(const hrm::ConstMatrixMap& a, const hrm::ConstMatrixMap& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), static_cast<std::size_t>(a.size()) * 4) == 0;
}

/// Whether every puzzle comes out of a batch, with and without a pool, as it does alone.
bool same_bits(const fs::path& folder, hrm::Precision precision) {
  hrm::LoadOptions as;
  as.precision = precision;
  const auto model = hrm::load(folder.string(), as);
  if (!model) return false;
  constexpr std::size_t count = 7;
  constexpr std::size_t length = 36;
  std::vector<std::vector<hrm::Token>> puzzles(count, std::vector<hrm::Token>(length));
  std::uint32_t random = 1;
  for (auto& puzzle : puzzles) {
    for (hrm::Token& token : puzzle) {
      random = random * 1664525U + 1013904223U;
      token = static_cast<hrm::Token>((random >> 16) % model->config().sizes.vocab);
    }
  }
  hrm::SolverOptions options;
  options.max_tokens = length;
  options.max_segments = 3;
  options.halting = hrm::Never{};
  options.noise = {0.1F, 7};
  std::vector<hrm::Solver> alone;
  for (const auto& puzzle : puzzles) {
    alone.emplace_back(*model, options);
    if (!alone.back().start(puzzle)) return false;
    while (!alone.back().step()) {
    }
  }
  hrm::ThreadPool pool(3);
  int different = 0;
  for (const bool threads : {false, true}) {
    for (const std::size_t slots : {2U, 3U, 7U}) {
      hrm::BatchOptions batch;
      batch.slots = slots;
      batch.tokens = length;
      batch.max_segments = options.max_segments;
      batch.halting = options.halting;
      batch.noise = options.noise;
      if (threads) batch.executor = pool;
      hrm::BatchSolver solver(*model, batch);
      for (std::size_t i = 0; i < slots; ++i) {
        if (!solver.add({puzzles[i], 0, i, 0})) return false;
      }
      for (std::size_t segment = 0; segment < options.max_segments; ++segment) solver.step();
      for (std::size_t i = 0; i < slots; ++i) {
        const bool equal = same(solver.z_h(i), alone[i].z_h()) && same(solver.z_l(i), alone[i].z_l()) &&
                           same(solver.logits(i), alone[i].logits()) &&
                           solver.confidence(i, 1) == alone[i].confidence(1);
        different += equal ? 0 : 1;
      }
    }
  }
  std::printf("%s: %d of 24 puzzles differ in a batch\n", std::string(model->kernels()).c_str(), different);
  return different == 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  const fs::path from = argv[1];
  const fs::path to = argv[2];
  const auto loads = [&](std::uint32_t bits) {
    if (!copy_with(from, to, bits)) return false;
    const auto model = hrm::load(to.string());
    if (!model) std::printf("%.*s\n", static_cast<int>(model.error().message().size()), model.error().message().data());
    return model.has_value();
  };
  const bool plain = loads(0);
  const bool quiet_nan = loads(0x7fc00000U);
  const bool signalling_nan = loads(0x7f800001U);
  const bool infinity = loads(0xff800000U);
  std::printf("plain %d, quiet NaN %d, signalling NaN %d, infinity %d\n", plain, quiet_nan, signalling_nan, infinity);
  bool equal = true;
  for (const auto precision : {hrm::Precision::f32, hrm::Precision::bf16, hrm::Precision::int8})
    equal &= same_bits(from, precision);
  return plain && !quiet_nan && !signalling_nan && !infinity && equal ? 0 : 1;
}
