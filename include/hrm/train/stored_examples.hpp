#pragma once
/// Puzzles out of files: the published folder form or CSV (hrm/puzzles/dataset.hpp), kept in memory.

#include <hrm/puzzles/dataset.hpp>
#include <hrm/train/examples.hpp>

#include <algorithm>
#include <memory>
#include <optional>

namespace hrm::train {

/// Changes that make many examples out of few: those of a Sudoku's digits, rows and columns, or those of the square.
enum class StoredSymmetry : std::uint8_t { none, sudoku, square };

/// Rows of tokens, in a byte each where the vocabulary leaves room for any_token beside it.
class TokenRows {
 public:
  TokenRows(std::size_t cols, std::size_t vocab) noexcept : cols_(cols), narrow_(vocab < none) {}
  void reserve(std::size_t rows) { narrow_ ? bytes_.reserve(rows * cols_) : tokens_.reserve(rows * cols_); }
  void add(std::span<const Token> row) {
    if (!narrow_) tokens_.insert(tokens_.end(), row.begin(), row.end());
    for (std::size_t i = 0; narrow_ && i < row.size(); ++i)
      bytes_.push_back(row[i] < 0 ? none : static_cast<std::uint8_t>(row[i]));
  }
  /// Fills `out` with a row.
  void get(std::size_t row, std::span<Token> out) const noexcept {
    for (std::size_t i = 0, at = row * cols_; i < cols_; ++i, ++at)
      out[i] = !narrow_ ? tokens_[at] : bytes_[at] == none ? any_token : static_cast<Token>(bytes_[at]);
  }

 private:
  static constexpr std::uint8_t none = 255;

  std::size_t cols_;
  bool narrow_;
  std::vector<std::uint8_t> bytes_;
  std::vector<Token> tokens_;
};

/// A data set's examples, drawn at random: a group of puzzles, a puzzle of it, an example of that, each as likely as
/// the others there, so that a task counts as much as another that has more augmentations. Sudokus and mazes under a
/// random symmetry where that is wanted.
class StoredSource final : public ExampleSource {
 public:
  /// Which examples of a file are taken, where one file has to do for training and for testing.
  enum class Part : std::uint8_t { all, training, held_out };
  /// Of so many groups the last is held out, with all its puzzles: what is told apart only by an augmentation must not
  /// stand on both sides.
  static constexpr std::size_t held_out_every = 10;

  struct Options {
    std::string split = "train";  ///< of a folder
    std::uint64_t seed = 0;
    /// Whether every draw is changed by a random symmetry; true is an error where the examples are neither solved
    /// Sudokus nor solved mazes. Empty: for such of CSV, not for folders, as published ones hold changed examples
    /// already.
    std::optional<bool> symmetries{};
    bool in_order = false;  ///< example i is number i of the file (modulo their number), as it stands: for testing
    Part part = Part::all;
    std::size_t most = 0;  ///< so many of the part at most, spread evenly over it, and no others read; 0: all
  };

  /// Reads what the options ask for. Error: the files', no example of the part in them, none with a label that counts,
  /// or a puzzle id out of range.
  [[nodiscard]] static Result<std::unique_ptr<StoredSource>> open(const std::string& path, const Options& options) {
    const auto numbers = choose(path, options);
    if (!numbers) return numbers.error();
    auto reader = PuzzleReader::open(path, options.split);
    if (!reader) return reader.error();
    auto source = std::unique_ptr<StoredSource>(new StoredSource(reader->info(), options));
    source->reserve(numbers->size());
    PuzzleExample example;
    std::size_t next = 0;
    bool asked = false;
    for (const std::size_t number : *numbers) {
      Result<bool> more = true;
      for (; next < number && more && *more; ++next) more = reader->skip(example);
      if (more && *more) more = reader->next(example), ++next;
      if (!more) return more.error();
      if (!*more) return Error(ErrorCode::io, path, ": example ", number, ": expected as a moment ago, found none");
      if (example.puzzle_id >= source->puzzle_ids()) {
        return Error(ErrorCode::value, path, ": example ", number, ": puzzle id, expected below ", source->puzzle_ids(),
                     ", found ", example.puzzle_id);
      }
      source->add(example);
      asked = asked || std::any_of(example.label.begin(), example.label.end(), [](Token t) { return t >= 0; });
    }
    if (!asked) return Error(ErrorCode::format, path, ": expected a puzzle with an answer, found none");
    const bool folder = hrm::detail::path_kind(path) == hrm::detail::PathKind::folder;
    if (!options.in_order && options.symmetries.value_or(!folder)) source->symmetry_ = source->symmetry_of_all();
    if (!options.in_order && options.symmetries == true && source->symmetry_ == StoredSymmetry::none) {
      return Error(ErrorCode::value, path,
                   ": symmetries, expected Sudokus or square mazes with their solutions, found ", "others");
    }
    return source;
  }

