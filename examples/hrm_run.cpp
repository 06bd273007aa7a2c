/// hrm-run: any model on puzzles given as token ids, one JSON object a line.

#include "common/program.hpp"
#include "common/token_lines.hpp"

namespace {

using example::Arguments;
using example::fail;
using hrm::Error;
using hrm::ErrorCode;

/// The shortest text that reads back as the same number; JSON has no NaN.
std::string number(double value, int digits = -1) {
  if (!(value - value == 0)) return "null";
  char text[64];
  const auto end = digits < 0 ? std::to_chars(text, text + sizeof text, static_cast<float>(value))
                              : std::to_chars(text, text + sizeof text, value, std::chars_format::fixed, digits);
  return {text, end.ptr};
}

void print(std::span<const hrm::Token> tokens, std::size_t segments, bool halted, float q_halt, float q_continue,
           double ms) {
  std::string text = "{\"tokens\":[";
  for (std::size_t i = 0; i < tokens.size(); ++i) text += (i == 0 ? "" : ",") + std::to_string(tokens[i]);
  text += "],\"segments\":" + std::to_string(segments) + ",\"halted\":" + (halted ? "true" : "false") +
          ",\"q_halt\":" + number(q_halt) + ",\"q_continue\":" + number(q_continue) + ",\"ms\":" + number(ms, 3) +
          "}\n";
  std::fputs(text.c_str(), stdout);
  std::fflush(stdout);
}

/// A line, with its puzzle id and where it came from.
struct Puzzle {
  std::vector<hrm::Token> tokens;
  std::size_t id = 0;
  std::string where;
};

/// Gives the input's puzzles one after the other.
class Input {
 public:
  /// `usual`: the length that the model was trained on, 0 where nobody knows.
  Input(example::Lines& lines, std::size_t default_id, std::size_t usual)
      : lines_(lines), default_id_(default_id), usual_(usual) {}

  /// False at the end. Error: a line that is no number list.
  hrm::Result<bool> next(Puzzle& puzzle) {
    for (;;) {
      const auto more = lines_.next(line_);
      if (!more) return more.error();
      if (!*more) break;
      auto parsed = example::parse_token_line(line_);
      if (!parsed) return parsed.error().in(lines_.where());
      if (parsed->tokens.empty()) continue;
      puzzle.tokens = std::move(parsed->tokens);
      puzzle.id = parsed->has_id ? parsed->puzzle_id : default_id_;
      puzzle.where = lines_.where();
      ++count_;
      return true;
    }
    if (count_ == 0) return Error(ErrorCode::format, lines_.name(), ": expected a puzzle, found an empty input");
    return false;
  }

  /// Says so if a puzzle, which the model takes, is of a length that it has not seen; once.
  void mention(const Puzzle& puzzle) {
    if (usual_ == 0 || puzzle.tokens.size() == usual_) return;
    std::fprintf(stderr, "hrm-run: %s: %zu tokens, where the model was trained on %zu (said once)\n",
                 puzzle.where.c_str(), puzzle.tokens.size(), usual_);
    usual_ = 0;
  }

