/// The native archive. The first byte chooses: 0, the bytes as they are; otherwise sizes and the header's checksum are
/// put right first, so that everything behind them is reached. An archive that is taken is also loaded and tried.

#include <fuzz/fuzz.hpp>
#include <hrm/io/load.hpp>
#include <vector>

void fuzz_one(std::span<const std::byte> bytes) {
  if (bytes.empty()) return;
  std::vector<std::byte> file(bytes.begin() + 1, bytes.end());
  constexpr std::size_t sizes_at = 13;  // mark, byte order, version
  if (bytes[0] != std::byte{0} && file.size() >= sizes_at + 24) {
    const std::uint64_t size = file.size();
    std::uint64_t header = 0;
    std::memcpy(&header, file.data() + sizes_at, 8);
    std::memcpy(file.data() + sizes_at + 8, &size, 8);
    if (header >= sizes_at + 24 && header <= size) {
      const auto covered = std::span(file).first(static_cast<std::size_t>(header) - 8);
      const std::uint64_t sum = hrm::detail::archive_checksum(covered);
      std::memcpy(file.data() + header - 8, &sum, 8);
    }
  }
  auto archive = hrm::read_archive(file);
  if (!archive) return fuzz::look_at(archive.error());
  fuzz::look_at((*archive)->tensors, file);
  if (auto checked = hrm::check_archive(**archive, hrm::Source::memory(file)); !checked) fuzz::look_at(checked.error());
  for (const auto precision : {hrm::Precision::f32, hrm::Precision::bf16, hrm::Precision::int8}) {
    auto model = hrm::load(hrm::Source::memory(file), {.precision = precision});
    if (!model) fuzz::look_at(model.error());
  }
}
