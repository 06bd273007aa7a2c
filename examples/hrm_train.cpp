/// Trains a Hierarchical Reasoning Model on this computer's processor: Sudokus, mazes, or any data set in the published
/// form. See `hrm-train --help`.

#include <hrm/io/archive_cereal.hpp>
#include <hrm/io/load.hpp>
#include <hrm/solve/pool.hpp>
#include <hrm/train/curve.hpp>
#include <hrm/train/evaluate.hpp>
#include <hrm/train/state.hpp>
#include <hrm/train/stored_examples.hpp>

#include <chrono>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <new>
#include <stdexcept>
#include <tuple>

#include "common/interrupt.hpp"
#include "common/program.hpp"
#include "common/progress.hpp"
#include "common/train_settings.hpp"

namespace hrm::train {
namespace {

using Clock = std::chrono::steady_clock;

using Settings = example::TrainSettings;
using example::go_on;

using SourcePointer = std::unique_ptr<ExampleSource>;

/// The puzzles of a task; `held_out` ones come from another stream (or from --test).
Result<SourcePointer> make_source(const Settings& s, bool held_out) {
  const std::uint64_t seed = s.trainer.seed * 2 + (held_out ? 1 : 0);
  const auto stored = [&](const std::string& path, bool in_order, bool shared) -> Result<SourcePointer> {
    StoredSource::Options options;
    // One file of CSV for both, or a folder that is a split itself: a tenth is kept for testing. Other folders have
    // splits of their own.
    const bool single = hrm::detail::path_kind(path + "/dataset.json") != hrm::detail::PathKind::none ||
                        hrm::detail::path_kind(path) == hrm::detail::PathKind::file;
    if (shared && single) {
      options.part = held_out ? StoredSource::Part::held_out : StoredSource::Part::training;
    }
    if (held_out && shared && !single && hrm::detail::path_kind(path + "/test") == hrm::detail::PathKind::none) {
      return Error(ErrorCode::missing, path, ": held-out puzzles: expected a folder test, --test or --evaluate 0, ",
                   "found none of them");
    }
    options.split = held_out ? "test" : "train";
    options.seed = seed;
    options.in_order = in_order;
    options.symmetries = s.symmetries;
    if (held_out) options.most = s.evaluate;
    auto source = StoredSource::open(path, options);
    if (!source) return source.error();
    return SourcePointer(*std::move(source));
  };
  if (held_out && !s.test.empty()) return stored(s.test, true, false);
  if (s.sudoku) {
    const std::size_t side = *s.sudoku;
    const auto shape = SudokuShape::of_side(side);
    if (!shape) return shape.error();
    SudokuOptions options;
    const std::size_t cells = shape->cells();
    options.min_clues = s.clues.second != 0 ? s.clues.first : side == 4 ? 4 : side == 6 ? 8 : cells * 26 / 81;
    options.max_clues = s.clues.second != 0 ? s.clues.second : side == 4 ? 10 : side == 6 ? 18 : cells * 45 / 81;
    Random random(seed);
    if (const auto made = SudokuGenerator(*shape).generate(options, random); !made) return made.error();
    return SourcePointer(new SudokuSource(*shape, options, seed));
  }
  if (s.maze) {
    MazeOptions options;
    std::tie(options.rows, options.cols) = *s.maze;
    options.loops = s.loops;
    if (s.path.second != 0 && !held_out) options.min_steps = s.path.first, options.max_steps = s.path.second;
    const std::size_t smallest = s.smallest == 0 || held_out ? std::max(options.rows, options.cols) : s.smallest;
    Random random(seed);
    if (const auto made = generate_maze(options, random); !made) return made.error();
    auto mazes = std::make_unique<MazeSource>(options, smallest, seed);
    if (!held_out) mazes->grow(s.grow);
    return SourcePointer(std::move(mazes));
  }
  return stored(s.task, held_out, s.test.empty());
}

/// A run's configuration: sizes by the options and the puzzles. rms_norm_eps and rope_theta, which no option and no
/// tensor tells, are those of the model that it begins from. Error: that one cannot be opened.
Result<Config> make_config(const Settings& s, const ExampleSource& source) {
  Config c;
  c.sizes.hidden = s.hidden;
  c.sizes.heads = s.heads;
  c.sizes.inner = inner_size(s.hidden, s.expansion);
  c.sizes.vocab = source.vocab();
  c.sizes.h_layers = c.sizes.l_layers = s.layers;
  c.sizes.h_cycles = s.h_cycles;
  c.sizes.l_cycles = s.l_cycles;
  c.puzzle_emb_ndim = s.puzzle_width;
  c.sizes.puzzle_tokens = ceil_div(s.puzzle_width, s.hidden);
  c.puzzle_ids = s.puzzle_width == 0 ? 0 : source.puzzle_ids();
  c.seq_len = source.tokens();
  c.halt_max_steps = s.max_segments;
  c.positions = s.learned_positions ? PositionEncoding::learned : PositionEncoding::rope;
  if (s.resume) {  // as the run itself wrote them; the model it began from may be gone
    const auto raw = open_config(s.out + "/all_config.yaml");
    if (raw && raw->rms_norm_eps) c.rms_norm_eps = static_cast<float>(*raw->rms_norm_eps);
    if (raw && raw->rope_theta) c.rope_theta = static_cast<float>(*raw->rope_theta);
  } else if (!s.from.empty()) {
    const auto checkpoint = open_checkpoint(s.from);
    if (!checkpoint) return checkpoint.error();
    c.rms_norm_eps = checkpoint->config.rms_norm_eps;
    c.rope_theta = checkpoint->config.rope_theta;
  }
  return c;
}

/// Tells this run's puzzles from another's. (--test changes them where it leaves the whole of a file for training, and
/// then the source's fingerprint.)
std::uint64_t hash_of(const Settings& s, const ExampleSource& source) {
  std::uint64_t hash = s.trainer.seed;
  for (const char c : s.task + "|" + s.from) hash = mixed(hash, static_cast<unsigned char>(c));
  for (const std::size_t n : {s.clues.first, s.clues.second, s.smallest, s.path.first, s.path.second})
    hash = mixed(hash, n);
  if (s.grow != 0) hash = mixed(hash, s.grow);
  if (source.fingerprint() != 0) hash = mixed(hash, source.fingerprint());
  return mixed(hash, std::bit_cast<std::uint64_t>(s.loops));
}

template <class Trainer>
Result<void> start_from(Trainer& trainer, const std::string& path) {
  const auto checkpoint = open_checkpoint(path);
  if (!checkpoint) return checkpoint.error();
  const Config& theirs = checkpoint->config;
  const Config& ours = trainer.layout().config();
  if (theirs.sizes.heads != ours.sizes.heads) {
    return Error(ErrorCode::shape, path, ": heads, expected ", ours.sizes.heads, ", found ", theirs.sizes.heads);
  }
  if (theirs.positions != ours.positions) {
    const auto name = [](PositionEncoding p) { return p == PositionEncoding::rope ? "rope" : "learned"; };
    return Error(ErrorCode::shape, path, ": positions, expected ", name(ours.positions), ", found ",
                 name(theirs.positions));
  }
  const Sizes& sizes = ours.sizes;
  // Where there are more of them, their tensors would be left out.
  const std::tuple<const char*, std::size_t, std::size_t> numbers[] = {
      {"hidden size", sizes.hidden, theirs.sizes.hidden},
      {"layers of the H-module", sizes.h_layers, theirs.sizes.h_layers},
      {"layers of the L-module", sizes.l_layers, theirs.sizes.l_layers},
      {"width of the puzzle embedding", ours.puzzle_emb_ndim, theirs.puzzle_emb_ndim}};
  for (const auto& [name, expected, found] : numbers) {
    if (expected != found) return Error(ErrorCode::shape, path, ": ", name, ", expected ", expected, ", found ", found);
  }
  if (theirs.sizes.h_cycles != sizes.h_cycles || theirs.sizes.l_cycles != sizes.l_cycles) {  // these weights serve all
    std::fprintf(stderr,
                 "hrm-train: %s: has %zu cycles of the H- and %zu of the L-module, trained on with %zu and %zu\n",
                 path.c_str(), theirs.sizes.h_cycles, theirs.sizes.l_cycles, sizes.h_cycles, sizes.l_cycles);
  }
  Values values(trainer.layout().size());
  if (auto read = read_parameters(trainer.layout(), checkpoint->tensors, values.span()); !read)
    return read.error().in(path);
  trainer.start_from(values.span());
  return {};
}

std::string duration(double seconds) {
  char text[48];
  const auto s = static_cast<long>(seconds);
  std::snprintf(text, sizeof text, "%ld:%02ld:%02ld", s / 3600, s / 60 % 60, s % 60);
  return text;
}

/// What stderr is told: a line that is rewritten on a terminal, else a new one every half minute; and news between.
class Progress {
 public:
  explicit Progress(bool quiet) : quiet_(quiet), line_(std::chrono::milliseconds(500), std::chrono::seconds(30)) {}
  void end() { line_.end(); }
  void show(const LogRow& row, std::uint64_t steps, double left) {
    if (quiet_ || !line_.due()) return;
    line_.show(steps == 0 ? 1.0 : static_cast<double>(row.step) / static_cast<double>(steps),
               "%llu/%llu, %s left, loss %.4f, cells %.2f%%, exact %.2f%%, halts at %.2f, %.0f segments/s",
               static_cast<unsigned long long>(row.step), static_cast<unsigned long long>(steps),
               duration(left).c_str(), row.loss, 100 * row.cells, 100 * row.exact, row.segments, row.speed);
  }
  template <class... Parts>
  void say(const char* format, const Parts&... parts) {
    if (quiet_) return;
    end();
    std::fprintf(stderr, format, parts...);
    std::fputc('\n', stderr);
  }

