#pragma once
/// Which part of a line is its puzzle.

#include <hrm/puzzles/dataset.hpp>

namespace example {

/// The puzzle in each line of a file: the first field, or in CSV that begins with a line of names (see hrm::csv_names)
/// the one under its name.
class PuzzleColumn {
 public:
  /// Empty for empty lines and the line of names. Error: the line has no such field, or a quote that does not end.
  [[nodiscard]] hrm::Result<std::string> of(std::string_view line) {
    if (line.find_first_not_of(" \t\r") == std::string_view::npos)
      return std::string(line);  // a row of a maze, perhaps
    auto fields = hrm::parse_csv_line(line);
    if (!fields) return fields.error();
    if (std::exchange(first_, false)) {
      if (const auto names = hrm::csv_names(*fields); names.question) {
        column_ = *names.question;
        return std::string();
      }
    }
    if (column_ < fields->size()) return std::move((*fields)[column_]);
    return hrm::Error(hrm::ErrorCode::format, "fields, expected at least ", column_ + 1, ", found ", fields->size());
  }

 private:
  bool first_ = true;
  std::size_t column_ = 0;
};

}  // namespace example
