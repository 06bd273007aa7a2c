/// One byte flipped, taken out or put in, at every header byte of a golden file of each format: what comes of it is an
/// error, or something that check() refuses, or the very same model.

#include <doctest/doctest.h>

#include <functional>
#include <hrm/io/load.hpp>
#include <support/files.hpp>
#include <support/places.hpp>

namespace {

using Open = std::function<hrm::Result<hrm::Checkpoint>(const std::string&)>;

struct Count {
  std::size_t errors = 0, checked = 0, same = 0;
};

/// Whether two open models are one and the same.
bool same_model(const hrm::Checkpoint& a, const hrm::Checkpoint& b) {
  if (a.config != b.config || a.tensors.size() != b.tensors.size()) return false;
  for (const hrm::TensorView& want : a.tensors) {
    const hrm::TensorView* got = b.find(want.name);
    if (got == nullptr || got->dtype != want.dtype || got->rank != want.rank || got->shape != want.shape) return false;
    if (std::memcmp(got->data, want.data, want.bytes()) != 0) return false;
    if (want.scales != nullptr && std::memcmp(got->scales, want.scales, 4 * want.shape[0]) != 0) return false;
  }
  return true;
}

void try_one(const std::string& bytes, const hrm::Checkpoint& original, const Open& open, Count& count) {
  const auto opened = open(bytes);
  if (!opened) {
    ++count.errors;
    REQUIRE(!opened.error().message().empty());
    return;
  }
  if (!hrm::check(*opened)) {
    ++count.checked;
    return;
  }
  // What is left must be the same model, or weights that no model is made of (integers in a file without checksums).
  if (!same_model(original, *opened)) {
    auto again = open(bytes);
    REQUIRE(!hrm::load(*std::move(again)));
    ++count.errors;
    return;
  }
  ++count.same;
}

/// All mutations at the bytes of [begin, end).
void mutate(const std::string& file, std::size_t begin, std::size_t end, const hrm::Checkpoint& original,
            const Open& open, Count& count) {
  for (std::size_t at = begin; at < end; ++at) {
    CAPTURE(at);
    std::string bytes = file;
    for (const int flip : {1 << (at % 8), 0xff, 0x0f}) {
      bytes[at] = static_cast<char>(file[at] ^ flip);
      try_one(bytes, original, open, count);
    }
    bytes = file;
    bytes.erase(at, 1);
    try_one(bytes, original, open, count);
    bytes.insert(at, 2, static_cast<char>(at * 37));
    try_one(bytes, original, open, count);
  }
}

const std::string golden = support::data("golden/rope/");
const std::string config = support::read_file(golden + "all_config.yaml");

hrm::Result<hrm::Checkpoint> open_golden(const std::string& bytes) {
  return hrm::open_checkpoint(hrm::Source::memory(support::bytes_of(bytes)), config);
}

}  // namespace

TEST_CASE("mutations of a safetensors header") {
  const std::string file = support::read_file(golden + "model.safetensors");
  std::uint64_t header = 0;
  std::memcpy(&header, file.data(), 8);
  const auto original = open_golden(file);
  REQUIRE(original.has_value());
  Count count;
  mutate(file, 0, 8 + header, *original, open_golden, count);
  CHECK(count.errors > 4 * header);
  CHECK(count.errors + count.checked + count.same == 5 * (8 + header));
}

TEST_CASE("mutations of a torch.save file's pickle, records and directory") {
  for (const char* name : {"published_checkpoint"}) {  // all that the other has, and more
    const std::string file = support::read_file(golden + name);
    const auto original = open_golden(file);
    REQUIRE(original.has_value());
    // The bytes that are no tensor's.
    std::vector<std::pair<std::size_t, std::size_t>> data;
    for (const hrm::TensorView& t : original->tensors) {
      const auto at = static_cast<std::size_t>(t.data - support::bytes_of(file).data());
      data.emplace_back(at, at + t.bytes());
    }
    std::sort(data.begin(), data.end());
    data.emplace_back(file.size(), file.size());
    Count count;
    std::size_t begin = 0;
    std::size_t positions = 0;
    for (const auto& [first, last] : data) {
      // Of the padding before a record every eighth byte will do: it is the most of these bytes and all alike.
      for (std::size_t at = begin; at < first; ++at) {
        if (file[at] == 'Z' && at % 8 != 0) continue;
        mutate(file, at, at + 1, *original, open_golden, count);
        ++positions;
      }
      begin = last;
    }
    CHECK(positions > 5000);
    CHECK(count.checked > 0);
    CHECK(count.same > 0);  // times and versions
    CHECK(count.errors > count.same);
  }
}

TEST_CASE("mutations of an archive, all of it") {
  const std::string file = support::read_file(support::data("archive/version_1_0.hrm"));
  const Open open = [](const std::string& bytes) {
    return hrm::open_checkpoint(hrm::Source::memory(support::bytes_of(bytes)));
  };
  const auto original = open(file);
  REQUIRE(original.has_value());
  Count count;
  mutate(file, 0, file.size(), *original, open, count);
  CHECK(count.same == 0);  // every byte counts
  CHECK(count.checked > 3000);
  CHECK(count.errors + count.checked == 5 * file.size());
}
