#pragma once
/// Data sets of puzzles in the published folder form, and what any data set says of itself. Memory does not grow with
/// the data set.

#include <hrm/puzzles/json.hpp>
#include <hrm/puzzles/maze.hpp>
#include <hrm/puzzles/npy.hpp>
#include <hrm/puzzles/sudoku.hpp>

#include <optional>

namespace hrm {

/// What kind of puzzle tokens stand for, as far as can be told.
enum class PuzzleKind : std::uint8_t { other, sudoku, maze, arc };

/// By vocabulary and length: side * side tokens of a Sudoku's digits, a square of maze cells, or the ARC canvas.
[[nodiscard]] inline PuzzleKind puzzle_kind(std::size_t vocab, std::size_t seq_len) noexcept {
  const auto sudoku = SudokuShape::of_cells(seq_len);
  if (sudoku && sudoku->vocab() == vocab) return PuzzleKind::sudoku;
  const std::size_t side = square_side(seq_len);
  if (vocab == maze_vocab && side * side == seq_len) return PuzzleKind::maze;
  return vocab == 12 && seq_len == 900 ? PuzzleKind::arc : PuzzleKind::other;
}

/// Stands in labels where any answer is right.
inline constexpr Token any_token = -1;
/// What stands there in published labels, beside a data set's own ignore_label_id.
inline constexpr Token ignored_label = -100;

struct PuzzleExample {
  std::vector<Token> input;
  std::vector<Token> label;   ///< any_token where a cell does not count
  std::size_t puzzle_id = 0;  ///< row of the puzzle embedding
  /// Which puzzle of the data set it belongs to and which group of puzzles (augmentations of one, say), counted from 0;
  /// of CSV every example is its own.
  std::size_t puzzle = 0, group = 0;
};

/// What dataset.json says (of a CSV file: what its first line shows).
struct DatasetInfo {
  std::size_t seq_len = 0;
  std::size_t vocab = 0;
  Token pad_id = 0;
  std::optional<Token> ignore_label_id;
  std::size_t blank_identifier_id = 0;
  std::size_t puzzle_ids = 1;  ///< num_puzzle_identifiers
  std::vector<std::string> sets;
  [[nodiscard]] PuzzleKind kind() const noexcept { return puzzle_kind(vocab, seq_len); }
};

/// Reads dataset.json. Error: a key is missing or its value out of range.
[[nodiscard]] inline Result<DatasetInfo> parse_dataset_json(std::string_view text) {
  JsonCursor json(text);
  DatasetInfo info;
  unsigned seen = 0;
  const auto number = [&](unsigned bit, std::int64_t least, std::int64_t most, auto& out) {
    std::int64_t value = 0;
    if (!json.integer(value)) return false;
    if (value < least || value > most) return json.fail("a number in range");
    out = static_cast<std::remove_reference_t<decltype(out)>>(value);
    seen |= bit;
    return true;
  };
  constexpr std::int64_t int_max = std::numeric_limits<std::int32_t>::max();
  const bool read = json.object([&](std::string_view key) {
    if (key == "seq_len") return number(1, 1, static_cast<std::int64_t>(NpyReader::max_row), info.seq_len);
    if (key == "vocab_size") return number(2, 1, int_max, info.vocab);
    if (key == "num_puzzle_identifiers") return number(4, 1, int_max, info.puzzle_ids);
    if (key == "pad_id") return number(0, 0, int_max, info.pad_id);
    if (key == "blank_identifier_id") return number(0, 0, int_max, info.blank_identifier_id);
    if (key == "ignore_label_id") {
      Token id = 0;
      if (json.null()) return true;
      if (!number(0, std::numeric_limits<std::int32_t>::min(), int_max, id)) return false;
      info.ignore_label_id = id;
      return true;
    }
    if (key == "sets") {
      seen |= 8;
      return json.array([&] {
        info.sets.emplace_back();
        if (!json.string(info.sets.back())) return false;
        const bool plain = info.sets.back().find_first_of("/\\") == std::string::npos && !info.sets.back().empty();
        return plain || json.fail("a name without a path");
      });
    }
    return json.skip();
  });
  if (!read || !json.end()) return json.error();
  if (seen != 15 || info.sets.empty()) {
    return Error(ErrorCode::missing, "dataset.json, expected seq_len, vocab_size, num_puzzle_identifiers and sets");
  }
  return info;
}

/// The folder form: dataset.json and for each set SET__inputs.npy, SET__labels.npy, SET__puzzle_identifiers.npy,
/// SET__puzzle_indices.npy (where each puzzle's examples begin, and the end) and SET__group_indices.npy (likewise
/// puzzles). Examples can be read in any order. Move-only, not for several threads at once.
class NpyDataset {
 public:
  /// `folder` holds dataset.json, or a folder `split` that does. Error: a file is missing or wrong, or the arrays do
  /// not fit one another.
  [[nodiscard]] static Result<NpyDataset> open(const std::string& folder, const std::string& split = "test") {
    NpyDataset dataset;
    const bool here = detail::path_kind(folder + "/dataset.json") != detail::PathKind::none;
    const std::string at = here ? folder : folder + "/" + split;
    const auto text = read_text(at + "/dataset.json", std::size_t{1} << 20);
    if (!text) return text.error();
    auto info = parse_dataset_json(*text);
    if (!info) return info.error().in(at + "/dataset.json");
    dataset.info_ = std::move(*info);
    for (const std::string& name : dataset.info_.sets) {
      auto set = dataset.open_set(at + "/" + name + "__");
      if (!set) return set.error();
      set->first_puzzle = dataset.puzzles_;
      set->first_group = dataset.groups_;
      dataset.size_ += set->inputs.rows();
      dataset.puzzles_ += set->puzzles.count();
      dataset.groups_ += set->groups.count();
      dataset.sets_.push_back(std::move(*set));
    }
    return dataset;
  }

