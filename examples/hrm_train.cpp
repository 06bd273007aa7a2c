/// Trains a Hierarchical Reasoning Model on this computer's processor: Sudokus, mazes, or any data set in the published
/// form. See `hrm-train --help`.

#include <hrm/io/archive_cereal.hpp>
#include <hrm/io/load.hpp>
#include <hrm/solve/pool.hpp>
#include <hrm/train/curve.hpp>
#include <hrm/train/evaluate.hpp>
#include <hrm/train/state.hpp>
#include <hrm/train/stored_examples.hpp>

#include <charconv>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <functional>
#include <map>

#if defined(__unix__) || defined(__APPLE__)
#include <unistd.h>
#endif
#include <sys/stat.h>

namespace hrm::train {
namespace {

using Clock = std::chrono::steady_clock;

constexpr const char* usage = R"(usage: hrm-train TASK --out FOLDER [options]
  TASK       sudoku4, sudoku6, sudoku9, .. (any side up to 25), maze7, maze15, maze7x15, .. (any odd sides): freshly made
             puzzles;
             or a data set: a folder as published (dataset.json, *.npy), or CSV (puzzle,solution)
writes FOLDER/model.safetensors and all_config.yaml (the averaged weights), log.csv, curve.svg, recipe.txt, train.state
--archive writes FOLDER/model.hrm as well, the same model in one file, which programs prefer
Ctrl-C saves and ends; --resume goes on from there, bit for bit

puzzles      --clues A-B      sudoku: givens (6x6: 8-18, 9x9: 26-45)     --smallest N   maze: sides from N up, in a canvas
             --loops X        maze: share of walls opened (default 0: one way only)     --path A-B  maze: steps from S to G
             --grow N         maze: dead ends of the first N mazes are one cell deep at most, of the next N two, then three, ..
             --test PATH      held-out puzzles: CSV or a folder's test split (default: freshly made ones, the data set's
                              own test split, or every tenth puzzle of a CSV)
model        --hidden 128 --heads 4 --layers 2 --expansion 4 --h-cycles 2 --l-cycles 2 --positions rope|learned
             --puzzle-width N (of the puzzle embedding, default hidden; 0: none)   --max-segments 16
training     --steps 10000 --batch 64 --rate 1e-3 --warm-up 200 --lowest 0.1 --decay 0.1 --average 0.999
             --puzzle-rate 1e-2 --puzzle-decay 0.1 --explore 0.5 --loss stablemax|softmax
             --next step|look-ahead   where q_continue's target comes from: the batch's own next step, or a further pass
             --weight TOKEN=X         how much a label counts (maze: 1 is wall, 5 the path), may be repeated
             --halting 0.5            how much each halting loss counts beside the answer's
             --from MODEL             begin from a model's weights (a folder or a file of the same sizes)
run          --precision f32|bf16  what factors of products are rounded to (bf16: where the machine has such products)
             --threads 1 --lanes 8 --seed 0 --resume --minutes M (then save and end) --quiet
             --evaluate 500 (held-out puzzles) --evaluate-every 1000 --save-every 500 --log-every 50 (steps)
)";

struct Settings {
  std::string task, out, test, from, next = "step", loss = "stablemax", positions = "rope", precision = "f32", command;
  std::size_t least_clues = 0, most_clues = 0, smallest = 0, least_steps = 0, most_steps = 0;
  double loops = 0.0;
  std::uint64_t grow = 0;
  std::size_t hidden = 128, heads = 4, layers = 2, h_cycles = 2, l_cycles = 2, max_segments = 16;
  std::size_t puzzle_width = ~std::size_t{0};
  double expansion = 4.0;
  std::map<std::size_t, double> weights;
  TrainerOptions trainer;
  std::size_t threads = 1, evaluate = 500, evaluate_every = 1000, save_every = 500, log_every = 50;
  double minutes = 0.0;
  bool resume = false, quiet = false, archive = false;
};

volatile std::sig_atomic_t interrupted = 0;

int fail(const Error& error) {
  const std::string_view text = error.message();
  std::fprintf(stderr, "hrm-train: %.*s\n", static_cast<int>(text.size()), text.data());
  return 1;
}

template <class T>
bool parse(std::string_view text, T& out) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  return error == std::errc() && end == text.data() + text.size();
}
bool parse(std::string_view text, std::string& out) {
  out = text;
  return true;
}

