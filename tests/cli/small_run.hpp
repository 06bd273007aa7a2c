#pragma once
/// hrm-train's words for a run of a few seconds.

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

namespace cli {

/// `more` goes before what it says by itself, and instead of it.
inline std::vector<std::string> small_run(const std::string& out, const std::vector<std::string>& more = {}) {
  std::vector<std::string> words = {"sudoku4", "--out", out};
  words.insert(words.end(), more.begin(), more.end());
  const std::vector<std::pair<std::string, std::string>> small = {
      {"--hidden", "32"},   {"--heads", "2"},       {"--layers", "1"},   {"--expansion", "2"},
      {"--batch", "8"},     {"--steps", "12"},      {"--evaluate", "5"}, {"--evaluate-every", "6"},
      {"--log-every", "3"}, {"--max-segments", "4"}};
  for (const auto& [name, value] : small) {
    if (std::find(more.begin(), more.end(), name) != more.end()) continue;
    words.push_back(name);
    words.push_back(value);
  }
  return words;
}

}  // namespace cli
