#include <doctest/doctest.h>

#include <hrm/io/zip.hpp>
#include <support/files.hpp>
#include <support/write_torch.hpp>

namespace {

using Records = std::vector<std::pair<std::string, std::string>>;
const Records two{{"m/b", "second"}, {"m/a", std::string(300, 'x')}};

std::string error_of(const std::string& file) { return support::message_of(hrm::read_zip(support::bytes_of(file))); }
std::string flawed(const support::ZipFlaws& flaws) { return error_of(support::write_zip(two, flaws)); }

}  // namespace

TEST_CASE("CRC-32 of known texts") {
  CHECK(hrm::zip_crc(support::bytes_of("123456789")) == 0xcbf43926U);
  CHECK(hrm::zip_crc({}) == 0);
  CHECK(hrm::zip_crc(support::bytes_of("The quick brown fox jumps over the lazy dog")) == 0x414fa339U);
}

TEST_CASE("zip: stored entries with descriptors, padding and zip64 records") {
  for (const std::uint16_t flags : {std::uint16_t{0x0808}, std::uint16_t{0x0800}, std::uint16_t{0}}) {
    const std::string file = support::write_zip(two, {.flags = flags});
    const auto entries = hrm::read_zip(support::bytes_of(file));
    REQUIRE(entries.has_value());
    REQUIRE(entries->size() == 2);
    CHECK((*entries)[0].name == "m/a");
    CHECK((*entries)[0].data.size() == 300);
    CHECK((*entries)[1].name == "m/b");
    CHECK(std::string_view(reinterpret_cast<const char*>((*entries)[1].data.data()), 6) == "second");
    CHECK((*entries)[1].crc == hrm::zip_crc((*entries)[1].data));
    CHECK(((*entries)[0].data.data() - support::bytes_of(file).data()) % 64 == 0);
  }
  CHECK(hrm::read_zip(support::bytes_of(support::write_zip({})))->empty());
}

TEST_CASE("zip: a comment at the end is fine, and found") {
  std::string file = support::write_zip(two);
  file[file.size() - 2] = 5;
  CHECK(hrm::read_zip(support::bytes_of(file + "hello")).has_value());
  CHECK(!hrm::read_zip(support::bytes_of(file + "hell")));
}

TEST_CASE("zip: what is refused, by name") {
  CHECK(error_of("") == "zip: expected at least 22 bytes, found 0");
  CHECK(error_of(std::string(1000, 'P')).find("expected an end of directory record, found none") != std::string::npos);
  CHECK(flawed({.method = 8}) == "zip: m/b: expected a stored entry, found a compressed one");
  CHECK(flawed({.flags = 0x0809}) == "zip: m/b: expected a stored entry, found an encrypted one");
  CHECK(flawed({.flags = 0x0848}) == "zip: m/b: expected a stored entry, found an encrypted one");
  CHECK(flawed({.flags = 0x0828}) == "zip: m/b: expected a stored entry, found unknown flags");
  CHECK(flawed({.disk = 1}) == "zip: m/b: expected a stored entry, found one on another disk");
  CHECK(flawed({.more_size = 1}) ==
        "zip: m/b: expected sizes and checksum as the directory has them, found others in the data descriptor");
  CHECK(flawed({.more_size = 100000}) ==
        "zip: m/b: expected bytes of its own, found it overlapping the next entry or the file's end");
  CHECK(flawed({.descriptor_lies = true}) ==
        "zip: m/b: expected sizes and checksum as the directory has them, found others in the data descriptor");
  CHECK(flawed({.zip64_lies = true}) ==
        "zip: zip64 end of directory: expected it to agree with itself, found two directories");
  CHECK(flawed({.local_name_lies = true}) ==
        "zip: m/b: expected a local header like the directory's entry, found another");
  CHECK(flawed({.more_count = 1}) == "zip: directory: expected entries for its 98 bytes, found a count of 3");
  CHECK(error_of(support::write_zip({{"m/a", "1"}, {"m/a", "2"}})) ==
        "zip: m/a: expected every name once, found it twice");
}

TEST_CASE("zip: counts that no directory could hold are refused before anything is allocated") {
  std::string file = support::write_zip(two);
  const std::size_t end64 = file.size() - 22 - 20 - 56;
  for (std::size_t i = 0; i < 16; ++i) file[end64 + 24 + i] = '\x7f';  // both counts of the zip64 record
  file[file.size() - 14] = file[file.size() - 13] = '\xff';
  file[file.size() - 12] = file[file.size() - 11] = '\xff';
  CHECK(error_of(file).find("expected entries for its") != std::string::npos);
}

TEST_CASE("zip: entries that share bytes are refused") {
  // The directory's second entry is made to point to the first one's header.
  std::string file = support::write_zip({{"m/a", "1111"}, {"m/b", "2222"}}, {.flags = 0});
  const std::size_t directory = file.find("PK\x01\x02");
  const std::size_t second = file.find("PK\x01\x02", directory + 4);
  for (std::size_t i = 0; i < 4; ++i) file[second + 42 + i] = 0;
  CHECK(error_of(file) == "zip: m/a: expected bytes of its own, found it overlapping the next entry or the file's end");
}

TEST_CASE("zip: every cut of a file is an error") {
  const std::string file = support::write_zip(two);
  for (std::size_t size = 0; size < file.size(); ++size) CHECK(error_of(file.substr(0, size)) != "");
}