/// False: wrong usage, which has been said.
bool read_arguments(int argc, char** argv, Settings& s) {
  TrainerOptions& t = s.trainer;
  t.exploration = 0.5;
  OptimizerOptions& o = t.optimizer;
  using Take = std::function<bool(std::string_view)>;
  const auto into = [](auto& target) { return Take([&target](std::string_view text) { return parse(text, target); }); };
  const auto range = [](std::size_t& least, std::size_t& most) {
    return Take([&](std::string_view text) {
      const std::size_t dash = text.find('-');
      return dash != std::string_view::npos && parse(text.substr(0, dash), least) &&
             parse(text.substr(dash + 1), most) && least <= most;
    });
  };
  const std::map<std::string_view, Take> options = {
      {"--out", into(s.out)},
      {"--test", into(s.test)},
      {"--from", into(s.from)},
      {"--clues", range(s.least_clues, s.most_clues)},
      {"--path", range(s.least_steps, s.most_steps)},
      {"--smallest", into(s.smallest)},
      {"--loops", into(s.loops)},
      {"--grow", into(s.grow)},
      {"--hidden", into(s.hidden)},
      {"--heads", into(s.heads)},
      {"--layers", into(s.layers)},
      {"--expansion", into(s.expansion)},
      {"--h-cycles", into(s.h_cycles)},
      {"--l-cycles", into(s.l_cycles)},
      {"--positions", into(s.positions)},
      {"--precision", into(s.precision)},
      {"--puzzle-width", into(s.puzzle_width)},
      {"--max-segments", into(s.max_segments)},
      {"--steps", into(o.steps)},
      {"--batch", into(t.batch)},
      {"--rate", into(o.rate)},
      {"--warm-up", into(o.warm_up)},
      {"--lowest", into(o.lowest)},
      {"--decay", into(o.decay)},
      {"--average", into(o.average)},
      {"--puzzle-rate", into(o.puzzle_rate)},
      {"--puzzle-decay", into(o.puzzle_decay)},
      {"--explore", into(t.exploration)},
      {"--halting", into(t.halting)},
      {"--loss", into(s.loss)},
      {"--next", into(s.next)},
      {"--weight",
       [&](std::string_view text) {
         std::size_t token = 0;
         double weight = 0;
         const std::size_t equals = text.find('=');
         if (equals == std::string_view::npos || !parse(text.substr(0, equals), token) ||
             !parse(text.substr(equals + 1), weight))
           return false;
         s.weights[token] = weight;
         return weight > 0;
       }},
      {"--threads", into(s.threads)},
      {"--lanes", into(t.lanes)},
      {"--seed", into(t.seed)},
      {"--minutes", into(s.minutes)},
      {"--evaluate", into(s.evaluate)},
      {"--evaluate-every", into(s.evaluate_every)},
      {"--save-every", into(s.save_every)},
      {"--log-every", into(s.log_every)},
  };
  const auto wrong = [](const std::string& what) {
    std::fprintf(stderr, "hrm-train: %s (hrm-train --help lists them)\n", what.c_str());
    return false;
  };
  s.command = "hrm-train";
  for (int i = 1; i < argc; ++i) {
    const std::string_view word = argv[i];
    if (word != "--resume" && word != "--quiet") s.command.append(" ").append(word);
    if (word == "--resume") {
      s.resume = true;
    } else if (word == "--quiet") {
      s.quiet = true;
    } else if (word == "--archive") {
      s.archive = true;
    } else if (word.substr(0, 2) != "--") {
      if (!s.task.empty()) return wrong("expected one task, found another: " + std::string(word));
      s.task = word;
    } else if (const auto option = options.find(word); option == options.end()) {
      return wrong("unknown option " + std::string(word));
    } else if (i + 1 == argc || !option->second(argv[i + 1])) {
      return wrong(std::string(word) + ": expected a value, found " + (i + 1 == argc ? "none" : argv[i + 1]));
    } else {
      s.command.append(" ").append(argv[++i]);
    }
  }
  if (s.task.empty()) return wrong("expected a task, found none");
  if (s.out.empty()) return wrong("expected --out FOLDER, found none");
  const auto one_of = [](const std::string& word, std::string_view a, std::string_view b) {
    return word == a || word == b;
  };
  if (!one_of(s.next, "step", "look-ahead")) return wrong("--next: expected step or look-ahead, found " + s.next);
  if (!one_of(s.loss, "stablemax", "softmax")) return wrong("--loss: expected stablemax or softmax, found " + s.loss);
  if (!one_of(s.positions, "rope", "learned"))
    return wrong("--positions: expected rope or learned, found " + s.positions);
  if (!one_of(s.precision, "f32", "bf16")) return wrong("--precision: expected f32 or bf16, found " + s.precision);
  if (s.precision == "bf16" && !Products<kernels::DefaultArch, bfloat16>::offered)
    return wrong("--precision: expected f32, as this instruction set has no bfloat16 products, found bf16");
  if (s.heads == 0 || s.hidden == 0 || s.hidden % (2 * s.heads) != 0)
    return wrong("--heads: expected a number that divides --hidden into even parts");
  if (s.layers == 0 || s.h_cycles == 0 || s.l_cycles == 0 || s.max_segments == 0 || t.batch == 0 || t.lanes == 0 ||
      s.threads == 0 || s.log_every == 0 || s.evaluate_every == 0 || s.save_every == 0 || !(s.expansion > 0)) {
    return wrong("expected numbers above zero");
  }
  t.next_value = s.next == "step" ? NextValue::next_step : NextValue::look_ahead;
  t.loss = s.loss == "softmax" ? TaskLoss::softmax : TaskLoss::stablemax;
  if (s.puzzle_width == ~std::size_t{0}) s.puzzle_width = s.hidden;
  return true;
}

