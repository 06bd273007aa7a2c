/// hrm-eval: how well a model does on a data set, after each segment and with halting.

#include <hrm/puzzles/dataset.hpp>
#include <hrm/puzzles/picture.hpp>

#include "common/program.hpp"
#include "common/progress.hpp"

#include <atomic>
#include <cmath>
#include <mutex>

namespace {

using example::Arguments;
using example::fail;
using hrm::Error;
using hrm::ErrorCode;

/// Sums over puzzles, in whole numbers, so that they are the same in any order.
struct Tally {
  std::uint64_t exact = 0;     ///< every cell that counts is right
  std::uint64_t cells = 0;     ///< share of cells that are right, in 2^-32
  std::uint64_t valid = 0;     ///< mazes: a path from S to G
  std::uint64_t shortest = 0;  ///< mazes: as short as can be
  std::uint64_t q_right = 0;   ///< q_halt is 0 or more just where the answer is exact
  std::uint64_t time = 0;      ///< nanoseconds until then

  void add(const Tally& other) {
    exact += other.exact;
    cells += other.cells;
    valid += other.valid;
    shortest += other.shortest;
    q_right += other.q_right;
    time += other.time;
  }
};

/// What was said of answers whose sigmoid(q_halt) fell into one tenth.
struct Bin {
  std::uint64_t count = 0, right = 0, said = 0;  ///< `said` is the sum of sigmoids, in 2^-32
};

constexpr double fixed = 4294967296.0;
constexpr std::size_t bins = 10;

/// All that is counted.
struct Report {
  std::vector<Tally> segments;          ///< after 1, 2, .. segments; empty with --halting-only
  Tally halting;                        ///< where each puzzle halts, or at the limit
  std::array<Bin, bins> calibration{};  ///< over every answer looked at
  std::uint64_t puzzles = 0, segments_used = 0, halted = 0, halted_exact = 0;
  std::vector<std::uint64_t> halted_at;  ///< how many halted after 1, 2, .. segments

  void add(const Report& other) {
    for (std::size_t i = 0; i < segments.size(); ++i) segments[i].add(other.segments[i]);
    for (std::size_t i = 0; i < halted_at.size(); ++i) halted_at[i] += other.halted_at[i];
    halting.add(other.halting);
    for (std::size_t i = 0; i < bins; ++i) {
      calibration[i].count += other.calibration[i].count;
      calibration[i].right += other.calibration[i].right;
      calibration[i].said += other.calibration[i].said;
    }
    puzzles += other.puzzles;
    segments_used += other.segments_used;
    halted += other.halted;
    halted_exact += other.halted_exact;
  }
};

/// Looks at one puzzle's answers as they come.
class Judge {
 public:
  Judge(const hrm::DatasetInfo& info, bool never, Report& report)
      : maze_(info.kind() == hrm::PuzzleKind::maze),
        never_(never),
        side_(hrm::square_side(info.seq_len)),
        report_(report) {}

  /// Runs one example to its end; one without a cell that counts is left out, as the published evaluation does. Error:
  /// the model does not take it.
  hrm::Result<void> run(hrm::Solver& solver, const hrm::PuzzleExample& example) {
    // A model that was trained without a puzzle embedding has id 0 alone.
    const std::size_t id = solver.model().config().puzzle_emb_ndim == 0 ? 0 : example.puzzle_id;
    if (auto started = solver.start(example.input, id); !started) return started;
    const auto& label = example.label;
    if (std::all_of(label.begin(), label.end(), [](hrm::Token token) { return token == hrm::any_token; })) return {};
    const hrm::Maze puzzle = maze_ ? hrm::maze_grid(side_, side_, example.input) : hrm::Maze{};
    bool halted = false;
    std::uint64_t time = 0;
    for (bool finished = false; !finished;) {
      const auto start = std::chrono::steady_clock::now();
      finished = solver.step();
      time += static_cast<std::uint64_t>(
          std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now() - start).count());
      const Tally now = look(solver, example, puzzle, time);
      const std::size_t segment = solver.segments();
      if (never_) report_.segments[segment - 1].add(now);
      const bool stops = solver.q_halt() > solver.q_continue();
      if (!halted && (stops || finished)) {
        report_.halting.add(now);
        report_.segments_used += segment;
        if (stops) {
          ++report_.halted;
          ++report_.halted_at[segment - 1];
          report_.halted_exact += now.exact;
        }
        halted = true;
      }
    }
    ++report_.puzzles;
    return {};
  }

