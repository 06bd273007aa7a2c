#pragma once
/// What hrm-sudoku and hrm-maze share: thinking with a trace, pictures, and the line that says how it went.

#include <hrm/puzzles/dataset_writer.hpp>
#include <hrm/puzzles/draw.hpp>

#include "program.hpp"

#if HRM_HAVE_PNG
#include "png.hpp"
#endif

namespace example {

/// Options of both programs, after their own.
inline std::vector<Option> with_puzzle_options(std::vector<Option> own) {
  own.push_back({"--file", "F", "puzzles from a file, or from standard input (-)"});
  own.push_back({"--model", "M", "a model (otherwise the bundled one of this size)"});
  own.push_back({"--puzzle-id", "N", "row of the model's puzzle embedding (0)"});
  own.push_back({"--trace", "", "the grid after every segment: what changed, q_halt and q_continue"});
  own.push_back({"--svg", "F", "of a single puzzle: a moving picture of the thought"});
  own.push_back({"--png", "F", "of a single puzzle: a picture of the answer"});
  own.push_back({"--generate", "N", "print N new puzzles with their solutions instead"});
  own.push_back({"--seed", "S", "of the generator (1)"});
  own.push_back({"--dataset", "DIR", "with --generate: write DIR/dataset.json and DIR/all__*.npy instead"});
  return with_solver_options(std::move(own));
}

/// Writes the answer's picture, or says that it cannot.
inline hrm::Result<void> write_png([[maybe_unused]] const hrm::Picture& picture, const std::string& path) {
#if HRM_HAVE_PNG
  return Raster(picture).write(path);
#else
  return hrm::Error(hrm::ErrorCode::unsupported, path, ": this program was built without libpng, --svg is there");
#endif
}

/// Thinks one puzzle through, calling `seen(before, now)` after each segment. Error: the puzzle does not fit the model.
template <class Seen>
hrm::Result<void> think(hrm::Solver& solver, std::span<const hrm::Token> tokens, std::size_t puzzle_id, Seen&& seen) {
  if (auto started = solver.start(tokens, puzzle_id); !started) return started;
  std::vector<hrm::Token> before(tokens.begin(), tokens.end());
  for (bool finished = false; !finished;) {
    finished = solver.step();
    seen(std::span<const hrm::Token>(before), solver.prediction());
    std::copy(solver.prediction().begin(), solver.prediction().end(), before.begin());
  }
  return {};
}

/// "segment 3: 5 cells changed, q_halt -1.25, q_continue 0.31".
inline std::string thought_line(const hrm::Solver& solver, std::span<const hrm::Token> before) {
  std::size_t changed = 0;
  for (std::size_t i = 0; i < before.size(); ++i) changed += before[i] != solver.prediction()[i] ? 1 : 0;
  return "segment " + std::to_string(solver.segments()) + ": " + std::to_string(changed) +
         (changed == 1 ? " cell" : " cells") + " changed, q_halt " + hrm::format_number(solver.q_halt()) +
         ", q_continue " + hrm::format_number(solver.q_continue());
}

/// The line of the contract: SOLUTION, solved or unsolved, segments, milliseconds.
inline void print_result(const std::string& solution, bool solved, std::size_t segments, double ms) {
  std::printf("%s\t%s\t%zu\t%s\n", solution.c_str(), solved ? "solved" : "unsolved", segments,
              hrm::format_number(ms, 3).c_str());
  std::fflush(stdout);
}

/// "12" or "10-14"; a wrong one is noted.
inline std::pair<std::size_t, std::size_t> range(Arguments& arguments, std::string_view name, std::size_t least,
                                                 std::size_t most) {
  const auto text = arguments.text(name);
  if (!text) return {least, most};
  std::pair<std::size_t, std::size_t> out{0, 0};
  const char* const end = text->data() + text->size();
  auto [at, fault] = std::from_chars(text->data(), end, out.first);
  out.second = out.first;
  if (fault == std::errc() && at != end && *at == '-') {
    const auto second = std::from_chars(at + 1, end, out.second);
    at = second.ptr;
    fault = second.ec;
  }
  if (fault != std::errc() || at != end || out.first > out.second) {
    arguments.note(name, "expected a number or a range such as 10-14, found " + *text);
  }
  return out;
}

/// Where generated puzzles go: CSV on standard output, or a data set's folder.
class GeneratedOutput {
 public:
  [[nodiscard]] static hrm::Result<GeneratedOutput> open(const std::optional<std::string>& folder, std::size_t seq_len,
                                                         std::size_t vocab) {
    GeneratedOutput output;
    if (!folder) return output;
    hrm::DatasetInfo info;
    info.seq_len = seq_len;
    info.vocab = vocab;
    info.ignore_label_id = 0;
    std::error_code failed;
    std::filesystem::create_directories(*folder, failed);
    if (failed) return hrm::Error(hrm::ErrorCode::io, *folder, ": the folder cannot be made");
    auto writer = hrm::DatasetWriter::create(*folder, info);
    if (!writer) return writer.error();
    output.writer_ = std::make_unique<hrm::DatasetWriter>(std::move(*writer));
    return output;
  }
  hrm::Result<void> add(const std::string& puzzle, const std::string& solution, std::size_t difficulty,
                        std::vector<hrm::Token> input, std::vector<hrm::Token> label) {
    if (writer_) return writer_->add({std::move(input), std::move(label), 0});
    std::printf("%s,%s,%zu\n", puzzle.c_str(), solution.c_str(), difficulty);
    return {};
  }
  hrm::Result<void> finish() { return writer_ ? writer_->finish() : hrm::Result<void>(); }

 private:
  GeneratedOutput() = default;
  std::unique_ptr<hrm::DatasetWriter> writer_;
};

/// Notes options that do not go together, for both programs.
inline void check_puzzle_options(Arguments& arguments) {
  const bool generate = arguments.has("--generate");
  const bool puzzles = arguments.has("--file") || !arguments.rest().empty();
  if (arguments.has("--file") && !arguments.rest().empty())
    arguments.note("--file", "does not go with puzzles beside it");
  if (!generate && !puzzles) arguments.note("PUZZLE", "expected at least one, or --file, or --generate");
  if (generate && puzzles) arguments.note("--generate", "does not go with puzzles to solve");
  if (!generate && arguments.has("--dataset")) arguments.note("--dataset", "goes with --generate");
  if (!generate && arguments.has("--seed")) arguments.note("--seed", "goes with --generate");
  for (const char* picture : {"--svg", "--png"}) {
    if (arguments.has(picture) && (generate || arguments.has("--file") || arguments.rest().size() != 1)) {
      arguments.note(picture, "goes with a single puzzle");
    }
  }
}

}  // namespace example