using SourcePointer = std::unique_ptr<ExampleSource>;

/// maze15 or maze7x15.
bool read_maze(std::string_view task, MazeOptions& options) {
  if (task.substr(0, 4) != "maze") return false;
  task.remove_prefix(4);
  const std::size_t by = task.find('x');
  if (by == std::string_view::npos) return parse(task, options.rows) && parse(task, options.cols);
  return parse(task.substr(0, by), options.rows) && parse(task.substr(by + 1), options.cols);
}

/// The puzzles of a task; `held_out` ones come from another stream (or from --test).
Result<SourcePointer> make_source(const Settings& s, bool held_out) {
  const std::uint64_t seed = s.trainer.seed * 2 + (held_out ? 1 : 0);
  const auto stored = [&](const std::string& path, bool in_order, bool shared) -> Result<SourcePointer> {
    StoredSource::Options options;
    // One file of CSV for both: a tenth is kept for testing. A folder has splits of its own.
    if (shared && hrm::detail::path_kind(path) == hrm::detail::PathKind::file) {
      options.part = held_out ? StoredSource::Part::held_out : StoredSource::Part::training;
    }
    options.split = held_out ? "test" : "train";
    options.seed = seed;
    options.in_order = in_order;
    auto source = StoredSource::open(path, options);
    if (!source) return source.error();
    return SourcePointer(*std::move(source));
  };
  if (held_out && !s.test.empty()) return stored(s.test, true, false);
  std::size_t side = 0;
  const std::string_view task = s.task;
  if (task.substr(0, 6) == "sudoku" && parse(task.substr(6), side)) {
    const auto shape = SudokuShape::of_side(side);
    if (!shape) return shape.error();
    SudokuOptions options;
    const std::size_t cells = shape->cells();
    options.min_clues = s.most_clues != 0 ? s.least_clues : side == 4 ? 4 : side == 6 ? 8 : cells * 26 / 81;
    options.max_clues = s.most_clues != 0 ? s.most_clues : side == 4 ? 10 : side == 6 ? 18 : cells * 45 / 81;
    Random random(seed);
    if (const auto made = SudokuGenerator(*shape).generate(options, random); !made) return made.error();
    return SourcePointer(new SudokuSource(*shape, options, seed));
  }
  if (MazeOptions options; read_maze(task, options)) {
    for (const std::size_t n : {options.rows, options.cols}) {
      if (n < 5 || n % 2 == 0) return Error(ErrorCode::value, "maze: side, expected an odd number from 5, found ", n);
    }
    options.loops = s.loops;
    if (s.most_steps != 0 && !held_out) options.min_steps = s.least_steps, options.max_steps = s.most_steps;
    side = std::max(options.rows, options.cols);
    const std::size_t smallest = s.smallest == 0 || held_out ? side : s.smallest;
    if (smallest > side || smallest % 2 == 0 || smallest < 5) {
      return Error(ErrorCode::value, "--smallest: expected an odd number from 5 to ", side, ", found ", smallest);
    }
    Random random(seed);
    if (const auto made = generate_maze(options, random); !made) return made.error();
    auto mazes = std::make_unique<MazeSource>(options, smallest, seed);
    if (!held_out) mazes->grow(s.grow);
    return SourcePointer(std::move(mazes));
  }
  return stored(s.task, held_out, s.test.empty());
}

