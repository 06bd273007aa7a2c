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