 private:
  example::Lines& lines_;
  std::string line_;
  std::size_t default_id_;
  std::size_t usual_;
  std::size_t count_ = 0;
};

/// One puzzle after another, each as soon as it is read.
int run_single(const Arguments& arguments, const example::Setup& setup, const hrm::Model& model, Input& input) {
  std::optional<hrm::Solver> solver;
  Puzzle puzzle;
  for (;;) {
    const auto more = input.next(puzzle);
    if (!more) return fail(arguments, more.error());
    if (!*more) return example::done;
    const std::size_t count = puzzle.tokens.size();
    if (auto fits = model->check(puzzle.tokens, puzzle.id); !fits)
      return fail(arguments, fits.error().in(puzzle.where));
    input.mention(puzzle);
    if (!solver || solver->options().max_tokens < count) solver.emplace(model, setup.solver(count));
    const auto start = std::chrono::steady_clock::now();
    if (auto started = solver->start(puzzle.tokens, puzzle.id); !started) {
      return fail(arguments, started.error().in(puzzle.where));
    }
    while (!solver->step()) {
    }
    print(solver->prediction(), solver->segments(), solver->halted(), solver->q_halt(), solver->q_continue(),
          example::milliseconds_since(start));
  }
}

/// `slots` puzzles at once, answers in the order of the lines; a puzzle of another length begins a new batch.
int run_batch(const Arguments& arguments, const example::Setup& setup, const hrm::Model& model, Input& input,
              std::size_t slots) {
  std::optional<Puzzle> waiting;
  std::optional<Error> error;
  bool end = false;
  const auto fetch = [&]() noexcept {
    Puzzle puzzle;
    const auto more = input.next(puzzle);
    if (!more) error = more.error();
    end = !more || !*more;
    if (end) return;
    if (auto fits = model->check(puzzle.tokens, puzzle.id); !fits) {
      error = fits.error().in(puzzle.where);
      end = true;
      return;
    }
    input.mention(puzzle);
    waiting = std::move(puzzle);
  };
  fetch();
  while (waiting) {
    hrm::BatchOptions options;
    options.slots = slots;
    options.tokens = waiting->tokens.size();
    options.max_segments = setup.max_segments;
    options.halting = setup.halting();
    options.executor = setup.executor();
    options.window = 4 * slots;
    hrm::BatchSolver solver(model, options);
    if (!solver.status()) return fail(arguments, solver.status().error());
    std::vector<std::chrono::steady_clock::time_point> begun;
    std::vector<hrm::Token> held;
    const auto source = [&](hrm::Job& job) noexcept {
      if (!waiting || waiting->tokens.size() != options.tokens) return false;
      held = std::move(waiting->tokens);
      job = hrm::Job{held, waiting->id, begun.size(), 0};
      begun.push_back(std::chrono::steady_clock::now());
      waiting.reset();
      if (!end) fetch();
      return true;
    };
    const auto sink = [&](const hrm::Outcome& outcome) noexcept {
      if (outcome.error != nullptr) {
        if (!error) error = *outcome.error;
        return false;
      }
      print(outcome.tokens, outcome.segments, outcome.halted, outcome.q_halt, outcome.q_continue,
            example::milliseconds_since(begun[outcome.id]));
      return true;
    };
    solver.run(source, sink);
  }
  return error ? fail(arguments, *error) : static_cast<int>(example::done);
}

/// All puzzles, with everything the model computes after each segment kept for the file.
int run_and_save(const Arguments& arguments, const example::Setup& setup, const hrm::Model& model, Input& input,
                 const std::string& path) {
  if (auto good = example::can_be_written(path); !good) return fail(arguments, good.error());
  std::vector<Puzzle> puzzles;
  for (;;) {
    Puzzle puzzle;
    const auto more = input.next(puzzle);
    if (!more) return fail(arguments, more.error());
    if (!*more) break;
    if (auto fits = model->check(puzzle.tokens, puzzle.id); !fits)
      return fail(arguments, fits.error().in(puzzle.where));
    if (!puzzles.empty() && puzzle.tokens.size() != puzzles[0].tokens.size()) {
      return fail(arguments, Error(ErrorCode::shape, puzzle.where, ": tokens with --save, expected ",
                                   puzzles[0].tokens.size(), " as in the first line, found ", puzzle.tokens.size()));
    }
    input.mention(puzzle);
    puzzles.push_back(std::move(puzzle));
  }
  const hrm::Sizes& sizes = model.config().sizes;
  const std::size_t batch = puzzles.size();
  const std::size_t tokens = puzzles[0].tokens.size();
  const std::size_t positions = tokens + sizes.puzzle_tokens;
  hrm::Solver solver(model, setup.solver(tokens));
  const std::size_t segments = solver.max_segments();
  std::vector<std::int32_t> inputs, ids;
  std::vector<float> logits, q, z_h, z_l;
  try {
    logits.resize(segments * batch * tokens * sizes.vocab);
    q.resize(segments * batch * 2);
    z_h.resize(segments * batch * positions * sizes.hidden);
    z_l.resize(z_h.size());
  } catch (const std::exception&) {
    return fail(arguments, Error(ErrorCode::memory, path, ": memory for ", segments, " segments of ", batch,
                                 " puzzles, expected more, found too little"));
  }
  for (std::size_t b = 0; b < batch; ++b) {
    const auto start = std::chrono::steady_clock::now();
    if (auto started = solver.start(puzzles[b].tokens, puzzles[b].id); !started) {
      return fail(arguments, started.error().in(puzzles[b].where));
    }
    inputs.insert(inputs.end(), puzzles[b].tokens.begin(), puzzles[b].tokens.end());
    ids.push_back(static_cast<std::int32_t>(puzzles[b].id));
    for (bool finished = false; !finished;) {
      finished = solver.step();
      const std::size_t at = (solver.segments() - 1) * batch + b;
      const auto keep = [at](const hrm::ConstMatrixMap& from, std::vector<float>& to) {
        const auto size = static_cast<std::size_t>(from.size());
        std::copy(from.data(), from.data() + size, to.begin() + static_cast<std::ptrdiff_t>(at * size));
      };
      keep(solver.logits(), logits);
      keep(solver.z_h(), z_h);
      keep(solver.z_l(), z_l);
      q[2 * at] = solver.q_halt();
      q[2 * at + 1] = solver.q_continue();
    }
    print(solver.prediction(), solver.segments(), solver.halted(), solver.q_halt(), solver.q_continue(),
          example::milliseconds_since(start));
  }
  std::vector<hrm::TensorView> views;
  const auto add = [&](std::string_view name, hrm::DType type, const void* data, std::vector<std::size_t> shape) {
    hrm::TensorView view;
    view.name = name;
    view.dtype = type;
    view.rank = shape.size();
    std::copy(shape.begin(), shape.end(), view.shape.begin());
    view.data = static_cast<const std::byte*>(data);
    views.push_back(view);
  };
  add("inputs", hrm::DType::i32, inputs.data(), {batch, tokens});
  add("puzzle_identifiers", hrm::DType::i32, ids.data(), {batch});
  add("logits", hrm::DType::f32, logits.data(), {segments, batch, tokens, sizes.vocab});
  add("q", hrm::DType::f32, q.data(), {segments, batch, 2});
  add("z_H", hrm::DType::f32, z_h.data(), {segments, batch, positions, sizes.hidden});
  add("z_L", hrm::DType::f32, z_l.data(), {segments, batch, positions, sizes.hidden});
  std::ofstream file(path, std::ios::binary);
  const auto write = [](void* context, std::span<const std::byte> bytes) {
    auto& out = *static_cast<std::ofstream*>(context);
    out.write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
    return out.good();
  };
  if (auto written = hrm::write_safetensors(views, write, &file); !written) {
    return fail(arguments, written.error().in(path));
  }
  file.close();
  if (!file) return fail(arguments, Error(ErrorCode::io, path, ": cannot be written"));
  return example::done;
}

}  // namespace