Config make_config(const Settings& s, const ExampleSource& source) {
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
  c.positions = s.positions == "learned" ? PositionEncoding::learned : PositionEncoding::rope;
  return c;
}

/// Tells this run's puzzles from another's.
std::uint64_t hash_of(const Settings& s) {
  std::uint64_t hash = s.trainer.seed;
  for (const char c : s.task + "|" + s.from) hash = mixed(hash, static_cast<unsigned char>(c));
  for (const std::size_t n : {s.least_clues, s.most_clues, s.smallest, s.least_steps, s.most_steps})
    hash = mixed(hash, n);
  return mixed(hash, std::bit_cast<std::uint64_t>(s.loops));
}

template <class Trainer>
Result<void> start_from(Trainer& trainer, const std::string& path) {
  const auto checkpoint = open_checkpoint(path);
  if (!checkpoint) return checkpoint.error();
  Values values(trainer.layout().size());
  if (auto read = read_parameters(trainer.layout(), checkpoint->tensors, values.span()); !read)
    return read.error().in(path);
  trainer.start_from(values.span());
  return {};
}

bool on_terminal() {
#if defined(__unix__) || defined(__APPLE__)
  return ::isatty(2) != 0;
#else
  return false;
#endif
}

std::string duration(double seconds) {
  char text[48];
  const auto s = static_cast<long>(seconds);
  std::snprintf(text, sizeof text, "%ld:%02ld:%02ld", s / 3600, s / 60 % 60, s % 60);
  return text;
}

/// One line on stderr: rewritten in place on a terminal, else a new one every half minute.
class Progress {
 public:
  explicit Progress(bool quiet) : quiet_(quiet), terminal_(on_terminal()) {}
  void show(const LogRow& row, std::uint64_t steps, double left) {
    const auto now = Clock::now();
    if (quiet_ || now - shown_ < (terminal_ ? std::chrono::milliseconds(500) : std::chrono::seconds(30))) return;
    shown_ = now;
    constexpr std::size_t width = 20;
    const std::size_t done = steps == 0 ? width : static_cast<std::size_t>(row.step * width / steps);
    const std::string bar = std::string(done, '#') + std::string(width - done, '.');
    std::fprintf(
        stderr,
        "%s[%s] %llu/%llu loss %.4f cells %.2f%% exact %.2f%% halts at %.2f, %.0f examples x segments/s, %s left%s",
        terminal_ ? "\r\x1b[K" : "", bar.c_str(), static_cast<unsigned long long>(row.step),
        static_cast<unsigned long long>(steps), row.loss, 100 * row.cells, 100 * row.exact, row.segments, row.speed,
        duration(left).c_str(), terminal_ ? "" : "\n");
    open_ = terminal_;
  }
  template <class... Parts>
  void say(const char* format, const Parts&... parts) {
    if (quiet_) return;
    if (open_) std::fputc('\n', stderr);
    open_ = false;
    std::fprintf(stderr, format, parts...);
    std::fputc('\n', stderr);
  }

 private:
  bool quiet_, terminal_, open_ = false;
  Clock::time_point shown_{};
};

/// A run from its options to its end.
template <class Weight>
class Run {
 public:
  Run(Settings& s, const Config& config, const ExampleSource& source, const ExampleSource& test,
      const Executor& executor)
      : s_(s), test_(test), trainer_(config, source, s.trainer), log_(s.out), progress_(s.quiet), executor_(executor) {}

  Result<void> begin() {
    if (!s_.resume) {
      if (!s_.from.empty()) {
        if (auto started = start_from(trainer_, s_.from); !started) return started;
      }
      return write_text(s_.out + "/recipe.txt", s_.command + "\n");
    }
    if (auto loaded = load_state(trainer_, s_.out + "/train.state", hash_of(s_)); !loaded) return loaded;
    return log_.read(trainer_.steps());
  }

