#pragma once
/// The writer of data sets in the published folder form.

#include <hrm/puzzles/dataset_npy.hpp>

namespace hrm {

/// Writes the folder form, FOLDER/dataset.json and FOLDER/all__*.npy, one example after another, each a puzzle and a
/// group of its own. What stood in the folder stays until finish(). Move-only.
class DatasetWriter {
 public:
  /// The folder must be there. Error: a file in it cannot be written.
  [[nodiscard]] static Result<DatasetWriter> create(const std::string& folder, const DatasetInfo& info) {
    const std::size_t bytes = info.vocab <= 256 ? 1 : 4;
    auto inputs = NpyWriter::create(folder + "/all__inputs.npy", info.seq_len, bytes);
    if (!inputs) return inputs.error();
    const Token ignored = info.ignore_label_id.value_or(ignored_label);
    const bool as_byte = bytes == 1 && ignored >= 0 && ignored < 256;
    auto labels = NpyWriter::create(folder + "/all__labels.npy", info.seq_len, as_byte ? 1 : 4);
    if (!labels) return labels.error();
    auto identifiers = NpyWriter::create(folder + "/all__puzzle_identifiers.npy", 0, 4);
    if (!identifiers) return identifiers.error();
    auto puzzles = NpyWriter::create(folder + "/all__puzzle_indices.npy", 0, 4);
    if (!puzzles) return puzzles.error();
    auto groups = NpyWriter::create(folder + "/all__group_indices.npy", 0, 4);
    if (!groups) return groups.error();
    DatasetWriter writer{folder,
                         info,
                         std::move(*inputs),
                         std::move(*labels),
                         std::move(*identifiers),
                         std::move(*puzzles),
                         std::move(*groups)};
    if (auto begun = writer.add_index(); !begun) return begun.error();
    return writer;
  }

  /// Both of seq_len tokens; any_token becomes ignore_label_id, without one ignored_label.
  Result<void> add(const PuzzleExample& example) {
    label_ = example.label;
    for (Token& token : label_) token = token == any_token ? info_.ignore_label_id.value_or(ignored_label) : token;
    const Token id = static_cast<Token>(example.puzzle_id);
    if (auto done = inputs_.add(example.input); !done) return done;
    if (auto done = labels_.add(label_); !done) return done;
    if (auto done = identifiers_.add({&id, 1}); !done) return done;
    ++count_;
    return add_index();
  }

  /// Completes the files.
  Result<void> finish() {
    for (NpyWriter* file : {&inputs_, &labels_, &identifiers_, &puzzles_, &groups_}) {
      if (auto done = file->finish(); !done) return done;
    }
    // A token as int64: what writes a std::size_t then writes it too, and a small program has no second one.
    std::string text = "{\"pad_id\": " + std::to_string(std::int64_t{info_.pad_id});
    text += ", \"ignore_label_id\": " +
            (info_.ignore_label_id ? std::to_string(std::int64_t{*info_.ignore_label_id}) : "null");
    text += ", \"blank_identifier_id\": " + std::to_string(info_.blank_identifier_id);
    text += ", \"vocab_size\": " + std::to_string(info_.vocab) + ", \"seq_len\": " + std::to_string(info_.seq_len);
    text += ", \"num_puzzle_identifiers\": " + std::to_string(info_.puzzle_ids);
    text += ", \"total_groups\": " + std::to_string(count_) + ", \"mean_puzzle_examples\": 1.0, \"sets\": [\"all\"]}\n";
    const std::string path = folder_ + "/dataset.json";
    const auto write = [&text](std::FILE* file) {
      return std::fwrite(text.data(), 1, text.size(), file) == text.size();
    };
    if (detail::replace_file(path, write)) return {};
    return Error(ErrorCode::io, path, ": cannot be written");
  }

 private:
  DatasetWriter(std::string folder, DatasetInfo info, NpyWriter inputs, NpyWriter labels, NpyWriter identifiers,
                NpyWriter puzzles, NpyWriter groups)
      : folder_(std::move(folder)),
        info_(std::move(info)),
        inputs_(std::move(inputs)),
        labels_(std::move(labels)),
        identifiers_(std::move(identifiers)),
        puzzles_(std::move(puzzles)),
        groups_(std::move(groups)) {}

  Result<void> add_index() {
    const auto index = static_cast<std::int32_t>(count_);
    if (auto done = puzzles_.add({&index, 1}); !done) return done;
    return groups_.add({&index, 1});
  }

  std::string folder_;
  DatasetInfo info_;
  NpyWriter inputs_, labels_, identifiers_, puzzles_, groups_;
  std::vector<Token> label_;
  std::size_t count_ = 0;
};

}  // namespace hrm
