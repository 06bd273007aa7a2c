#pragma once
/// Reading C++ sources as text, for the tests of how the tree is laid out.

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tree {

struct Header {
  std::string path;  ///< from include/hrm/ on, with slashes: "base/error.hpp"
  std::string text;
};

/// Every file below `root`, sorted by path.
inline std::vector<Header> read_headers(const std::filesystem::path& root) {
  std::vector<Header> headers;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(root)) {
    if (!entry.is_regular_file() || entry.path().extension() != ".hpp") continue;
    std::ifstream file(entry.path(), std::ios::binary);
    headers.push_back({entry.path().lexically_relative(root).generic_string(),
                       std::string(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>())});
  }
  std::sort(headers.begin(), headers.end(), [](const Header& a, const Header& b) { return a.path < b.path; });
  return headers;
}

/// What stands between < > or quotes in the #include lines.
inline std::vector<std::string> includes_of(std::string_view text) {
  std::vector<std::string> found;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    const auto skip = [&line] { line.remove_prefix(std::min(line.find_first_not_of(" \t"), line.size())); };
    skip();
    if (!line.starts_with('#')) continue;
    line.remove_prefix(1);
    skip();
    if (!line.starts_with("include")) continue;
    line.remove_prefix(7);
    skip();
    if (line.empty() || (line[0] != '<' && line[0] != '"')) continue;
    found.emplace_back(line.substr(1, line.find_first_of(">\"", 1) - 1));
  }
  return found;
}

/// The code alone: comments and the content of string and character literals become spaces.
inline std::string code_of(std::string_view text) {
  std::string code(text);
  std::size_t i = 0;
  const auto blank = [&](std::size_t end) {
    for (; i < end && i < code.size(); ++i) {
      if (code[i] != '\n') code[i] = ' ';
    }
  };
  while (i < code.size()) {
    if (code.compare(i, 2, "//") == 0) {
      blank(std::min(code.find('\n', i), code.size()));
    } else if (code.compare(i, 2, "/*") == 0) {
      const std::size_t end = code.find("*/", i + 2);
      blank(end == std::string::npos ? code.size() : end + 2);
    } else if (code[i] == '"' ||
               (code[i] == '\'' && (i == 0 || std::isalnum(static_cast<unsigned char>(code[i - 1])) == 0))) {
      const char quote = code[i];
      std::size_t end = i + 1;
      while (end < code.size() && code[end] != quote && code[end] != '\n') end += code[end] == '\\' ? 2 : 1;
      ++i;
      blank(end);
      ++i;
    } else {
      ++i;
    }
  }
  return code;
}

/// Whether `word` stands in `code` by itself, not as a part of a longer name.
inline bool has_word(std::string_view code, std::string_view word) {
  const auto in_name = [&](std::size_t at) {
    return at < code.size() && (std::isalnum(static_cast<unsigned char>(code[at])) != 0 || code[at] == '_');
  };
  for (std::size_t at = code.find(word); at != std::string_view::npos; at = code.find(word, at + 1)) {
    if ((at == 0 || !in_name(at - 1)) && !in_name(at + word.size())) return true;
  }
  return false;
}

}  // namespace tree
