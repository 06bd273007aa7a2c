#pragma once
/// Puzzles as lines of token ids, the input of hrm-run: `1 5 2 ..` or `@ID 1 5 2 ..`.

#include <hrm/base/error.hpp>
#include <hrm/base/types.hpp>

#include <charconv>
#include <vector>

namespace example {

struct TokenLine {
  bool has_id = false;
  std::size_t puzzle_id = 0;
  std::vector<hrm::Token> tokens;
};

/// Longest puzzle that is read.
inline constexpr std::size_t max_line_tokens = std::size_t{1} << 20;

/// Reads one line; any bytes give tokens or an error. Numbers are separated by spaces, tabs or commas; whether they are
/// in a vocabulary is for the model to say. An empty line gives no tokens.
[[nodiscard]] inline hrm::Result<TokenLine> parse_token_line(std::string_view line) {
  using hrm::Error;
  using hrm::ErrorCode;
  TokenLine out;
  const char* at = line.data();
  const char* const end = line.data() + line.size();
  const auto separator = [](char c) { return c == ' ' || c == '\t' || c == ',' || c == '\r'; };
  const auto skip = [&] {
    while (at != end && separator(*at)) ++at;
  };
  const auto wrong = [&](std::string_view expected) {
    const auto left = static_cast<std::size_t>(end - at);
    return Error(ErrorCode::format, "column ", line.size() - left + 1, ": expected ", expected, ", found ",
                 left == 0 ? std::string_view("the end") : std::string_view(at, left < 12 ? left : 12));
  };
  const auto number = [&](auto& value) {
    const auto [next, fault] = std::from_chars(at, end, value);
    if (fault != std::errc() || (next != end && !separator(*next))) return false;
    at = next;
    return true;
  };
  skip();
  if (at != end && *at == '@') {
    ++at;
    out.has_id = true;
    if (!number(out.puzzle_id)) return wrong("a puzzle id");
    skip();
    if (at == end) return wrong("token ids");
  }
  while (at != end) {
    hrm::Token token = 0;
    if (!number(token)) return wrong("a token id");
    if (out.tokens.size() == max_line_tokens) {
      return Error(ErrorCode::value, "tokens: expected at most ", max_line_tokens, ", found more");
    }
    out.tokens.push_back(token);
    skip();
  }
  return out;
}

}  // namespace example