 private:
  bool quiet_;
  example::Progress line_;
};

/// A run from its options to its end.
template <class Weight>
class Run {
 public:
  /// `test` is null where nothing is tested.
  Run(Settings& s, const Config& config, const ExampleSource& source, const ExampleSource* test,
      const Executor& executor)
      : s_(s),
        source_(source),
        test_(test),
        hash_(hash_of(s, source)),
        trainer_(config, source, s.trainer),
        log_(s.out),
        progress_(s.quiet),
        executor_(executor) {
    // An archive of an earlier run would be preferred to the model of this one.
    s_.archive = s_.archive || hrm::detail::path_kind(s_.out + "/model.hrm") != hrm::detail::PathKind::none;
  }

  Result<void> begin() {
    if (!trainer_.status()) return trainer_.status().error().in(s_.out);
    if (!s_.resume) {
      if (!s_.from.empty()) {
        if (auto started = start_from(trainer_, s_.from); !started) return started;
      }
      return write_text(s_.out + "/recipe.txt", s_.command + "\n");
    }
    if (auto loaded = load_state(trainer_, s_.out + "/train.state", hash_); !loaded) {
      if (loaded.error().code() != ErrorCode::mismatch) return loaded;
      return Error(ErrorCode::mismatch, loaded.error().message(),
                   "; recipe.txt beside it has the command it began with");
    }
    return log_.read(trainer_.steps());
  }

