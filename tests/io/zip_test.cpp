#include <doctest/doctest.h>

#include <algorithm>
#include <hrm/io/zip.hpp>
#include <support/files.hpp>
#include <support/write_torch.hpp>

namespace {

using Records = std::vector<std::pair<std::string, std::string>>;
const Records two{{"m/b", "second"}, {"m/a", std::string(300, 'x')}};

std::string error_of(const std::string& file) { return support::message_of(hrm::read_zip(support::bytes_of(file))); }
std::string flawed(const support::ZipFlaws& flaws) { return error_of(support::write_zip(two, flaws)); }

constexpr std::uint32_t ones = 0xffffffffU;
constexpr std::size_t kept_size = 8;

/// Numbers of so many bytes, one after the other.
template <class T>
std::string numbers(std::initializer_list<T> values) {
  std::string out;
  for (const T value : values) support::put(out, value);
  return out;
}
/// One field among a header's extra ones.
std::string field(std::uint16_t id, const std::string& bytes) {
  return numbers({id, static_cast<std::uint16_t>(bytes.size())}) + bytes;
}

/// What a file with one entry of eight bytes, "m/kept", says of it: what zip programs other than PyTorch write.
struct Kept {
  std::uint16_t flags = 0;
  std::uint32_t crc = hrm::zip_crc(support::bytes_of("contents"));
  std::uint32_t size = kept_size, stored = kept_size, header = 0;  ///< in the directory
  std::string extra{}, comment{};
  std::uint16_t local_flags = flags, local_method = 0;
  std::uint32_t local_crc = crc, local_size = size, local_stored = stored;
  std::string local_extra{}, descriptor{};
  std::uint16_t disks[2]{}, count = 1;  ///< of the end record; how many entries are on this disk
};
std::string kept_zip(const Kept& kept) {
  const std::string name = "m/kept";
  const auto lengths = [&](const std::string& extra) {
    return numbers({static_cast<std::uint16_t>(name.size()), static_cast<std::uint16_t>(extra.size())});
  };
  std::string out = numbers({0x04034b50U}) + numbers<std::uint16_t>({10, kept.local_flags, kept.local_method, 0, 0});
  out += numbers({kept.local_crc, kept.local_stored, kept.local_size}) + lengths(kept.local_extra) + name;
  out += kept.local_extra + "contents" + kept.descriptor;
  const auto at = static_cast<std::uint32_t>(out.size());
  out += numbers({0x02014b50U}) + numbers<std::uint16_t>({10, 10, kept.flags, 0, 0, 0});
  out += numbers({kept.crc, kept.stored, kept.size}) + lengths(kept.extra);
  out += numbers<std::uint16_t>({static_cast<std::uint16_t>(kept.comment.size()), 0, 0, 0, 0});
  out += numbers({kept.header}) + name + kept.extra + kept.comment;
  const auto size = static_cast<std::uint32_t>(out.size()) - at;
  out += numbers({0x06054b50U}) + numbers({kept.disks[0], kept.disks[1], kept.count, std::uint16_t{1}});
  return out + numbers({size, at}) + numbers<std::uint16_t>({0});
}

}  // namespace

TEST_CASE("CRC-32 of known texts") {
  CHECK(hrm::zip_crc(support::bytes_of("123456789")) == 0xcbf43926U);
  CHECK(hrm::zip_crc({}) == 0);
  CHECK(hrm::zip_crc(support::bytes_of("The quick brown fox jumps over the lazy dog")) == 0x414fa339U);
}

TEST_CASE("CRC-32 of pieces is that of the whole, wherever it is cut") {
  std::string text;
  for (int i = 0; i < 50; ++i) text.push_back(static_cast<char>(37 * i + 11));
  const auto whole = support::bytes_of(text);
  for (std::size_t a = 0; a <= whole.size(); ++a) {
    for (std::size_t b = a; b <= whole.size(); ++b) {
      const std::uint32_t first = hrm::zip_crc(whole.subspan(a, b - a), hrm::zip_crc(whole.first(a)));
      CHECK(hrm::zip_crc(whole.subspan(b), first) == hrm::zip_crc(whole));
    }
  }
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
  CHECK(hrm::read_zip(support::bytes_of("PK\x05\x06" + std::string(18, '\0')))->empty());
}

