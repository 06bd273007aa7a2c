#include <doctest/doctest.h>

#include <cstdlib>
#include <hrm/io/text.hpp>
#include <string>

using hrm::detail::ByteReader;

TEST_CASE("ByteReader reads little-endian numbers and never beyond the end") {
  const std::array<std::byte, 7> bytes{std::byte{1},    std::byte{2},    std::byte{3}, std::byte{4},
                                       std::byte{0xff}, std::byte{0xff}, std::byte{9}};
  ByteReader in(bytes);
  CHECK(in.number<std::uint32_t>() == 0x04030201U);
  CHECK(in.number<std::int16_t>() == -1);
  CHECK(in.left() == 1);
  CHECK(in.ok());
  CHECK(in.number<std::uint16_t>() == 0);
  CHECK(!in.ok());
  CHECK(in.position() == 6);
  CHECK(in.number<std::uint8_t>() == 0);  // once wrong, always wrong
  CHECK(ByteReader(bytes).take(bytes.size()).size() == bytes.size());
  CHECK(ByteReader(bytes).take(bytes.size() + 1).empty());
  CHECK(ByteReader(bytes).take(~std::uint64_t{0}).empty());
}

TEST_CASE("Whole numbers: digits alone, and only those that fit") {
  const auto parsed = [](std::string_view text) {
    std::size_t value = 12345;
    return hrm::detail::parse_size(text, value) ? std::to_string(value) : "refused";
  };
  CHECK(parsed("0") == "0");
  CHECK(parsed("007") == "7");
  CHECK(parsed("18446744073709551615") == "18446744073709551615");
  for (const char* text : {"", "-1", "+1", "1.0", " 1", "18446744073709551616", "99999999999999999999999"})
    CHECK(parsed(text) == "refused");
}

TEST_CASE("Decimal numbers are those of the C library where it counts") {
  for (const char* text : {"0e99999", "0.00000001e8", "-2", "4.0", "0.1", "1e-5", "1e-05", "10000.0", "2.6667",
                           "123456.789e3", "-0.5E+2", ".5", "+7.", "1E22", "000.0001", "1e-400", "123456789012345"}) {
    double value = 99;
    CAPTURE(text);
    REQUIRE(hrm::detail::parse_number(text, value));
    CHECK(value == std::strtod(text, nullptr));
  }
  double near = 0;
  REQUIRE(hrm::detail::parse_number("3.14159265358979323846264338327950288", near));
  CHECK(near == doctest::Approx(3.14159265358979323846).epsilon(1e-15));
  for (const std::string& text : {"12345678901234567" + std::string(30, '0'), "9" + std::string(20, '9') + ".25e-10",
                                  "0." + std::string(300, '0') + "7", "0." + std::string(400, '0') + "5e401"}) {
    CAPTURE(text);
    REQUIRE(hrm::detail::parse_number(text, near));
    CHECK(near == doctest::Approx(std::strtod(text.c_str(), nullptr)).scale(0).epsilon(1e-15));
  }
  CHECK(!hrm::detail::parse_number(std::string(400, '9'), near));
  REQUIRE(hrm::detail::parse_number("1e-99999999999", near));
  CHECK(near == 0.0);
  double kept = 5;
  for (const char* text : {"", "-", ".", "e5", "1e", "1e+", "1.2.3", "0x10", "nan", "inf", "1 ", "1e999", "1,5", "--1",
                           "1e--1", "1e5.0", "1e99999999999"}) {
    CAPTURE(text);
    CHECK(!hrm::detail::parse_number(text, kept));
  }
  CHECK(kept == 5);
}
