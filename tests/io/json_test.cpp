#include <doctest/doctest.h>

#include <hrm/io/json.hpp>
#include <support/files.hpp>

namespace {

/// The error of stepping over a whole text; "" where there is none.
std::string skipped(std::string_view text) {
  std::deque<std::string> texts;
  hrm::JsonReader json(text, texts);
  auto read = json.skip();
  if (read) read = json.end();
  return support::message_of(read);
}

std::string decoded(std::string_view text) {
  std::deque<std::string> texts;
  hrm::JsonReader json(text, texts);
  const auto value = json.string();
  return value ? std::string(*value) : "error: " + std::string(value.error().message());
}

}  // namespace

TEST_CASE("JSON: every kind of value is read") {
  for (const char* text : {"{}", "[]", "null", "true", "false", "0", "-1.5e+3", "\"\"", " [1, 2,\n\t{\"a\": [null]}] ",
                           "{\"a\":1,\"b\":{\"a\":2}}"}) {
    CHECK(skipped(text) == "");
  }
}

TEST_CASE("JSON: members and elements come in order, numbers as text") {
  std::deque<std::string> texts;
  hrm::JsonReader json(R"({"shape": [2, 3], "dtype": "F32", "x": 1.5})", texts);
  std::string seen;
  const auto read = json.object([&](std::string_view key) -> hrm::Result<void> {
    seen += std::string(key) + "=";
    if (key == "shape") {
      return json.array([&](std::size_t i) -> hrm::Result<void> {
        seen += std::to_string(i) + ":" + std::to_string(json.size().value()) + ";";
        return {};
      });
    }
    seen += std::string(key == "x" ? json.number().value() : json.string().value()) + ";";
    return {};
  });
  CHECK(read.has_value());
  CHECK(seen == "shape=0:2;1:3;dtype=F32;x=1.5;");
}

TEST_CASE("JSON: escapes become UTF-8") {
  CHECK(decoded(R"("plain text")") == "plain text");
  CHECK(decoded(R"("a\"b\\c\/d\n\t\b\f\r")") == "a\"b\\c/d\n\t\b\f\r");
  CHECK(decoded(R"("\u0041\u00e9\u20ac\ud83d\ude00")") == "A\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80");
  for (const auto& [text, bytes] : {std::pair(R"("\u007f")", "\x7f"),
                                    {R"("\u0080")", "\xc2\x80"},
                                    {R"("\u00aA")", "\xc2\xaa"},
                                    {R"("\u07fF")", "\xdf\xbf"},
                                    {R"("\u0800")", "\xe0\xa0\x80"},
                                    {R"("\uD7FF")", "\xed\x9f\xbf"},
                                    {R"("\ue000")", "\xee\x80\x80"},
                                    {R"("\uffff")", "\xef\xbf\xbf"},
                                    {R"("\ud800\udc00")", "\xf0\x90\x80\x80"},
                                    {R"("\udbff\udfff")", "\xf4\x8f\xbf\xbf"}}) {
    CHECK(decoded(text) == bytes);
  }
  for (const char* text :
       {R"("\x")", R"("\u12g4")", R"("\u12")", R"("\ud83d")", R"("\ude00")", R"("\ud83dA")", R"("\ud83d\u0041")",
        R"("\ud83d\udbff")", R"("\ud83d\ue000")", R"("\udc00\udc00")", R"("\udfff")", "\"\\"}) {
    CHECK(decoded(text).starts_with("error: "));
  }
}

TEST_CASE("JSON: what is wrong is said with its place") {
  CHECK(skipped("") == "byte 0: expected a value, found the end");
  CHECK(skipped("{\"a\" 1}") == "byte 5: expected ':', found 1");
  CHECK(skipped("[1 2]") == "byte 3: expected ',' or ']', found 2");
  CHECK(skipped("{\"a\":1 \"b\":2}") == "byte 7: expected ',' or '}', found \"");
  CHECK(skipped("{\"a\":1,}") == "byte 7: expected a string, found }");
  CHECK(skipped("[1] x") == "byte 4: expected the end, found x");
  CHECK(skipped("\"abc") == "byte 4: expected the end of a string, found the end");
  CHECK(skipped("\"a\nb\"") == "byte 2: expected a string without control characters, found ?");
  CHECK(skipped("[\"\\x\"]") == "byte 2: expected a string with known escapes, found \\");
  CHECK(skipped("{\"a\":1,\"b\":2,\"a\":3}") == "a: expected every name once, found it twice");
  CHECK(skipped("{\"a\":1,\"\\u0061\":3}") == "a: expected every name once, found it twice");
  for (const char* text : {"01", "1.", "-", "1e", "tru", "nul", "'a'", "[", "{", "[1,]"}) CHECK(skipped(text) != "");
}

TEST_CASE("JSON: nesting is limited, not by the stack") {
  CHECK(skipped(std::string(32, '[') + std::string(32, ']')) == "");
  CHECK(skipped(std::string(33, '[') + std::string(33, ']')) == "nesting: expected at most 32 levels, found more");
  std::string objects = "{}";
  for (int i = 1; i < 32; ++i) objects = "{\"a\":" + objects + "}";
  CHECK(skipped(objects) == "");
  CHECK(skipped("[" + objects + "]") == "nesting: expected at most 32 levels, found more");
  std::string side_by_side = "[]";
  for (int i = 1; i < 40; ++i) side_by_side += ",[],{}";
  CHECK(skipped("[" + side_by_side + "]") == "");
  CHECK(skipped(std::string(1'000'000, '[')) == "nesting: expected at most 32 levels, found more");
}

TEST_CASE("JSON: numbers that are no size are refused where one is wanted") {
  std::deque<std::string> texts;
  for (const char* text : {"-1", "1.5", "1e3", "99999999999999999999"}) {
    hrm::JsonReader json(text, texts);
    CHECK(support::message_of(json.size()) == "expected a whole number from 0 on, found " + std::string(text));
  }
}