  Result<void> train() {
    const std::uint64_t steps = s_.trainer.optimizer.steps;
    progress_.say("%zu parameters, %zu positions, batch %zu, step %llu of %llu", trainer_.layout().count(),
                  test_.tokens() + trainer_.layout().config().sizes.puzzle_tokens, s_.trainer.batch,
                  static_cast<unsigned long long>(trainer_.steps()), static_cast<unsigned long long>(steps));
    const auto begin = Clock::now();
    const double spent = log_.seconds();
    const auto seconds = [&] { return std::chrono::duration<double>(Clock::now() - begin).count(); };
    StepStats sum;
    double since = 0.0;
    std::uint64_t done = 0;
    while (trainer_.steps() < steps && interrupted == 0 && (s_.minutes <= 0 || seconds() < 60 * s_.minutes)) {
      sum.add(trainer_.step());
      ++done;
      const std::uint64_t step = trainer_.steps();
      const bool evaluate = step % s_.evaluate_every == 0 || step == steps;
      if (step % s_.log_every == 0 || evaluate) {
        const double now = seconds();
        LogRow row = row_of(sum, step, spent + now);
        row.speed = static_cast<double>(sum.sequences) / std::max(1e-9, now - since);
        if (evaluate && s_.evaluate > 0) {
          if (auto good = test(row); !good) return good;
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
    if (interrupted != 0)
      progress_.say("interrupted at step %llu: saved, go on with --resume",
                    static_cast<unsigned long long>(trainer_.steps()));
    return save();
  }

 private:
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
    options.slots = std::max<std::size_t>(1, std::min<std::size_t>(16, 2048 / test_.tokens()));
    options.executor = executor_;
    const auto found = train::evaluate(trainer_.layout(), trainer_.average(), test_, s_.evaluate, options);
    if (!found) return found.error();
    row.tested = true;
    row.test_exact = found->exact_share();
    row.test_cells = found->cell_share();
    row.test_segments = found->mean_segments();
    progress_.say("step %llu: held out %zu: exact %.2f%% cells %.2f%% in %.2f segments",
                  static_cast<unsigned long long>(row.step), found->puzzles, 100 * row.test_exact, 100 * row.test_cells,
                  row.test_segments);
    return {};
  }

  Result<void> save() {
    if (auto saved = save_state(trainer_, s_.out + "/train.state", hash_of(s_)); !saved) return saved;
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
  const ExampleSource& test_;
  Trainer<kernels::DefaultArch, Weight> trainer_;
  TrainingLog log_;
  Progress progress_;
  Executor executor_;
};

int run(Settings& s) {
  std::signal(SIGINT, [](int) { interrupted = 1; });
  std::signal(SIGTERM, [](int) { interrupted = 1; });
  auto source = make_source(s, false);
  if (!source) return fail(source.error());
  auto test = make_source(s, true);
  if (!test) return fail(test.error());
  if ((*test)->tokens() != (*source)->tokens() || (*test)->vocab() != (*source)->vocab()) {
    return fail(Error(ErrorCode::shape, s.test, ": expected puzzles of ", (*source)->tokens(), " tokens, found ",
                      (*test)->tokens()));
  }
  if (!s.weights.empty()) {
    s.trainer.label_weights.assign((*source)->vocab(), 1.0F);
    for (const auto& [token, weight] : s.weights) {
      if (token >= s.trainer.label_weights.size()) {
        return fail(
            Error(ErrorCode::value, "--weight: expected a token below ", (*source)->vocab(), ", found ", token));
      }
      s.trainer.label_weights[token] = static_cast<float>(weight);
    }
  }
  if (::mkdir(s.out.c_str(), 0777) != 0 && hrm::detail::path_kind(s.out) != hrm::detail::PathKind::folder) {
    return fail(Error(ErrorCode::io, s.out, ": folder: expected one that can be made, found an error"));
  }
  ThreadPool pool(static_cast<unsigned>(s.threads));
  Executor executor;
  if (s.threads > 1) executor = Executor(pool);
  s.trainer.executor = executor;
  const auto from_start_to_end = [&]<class Weight>(Weight) -> int {
    Run<Weight> run(s, make_config(s, **source), **source, **test, executor);
    if (auto begun = run.begin(); !begun) return fail(begun.error());
    if (auto trained = run.train(); !trained) return fail(trained.error());
    return 0;
  };
  if constexpr (Products<kernels::DefaultArch, bfloat16>::offered) {
    if (s.precision == "bf16") return from_start_to_end(bfloat16{});
  }
  return from_start_to_end(float{});
}

}  // namespace
}  // namespace hrm::train

int main(int argc, char** argv) {
  for (int i = 1; i < argc; ++i) {
    if (std::string_view(argv[i]) == "--help" || std::string_view(argv[i]) == "-h") {
      std::fputs(hrm::train::usage, stdout);
      return 0;
    }
  }
  hrm::train::Settings settings;
  if (!hrm::train::read_arguments(argc, argv, settings)) return 2;
  return hrm::train::run(settings);
}
