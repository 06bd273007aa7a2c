#pragma once
/// What hrm-sudoku and hrm-maze share: thinking with a trace and pictures, the line that says how it went, generating.

#include <hrm/puzzles/dataset_writer.hpp>
#include <hrm/puzzles/draw.hpp>

#include "program.hpp"
#include "progress.hpp"

#include <cmath>
#include <map>

#if HRM_HAVE_PNG
#include "png.hpp"
#endif

namespace example {

/// Options of both programs, after their own.
inline std::vector<Option> with_puzzle_options(std::vector<Option> own) {
  own.insert(own.end(), {{"--file", "F", "puzzles from a file, or from standard input (-); CSV may name its columns"},
                         {"--model", "M", "a model (otherwise the bundled one of this size)"},
                         {"--puzzle-id", "N", "row of the model's puzzle embedding (0)"},
                         {"--views", "N",
                          "ways to look at a puzzle until the answer is right: as it is, then through symmetries (1);\n"
                          "                         segments and milliseconds count all"},
                         {"--trace", "", "the grid after every segment: what changed, q_halt and q_continue"},
                         {"--svg", "F", "of a single puzzle: a moving picture of the thought"},
                         {"--png", "F", "of a single puzzle: a picture of the answer"},
                         {"--generate", "N", "print N new puzzles with their solutions instead"},
                         {"--seed", "S", "of the generator (1)"},
                         {"--dataset", "DIR", "with --generate: write DIR/dataset.json and DIR/all__*.npy instead"}});
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

/// "5 cells changed".
inline std::string change(std::span<const hrm::Token> now, std::span<const hrm::Token> before) {
  std::size_t changed = 0;
  for (std::size_t i = 0; i < now.size(); ++i) changed += before[i] != now[i] ? 1 : 0;
  return std::to_string(changed) + (changed == 1 ? " cell" : " cells") + " changed";
}

/// How both programs go about a puzzle.
struct PlayOptions {
  std::size_t puzzle_id, views;

  /// Of the command line; `most`: ways that there are to look at a puzzle.
  PlayOptions(Arguments& arguments, std::size_t most)
      : puzzle_id(arguments.number("--puzzle-id", 0, 0, ~std::size_t{0} >> 1)),
        views(arguments.number("--views", 1, 1, most)) {}
};

/// A model for one kind of puzzle, with a solver: the one that --model names, or the bundled one.
class Player {
 public:
  /// `name` is the bundled folder's, "sudoku6"; `what` what it is for, "Sudokus of 6 x 6". Error: there is no such
  /// model, it cannot be loaded, or has another vocabulary.
  [[nodiscard]] static hrm::Result<Player> open(const Arguments& arguments, const Setup& setup, const char* self,
                                                const std::string& name, const std::string& what, std::size_t tokens,
                                                std::size_t vocab) {
    const std::string path = arguments.text("--model").value_or(bundled_model(name, self));
    if (path.empty()) {
      return hrm::Error(hrm::ErrorCode::missing, name, ": no bundled model for ", what,
                        "; --model takes one, the folder of a published checkpoint for instance");
    }
    auto model = setup.load(path);
    if (!model) return model.error();
    if (model->config().sizes.vocab != vocab) {
      return hrm::Error(hrm::ErrorCode::shape, path, ": vocabulary for ", what, ", expected ", vocab, ", found ",
                        model->config().sizes.vocab);
    }
    return Player(path, hrm::Solver(*model, setup.solver(tokens)));
  }

  /// Thinks a puzzle through and prints its line (SOLUTION, solved or unsolved, segments, milliseconds, with tabs
  /// between), with --trace the grid after every segment; writes the pictures that are asked for. Whether it is solved.
  ///
  /// A Puzzle has tokens(), ways() to look at it, view(number), a symmetry, terminal(now, before, colours),
  /// picture(now, before, caption), text(now) and solved(now); `before` is empty where nothing was.
  template <class Puzzle>
  hrm::Result<bool> play(const Arguments& arguments, const Puzzle& puzzle, const PlayOptions& options) {
    using Tokens = std::span<const hrm::Token>;
    const std::vector<hrm::Token> question = puzzle.tokens();
    const bool trace = arguments.has("--trace");
    const bool moving = arguments.has("--svg");
    std::vector<hrm::Picture> frames;
    if (trace) std::fputs(puzzle.terminal(question, Tokens{}, colours()).c_str(), stdout);
    if (moving) frames.push_back(puzzle.picture(question, Tokens{}, {"the puzzle", {}, false}));

    double ms = 0;
    std::size_t segments = 0;
    bool solved = false;
    std::vector<hrm::Token> answer = question;
    std::string verdict;
    const std::size_t views = std::min(options.views, puzzle.ways());
    for (std::size_t view = 0; view < views && !solved; ++view) {
      const hrm::Symmetry symmetry = puzzle.view(view);
      const hrm::Symmetry back = symmetry.inverse();
      if (auto started = solver_.start(symmetry.apply(question), options.puzzle_id); !started)
        return started.error().in(path_);
      const std::string where = view == 0 ? "" : "view " + std::to_string(view + 1) + ", ";
      for (bool finished = false; !finished;) {
        const auto start = std::chrono::steady_clock::now();
        finished = solver_.step();
        ms += milliseconds_since(start);
        ++segments;
        const std::vector<hrm::Token> before = answer;
        back.apply(solver_.prediction(), answer);
        solved = finished && puzzle.solved(answer);
        const std::string line = where + "segment " + std::to_string(segments) + ": " + change(answer, before);
        verdict = std::string(solved ? "solved" : "unsolved") + " after " + std::to_string(segments) +
                  (segments == 1 ? " segment" : " segments");
        if (trace) {
          std::printf("%s, q_halt %s, q_continue %s\n%s", line.c_str(), hrm::format_number(solver_.q_halt()).c_str(),
                      hrm::format_number(solver_.q_continue()).c_str(),
                      puzzle.terminal(answer, before, colours()).c_str());
        }
        if (moving) frames.push_back(puzzle.picture(answer, before, caption(finished ? verdict : line)));
      }
    }

    if (arguments.has("--grid")) std::fputs(puzzle.terminal(answer, Tokens{}, colours()).c_str(), stdout);
    std::printf("%s\t%s\t%zu\t%s\n", puzzle.text(answer).c_str(), solved ? "solved" : "unsolved", segments,
                hrm::format_number(ms, 3).c_str());
    if (std::fflush(stdout) != 0) return hrm::Error(hrm::ErrorCode::io, "standard output: cannot be written");
    if (const auto path = arguments.text("--svg")) {
      if (auto written = write_file(*path, hrm::animated_svg(frames)); !written) return written.error();
    }
    if (const auto path = arguments.text("--png")) {
      const auto picture = puzzle.picture(answer, Tokens{}, caption(verdict));
      if (auto written = write_png(picture, *path); !written) return written.error();
    }
    return solved;
  }

 private:
  [[nodiscard]] hrm::Caption caption(std::string_view text) const {
    const double sure = 1 / (1 + std::exp(-static_cast<double>(solver_.q_halt())));
    return {text, sure >= 0 ? sure : 0, solver_.q_halt() > solver_.q_continue()};  // no number: not sure at all
  }
  Player(std::string path, hrm::Solver solver) : path_(std::move(path)), solver_(std::move(solver)) {}
  std::string path_;  // the model's, for errors
  hrm::Solver solver_;
};

/// Players for puzzles of any sizes, each made when the first of its puzzles comes.
class Players {
 public:
  /// All of them must outlive it.
  Players(const Arguments& arguments, const Setup& setup, const char* self, const PlayOptions& options)
      : arguments_(arguments), setup_(setup), self_(self), options_(options) {}

  /// See Player::open() and Player::play(). Error: there is no model for the puzzle, or playing fails.
  template <class Puzzle>
  hrm::Result<void> play(const Puzzle& puzzle, const std::string& name, const std::string& what, std::size_t vocab) {
    auto player = players_.find(name);
    if (player == players_.end()) {
      auto opened = Player::open(arguments_, setup_, self_, name, what, puzzle.tokens().size(), vocab);
      if (!opened) return opened.error();
      player = players_.emplace(name, std::move(*opened)).first;
    }
    const auto solved = player->second.play(arguments_, puzzle, options_);
    if (!solved) return solved.error();
    if (*solved) return {};
    all_solved_ = false;
    const std::size_t ways = std::min<std::size_t>(64, puzzle.ways());
    if (ways > options_.views) {
      ++worth_another_look_;
      ways_ = ways;
    }
    return {};
  }
  /// The code to end with. On a terminal it also says what may solve what was left unsolved.
  [[nodiscard]] int conclude() const {
    if (worth_another_look_ > 0 && error_terminal()) {
      std::fprintf(stderr, "%zu unsolved: --views %zu looks again, through symmetries, until an answer is right\n",
                   worth_another_look_, ways_);
    }
    return all_solved_ ? done : unsolved;
  }

 private:
  const Arguments& arguments_;
  const Setup& setup_;
  const char* self_;
  const PlayOptions& options_;
  bool all_solved_ = true;
  std::size_t worth_another_look_ = 0;  // unsolved, and not yet looked at in `ways_` ways
  std::size_t ways_ = 0;
  std::map<std::string, Player> players_;
};

/// Calls play(text) for every puzzle of the command line, up to an error, which says of several which it was.
template <class Play>
hrm::Result<void> play_words(const Arguments& arguments, const Play& play) {
  const std::vector<std::string>& puzzles = arguments.rest();
  for (std::size_t i = 0; i < puzzles.size(); ++i) {
    if (hrm::Result<void> played = play(puzzles[i]); !played) {
      return puzzles.size() == 1 ? played.error() : played.error().in("puzzle " + std::to_string(i + 1));
    }
  }
  return {};
}

/// A generated puzzle, as text and as tokens.
struct Generated {
  std::string puzzle, solution;
  std::size_t difficulty = 0;
  hrm::PuzzleExample example;
};

/// Prints `count` puzzles of `make()` as CSV, or writes them to the folder of --dataset. Gives the code to end with.
template <class Make>
int generate(const Arguments& arguments, std::size_t count, std::size_t seq_len, std::size_t vocab, Make&& make) {
  std::optional<hrm::DatasetWriter> writer;
  if (const auto folder = arguments.text("--dataset")) {
    hrm::DatasetInfo info;
    info.seq_len = seq_len;
    info.vocab = vocab;
    info.ignore_label_id = 0;
    std::error_code failed;
    std::filesystem::create_directories(*folder, failed);
    if (failed) return fail(arguments, hrm::Error(hrm::ErrorCode::io, *folder, ": the folder cannot be made"));
    auto created = hrm::DatasetWriter::create(*folder, info);
    if (!created) return fail(arguments, created.error());
    writer = std::move(*created);
  }
  for (std::size_t i = 0; i < count; ++i) {
    const hrm::Result<Generated> made = make();
    if (!made) return fail(arguments, made.error());
    if (!writer) {
      std::printf("%s,%s,%zu\n", made->puzzle.c_str(), made->solution.c_str(), made->difficulty);
      if (std::ferror(stdout) != 0) break;  // finish() says so
    } else if (auto added = writer->add(made->example); !added) {
      return fail(arguments, added.error());
    }
  }
  if (writer) {
    if (auto finished = writer->finish(); !finished) return fail(arguments, finished.error());
  }
  return arguments.finish(Exit::done);
}

/// Notes options that do not go together, for both programs: `generating` are the program's own that go with
/// --generate, `solving` its own that go without. An option that would do nothing is refused, never ignored.
inline void check_puzzle_options(Arguments& arguments, std::vector<const char*> generating,
                                 std::vector<const char*> solving) {
  const bool generate = arguments.has("--generate");
  const bool puzzles = arguments.has("--file") || !arguments.rest().empty();
  generating.insert(generating.end(), {"--dataset", "--seed"});
  solving.insert(solving.end(), {"--trace", "--model", "--puzzle-id", "--views", "--config", "--max-segments", "--halt",
                                 "--precision", "--threads"});
  if (arguments.has("--file") && !arguments.rest().empty())
    arguments.note("--file", "does not go with puzzles beside it");
  if (!generate && !puzzles)
    arguments.note(arguments.rest_name(), "expected at least one, or --file F (- for standard input), or --generate N");
  if (generate && puzzles) arguments.note("--generate", "does not go with puzzles to solve");
  for (const char* own : generating) {
    if (!generate && arguments.has(own)) arguments.note(own, "goes with --generate");
  }
  for (const char* picture : {"--svg", "--png"}) {
    if (arguments.has(picture) && (generate || arguments.has("--file") || arguments.rest().size() != 1)) {
      arguments.note(picture, "goes with a single puzzle");
    }
  }
  for (const char* own : solving) {
    if (generate && arguments.has(own)) arguments.note(own, "does not go with --generate");
  }
}

}  // namespace example
