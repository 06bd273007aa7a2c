#include <hrm/base/path.hpp>

#include <doctest/doctest.h>

#include <support/files.hpp>

using hrm::detail::path_kind;
using hrm::detail::PathKind;

TEST_CASE("what a path leads to") {
  const support::TemporaryFolder folder;
  const std::string file = folder.write("file", "");
  CHECK(path_kind(file) == PathKind::file);
  CHECK(path_kind(folder.path()) == PathKind::folder);
  CHECK(path_kind(folder.path() + "/") == PathKind::folder);
  CHECK(path_kind(folder.path("none")) == PathKind::none);
  CHECK(path_kind(file + std::string(1, '\0')) == PathKind::none);
  CHECK(path_kind("") == PathKind::none);
}

TEST_CASE("a file is replaced as a whole or not at all") {
  const support::TemporaryFolder folder;
  const std::string path = folder.path("file");
  const auto replace = [&](const char* text, bool good) {
    return hrm::detail::replace_file(path, [&](std::FILE* file) { return std::fputs(text, file) >= 0 && good; });
  };
  CHECK(replace("first", true));
  CHECK(support::read_file(path) == "first");
  CHECK(!replace("half of the sec", false));
  CHECK(support::read_file(path) == "first");
  CHECK(path_kind(path + ".new") == PathKind::none);
  CHECK(replace("second", true));
  CHECK(support::read_file(path) == "second");
  CHECK(path_kind(path + ".new") == PathKind::none);
  CHECK(!hrm::detail::replace_file(folder.path("none/file"), [](std::FILE*) { return true; }));
}

TEST_CASE("a file that is replaced by two at once is one's or the other's, and no other file is touched") {
  const support::TemporaryFolder folder;
  const std::string path = folder.path("file");
  const std::string own = folder.write("file.new", "the user's own, or a crash's");
  CHECK(hrm::detail::replace_file(path, [&](std::FILE* outer) {
    CHECK(std::fputs("outer, longer", outer) >= 0);
    CHECK(std::fflush(outer) == 0);
    CHECK(hrm::detail::replace_file(path, [](std::FILE* inner) { return std::fputs("inner", inner) >= 0; }));
    CHECK(support::read_file(path) == "inner");
    return true;
  }));
  CHECK(support::read_file(path) == "outer, longer");
  CHECK(support::read_file(own) == "the user's own, or a crash's");
  for (const char* left : {".new1", ".new2"}) CHECK(path_kind(path + left) == PathKind::none);
}

TEST_CASE("a writer that throws leaves the old file, and nothing beside it") {
  const support::TemporaryFolder folder;
  const std::string path = folder.write("file", "old");
  const auto replace = [&] {
    static_cast<void>(hrm::detail::replace_file(path, [](std::FILE* file) -> bool {
      static_cast<void>(std::fputs("half", file));
      throw 1;
    }));
  };
  CHECK_THROWS_AS(replace(), int);
  CHECK(support::read_file(path) == "old");
  CHECK(path_kind(path + ".new") == PathKind::none);
}