  [[nodiscard]] const DatasetInfo& info() const noexcept { return info_; }
  /// Examples in all sets together.
  [[nodiscard]] std::size_t size() const noexcept { return size_; }

  /// Where example number `index` (below size()) belongs: its puzzle, group and puzzle id; its tokens are left as they
  /// are. Error: a file cannot be read.
  Result<void> locate(std::size_t index, PuzzleExample& example) {
    const auto found = find(index);
    return found.first->locate(found.second, example);
  }

  /// Example number `index`, below size(). Error: a token outside the vocabulary, or a file cannot be read.
  Result<void> read(std::size_t index, PuzzleExample& example) {
    const auto found = find(index);
    Set& set = *found.first;
    index = found.second;
    example.input.resize(info_.seq_len);
    example.label.resize(info_.seq_len);
    if (auto read = set.inputs.read_row(index, example.input); !read) return read.error();
    if (auto read = set.labels.read_row(index, example.label); !read) return read.error();
    for (const Token token : example.input) {
      if (!in_vocab(token)) return outside(set.inputs, index, token);
    }
    for (Token& token : example.label) {
      if (token == ignored_label || (info_.ignore_label_id && token == *info_.ignore_label_id)) {
        token = any_token;
      } else if (!in_vocab(token)) {
        return outside(set.labels, index, token);
      }
    }
    return set.locate(index, example);
  }

 private:
  /// Where parts of a row of things begin, and the end.
  struct Parts {
    NpyReader indices;
    std::size_t part = 0;            // the one that holds what was last asked for
    std::size_t begin = 0, end = 0;  // its things

    [[nodiscard]] std::size_t count() const noexcept { return indices.rows() - 1; }
    Result<void> find(std::size_t thing) {
      if (thing >= begin && thing < end) return {};
      std::size_t low = thing >= end ? part : 0;               // begins at the thing or before it
      std::size_t high = count();                              // begins after it, or is the end
      for (std::size_t step = 1; high - low > 1; step *= 2) {  // in order the next part is the one
        const std::size_t middle = low + std::min(step, (high - low) / 2);
        const auto start = indices.at(middle);
        if (!start) return start.error();
        (static_cast<std::size_t>(*start) <= thing ? low : high) = middle;
      }
      part = low;
      const auto first = indices.at(low);
      if (!first) return first.error();
      const auto last = indices.at(low + 1);
      if (!last) return last.error();
      begin = static_cast<std::size_t>(*first);
      end = static_cast<std::size_t>(*last);
      return {};
    }
  };

  struct Set {
    NpyReader inputs, labels, identifiers;
    Parts puzzles;                                  // of examples
    Parts groups;                                   // of puzzles
    std::size_t first_puzzle = 0, first_group = 0;  // those before it, in other sets