 private:
  Tally look(const hrm::Solver& solver, const hrm::PuzzleExample& example, const hrm::Maze& puzzle,
             std::uint64_t time) {
    const auto answer = solver.prediction();
    std::size_t counted = 0;
    std::size_t right = 0;
    for (std::size_t i = 0; i < answer.size(); ++i) {
      if (example.label[i] == hrm::any_token) continue;
      ++counted;
      right += answer[i] == example.label[i] ? 1 : 0;
    }
    Tally tally;
    tally.exact = right == counted ? 1 : 0;
    tally.cells =
        static_cast<std::uint64_t>(std::llround(fixed * static_cast<double>(right) / static_cast<double>(counted)));
    if (maze_) {
      const auto check = hrm::check_maze(puzzle, hrm::maze_grid(side_, side_, answer));
      tally.valid = check.valid ? 1 : 0;
      tally.shortest = check.shortest ? 1 : 0;
    }
    tally.q_right = (solver.q_halt() >= 0) == (tally.exact != 0) ? 1 : 0;
    tally.time = time;
    const double q = static_cast<double>(solver.q_halt());
    const double sure = std::isnan(q) ? 0.0 : 1 / (1 + std::exp(-q));
    Bin& bin = report_.calibration[std::min(bins - 1, static_cast<std::size_t>(sure * static_cast<double>(bins)))];
    ++bin.count;
    bin.right += tally.exact;
    bin.said += static_cast<std::uint64_t>(std::llround(fixed * sure));
    return tally;
  }

  bool maze_, never_;
  std::size_t side_;
  Report& report_;
};

/// "12 s", "3 min 20 s", "5 h 10 min".
std::string duration(double seconds) {
  const auto whole = static_cast<unsigned long long>(seconds);
  const auto two = [](unsigned long long a, const char* big, unsigned long long b, const char* small) {
    return std::to_string(a) + big + std::to_string(b) + small;
  };
  if (whole < 60) return std::to_string(whole) + " s";
  return whole < 3600 ? two(whole / 60, " min ", whole % 60, " s") : two(whole / 3600, " h ", whole / 60 % 60, " min");
}

/// Runs the data set on `threads` solvers; its path is for errors.
hrm::Result<Report> evaluate(const hrm::Model& model, hrm::PuzzleReader& reader, const std::string& data_path,
                             const hrm::SolverOptions& options, std::size_t threads, std::size_t limit, bool never) {
  Report report;
  const std::size_t segments = options.max_segments != 0 ? options.max_segments : model.config().halt_max_steps;
  report.halted_at.resize(segments);
  if (never) report.segments.resize(segments);
  const Report empty = report;
  std::mutex mutex;  // of all below
  std::optional<Error> error;
  std::size_t taken = 0;
  example::Progress progress(std::chrono::milliseconds(200));
  const auto begin = std::chrono::steady_clock::now();
  const auto work = [&](std::size_t) {
    Report own = empty;
    hrm::Solver solver(model, options);
    Judge judge(reader.info(), never, own);
    hrm::PuzzleExample example;
    for (;;) {
      std::size_t number = 0;
      {
        const std::lock_guard lock(mutex);
        if (error || taken == limit) break;
        const auto more = reader.next(example);
        if (!more) error = more.error();
        if (!more || !*more) break;
        number = ++taken;
        if (progress.due()) {
          const double share = std::max(reader.progress(), static_cast<double>(taken) / static_cast<double>(limit));
          const double spent = example::milliseconds_since(begin) / 1000;
          progress.show(share, "%3.0f %%, %zu puzzles, %s left", 100 * share, taken,
                        duration(share > 0 ? spent * (1 - share) / share : 0.0).c_str());
        }
      }
      if (auto done = judge.run(solver, example); !done) {
        const std::lock_guard lock(mutex);
        const std::string where = data_path + ": example " + std::to_string(number);
        if (!error) error = done.error().in(where);
        break;
      }
    }
    const std::lock_guard lock(mutex);
    report.add(own);
  };
  example::on_threads(threads, work);
  progress.clear();
  if (error) return *error;
  return report;
}

