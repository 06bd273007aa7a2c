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

/// A data set's examples, drawn at random; Sudokus and mazes under a random symmetry where that is wanted.
class StoredSource final : public ExampleSource {
 public:
  /// Which examples of a file are taken, where one file has to do for training and for testing.
  enum class Part : std::uint8_t { all, training, held_out };
  static constexpr std::size_t held_out_every = 10;  ///< of so many examples the last is held out

  struct Options {
    std::string split = "train";  ///< of a folder
    std::uint64_t seed = 0;
    /// Whether every draw is changed by a random symmetry; true is an error where the examples are neither solved
    /// Sudokus nor solved mazes. Empty: for such of CSV, not for folders, as published ones hold changed examples
    /// already.
    std::optional<bool> symmetries{};
    bool in_order = false;  ///< example i is number i of the file (modulo their number), as it stands: for testing
    Part part = Part::all;
  };

  /// Reads everything. Error: the files', no example in them, or a puzzle id out of range.
  [[nodiscard]] static Result<std::unique_ptr<StoredSource>> open(const std::string& path, const Options& options) {
    auto reader = PuzzleReader::open(path, options.split);
    if (!reader) return reader.error();
    auto source = std::unique_ptr<StoredSource>(new StoredSource(reader->info(), options));
    PuzzleExample example;
    for (std::size_t number = 0;; ++number) {
      const auto more = reader->next(example);
      if (!more) return more.error();
      if (!*more) break;
      const bool held_out = number % held_out_every == held_out_every - 1;
      if (options.part != Part::all && held_out != (options.part == Part::held_out)) continue;
      if (example.puzzle_id >= source->puzzle_ids()) {
        return Error(ErrorCode::value, path, ": example ", number, ": puzzle id, expected below ", source->puzzle_ids(),
                     ", found ", example.puzzle_id);
      }
      source->inputs_.insert(source->inputs_.end(), example.input.begin(), example.input.end());
      source->labels_.insert(source->labels_.end(), example.label.begin(), example.label.end());
      source->ids_.push_back(example.puzzle_id);
    }
    if (source->ids_.empty()) {
      const bool some = options.part == Part::held_out;
      return Error(ErrorCode::missing, path, ": examples, expected at least ", some ? held_out_every : 1,
                   ", found fewer");
    }
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
    add(inputs_), add(labels_), add(ids_);
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
    const auto pick = static_cast<std::size_t>(options_.in_order ? index % ids_.size() : random.below(ids_.size()));
    const std::span<const Token> input(inputs_.data() + pick * count, count);
    const std::span<const Token> label(labels_.data() + pick * count, count);
    example.puzzle_id = ids_[pick];
    if (symmetry_ == StoredSymmetry::none) {
      std::copy(input.begin(), input.end(), example.tokens.begin());
      std::copy(label.begin(), label.end(), example.labels.begin());
      return;
    }
    const Symmetry symmetry = symmetry_ == StoredSymmetry::square
                                  ? random_square_symmetry(side(), info_.vocab, random)
                                  : random_sudoku_symmetry(*SudokuShape::of_cells(count), random);
    symmetry.apply(input, example.tokens);
    symmetry.apply(label, example.labels);
  }

 private:
  StoredSource(const DatasetInfo& info, const Options& options) : info_(info), options_(options) {}

  [[nodiscard]] std::size_t side() const noexcept {
    std::size_t side = 1;
    while (side * side < info_.seq_len) ++side;
    return side;
  }

  /// The symmetry under which every example stays what it is. Goes by what stands in them: other puzzles may have the
  /// vocabulary and the length of a Sudoku or a maze.
  [[nodiscard]] StoredSymmetry symmetry_of_all() const {
    const std::size_t count = info_.seq_len;
    const auto all = [&](const auto& good) {
      for (std::size_t i = 0; i < ids_.size(); ++i) {
        if (!good(std::span(inputs_).subspan(i * count, count), std::span(labels_).subspan(i * count, count)))
          return false;
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
    const std::size_t n = side();
    const bool mazes = info_.vocab == maze_vocab && n * n == count && all([&](Tokens input, Tokens label) {
                         return check_maze(maze_grid(n, n, input), maze_grid(n, n, label)).valid;
                       });
    return mazes ? StoredSymmetry::square : StoredSymmetry::none;
  }

  DatasetInfo info_;
  Options options_;
  StoredSymmetry symmetry_ = StoredSymmetry::none;
  std::vector<Token> inputs_, labels_;  // [size, tokens]
  std::vector<std::size_t> ids_;
};

}  // namespace hrm::train