    Result<void> locate(std::size_t index, PuzzleExample& example) {
      if (auto found = puzzles.find(index); !found) return found.error();
      if (auto found = groups.find(puzzles.part); !found) return found.error();
      const auto id = identifiers.at(puzzles.part);
      if (!id) return id.error();
      example.puzzle_id = static_cast<std::size_t>(*id);
      example.puzzle = first_puzzle + puzzles.part;
      example.group = first_group + groups.part;
      return {};
    }
  };

  /// The set that holds an example, and its number there.
  [[nodiscard]] std::pair<Set*, std::size_t> find(std::size_t index) noexcept {
    HRM_ASSERT(index < size_);
    std::size_t which = 0;
    while (index >= sets_[which].inputs.rows()) index -= sets_[which++].inputs.rows();
    return {&sets_[which], index};
  }

  [[nodiscard]] bool in_vocab(Token token) const noexcept {
    return token >= 0 && static_cast<std::size_t>(token) < info_.vocab;
  }
  [[nodiscard]] Error outside(const NpyReader& file, std::size_t row, Token token) const noexcept {
    return Error(ErrorCode::value, file.path(), ": row ", row, ": token, expected 0 to ", info_.vocab - 1, ", found ",
                 token);
  }

  [[nodiscard]] Result<Set> open_set(const std::string& prefix) const {
    auto inputs = NpyReader::open(prefix + "inputs.npy");
    if (!inputs) return inputs.error();
    auto labels = NpyReader::open(prefix + "labels.npy");
    if (!labels) return labels.error();
    auto identifiers = NpyReader::open(prefix + "puzzle_identifiers.npy");
    if (!identifiers) return identifiers.error();
    auto puzzles = NpyReader::open(prefix + "puzzle_indices.npy");
    if (!puzzles) return puzzles.error();
    auto groups = NpyReader::open(prefix + "group_indices.npy");
    if (!groups) return groups.error();

    for (const NpyReader* tokens : {&*inputs, &*labels}) {
      if (tokens->rank() != 2 || tokens->cols() != info_.seq_len || tokens->rows() != inputs->rows()) {
        return Error(ErrorCode::shape, tokens->path(), ": shape, expected ", inputs->rows(), " x ", info_.seq_len,
                     ", found ", tokens->rows(), " x ", tokens->cols());
      }
    }
    if (auto good = check_indices(*puzzles, identifiers->rows(), inputs->rows()); !good) return good.error();
    if (groups->rows() == 0) return Error(ErrorCode::shape, groups->path(), ": numbers, expected at least 1, found 0");
    if (auto good = check_indices(*groups, groups->rows() - 1, identifiers->rows()); !good) return good.error();
    if (identifiers->rank() != 1)
      return Error(ErrorCode::shape, identifiers->path(), ": dimensions, expected 1, found 2");
    for (std::size_t i = 0; i < identifiers->rows(); ++i) {
      const auto id = identifiers->at(i);
      if (!id) return id.error();
      if (*id < 0 || static_cast<std::size_t>(*id) >= info_.puzzle_ids) {
        return Error(ErrorCode::value, identifiers->path(), ": row ", i, ": identifier, expected 0 to ",
                     info_.puzzle_ids - 1, ", found ", *id);
      }
    }
    return Set{std::move(*inputs), std::move(*labels), std::move(*identifiers), Parts{std::move(*puzzles)},
               Parts{std::move(*groups)}};
  }

  /// parts + 1 numbers that rise (or stay) from 0 to `whole`.
  static Result<void> check_indices(NpyReader& indices, std::size_t parts, std::size_t whole) {
    if (indices.rank() != 1 || indices.rows() != parts + 1) {
      return Error(ErrorCode::shape, indices.path(), ": numbers, expected ", parts + 1, ", found ", indices.rows());
    }
    std::int64_t before = 0;
    for (std::size_t i = 0; i <= parts; ++i) {
      const auto value = indices.at(i);
      if (!value) return value.error();
      if (*value < before || (i == 0 && *value != 0)) {
        return Error(ErrorCode::value, indices.path(), ": row ", i, ", expected ", i == 0 ? "" : "at least ", before,
                     ", found ", *value);
      }
      before = *value;
    }
    if (static_cast<std::size_t>(before) != whole) {
      return Error(ErrorCode::value, indices.path(), ": last number, expected ", whole, ", found ", before);
    }
    return {};
  }

  DatasetInfo info_;
  std::vector<Set> sets_;
  std::size_t size_ = 0, puzzles_ = 0, groups_ = 0;
};

}  // namespace hrm