int main(int argc, char** argv) {
  Arguments arguments(
      "hrm-run", "MODEL",
      "Reads token ids, one puzzle a line (a line may begin with @ID, its puzzle id), and prints one JSON\n"
      "object a line. MODEL is a checkpoint, safetensors, archive, or a folder with one; an archive's own test is run\n"
      "when it is loaded, as by all programs.",
      example::with_solver_options({
          {"--input", "F", "the puzzles (otherwise standard input)"},
          {"--puzzle-id", "N", "puzzle id of lines that name none (0)"},
          {"--batch", "B", "puzzles thought about at once (1)"},
          {"--save", "F", "with --halt never: logits, q, z_H, z_L after every segment, as safetensors"},
      }));
  if (const auto code = arguments.parse(argc, argv)) return *code;
  const std::size_t id = arguments.number("--puzzle-id", 0, 0, ~std::size_t{0} >> 1);
  const std::size_t batch = arguments.number("--batch", 1, 1, 4096);
  const auto save = arguments.text("--save");
  const example::Setup setup(arguments);
  if (arguments.rest().size() != 1)
    arguments.note("MODEL", "expected one, found " + std::to_string(arguments.rest().size()));
  if (save && !setup.never) arguments.note("--save", "goes with --halt never");
  if (save && batch > 1) arguments.note("--save", "does not go with --batch");
  if (const auto code = arguments.wrong()) return *code;

  const auto model = setup.load(arguments.rest()[0]);
  if (!model) return fail(arguments, model.error());
  example::Lines lines;
  if (auto opened = lines.open(arguments.text("--input").value_or("-")); !opened) {
    return fail(arguments, opened.error());
  }
  Input input(lines, id, model->config().seq_len);
  const int code = save        ? run_and_save(arguments, setup, *model, input, *save)
                   : batch > 1 ? run_batch(arguments, setup, *model, input, batch)
                               : run_single(arguments, setup, *model, input);
  return arguments.finish(code);
}