TEST_CASE("zip: files of other programs, without zip64 records or with zip64 fields, and every form of descriptor") {
  const auto error = [](const Kept& kept) {
    const std::string file = kept_zip(kept);
    const auto entries = hrm::read_zip(support::bytes_of(file));
    if (!entries) return support::message_of(entries);
    REQUIRE(entries->size() == 1);
    CHECK(std::string(reinterpret_cast<const char*>((*entries)[0].data.data()), (*entries)[0].data.size()) ==
          "contents");
    return std::string();
  };
  CHECK(error({}) == "");
  CHECK(error({.comment = "kept"}) == "");
  for (const Kept& other : {Kept{.local_flags = 0x800}, Kept{.local_method = 8}})
    CHECK(error(other) == "zip: m/kept: expected a local header like the directory's entry, found another");
  const std::string misfit = "zip: m/kept: expected a zip64 field that fits, found another";
  const std::string sizes = numbers<std::uint64_t>({kept_size, kept_size});
  const std::string all = sizes + numbers<std::uint64_t>({0});
  const auto wide = [&](const std::string& extra, const std::string& local_extra) {
    return error({.size = ones, .stored = ones, .header = ones, .extra = extra, .local_extra = local_extra});
  };
  CHECK(wide(field(1, all), field(1, sizes)) == "");
  CHECK(wide(field(7, "") + field(1, all) + field(8, "more"), field(9, "x") + field(1, sizes)) == "");
  CHECK(wide(field(1, all), field(1, sizes) + field(7, "")) == "");
  CHECK(wide(field(1, all) + "pad", field(1, sizes) + "pad") == "");  // too little for a field
  CHECK(wide(field(1, sizes), field(1, sizes)) == misfit);
  CHECK(wide(field(1, all), field(1, sizes.substr(1))) == misfit);
  CHECK(wide(field(1, all) + field(1, all), field(1, sizes)) == misfit);
  CHECK(wide(field(1, all).substr(0, 27), field(1, sizes)) == misfit);
  CHECK(wide(field(1, all) + field(7, "cut").substr(0, 4), field(1, sizes)) == misfit);
  CHECK(wide("", field(1, sizes)) == "zip: m/kept: expected a local header before the directory, found it beyond");
  CHECK(wide(field(1, all), field(1, numbers<std::uint64_t>({kept_size, kept_size + 1}))) ==
        "zip: m/kept: expected sizes and checksum as the directory has them, found others in the local header");
  // Only the numbers that are all ones stand in the field.
  CHECK(error({.stored = ones, .extra = field(1, numbers<std::uint64_t>({kept_size})), .local_stored = kept_size}) ==
        "");
  CHECK(error({.size = kept_size + 1, .local_size = kept_size}) ==
        "zip: m/kept: expected a stored entry, found two sizes");

  const std::uint32_t crc = Kept{}.crc;
  const auto described = [&](const std::string& descriptor) {
    return error({.flags = 8, .local_crc = 0, .local_size = 0, .local_stored = 0, .descriptor = descriptor});
  };
  const std::string lies =
      "zip: m/kept: expected sizes and checksum as the directory has them, found others in the data descriptor";
  const std::string signature = numbers({0x08074b50U});
  const std::uint32_t size = kept_size;
  CHECK(described(signature + numbers({crc, size, size})) == "");
  CHECK(described(numbers({crc, size, size})) == "");
  CHECK(described(signature + numbers({crc}) + sizes) == "");
  CHECK(described(numbers({crc}) + sizes) == "");
  CHECK(described("") == lies);
  CHECK(described(signature + numbers({crc, size})) == lies);
  CHECK(described(signature + numbers({crc + 1, size, size})) == lies);
  CHECK(described(signature + numbers({crc, size + 1, size})) == lies);
  CHECK(described(numbers({crc, size, size + 1})) == lies);
  CHECK(error({.local_crc = 0, .local_size = 0, .local_stored = 0}).ends_with("found others in the local header"));
  // As PyTorch writes records of 4 GiB and more.
  CHECK(error({.flags = 8,
               .size = ones,
               .stored = ones,
               .extra = field(1, sizes),
               .local_crc = 0,
               .local_size = 0,
               .local_stored = 0,
               .local_extra = field(1, sizes),
               .descriptor = signature + numbers({crc}) + sizes}) == "");
  // Sizes may stand in both places, if they are the same.
  CHECK(error({.flags = 8, .descriptor = numbers({crc, size, size})}) == "");
  for (const auto& [said, said_stored] : {std::pair(1U, 0U), {0U, 1U}}) {
    CHECK(error({.flags = 8,
                 .local_crc = 0,
                 .local_size = said,
                 .local_stored = said_stored,
                 .descriptor = numbers({crc, size, size})})
              .ends_with("local header"));
  }
  CHECK(error({.flags = 8, .local_crc = 0, .descriptor = numbers({crc, size, size})}).ends_with("local header"));

  const std::string disks = "zip: end of directory: expected a stored entry, found several disks";
  CHECK(error({.disks = {1, 0}}) == disks);
  CHECK(error({.disks = {0, 1}}) == disks);
  CHECK(error({.count = 0}) == disks);
}

