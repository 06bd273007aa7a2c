#include <doctest/doctest.h>
#include <hrm/puzzles/file.hpp>

#include <support/files.hpp>

TEST_CASE("file: whole, in pieces, line by line") {
  const support::TemporaryFolder folder;
  const std::string path = folder.write("a.txt", "one\r\n\ntwo\nthree");
  CHECK(hrm::read_text(path).value() == "one\r\n\ntwo\nthree");
  auto file = hrm::PuzzleFile::open(path).value();
  CHECK(file.size() == 15);
  std::string line;
  std::string all;
  for (;;) {
    const auto more = file.next_line(line);
    REQUIRE(more);
    if (!*more) break;
    all += line + "|";
  }
  CHECK(all == "one||two|three|");
  CHECK(file.lines() == 4);

  auto pieces = hrm::PuzzleFile::open(path).value();
  std::array<std::byte, 3> bytes{};
  for (const auto& [at, text] : {std::pair<std::size_t, std::string>{12, "ree"}, {0, "one"}, {6, "two"}, {0, "one"}}) {
    REQUIRE(pieces.read(at, bytes));
    CHECK(std::string(reinterpret_cast<const char*>(bytes.data()), 3) == text);
  }
  const auto beyond = pieces.read(13, bytes);
  REQUIRE_FALSE(beyond);
  CHECK(beyond.error().message() == path + ": bytes, expected at least 16, found 15");
  CHECK_FALSE(pieces.read(~std::size_t{0}, bytes));
  CHECK(pieces.read(12, bytes));

  auto both = hrm::PuzzleFile::open(path).value();  // a line moves the place from which a piece is read
  REQUIRE(both.next_line(line));
  REQUIRE(both.read(0, bytes));
  CHECK(std::string(reinterpret_cast<const char*>(bytes.data()), 3) == "one");
}

TEST_CASE("file: what cannot be read") {
  const support::TemporaryFolder folder;
  CHECK(hrm::PuzzleFile::open(folder.path("none")).error().message() == (folder.path("none")) + ": cannot be opened");
  CHECK(hrm::PuzzleFile::open(folder.path()).error().message() == folder.path() + ": is no plain file");
  const std::string path = folder.write("long", std::string(1000, 'x'));
  CHECK_FALSE(hrm::read_text(path, 999));
  CHECK(hrm::read_text(path, 1000));
  auto file = hrm::PuzzleFile::open(path).value();
  std::string line;
  CHECK_FALSE(file.next_line(line, 999));
  CHECK(hrm::read_text(folder.write("empty", "")).value().empty());
}
