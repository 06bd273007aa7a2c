#include <doctest/doctest.h>
#include <hrm/puzzles/json.hpp>

#include <vector>

using hrm::JsonCursor;

namespace {

bool reads(std::string_view text) {
  JsonCursor json(text);
  return json.skip() && json.end();
}

}  // namespace

TEST_CASE("json: what is read") {
  for (const std::string_view text :
       {"0", "-1", "12.5", "1e9", "-0.5E-3", "true", "false", "null", "\"\"", "\"a\\n\\u00e9\"", "[]", "{}", "[ ]",
        "{ }", "[1,[2,{}]]", " { \"a\" : [ 1 , \"b\" ] , \"c\" : null } \n", "\"\\ud83d\\ude00\""}) {
    CHECK_MESSAGE(reads(text), text);
  }
  for (const std::string_view text : {"",
                                      " ",
                                      "01",
                                      "-",
                                      "1.",
                                      ".5",
                                      "1e",
                                      "+1",
                                      "tru",
                                      "nul",
                                      "\"",
                                      "\"\\x\"",
                                      "\"\\u12\"",
                                      "\"\\ud800\"",
                                      "\"\\udc00\\ud800\"",
                                      "[",
                                      "[1",
                                      "[1,",
                                      "[1,]",
                                      "[,1]",
                                      "{",
                                      "{1:2}",
                                      "{\"a\"}",
                                      "{\"a\":}",
                                      "{\"a\":1,}",
                                      "1 2",
                                      "\"a\nb\"",
                                      "NaN",
                                      "'a'",
                                      "{\"a\" 1}",
                                      "\"\\ud83dx\""}) {
    CHECK_FALSE_MESSAGE(reads(text), text);
  }
}

TEST_CASE("json: values") {
  std::string text;
  CHECK(JsonCursor(R"("a\"\\\/\b\f\n\r\té€😀")").string(text));
  CHECK(text == "a\"\\/\b\f\n\r\t\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80");
  CHECK(JsonCursor(R"("\u007f\u00E9\u20ac\ud800\udc00\udbff\udfff")").string(text));  // of 1 to 4 bytes
  CHECK(text == "\x7f\xc3\xa9\xe2\x82\xac\xf0\x90\x80\x80\xf4\x8f\xbf\xbf");
  CHECK_FALSE(JsonCursor(R"("\x")").string(text));
  std::int64_t number = 0;
  CHECK(JsonCursor("-123").integer(number));
  CHECK(number == -123);
  CHECK(JsonCursor("0").integer(number));
  CHECK(number == 0);
  CHECK(JsonCursor("9223372036854775807").integer(number));
  CHECK(number == std::numeric_limits<std::int64_t>::max());
  CHECK(JsonCursor("-9223372036854775807").integer(number));
  CHECK_FALSE(JsonCursor("9223372036854775808").integer(number));
  for (const std::string_view wrong : {"1.0", "1e2", "99999999999999999999", "-", "x", "007"}) {
    CHECK_FALSE(JsonCursor(wrong).integer(number));
  }
  JsonCursor null(" null");
  CHECK(null.null());
  CHECK(null.end());
  JsonCursor list("[3, 1, 2]");
  std::vector<std::int64_t> numbers;
  CHECK(list.array([&] { return list.integer(numbers.emplace_back()); }));
  CHECK(numbers == std::vector<std::int64_t>{3, 1, 2});
}

TEST_CASE("json: depth is bounded, and an error stays") {
  CHECK(reads(std::string(60, '[') + std::string(60, ']')));
  CHECK_FALSE(reads(std::string(100000, '[')));
  CHECK_FALSE(reads(std::string(1000, '[') + std::string(1000, ']')));
  std::string objects;
  for (int i = 0; i < 1000; ++i) objects += "{\"a\":";
  CHECK_FALSE(reads(objects));
  JsonCursor json("[1, x]");
  CHECK_FALSE(json.skip());
  CHECK(json.error().message() == "json: byte 4, expected a value, found x]");
  CHECK_FALSE(json.end());
  CHECK_FALSE(json.skip());
  CHECK_FALSE(json.fail("something else"));
  CHECK(json.error().message() == "json: byte 4, expected a value, found x]");
  std::int64_t number = 0;
  std::string text;
  JsonCursor word("\"a\"");
  CHECK_FALSE(word.integer(number));
  CHECK_FALSE(word.string(text));  // though there is one
}

TEST_CASE("json: every beginning of a text is refused") {
  const std::string text = R"({"a":[1,-2.5e3,"x\né\ud83d\ude00",null,true,false],"b":{}})";
  REQUIRE(reads(text));
  for (std::size_t size = 0; size < text.size(); ++size) CHECK_FALSE(reads(std::string_view(text).substr(0, size)));
}

TEST_CASE("json: quoting comes back") {
  std::string all;
  for (int c = 1; c < 128; ++c) all.push_back(static_cast<char>(c));
  std::string back;
  const std::string quoted = hrm::json_quote(all);
  CHECK(JsonCursor(quoted).string(back));
  CHECK(back == all);
}
