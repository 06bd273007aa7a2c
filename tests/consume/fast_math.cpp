/// Compiled with -ffast-math, under which a comparison with NaN means nothing: weights that are not finite must be
/// refused all the same.

#include <hrm/hrm.hpp>

#include <cstdint>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

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
  return plain && !quiet_nan && !signalling_nan && !infinity ? 0 : 1;
}
