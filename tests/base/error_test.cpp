#include <hrm/base/error.hpp>

#include <doctest/doctest.h>

#include <cstdint>
#include <limits>
#include <memory>
#include <sstream>
#include <string>

using hrm::Error;
using hrm::ErrorCode;

TEST_CASE("an error is put together from texts, characters and whole numbers of any type") {
  const std::string name = "H_init";
  const Error error(ErrorCode::shape, name, ": ", std::string_view("expected 3 of these", 10), ' ', std::uint8_t{7},
                    ", ", -3, ", ", std::numeric_limits<std::int64_t>::min(), ", ",
                    std::numeric_limits<std::uint64_t>::max(), ", ", 0, true);
  CHECK(error.code() == ErrorCode::shape);
  CHECK(error.message() == "H_init: expected 3 7, -3, -9223372036854775808, 18446744073709551615, 01");
  CHECK(Error(ErrorCode::io).message().empty());
  CHECK(error.in("file").message() == "file: " + std::string(error.message()));
  CHECK(error.in("file").code() == ErrorCode::shape);
}

TEST_CASE("an error is written to a stream as its message") {
  std::ostringstream out;
  out << "first: " << hrm::Error(hrm::ErrorCode::io, "no ", 7) << '.';
  CHECK(out.str() == "first: no 7.");
}

TEST_CASE("an error is one line that is cut at its capacity, whatever a file's names hold") {
  CHECK(Error(ErrorCode::format, "a\nb\tc\x7f", std::string_view("\0d", 2)).message() == "a?b?c??d");
  const std::string text(2 * Error::capacity, 'x');
  const Error error(ErrorCode::format, text, "end");
  CHECK(error.message() == text.substr(0, Error::capacity));
}

TEST_CASE("an error is UTF-8, whatever a file's names hold") {
  const auto shown = [](std::string_view text) { return std::string(Error(ErrorCode::format, text).message()); };
  for (const char* good : {"caf\xc3\xa9", "\xe2\x82\xac 5", "\xf0\x9f\x98\x80!", "\xc2\xa0", "\xf4\x8f\xbf\xbf"})
    CHECK(shown(good) == good);
  CHECK(shown("caf\xe9") == "caf?");
  CHECK(shown("\xe9t\xe9") == "?t?");
  CHECK(shown("\x80\xbf\xc0\xc1\xf5\xff") == "??????");
  CHECK(shown("\xc3") == "?");  // cut short
  CHECK(shown("\xe2\x82") == "??");
  CHECK(shown("\xf0\x9f\x98x") == "???x");
  CHECK(shown("\xc2\x9b"
              "2J") == "??2J");  // a terminal's escape in one character
  CHECK(shown("\xe0\x80\x80\xed\xa0\x80") == "??????");
  CHECK(shown("\xf0\x80\x80\x80\xf4\x90\x80\x80") == "????????");
  const std::string text = std::string(Error::capacity - 1, 'x') + "\xc3\xa9";
  CHECK(shown(text) == text.substr(0, Error::capacity - 1));  // nor does the end cut a character
}

TEST_CASE("a long name before an error leaves its message whole") {
  const std::string name(2 * Error::capacity, 'n');
  const Error error(ErrorCode::format, hrm::detail::brief(name), ": expected 1, found 2");
  CHECK(error.message().ends_with("nnn: expected 1, found 2"));
  CHECK(error.in(name).message().size() == Error::capacity);
  CHECK(error.in(name).message().ends_with("nnn: expected 1, found 2"));
  const Error full(ErrorCode::format, name);
  CHECK(full.in("file").message().size() == Error::capacity);
}

TEST_CASE("shapes in messages") {
  const std::size_t shape[] = {2, 30, 400};
  CHECK(hrm::detail::shape_text(shape, 3).message() == "[2, 30, 400]");
  CHECK(hrm::detail::shape_text(shape, 1).message() == "[2]");
  CHECK(hrm::detail::shape_text(shape, 0).message() == "[]");
}

TEST_CASE("a result keeps its value or its error when it is copied, moved and assigned, and lets the value go") {
  using Shared = std::shared_ptr<std::string>;
  const Shared value = std::make_shared<std::string>("value");
  const hrm::Result<Shared> failed(Error(ErrorCode::io, "gone"));
  {
    hrm::Result<Shared> one(value);
    const hrm::Result<Shared> two(one);
    CHECK(value.use_count() == 3);
    hrm::Result<Shared> three(std::move(one));
    CHECK(value.use_count() == 3);
    CHECK((two && three && *two == value && three->get() == value.get()));
    three = failed;
    CHECK(value.use_count() == 2);
    CHECK(!three);
    CHECK(three.error().message() == "gone");
    hrm::Result<Shared> four(std::move(three));
    CHECK(four.error().code() == ErrorCode::io);
    four = two;
    CHECK(value.use_count() == 3);
    CHECK(four.value() == value);
  }
  CHECK(value.use_count() == 1);
}

#if HRM_EXCEPTIONS
TEST_CASE("the value of an error is an exception that says it") {
  const auto said = [](const auto& result) {
    try {
      result.value();
    } catch (const hrm::Exception& fault) {
      CHECK(fault.error().message() == fault.what());
      return std::string(fault.what());
    }
    return std::string();
  };
  CHECK(said(hrm::Result<void>(Error(ErrorCode::io, "gone"))) == "gone");
  CHECK(said(hrm::Result<void>()) == "");
  const std::string text(Error::capacity, 'x');
  CHECK_THROWS_WITH_AS(static_cast<void>(hrm::Result<int>(Error(ErrorCode::io, text)).value()), text.c_str(),
                       hrm::Exception);
}
#endif