  /// The one that examples are drawn under.
  [[nodiscard]] StoredSymmetry symmetry() const noexcept { return symmetry_; }

  [[nodiscard]] std::size_t tokens() const noexcept override { return info_.seq_len; }
  [[nodiscard]] std::size_t vocab() const noexcept override { return info_.vocab; }
  [[nodiscard]] std::size_t puzzle_ids() const noexcept override { return info_.puzzle_ids; }
  [[nodiscard]] std::size_t largest_id() const noexcept override { return *std::max_element(ids_.begin(), ids_.end()); }
  [[nodiscard]] std::size_t size() const noexcept override { return ids_.size(); }
  [[nodiscard]] std::uint64_t fingerprint() const noexcept override {
    std::uint64_t hash = mixed(mixed(ids_.size(), info_.vocab), info_.puzzle_ids);
    const auto add = [&hash](const auto& words) {
      for (const auto word : words) hash = mixed(hash, static_cast<std::uint64_t>(word));
    };
    std::vector<Token> row(info_.seq_len);
    for (const TokenRows* rows : {&inputs_, &labels_}) {
      for (std::size_t i = 0; i < ids_.size(); ++i) rows->get(i, row), add(row);
    }
    add(ids_);
    if (groups_.size() != ids_.size()) add(puzzles_), add(groups_);
    // What earlier versions always took, by vocabulary and length alone: their runs can be gone on with.
    const PuzzleKind kind = info_.kind();
    const StoredSymmetry before = kind == PuzzleKind::sudoku ? StoredSymmetry::sudoku
                                  : kind == PuzzleKind::maze ? StoredSymmetry::square
                                                             : StoredSymmetry::none;
    if (symmetry_ != before) hash = mixed(hash, static_cast<std::uint64_t>(symmetry_));
    return hash;
  }

  void make(std::uint64_t index, Example& example) const noexcept override {
    const std::size_t count = info_.seq_len;
    Random random(mixed(options_.seed, index));
    const std::size_t pick = options_.in_order ? static_cast<std::size_t>(index % ids_.size()) : draw(random);
    example.puzzle_id = ids_[pick];
    inputs_.get(pick, example.tokens);
    labels_.get(pick, example.labels);
    if (symmetry_ == StoredSymmetry::none) return;
    const Symmetry symmetry = symmetry_ == StoredSymmetry::square
                                  ? random_square_symmetry(square_side(count), info_.vocab, random)
                                  : random_sudoku_symmetry(*SudokuShape::of_cells(count), random);
    std::vector<Token> before(count);
    for (const std::span<Token> tokens : {example.tokens, example.labels}) {
      std::copy(tokens.begin(), tokens.end(), before.begin());
      symmetry.apply(before, tokens);
    }
  }

 private:
  StoredSource(const DatasetInfo& info, const Options& options)
      : info_(info), options_(options), inputs_(info.seq_len, info.vocab), labels_(info.seq_len, info.vocab) {}

