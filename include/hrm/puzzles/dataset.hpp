#pragma once
/// Data sets of puzzles in either published form, one example after another: a folder of .npy files (dataset_npy.hpp),
/// or CSV (source,question,answer,rating below a line of names; without one, puzzle,solution).

#include <hrm/puzzles/dataset_npy.hpp>

namespace hrm {

/// Takes one line of CSV apart. A field may stand in double quotes, "" within it for one of them; a line break in a
/// field is not taken. Error: a quote that does not end.
[[nodiscard]] inline Result<std::vector<std::string>> parse_csv_line(std::string_view line) {
  std::vector<std::string> fields(1);
  std::size_t i = 0;
  while (i < line.size()) {
    std::string& field = fields.back();
    if (line[i] == '"' && field.empty()) {
      for (++i;; ++i) {
        if (i >= line.size())
          return Error(ErrorCode::format, "expected the end of a quoted field, found the end of the line");
        if (line[i] == '"' && (++i >= line.size() || line[i] != '"')) break;
        field.push_back(line[i]);
      }
    } else if (line[i] == ',') {
      fields.emplace_back();
      ++i;
    } else {
      field.push_back(line[i++]);
    }
  }
  return fields;
}

/// The columns that a line of names calls question, puzzle or quizzes, and answer, solution or solutions; in capitals,
/// too. Without a question it is no line of names.
struct CsvNames {
  std::optional<std::size_t> question, answer;
};
[[nodiscard]] inline CsvNames csv_names(std::span<const std::string> fields) {
  CsvNames names;
  for (std::size_t i = 0; i < fields.size(); ++i) {
    std::string name(detail::trimmed(fields[i], " \t\r"));
    for (char& c : name) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    if (name == "question" || name == "puzzle" || name == "quizzes") names.question = i;
    if (name == "answer" || name == "solution" || name == "solutions") names.answer = i;
  }
  return names;
}

/// CSV of Sudokus or square mazes with their answers; the first puzzle says which and how large. Reads line by line.
/// Move-only.
class CsvDataset {
 public:
  /// Error: the file cannot be read, or holds no puzzle at its beginning.
  [[nodiscard]] static Result<CsvDataset> open(const std::string& path) {
    auto file = PuzzleFile::open(path);
    if (!file) return file.error();
    CsvDataset csv(std::move(*file));
    auto fields = csv.next_fields();
    if (!fields) return fields.error();
    if (const CsvNames names = csv_names(*fields); names.question) {
      if (!names.answer) return csv.wrong("expected a column named answer or solution, found none");
      csv.question_ = *names.question, csv.answer_ = *names.answer;
      fields = csv.next_fields();
    }
    if (!fields) return fields.error();
    if (fields->empty()) return csv.wrong("expected a puzzle, found none");
    const std::string question = csv.question_ < fields->size() ? (*fields)[csv.question_] : std::string();
    csv.maze_ = question.find('#') != std::string::npos || question.find('S') != std::string::npos;
    csv.info_.seq_len = question.size();
    csv.info_.vocab = maze_vocab;
    if (!csv.maze_) {
      const auto shape = SudokuShape::of_cells(question.size());
      if (!shape) return csv.wrong(shape.error().message());
      csv.info_.vocab = shape->vocab();
    }
    csv.waiting_ = std::move(*fields);
    PuzzleExample first;
    if (auto good = csv.parse(csv.waiting_, first); !good) return good.error();
    return csv;
  }

  [[nodiscard]] const DatasetInfo& info() const noexcept { return info_; }
  /// Share of the file that has been read, 0 to 1.
  [[nodiscard]] double progress() const noexcept {
    return static_cast<double>(read_) / static_cast<double>(std::max<std::size_t>(file_.size(), 1));
  }

  /// The next example; false at the end. Error: a line that is no puzzle of the first one's kind and size.
  Result<bool> next(PuzzleExample& example) {
    auto more = fetch(example);
    if (!more || !*more) return more;
    const auto parsed = parse(waiting_, example);
    waiting_.clear();
    if (!parsed) return parsed.error();
    return true;
  }

  /// Passes over the next example without a look at its cells; false at the end.
  Result<bool> skip(PuzzleExample& example) {
    auto more = fetch(example);
    waiting_.clear();
    return more;
  }

 private:
  explicit CsvDataset(PuzzleFile file) : file_(std::move(file)) {}
  template <class... Parts>
  [[nodiscard]] Error wrong(const Parts&... parts) const noexcept {
    if (file_.lines() == 0) return Error(ErrorCode::format, file_.path(), ": ", parts...);
    return Error(ErrorCode::format, file_.path(), ": line ", file_.lines(), ": ", parts...);
  }

