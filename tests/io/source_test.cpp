#include <doctest/doctest.h>

#include <algorithm>
#include <hrm/io/source.hpp>
#include <support/files.hpp>

namespace {

std::string text_of(const hrm::Source& source) {
  return {reinterpret_cast<const char*>(source.bytes().data()), source.size()};
}

}  // namespace

TEST_CASE("Source: a file, mapped and read, holds the same bytes") {
  const support::TemporaryFolder folder;
  const std::string text(200'000, 'x');
  const std::string path = folder.write("a", text + "end");
  for (const bool map : {true, false}) {
    auto source = hrm::Source::open(path, {.map = map});
    REQUIRE(source.has_value());
    CHECK(source->mapped() == (map && HRM_MAPS_FILES != 0));
    CHECK(text_of(*source) == text + "end");
    CHECK(source->name() == path);
    const std::byte* at = source->bytes().data();
    hrm::Source moved = *std::move(source);
    CHECK(moved.bytes().data() == at);
    moved.release(at + 70000, 100000);  // the pages come back when they are looked at
    moved.release(at, moved.size());
    moved.release(at, moved.size() + 1);  // out of range: nothing
    moved.release(nullptr, 5);
    CHECK(text_of(moved) == text + "end");
    moved = hrm::Source::memory(support::bytes_of("other"));
    CHECK(text_of(moved) == "other");
  }
}

TEST_CASE("Source: bytes that are passed on come in pieces, all of them and in order") {
  const support::TemporaryFolder folder;
  std::string text(9'000'000, '\0');
  for (std::size_t i = 0; i < text.size(); ++i) text[i] = static_cast<char>(i / 1000);
  const auto mapped = hrm::Source::open(folder.write("a", text)).value();
  const auto memory = hrm::Source::memory(support::bytes_of(text));
  for (const hrm::Source* source : {&mapped, &memory}) {
    for (const std::size_t size : {std::size_t{0}, std::size_t{5}, std::size_t{8} << 20, text.size() - 3}) {
      std::string passed;
      source->pass(source->bytes().subspan(3, size), [&](std::span<const std::byte> piece) {
        CHECK(!piece.empty());
        passed.append(reinterpret_cast<const char*>(piece.data()), piece.size());
      });
      CHECK((passed == text.substr(3, size)));  // without megabytes in a message
    }
  }
}

TEST_CASE("Source: the caller's own memory is never let go") {
  hrm::Buffer block(std::size_t{4} << 20);
  std::memset(block.data(), 'x', block.size());
  hrm::Source::memory(block.bytes()).release(block.data(), block.size());
  CHECK(std::count(block.bytes().begin(), block.bytes().end(), std::byte{'x'}) == 4 << 20);
}

#if defined(__linux__)
TEST_CASE("Source: nothing stays open or mapped") {
  const support::TemporaryFolder folder;
  const std::string path = folder.write("mapped and gone", "bytes");
  const auto mapped = [&] { return support::read_file("/proc/self/maps").find(path) != std::string::npos; };
  const auto open_files = [] {
    const std::filesystem::directory_iterator files("/proc/self/fd");
    return std::distance(begin(files), end(files));
  };
  const auto before = open_files();
  {
    const auto source = hrm::Source::open(path);
    REQUIRE(source.has_value());
    CHECK(mapped());
    CHECK(open_files() == before);  // a mapping needs no descriptor
  }
  CHECK(!mapped());
  CHECK(hrm::Source::open(path, {.map = false}).has_value());
  CHECK(open_files() == before);
}
#endif

TEST_CASE("Source: a name is UTF-8 on every system") {
  const support::TemporaryFolder folder;
  const std::filesystem::path path = std::filesystem::path(folder.path()) / u8"mod\u00e8le \u6570\u72ec";
  std::ofstream(path, std::ios::binary) << "thought";
  const auto utf8 = path.u8string();
  const std::string name(utf8.begin(), utf8.end());
  for (const bool map : {true, false}) CHECK(text_of(hrm::Source::open(name, {.map = map}).value()) == "thought");
  CHECK(hrm::detail::path_kind(name) == hrm::detail::PathKind::file);
  CHECK(hrm::detail::take_place(name, name + "\xc3\xbc"));
  CHECK(hrm::detail::path_kind(name) == hrm::detail::PathKind::none);
  CHECK(text_of(hrm::Source::open(name + "\xc3\xbc").value()) == "thought");
  hrm::detail::remove_file(name + "\xc3\xbc");
  CHECK(hrm::detail::path_kind(name + "\xc3\xbc") == hrm::detail::PathKind::none);
}

TEST_CASE("Source: what cannot be opened") {
  const support::TemporaryFolder folder;
  const auto error = [](const std::string& path) { return support::message_of(hrm::Source::open(path)); };
  CHECK(error(folder.path("none")) == folder.path("none") + ": file: expected a file that can be read, found none");
  CHECK(error(folder.path()) == folder.path() + ": file: expected a file that can be read, found a folder");
#if !defined(_WIN32)
  CHECK(error("/dev/zero") == "/dev/zero: file: expected a file that can be read, found a device or a pipe");
#endif
  CHECK(error(std::string("a\0b", 3)).ends_with("found a name with a zero byte"));
  CHECK(hrm::Source::open(folder.write("empty", ""))->size() == 0);
}

TEST_CASE("Source: a callback is asked piece by piece, and its failure is an error") {
  struct Context {
    std::string bytes;
    std::size_t calls = 0;
    std::size_t fail_at = 99;
  };
  const auto read = [](void* context, std::uint64_t offset, std::byte* out, std::size_t size) {
    auto& c = *static_cast<Context*>(context);
    if (c.calls++ == c.fail_at || offset + size > c.bytes.size()) return false;
    std::memcpy(out, c.bytes.data() + offset, size);
    return true;
  };
  Context context{std::string(2'500'000, 'y') + "z"};
  auto source = hrm::Source::read(read, &context, context.bytes.size(), "pak");
  REQUIRE(source.has_value());
  CHECK(context.calls == 3);
  CHECK(source->name() == "pak");
  CHECK(text_of(*source) == context.bytes);
  context.calls = 0;
  context.fail_at = 1;
  CHECK(support::message_of(hrm::Source::read(read, &context, context.bytes.size(), "pak")) ==
        "pak: file: cannot be read: expected 1048576 bytes at 1048576, found an error");
  CHECK(support::message_of(hrm::Source::read(read, &context, ~std::uint64_t{0}, "pak"))
            .find("expected memory for its bytes") != std::string::npos);
  CHECK(hrm::Source::read(read, &context, 0, "pak")->size() == 0);
}