  Result<void> train() {
    auto done = train_steps();
    progress_.end();
    return done;
  }

 private:
  Result<void> train_steps() {
    const std::uint64_t steps = s_.trainer.optimizer.steps;
    if (const auto* stored = dynamic_cast<const StoredSource*>(&source_)) {
      constexpr const char* names[] = {"none", "those of Sudoku", "those of the square"};
      progress_.say("%s: %zu examples, symmetries: %s", s_.task.c_str(), stored->size(),
                    names[static_cast<std::size_t>(stored->symmetry())]);
    }
    progress_.say("%zu parameters, %zu positions, batch %zu, step %llu of %llu", trainer_.layout().count(),
                  source_.tokens() + trainer_.layout().config().sizes.puzzle_tokens, s_.trainer.batch,
                  static_cast<unsigned long long>(trainer_.steps()), static_cast<unsigned long long>(steps));
    const auto begin = Clock::now();
    const double spent = log_.seconds();
    const auto seconds = [&] { return std::chrono::duration<double>(Clock::now() - begin).count(); };
    StepStats sum;
    double since = 0.0;
    std::uint64_t done = 0;
    while (trainer_.steps() < steps && go_on() && (s_.minutes <= 0 || seconds() < 60 * s_.minutes)) {
      const StepStats stats = trainer_.step();
      if (!std::isfinite(stats.loss(s_.trainer.halting))) return came_apart();
      sum.add(stats);
      ++done;
      const std::uint64_t step = trainer_.steps();
      const bool evaluate = step % s_.evaluate_every == 0 || step == steps;
      if (step % s_.log_every == 0 || evaluate) {
        const double now = seconds();
        LogRow row = row_of(sum, step, spent + now);
        row.speed = static_cast<double>(sum.sequences) / std::max(1e-9, now - since);
        if (evaluate && test_ != nullptr) {
          if (auto good = test(row); !good) {
            if (auto saved = save(); !saved) return saved;
            return good.error().in(s_.test.empty() ? s_.task : s_.test);
          }
        }
        log_.add(row);
        progress_.show(row, steps, now / static_cast<double>(done) * static_cast<double>(steps - step));
        sum = StepStats();
        since = seconds();
      }
      if (evaluate || step % s_.save_every == 0) {
        if (auto saved = save(); !saved) return saved;
      }
    }
    if (auto saved = save(); !saved) return saved;
    if (trainer_.steps() < steps) {
      progress_.say("%s at step %llu of %llu: saved, go on with --resume", go_on() ? "out of time" : "interrupted",
                    static_cast<unsigned long long>(trainer_.steps()), static_cast<unsigned long long>(steps));
    }
    return {};
  }

