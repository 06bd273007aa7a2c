#pragma once
/// The part of YAML that a training run's all_config.yaml uses: maps nested by indentation, with plain or quoted
/// scalars.

#include <hrm/io/text.hpp>

#include <array>
#include <vector>

namespace hrm {

/// The keys above a scalar, outermost first, and its own.
using YamlPath = std::span<const std::string_view>;

namespace detail {

[[nodiscard]] constexpr bool yaml_blank(char c) noexcept { return c == ' ' || c == '\t'; }

/// One line without its comment and the blanks around.
struct YamlLine {
  std::size_t indent = 0;
  std::string_view text;
};

[[nodiscard]] inline YamlLine yaml_line(std::string_view line) noexcept {
  YamlLine out;
  while (out.indent < line.size() && line[out.indent] == ' ') ++out.indent;
  char quote = 0;
  std::size_t end = line.size();
  for (std::size_t i = out.indent; i < line.size(); ++i) {
    const char c = line[i];
    if (quote != 0) {
      if (c == quote) quote = 0;
    } else if ((c == '"' || c == '\'') && (i == out.indent || yaml_blank(line[i - 1]))) {
      quote = c;
    } else if (c == '#' && (i == out.indent || yaml_blank(line[i - 1]))) {
      end = i;
      break;
    }
  }
  while (end > out.indent && (yaml_blank(line[end - 1]) || line[end - 1] == '\r')) --end;
  out.text = line.substr(out.indent, end - out.indent);
  return out;
}

[[nodiscard]] inline std::string_view yaml_unquoted(std::string_view text) noexcept {
  const bool quoted = text.size() >= 2 && (text.front() == '"' || text.front() == '\'') && text.back() == text.front();
  return quoted ? text.substr(1, text.size() - 2) : text;
}

}  // namespace detail

/// Calls `scalar(path, text)` for every `key: text`, quotes taken off; it returns a Result<void>. Lists, block texts
/// and wrapped lines are stepped over. A key that stands twice in one map, a tab in the indentation, more than 16
/// levels or 65,536 keys are errors: "line 3: expected .., found ..".
template <class Scalar>
[[nodiscard]] HRM_COLD Result<void> read_yaml(std::string_view text, const Scalar& scalar) {
  constexpr std::size_t max_depth = 16;
  constexpr std::size_t max_keys = 65536;
  constexpr std::size_t none = ~std::size_t{0};
  struct Indent {
    std::size_t columns;
    std::size_t map;  // how many keys stood before it: no two maps' number is the same
  };
  std::array<Indent, max_depth> levels{};
  std::array<std::string_view, max_depth> path{};
  std::vector<detail::SortKey> keys;  // map and name
  std::size_t depth = 0;              // levels that are open
  std::size_t skip_deeper = none;     // lines indented more than this belong to what is stepped over
  std::size_t number = 0;
  bool ended = false;  // "..." closes the document
  const auto fail = [&](const char* expected, std::string_view found) {
    return Error(ErrorCode::format, "line ", number, ": expected ", expected, ", found ", found.substr(0, 40));
  };
  while (!text.empty()) {
    const std::size_t stop = text.find('\n');
    const std::string_view raw = text.substr(0, stop);
    text = stop == std::string_view::npos ? std::string_view() : text.substr(stop + 1);
    ++number;
    const auto [indent, line] = detail::yaml_line(raw);
    if (line.empty()) continue;
    if (skip_deeper != none) {
      if (indent > skip_deeper) continue;
      skip_deeper = none;
    }
    const bool end = line == "...";
    if (ended && !end) return fail("one document", line);
    if (line == "---" || line.front() == '%') {
      if (!keys.empty()) return fail("one document", line);
      continue;
    }
    if (end) {
      ended = !keys.empty();
      continue;
    }
    if (line.front() == '\t') return fail("blanks before the key", "a tab");
    if (line == "-" || line.substr(0, 2) == "- ") {
      skip_deeper = indent;
      continue;
    }
    const bool quoted = line.front() == '"' || line.front() == '\'';
    const std::size_t key_end = quoted ? line.find(line.front(), 1) : 0;  // a colon within quotes ends no key
    std::size_t colon = line.find(": ", key_end);
    if (const std::size_t tab = line.find(":\t", key_end); tab < colon) colon = tab;
    if (colon == std::string_view::npos && line.back() == ':') colon = line.size() - 1;
    if (colon == std::string_view::npos || colon == 0) return fail("'key: value'", line);
    const std::string_view name = detail::yaml_unquoted(line.substr(0, colon));
    std::string_view value = line.substr(colon + 1);
    while (!value.empty() && detail::yaml_blank(value.front())) value.remove_prefix(1);

    const std::size_t before = depth;
    while (depth > 0 && indent < levels[depth - 1].columns) --depth;
    if (depth == 0 || indent > levels[depth - 1].columns) {
      if (depth != before) return fail("the indentation of a key above", line);
      if (depth == max_depth) return fail("at most 16 levels", "more");
      levels[depth++] = Indent{indent, keys.size()};
    }
    if (keys.size() == max_keys) return fail("at most 65536 keys", "more");
    keys.push_back({levels[depth - 1].map, name});
    path[depth - 1] = name;
    const bool block = !value.empty() && (value.front() == '|' || value.front() == '>');
    if (!value.empty()) skip_deeper = indent;  // what is indented more goes on with this value
    if (!value.empty() && !block) {
      if (auto taken = scalar(YamlPath(path.data(), depth), detail::yaml_unquoted(value)); !taken) return taken;
    }
  }
  if (const auto* twin = detail::find_twin(keys); twin != nullptr) {
    return Error(ErrorCode::format, detail::brief(twin->text), ": expected every key once, found it twice");
  }
  return {};
}

}  // namespace hrm