std::string percent(double share) {
  char text[32];
  std::snprintf(text, sizeof text, "%6.2f %%", 100 * share);
  return text;
}

class Printer {
 public:
  Printer(const Report& report, bool maze) : report_(report), maze_(maze) {}

  void table(const std::string& what) const {
    std::printf("%s\n\n", what.c_str());
    std::printf("segments      exact      cells   q_halt right%s\n", maze_ ? "  valid path  shortest path" : "");
    for (std::size_t i = 0; i < report_.segments.size(); ++i) row(std::to_string(i + 1), report_.segments[i]);
    row("halting", report_.halting);
    std::printf("\nWith halting: %.2f segments in the mean, %s halted by themselves", mean(report_.segments_used),
                percent(mean(report_.halted)).c_str());
    if (report_.halted > 0) std::printf(", of those %s right", percent(halted_right()).c_str());
    std::printf("\n");
    std::printf("Time: %.3f ms a puzzle with halting, %.3f ms a segment\n", ms_halting(), ms_segment());
    std::printf(
        "\nq_halt says   answers      right   (mean of sigmoid(q_halt), share that was exact; after every segment%s)\n",
        report_.segments.empty() ? " up to the halt" : "");
    for (const Bin& bin : report_.calibration) {
      if (bin.count == 0) continue;
      std::printf("%s   %9llu  %s\n", percent(said(bin)).c_str(), static_cast<unsigned long long>(bin.count),
                  percent(right(bin)).c_str());
    }
    std::printf("Calibration error: %s\n", percent(calibration_error()).c_str());
  }

  void json() const {
    std::string text = "{\"puzzles\":" + std::to_string(report_.puzzles) + ",\"segments\":[";
    for (std::size_t i = 0; i < report_.segments.size(); ++i) {
      text +=
          (i == 0 ? "" : ",") + ("{\"segments\":" + std::to_string(i + 1) + "," + members(report_.segments[i]) + "}");
    }
    text += "],\"halting\":{" + members(report_.halting) + ",\"mean_segments\":" + number(mean(report_.segments_used)) +
            ",\"halted\":" + number(mean(report_.halted)) +
            ",\"halted_right\":" + (report_.halted > 0 ? number(halted_right()) : "null") +
            ",\"ms\":" + number(ms_halting()) + "},\"ms_per_segment\":" + number(ms_segment()) + ",\"calibration\":[";
    bool first = true;
    for (const Bin& bin : report_.calibration) {
      if (bin.count == 0) continue;
      text += (first ? "" : ",") + ("{\"answers\":" + std::to_string(bin.count) + ",\"said\":" + number(said(bin)) +
                                    ",\"right\":" + number(right(bin)) + "}");
      first = false;
    }
    text += "],\"calibration_error\":" + number(calibration_error()) + "}\n";
    std::fputs(text.c_str(), stdout);
  }

