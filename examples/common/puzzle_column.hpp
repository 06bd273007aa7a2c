#pragma once
/// Which part of a line is its puzzle.

#include <hrm/puzzles/dataset.hpp>

namespace example {

/// The puzzle in each line of a file: the first field, or in CSV that begins with a line of names (see hrm::csv_names)
/// the one under its name.
class PuzzleColumn {
 public:
  /// Puts it into `puzzle`: nothing of the line of names, blanks as they are (a row of a maze, perhaps). Error: the
  /// line has no such field, or a quote that does not end.
  [[nodiscard]] hrm::Result<void> find(const std::string& line, std::string& puzzle) {
    puzzle = line;
    if (line.find_first_not_of(" \t\r") == std::string::npos) return {};
    auto fields = hrm::parse_csv_line(line);
    if (!fields) return fields.error();
    const auto names = std::exchange(first_, false) ? hrm::csv_names(*fields) : hrm::CsvNames{};
    column_ = names.question.value_or(column_);
    if (column_ >= fields->size())
      return hrm::Error(hrm::ErrorCode::format, "fields, expected at least ", column_ + 1, ", found ", fields->size());
    puzzle = names.question ? std::string() : std::move((*fields)[column_]);
    return {};
  }

 private:
  bool first_ = true;
  std::size_t column_ = 0;
};

}  // namespace example