TEST_CASE("zip: a directory in another order than the entries") {
  std::string file = support::write_zip(two);
  const std::size_t size = 46 + 3;  // of either's entry
  char* const directory = file.data() + file.size() - 22 - 20 - 56 - 2 * size;
  std::rotate(directory, directory + size, directory + 2 * size);
  const auto entries = hrm::read_zip(support::bytes_of(file));
  REQUIRE(support::message_of(entries) == "");
  CHECK((*entries)[0].data.size() == 300);
  CHECK((*entries)[1].data.size() == 6);
}

TEST_CASE("zip: end records that contradict themselves or each other") {
  const std::string file = support::write_zip(two);
  const std::size_t end = file.size() - 22;
  const std::size_t locator = end - 20;
  const std::size_t end64 = locator - 56;
  const auto patched = [&](std::size_t at, const std::string& bytes) {
    return error_of(std::string(file).replace(at, bytes.size(), bytes));
  };
  const std::string disks = "zip: end of directory: expected a stored entry, found several disks";
  const std::string bad = "zip: zip64 end of directory: expected it to agree with itself, found ";
  CHECK(patched(end64, "x") == bad + "no such record");
  CHECK(patched(end64 + 4, numbers<std::uint64_t>({45})) == bad + "another length");
  CHECK(patched(end64 + 16, numbers({1U})) == disks);
  CHECK(patched(end64 + 20, numbers({1U})) == disks);
  CHECK(patched(end64 + 24, numbers<std::uint64_t>({1})) == disks);
  CHECK(patched(locator + 4, numbers({1U})) == disks);
  CHECK(patched(locator + 8, numbers<std::uint64_t>({end64 + 1})) == bad + "it out of the file");
  CHECK(patched(locator + 8, numbers<std::uint64_t>({locator + 1})) == bad + "it out of the file");
  CHECK(patched(locator + 8, numbers<std::uint64_t>({end64 - 1})) == bad + "no such record");
  CHECK(patched(locator + 16, numbers({0U})) == "");
  CHECK(patched(locator + 16, numbers({2U})) == disks);
  for (const std::size_t at : {end + 4, end + 6}) {
    CHECK(patched(at, "\1") == disks);
    CHECK(patched(at, "\xff\xff") == "");
  }
  CHECK(patched(end + 10, "\3") == bad + "two directories");
  CHECK(patched(end + 12, "\1") == bad + "two directories");
  CHECK(patched(end + 16, "\1") == bad + "two directories");
  CHECK(patched(end + 8, std::string(12, '\xff')) == "");
  CHECK(patched(end + 16, numbers({ones})) == "");
  // No zip64 records: the end record alone is to be believed.
  const auto plain = [&](std::size_t at, const std::string& bytes) {
    std::string cut = std::string(file).replace(at, bytes.size(), bytes);
    return error_of(cut.erase(end64, 56 + 20));
  };
  CHECK(plain(0, "P") == "");
  CHECK(plain(end + 12, std::string(1, '\0')).find("directory: expected it to end at byte") != std::string::npos);
  CHECK(plain(end + 16, std::string(4, '\xff')).find("directory: expected it to end at byte") != std::string::npos);
}

TEST_CASE("zip: a comment at the end is fine, and found") {
  std::string file = support::write_zip(two);
  file[file.size() - 2] = 5;
  CHECK(hrm::read_zip(support::bytes_of(file + "hello")).has_value());
  CHECK(!hrm::read_zip(support::bytes_of(file + "hell")));
  file[file.size() - 2] = file[file.size() - 1] = '\xff';
  CHECK(hrm::read_zip(support::bytes_of(file + std::string(65535, 'c'))).has_value());
  CHECK(!hrm::read_zip(support::bytes_of(file + std::string(65536, 'c'))));
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
  CHECK(error_of(support::write_zip({{"a", "1"}})) == "");
  for (const std::size_t size : {std::size_t{0}, std::size_t{1025}, std::size_t{65'535}})
    CHECK(error_of(support::write_zip({{std::string(size, 'n'), "1"}})) ==
          "zip: directory: expected names of 1 to 1024 bytes, found another");
  CHECK(error_of(support::write_zip({{std::string(1024, 'n'), "1"}})) == "");
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