  [[nodiscard]] hrm::Picture chart(const std::string& title) const {
    hrm::ChartLine cells{"cells that are right", {}, hrm::colour(0x999999)};
    hrm::ChartLine shortest{"any shortest path", {}, hrm::colour(0xf5b700), 6};
    hrm::ChartLine exact{"exact", {}, hrm::colour(0x1f5fbf)};
    hrm::ChartLine halted{"halted by then", {}, hrm::colour(0x2e9e4f)};
    std::uint64_t by_then = 0;
    for (std::size_t i = 0; i < report_.halted_at.size(); ++i) {
      if (i < report_.segments.size()) {
        cells.values.push_back(mean(report_.segments[i].cells) / fixed);
        shortest.values.push_back(mean(report_.segments[i].shortest));
        exact.values.push_back(mean(report_.segments[i].exact));
      }
      by_then += report_.halted_at[i];
      halted.values.push_back(mean(by_then));
    }
    std::vector<hrm::ChartLine> lines;
    if (!report_.segments.empty()) lines.push_back(std::move(cells));
    if (!report_.segments.empty() && maze_) lines.push_back(std::move(shortest));
    if (!report_.segments.empty()) lines.push_back(std::move(exact));
    lines.push_back(std::move(halted));
    const std::string below = "segments (with halting " + hrm::format_number(mean(report_.segments_used)) +
                              " in the mean, and then exact " + hrm::format_number(100 * mean(report_.halting.exact)) +
                              " %)";
    return hrm::draw_chart(title, below, lines);
  }

 private:
  [[nodiscard]] double mean(std::uint64_t sum) const {
    return report_.puzzles == 0 ? 0.0 : static_cast<double>(sum) / static_cast<double>(report_.puzzles);
  }
  [[nodiscard]] double halted_right() const {
    return report_.halted == 0 ? 0.0 : static_cast<double>(report_.halted_exact) / static_cast<double>(report_.halted);
  }
  [[nodiscard]] double ms_halting() const { return mean(report_.halting.time) / 1e6; }
  [[nodiscard]] double ms_segment() const {
    return report_.segments_used == 0
               ? 0.0
               : static_cast<double>(report_.halting.time) / 1e6 / static_cast<double>(report_.segments_used);
  }
  [[nodiscard]] static double said(const Bin& bin) {
    return static_cast<double>(bin.said) / fixed / static_cast<double>(bin.count);
  }
  [[nodiscard]] static double right(const Bin& bin) {
    return static_cast<double>(bin.right) / static_cast<double>(bin.count);
  }
  /// Mean distance of what was said from what was, weighted by how often it was said.
  [[nodiscard]] double calibration_error() const {
    double sum = 0;
    double count = 0;
    for (const Bin& bin : report_.calibration) {
      if (bin.count == 0) continue;
      sum += static_cast<double>(bin.count) * std::abs(said(bin) - right(bin));
      count += static_cast<double>(bin.count);
    }
    return count == 0 ? 0.0 : sum / count;
  }

  void row(const std::string& name, const Tally& tally) const {
    std::printf("%8s   %s   %s       %s", name.c_str(), percent(mean(tally.exact)).c_str(),
                percent(mean(tally.cells) / fixed).c_str(), percent(mean(tally.q_right)).c_str());
    if (maze_) {
      std::printf("    %s       %s", percent(mean(tally.valid)).c_str(), percent(mean(tally.shortest)).c_str());
    }
    std::printf("\n");
  }
  [[nodiscard]] static std::string number(double value) { return hrm::format_number(value, 6); }
  [[nodiscard]] std::string members(const Tally& tally) const {
    std::string text = "\"exact\":" + number(mean(tally.exact)) + ",\"cells\":" + number(mean(tally.cells) / fixed) +
                       ",\"q_halt_accuracy\":" + number(mean(tally.q_right));
    if (maze_) {
      text += ",\"valid_path\":" + number(mean(tally.valid)) + ",\"shortest_path\":" + number(mean(tally.shortest));
    }
    return text;
  }

  const Report& report_;
  bool maze_;
};

}  // namespace