  LogRow row_of(const StepStats& sum, std::uint64_t step, double seconds) const {
    LogRow row;
    const auto n = static_cast<double>(sum.sequences);
    row.step = step;
    row.seconds = seconds;
    row.rate = s_.trainer.optimizer.rate * rate_course(s_.trainer.optimizer, step);
    row.loss = sum.loss(s_.trainer.halting);
    row.task = sum.task / n;
    row.halt = sum.halt / n;
    row.go_on = sum.go_on / n;
    row.cells = static_cast<double>(sum.right) / static_cast<double>(std::max<std::uint64_t>(1, sum.counted));
    row.exact = static_cast<double>(sum.ended_exact) / static_cast<double>(std::max<std::uint64_t>(1, sum.ended));
    row.segments = static_cast<double>(sum.ended_segments) / static_cast<double>(std::max<std::uint64_t>(1, sum.ended));
    return row;
  }

  Result<void> test(LogRow& row) {
    BatchOptions options;
    options.slots = std::max<std::size_t>(1, std::min<std::size_t>(16, 2048 / test_->tokens()));
    options.executor = executor_;
    const auto found = train::evaluate(trainer_.layout(), trainer_.average(), *test_,
                                       std::min(s_.evaluate, test_->size()), options, go_on);
    if (!found) return found.error();
    if (found->cancelled) return {};
    row.tested = true;
    row.test_exact = found->exact_share();
    row.test_cells = found->cell_share();
    row.test_segments = found->mean_segments();
    progress_.say("step %llu: held out %zu: exact %.2f%% cells %.2f%% in %.2f segments",
                  static_cast<unsigned long long>(row.step), found->puzzles, 100 * row.test_exact, 100 * row.test_cells,
                  row.test_segments);
    return {};
  }

  [[nodiscard]] Error came_apart() const {
    return Error(ErrorCode::value, s_.out, ": step ", trainer_.steps(),
                 ": losses and weights, expected finite numbers (a lower --rate?), found others");
  }

  // Never puts what has come apart in the place of what was good.
  Result<void> save() {
    if (!trainer_.finite()) return came_apart();
    if (auto saved = save_state(trainer_, s_.out + "/train.state", hash_); !saved) return saved;
    if (auto saved = save_model(trainer_.layout(), trainer_.average(), s_.trainer, s_.expansion, s_.out); !saved)
      return saved;
    if (s_.archive) {
      if (auto saved = save_archive(); !saved) return saved;
    }
    return log_.write(s_.task);
  }

  Result<void> save_archive() {
    const std::vector<TensorView> tensors = tensor_views(trainer_.layout(), trainer_.average());
    ArchiveContents contents;
    contents.header.config = trainer_.layout().config();
    contents.header.task = s_.task;
    contents.header.provenance = s_.command;
    contents.tensors = tensors;
    ArchiveWriter writer(contents);
    Result<void> status;
    auto written = replace_file(s_.out + "/model.hrm", [&](std::FILE* file) {
      status = writer.write(
          [](void* to, std::span<const std::byte> bytes) {
            return std::fwrite(bytes.data(), 1, bytes.size(), static_cast<std::FILE*>(to)) == bytes.size();
          },
          file);
      return status.has_value();
    });
    return status ? written : status.error().in(s_.out + "/model.hrm");
  }