  /// The numbers of the examples to keep. Nothing of them is read but where they belong.
  [[nodiscard]] static Result<std::vector<std::size_t>> choose(const std::string& path, const Options& options) {
    auto reader = PuzzleReader::open(path, options.split);
    if (!reader) return reader.error();
    std::vector<std::size_t> numbers;
    PuzzleExample example;
    for (std::size_t number = 0;; ++number) {
      const auto more = reader->skip(example);
      if (!more) return more.error();
      if (!*more) break;
      const bool held_out = example.group % held_out_every == held_out_every - 1;
      if (options.part == Part::all || held_out == (options.part == Part::held_out)) numbers.push_back(number);
    }
    const std::size_t count = numbers.size();
    if (count == 0) {
      const bool some = options.part == Part::held_out;
      return Error(
          ErrorCode::missing, path,
          some ? ": groups of examples, to hold one in ten out, expected at least " : ": examples, expected at least ",
          some ? held_out_every : 1, ", found fewer");
    }
    if (options.most == 0 || options.most >= count) return numbers;
    for (std::size_t i = 0; i < options.most; ++i) numbers[i] = numbers[i * count / options.most];
    numbers.resize(options.most);
    return numbers;
  }

  void reserve(std::size_t count) { inputs_.reserve(count), labels_.reserve(count), ids_.reserve(count); }
  void add(const PuzzleExample& example) {
    if (ids_.empty() || example.puzzle != last_puzzle_) {
      if (ids_.empty() || example.group != last_group_) groups_.push_back(puzzles_.size());
      puzzles_.push_back(ids_.size());
    }
    last_puzzle_ = example.puzzle, last_group_ = example.group;
    inputs_.add(example.input), labels_.add(example.label);
    ids_.push_back(example.puzzle_id);
  }

  [[nodiscard]] std::size_t draw(Random& random) const noexcept {
    const auto one_of = [&random](const std::vector<std::size_t>& begins, std::size_t part, std::size_t end) {
      const std::size_t first = begins[part];
      const std::size_t count = (part + 1 < begins.size() ? begins[part + 1] : end) - first;
      return count == 1 ? first : first + static_cast<std::size_t>(random.below(count));
    };
    const std::size_t group = static_cast<std::size_t>(random.below(groups_.size()));
    return one_of(puzzles_, one_of(groups_, group, puzzles_.size()), ids_.size());
  }

  /// The symmetry under which every example stays what it is. Goes by what stands in them: other puzzles may have the
  /// vocabulary and the length of a Sudoku or a maze.
  [[nodiscard]] StoredSymmetry symmetry_of_all() const {
    const std::size_t count = info_.seq_len;
    std::vector<Token> inputs(count), labels(count);
    const auto all = [&](const auto& good) {
      for (std::size_t i = 0; i < ids_.size(); ++i) {
        inputs_.get(i, inputs), labels_.get(i, labels);
        if (!good(inputs, labels)) return false;
      }
      return true;
    };
    using Tokens = std::span<const Token>;
    const auto shape = SudokuShape::of_cells(count);
    if (shape && shape->vocab() == info_.vocab && all([&](Tokens input, Tokens label) {
          return sudoku_solved(*shape, sudoku_grid(*shape, input), sudoku_grid(*shape, label));
        })) {
      return StoredSymmetry::sudoku;
    }
    const std::size_t n = square_side(count);
    const bool mazes = info_.vocab == maze_vocab && n * n == count && all([&](Tokens input, Tokens label) {
                         return check_maze(maze_grid(n, n, input), maze_grid(n, n, label)).valid;
                       });
    return mazes ? StoredSymmetry::square : StoredSymmetry::none;
  }

  DatasetInfo info_;
  Options options_;
  StoredSymmetry symmetry_ = StoredSymmetry::none;
  TokenRows inputs_, labels_;  // [size, tokens]
  std::vector<std::size_t> ids_;
  std::vector<std::size_t> puzzles_, groups_;  // where each begins, in examples and in puzzles
  std::size_t last_puzzle_ = 0, last_group_ = 0;
};

}  // namespace hrm::train
