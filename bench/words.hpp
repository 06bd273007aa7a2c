#pragma once
// What stands on a benchmark's command line, word by word; one that does not belong there is told as usage.

#include <hrm/io/load.hpp>

#include <cstdio>
#include <optional>
#include <string>

namespace bench {

class Words {
 public:
  /// `usage` is the line that is said if there are more than `most` words, an option among them, or wrong ones.
  Words(int argc, char** argv, int most, const char* usage) : words_(argv + 1, argv + argc), usage_(usage) {
    good_ = argc - 1 <= most;
    for (const std::string_view word : words_) good_ = good_ && word.substr(0, 1) != "-";
  }

  [[nodiscard]] std::string text(std::size_t i, const char* otherwise) const {
    return i < words_.size() ? words_[i] : otherwise;
  }
  /// A whole number from 1 to `most`.
  [[nodiscard]] std::size_t number(std::size_t i, std::size_t otherwise, std::size_t most = 1'000'000'000) {
    std::size_t value = otherwise;
    if (i >= words_.size()) return otherwise;
    good_ = good_ && hrm::detail::parse_size(words_[i], value) && value >= 1 && value <= most;
    return value;
  }
  /// f32, bf16 or int8.
  [[nodiscard]] hrm::Precision precision(std::size_t i) {
    const std::string word = text(i, "f32");
    good_ = good_ && (word == "f32" || word == "bf16" || word == "int8");
    return word == "int8" ? hrm::Precision::int8 : word == "bf16" ? hrm::Precision::bf16 : hrm::Precision::f32;
  }
  /// The code to end with if a word was wrong, which is then said.
  [[nodiscard]] std::optional<int> wrong() const {
    if (good_) return std::nullopt;
    std::fprintf(stderr, "usage: %s\n", usage_);
    return 2;
  }

 private:
  std::vector<const char*> words_;
  const char* usage_;
  bool good_ = true;
};

/// Says why there is no model, and gives the code to end with.
inline int no_model(const hrm::Error& error) {
  std::fprintf(stderr, "%s\n", std::string(error.message()).c_str());
  return 1;
}

}  // namespace bench