  /// What may stand around a field: not the spaces of a maze, which are cells.
  [[nodiscard]] static std::string_view blanks_of(std::string_view field) noexcept {
    return field.find_first_of("#S") == std::string_view::npos ? " \t\r" : "\t\r";
  }

  /// The fields of the next line that is not blank; none at the end.
  Result<std::vector<std::string>> next_fields() {
    std::string line;
    for (;;) {
      const auto more = file_.next_line(line);
      if (!more) return more.error();
      if (!*more) {
        read_ = file_.size();  // also where ends of lines took two bytes
        return std::vector<std::string>();
      }
      read_ = std::min(read_ + line.size() + 1, file_.size());  // the last line may have no end
      if (detail::trimmed(line, " \t\r").empty()) continue;
      auto fields = parse_csv_line(line);
      if (!fields) return wrong(fields.error().message());
      for (std::string& field : *fields) field = std::string(detail::trimmed(field, blanks_of(field)));
      return fields;
    }
  }

  /// Has the next example's fields wait; false at the end.
  Result<bool> fetch(PuzzleExample& example) {
    if (waiting_.empty()) {
      auto fields = next_fields();
      if (!fields) return fields.error();
      if (fields->empty()) return false;
      waiting_ = std::move(*fields);
    }
    example.puzzle_id = 0;
    example.puzzle = example.group = count_++;
    return true;
  }

  Result<void> parse(const std::vector<std::string>& fields, PuzzleExample& example) const {
    if (question_ >= fields.size() || answer_ >= fields.size()) {
      return wrong("fields, expected at least ", std::max(question_, answer_) + 1, ", found ", fields.size());
    }
    if (auto good = parse_cells(fields[question_], example.input); !good) return good.error();
    if (auto good = parse_cells(fields[answer_], example.label); !good) return good.error();
    const auto blank = std::find(example.label.begin(), example.label.end(), 1);
    if (maze_ || blank == example.label.end()) return {};
    return wrong("answer: cell ", blank - example.label.begin() + 1, ", expected a digit, found a blank");
  }
  Result<void> parse_cells(const std::string& text, std::vector<Token>& tokens) const {
    if (text.size() != info_.seq_len) return wrong("cells, expected ", info_.seq_len, ", found ", text.size());
    if (maze_) {
      const auto maze = parse_maze(text);
      if (!maze) return wrong(maze.error().message());
      tokens = maze_tokens(*maze);
    } else {
      const auto grid = parse_sudoku(text);
      if (!grid) return wrong(grid.error().message());
      tokens = sudoku_tokens(*grid);
    }
    return {};
  }

  PuzzleFile file_;
  DatasetInfo info_;
  std::size_t question_ = 0, answer_ = 1, read_ = 0, count_ = 0;
  bool maze_ = false;
  std::vector<std::string> waiting_;
};

/// Either form, in order from the first example to the last.
class PuzzleReader {
 public:
  /// A folder is read as .npy, anything else as CSV. `split` as in NpyDataset::open.
  [[nodiscard]] static Result<PuzzleReader> open(const std::string& path, const std::string& split = "test") {
    PuzzleReader reader;
    if (detail::path_kind(path) == detail::PathKind::folder) {
      auto npy = NpyDataset::open(path, split);
      if (!npy) return npy.error();
      reader.npy_ = std::move(*npy);
    } else {
      auto csv = CsvDataset::open(path);
      if (!csv) return csv.error();
      reader.csv_ = std::move(*csv);
    }
    return reader;
  }

  [[nodiscard]] const DatasetInfo& info() const noexcept { return npy_ ? npy_->info() : csv_->info(); }

  /// Share of the data set that has been read, 0 to 1.
  [[nodiscard]] double progress() const noexcept {
    if (csv_) return csv_->progress();
    return npy_->size() == 0 ? 1.0 : static_cast<double>(at_) / static_cast<double>(npy_->size());
  }

  /// The next example; false at the end.
  Result<bool> next(PuzzleExample& example) {
    if (csv_) return csv_->next(example);
    if (at_ == npy_->size()) return false;
    if (auto read = npy_->read(at_, example); !read) return read.error();
    ++at_;
    return true;
  }

  /// Passes over the next example, of which only puzzle, group and puzzle id are told; false at the end.
  Result<bool> skip(PuzzleExample& example) {
    if (csv_) return csv_->skip(example);
    if (at_ == npy_->size()) return false;
    if (auto located = npy_->locate(at_, example); !located) return located.error();
    ++at_;
    return true;
  }

 private:
  PuzzleReader() = default;
  std::optional<NpyDataset> npy_;
  std::optional<CsvDataset> csv_;
  std::size_t at_ = 0;
};

}  // namespace hrm