  Settings& s_;
  const ExampleSource& source_;
  const ExampleSource* test_;
  std::uint64_t hash_;
  Trainer<kernels::DefaultArch, Weight> trainer_;
  TrainingLog log_;
  Progress progress_;
  Executor executor_;
};

int run_checked(Settings& s, const example::Arguments& arguments) {
  const auto fail = [&](const Error& error) { return example::fail(arguments, error); };
  const std::string earlier = hrm::detail::first_file(
      s.out, {"train.state", "model.safetensors", "model.hrm", "checkpoint", "all_config.yaml", "config.json"});
  if (!s.resume && !earlier.empty()) {
    return fail(Error(ErrorCode::state, earlier, ": expected a folder without a run or a model, or --resume, ",
                      "found one with them"));
  }
  auto source = make_source(s, false);
  if (!source) return fail(source.error());
  SourcePointer test;
  if (s.evaluate > 0) {
    auto made = make_source(s, true);
    if (!made) return fail(made.error());
    test = *std::move(made);
    const std::string& place = s.test.empty() ? s.task : s.test;
    const std::tuple<const char*, std::size_t, std::size_t> numbers[] = {
        {"tokens of a puzzle", (*source)->tokens(), test->tokens()}, {"vocabulary", (*source)->vocab(), test->vocab()}};
    for (const auto& [name, expected, found] : numbers) {
      if (expected == found) continue;
      return fail(Error(ErrorCode::shape, place, ": held-out puzzles: ", name, ", expected ", expected,
                        " as in training, found ", found));
    }
    if (s.puzzle_width > 0 && test->largest_id() >= (*source)->puzzle_ids()) {
      return fail(Error(ErrorCode::value, place, ": puzzle id, expected below ", (*source)->puzzle_ids(),
                        " as in training, found ", test->largest_id()));
    }
  }
  if (!s.weights.empty()) {
    s.trainer.label_weights.assign((*source)->vocab(), 1.0F);
    for (const auto& [token, weight] : s.weights) {
      if (token >= s.trainer.label_weights.size()) {
        return fail(
            Error(ErrorCode::value, "--weight: expected a token below ", (*source)->vocab(), ", found ", token));
      }
      s.trainer.label_weights[token] = weight;
    }
  }
  std::error_code failed;
  std::filesystem::create_directory(s.out, failed);
  if (hrm::detail::path_kind(s.out) != hrm::detail::PathKind::folder) {
    return fail(Error(ErrorCode::io, s.out, ": folder: expected one that can be made, found an error"));
  }
  // Which puzzle embedding is whose: hrm-arc looks for it beside the model.
  if (const std::string names = s.task + "/identifiers.json";
      hrm::detail::path_kind(names) == hrm::detail::PathKind::file &&
      !std::filesystem::equivalent(names, s.out + "/identifiers.json", failed)) {
    std::filesystem::copy_file(names, s.out + "/identifiers.json", std::filesystem::copy_options::overwrite_existing,
                               failed);
    if (failed) return fail(Error(ErrorCode::io, s.out, "/identifiers.json: cannot be written"));
  }
  const auto pool = example::make_pool(s.threads);
  Executor executor;
  if (pool) executor = Executor(*pool);
  s.trainer.executor = executor;
  const auto from_start_to_end = [&]<class Weight>(Weight) -> int {
    // In here, as a template's other branch is not compiled where there are no such products; the settings refused it.
    if constexpr (Products<kernels::DefaultArch, Weight>::offered) {
      const auto config = make_config(s, **source);
      if (!config) return fail(config.error());
      Run<Weight> run(s, *config, **source, test.get(), executor);
      if (auto begun = run.begin(); !begun) return fail(begun.error());
      example::listen_for({SIGINT, SIGTERM});  // before, they end the program: there is nothing to save yet
      if (auto trained = run.train(); !trained) return fail(trained.error());
    }
    return 0;
  };
  return s.bfloat16 ? from_start_to_end(bfloat16{}) : from_start_to_end(float{});
}

/// The same, where memory may run out in what has no status of its own: puzzles and their slots.
int run(Settings& s, const example::Arguments& arguments) {
  const auto no_memory = [&] {
    return example::fail(arguments, Error(ErrorCode::memory, s.out, ": expected memory for puzzles, found too little"));
  };
  try {
    return run_checked(s, arguments);
  } catch (const std::bad_alloc&) {
    return no_memory();
  } catch (const std::length_error&) {
    return no_memory();
  }
}

}  // namespace
}  // namespace hrm::train

int main(int argc, char** argv) {
  example::Arguments arguments = example::train_arguments();
  if (const auto code = arguments.parse(argc, argv)) return *code;
  example::TrainSettings settings = example::train_settings(arguments, argc, argv);
  if (const auto code = arguments.wrong()) return *code;
  return hrm::train::run(settings, arguments);
}