int main(int argc, char** argv) {
  Arguments arguments(
      "hrm-eval", "MODEL DATASET",
      "Measures a model on a data set: a folder in the published form (dataset.json, all__inputs.npy, ..) or\n"
      "CSV (question and answer) of Sudokus or square mazes. Exact means that every cell is right.",
      {{"--split", "S", "the folder within the data set (test)"},
       {"--limit", "N",
        "only the first N puzzles (of a published ARC set, those of its first tasks); those without an\n"
        "                         answer are passed over"},
       {"--halting-only", "", "let each puzzle halt; no figures after each segment, but quicker"},
       {"--json", "", "one JSON object instead of a table"},
       {"--svg", "F", "draw the curves"},
       {"--config", "F", "the model's configuration (otherwise the one beside it)"},
       {"--max-segments", "M", "limit of segments (otherwise as trained)"},
       {"--precision", "P", "f32, bf16 or int8: the weights in memory"},
       {"--threads", "N", "puzzles thought about at the same time, a thread each (1)"}});
  if (const auto code = arguments.parse(argc, argv)) return *code;
  const std::size_t limit = arguments.number("--limit", ~std::size_t{0}, 1, ~std::size_t{0});
  const std::size_t threads = arguments.number("--threads", 1, 1, 1024);
  const bool never = !arguments.has("--halting-only");
  const example::Setup setup(arguments, example::Setup::Threads::none);
  if (arguments.rest().size() != 2) {
    arguments.note("MODEL DATASET", "expected both, found " + std::to_string(arguments.rest().size()) + " words");
  }
  std::error_code ignored;
  if (arguments.has("--split") && arguments.rest().size() == 2 &&
      std::filesystem::is_regular_file(arguments.rest()[1], ignored)) {
    arguments.note("--split", "goes with a folder, not with a file");
  }
  if (arguments.has("--split") && arguments.rest().size() == 2 &&
      std::filesystem::exists(std::filesystem::path(arguments.rest()[1]) / "dataset.json", ignored)) {
    arguments.note("--split", "goes with a folder of splits, not with a split itself");
  }
  if (const auto code = arguments.wrong()) return *code;

  const auto svg = arguments.text("--svg");
  if (auto good = example::can_be_written(svg); !good) return fail(arguments, good.error());
  const std::string& model_path = arguments.rest()[0];
  const std::string& data_path = arguments.rest()[1];
  auto reader = hrm::PuzzleReader::open(data_path, arguments.text("--split").value_or("test"));
  if (!reader) return fail(arguments, reader.error());
  const auto model = setup.load(model_path);
  if (!model) return fail(arguments, model.error());
  const hrm::DatasetInfo& info = reader->info();
  if (model->config().sizes.vocab != info.vocab) {
    return fail(arguments, Error(ErrorCode::shape, model_path, ": vocabulary for ", data_path, ", expected ",
                                 info.vocab, ", found ", model->config().sizes.vocab));
  }
  hrm::SolverOptions options = setup.solver(info.seq_len);
  options.halting = never ? hrm::Halting(hrm::Never{}) : hrm::Halting(hrm::QHalt{});
  const auto report = evaluate(*model, *reader, data_path, options, threads, limit, never);
  if (!report) return fail(arguments, report.error());
  if (report->puzzles == 0)
    return fail(arguments, Error(ErrorCode::format, data_path, ": expected a puzzle with an answer, found none"));

  const Printer printer(*report, info.kind() == hrm::PuzzleKind::maze);
  const std::string of = report->puzzles == 1 ? " puzzle of " : " puzzles of ";
  const std::string what =
      std::to_string(report->puzzles) + of + std::to_string(info.seq_len) + " cells, " + std::string(model->kernels());
  if (arguments.has("--json")) {
    printer.json();
  } else {
    printer.table(what);
  }
  if (svg) {
    const auto name = [](const std::string& file) {
      const std::filesystem::path whole(file);
      return (whole.has_filename() ? whole : whole.parent_path()).filename().string();
    };
    const std::string title = name(model_path) + " on " + std::to_string(report->puzzles) + of + name(data_path);
    if (auto written = example::write_file(*svg, hrm::svg(printer.chart(title))); !written) {
      return fail(arguments, written.error());
    }
  }
  return arguments.finish(example::done);
}
