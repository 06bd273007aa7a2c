/// hrm-maze: finds ways through mazes with a learned model, shows it think, and makes new ones.

#if HRM_HAVE_PNG
#include <png.h>
#endif

#include <hrm/puzzles/maze_generator.hpp>

#include "common/puzzle_program.hpp"

namespace {

using example::Arguments;
using example::fail;
using hrm::Error;
using hrm::ErrorCode;

/// The cells without line ends.
std::string one_line(const hrm::Maze& maze) { return maze.cells; }

class Program {
 public:
  Program(Arguments& arguments, const example::Setup& setup, const char* self)
      : arguments_(arguments), setup_(setup), self_(self) {}

  /// Solves one maze and prints its line. Error: it is no maze, or there is no model for it.
  hrm::Result<void> play(std::string_view text) {
    const auto maze = hrm::parse_maze(text);
    if (!maze) return maze.error();
    if (maze->rows != maze->cols) {
      return Error(ErrorCode::shape, "maze: expected a square, as models are trained on, found ", maze->rows, " x ",
                   maze->cols);
    }
    if (const auto sane = hrm::solve_maze(*maze); !sane) return sane.error();
    hrm::Maze puzzle = *maze;
    for (char& cell : puzzle.cells) cell = cell == 'o' ? ' ' : cell;  // the way is for the model to find
    if (auto ready = ready_for(puzzle.rows); !ready) return ready;
    hrm::Solver& solver = *solver_;

    const bool trace = arguments_.has("--trace");
    const bool colours = example::colours();
    const std::size_t side = puzzle.rows;
    if (trace) std::printf("%s", hrm::terminal_maze(puzzle, {}, colours).c_str());
    std::vector<hrm::Picture> frames;
    if (arguments_.has("--svg")) frames.push_back(hrm::draw_maze(puzzle, puzzle, {}, "the maze"));
    hrm::Maze answer;
    double shown = 0;  // time spent showing
    const auto start = std::chrono::steady_clock::now();
    const auto thought =
        example::think(solver, hrm::maze_tokens(puzzle), id_,
                       [&](std::span<const hrm::Token> before, std::span<const hrm::Token> now) {
                         const auto pause = std::chrono::steady_clock::now();
                         const auto was = hrm::maze_grid(side, side, before);
                         answer = hrm::maze_grid(side, side, now);
                         const std::string line = example::thought_line(solver, before);
                         if (trace) {
                           std::printf("%s\n%s", line.c_str(), hrm::terminal_maze(answer, was, colours).c_str());
                         }
                         if (!frames.empty()) frames.push_back(hrm::draw_maze(puzzle, answer, was, line));
                         shown += example::milliseconds_since(pause);
                       });
    if (!thought) return thought;
    const double ms = example::milliseconds_since(start) - shown;
    const bool solved = hrm::check_maze(puzzle, answer).valid;
    all_solved_ = all_solved_ && solved;
    if (arguments_.has("--grid")) std::printf("%s", hrm::terminal_maze(answer, {}, colours).c_str());
    example::print_result(one_line(answer), solved, solver.segments(), ms);
    if (const auto path = arguments_.text("--svg")) {
      if (auto written = example::write_file(*path, hrm::animated_svg(frames)); !written) return written;
    }
    if (const auto path = arguments_.text("--png")) {
      return example::write_png(hrm::draw_maze(puzzle, answer, {}), *path);
    }
    return {};
  }

  [[nodiscard]] int code() const noexcept { return all_solved_ ? example::done : example::unsolved; }
  void puzzle_id(std::size_t id) noexcept { id_ = id; }

 private:
  hrm::Result<void> ready_for(std::size_t side) {
    if (side_ == side) return {};
    const std::string name = "maze" + std::to_string(side);
    const std::string path = arguments_.text("--model").value_or(example::bundled_model(name, self_));
    if (path.empty()) {
      return Error(ErrorCode::missing, name, ": no bundled model for mazes of ", side, " x ", side,
                   "; --model takes one");
    }
    auto model = setup_.load(path);
    if (!model) return model.error();
    if (model->config().sizes.vocab != hrm::maze_vocab) {
      return Error(ErrorCode::shape, path, ": vocabulary for mazes, expected ", hrm::maze_vocab, ", found ",
                   model->config().sizes.vocab);
    }
    solver_.emplace(*model, setup_.solver(side * side));
    side_ = side;
    return {};
  }

  Arguments& arguments_;
  const example::Setup& setup_;
  const char* self_;
  std::size_t id_ = 0;
  std::size_t side_ = 0;  // of the mazes that the solver is for; 0: there is none yet
  bool all_solved_ = true;
  std::optional<hrm::Solver> solver_;
};

/// Plays the mazes of a file: rows with an empty line after each maze, or one square maze a line (of CSV the first
/// field). A line with both S and G is a maze of its own if the next one is empty or has both as well, else a row.
int play_file(const Arguments& arguments, Program& program, example::Lines& lines) {
  constexpr std::size_t longest = std::size_t{2} << 20;
  std::string block, line, where;
  bool single = false;  // the block is one line that could be a maze of its own
  std::size_t played = 0;
  hrm::Result<void> status;
  const auto play = [&] {
    if (block.empty() || !status) return;
    if (auto done = program.play(block); !done) status = done.error().in(where);
    ++played;
    block.clear();
  };
  while (status && lines.next(line)) {
    const std::string_view cells = std::string_view(line).substr(0, line.find(','));
    const bool whole = cells.find('S') != std::string_view::npos && cells.find('G') != std::string_view::npos;
    const bool csv = cells.size() < line.size();
    if (cells.empty() || csv || (whole && single)) play();
    if (!cells.empty()) {
      single = whole && block.empty();
      if (!block.empty()) block += '\n';
      block += cells;
      where = lines.where();
    }
    if (csv) play();
    if (block.size() > longest)
      status = Error(ErrorCode::format, where, ": expected an empty line after a maze, found none");
  }
  play();
  if (status && played == 0) {
    status = Error(ErrorCode::format, lines.name(), ": expected a maze, found an empty input");
  }
  return status ? program.code() : fail(arguments, status.error());
}

int generate(const Arguments& arguments, std::size_t count, const hrm::MazeOptions& options, std::uint64_t seed) {
  auto output =
      example::GeneratedOutput::open(arguments.text("--dataset"), options.rows * options.cols, hrm::maze_vocab);
  if (!output) return fail(arguments, output.error());
  hrm::Random random(seed);
  for (std::size_t i = 0; i < count; ++i) {
    const auto made = hrm::generate_maze(options, random);
    if (!made) return fail(arguments, made.error());
    const auto added = output->add(one_line(made->maze), one_line(made->solution.maze), made->solution.steps,
                                   hrm::maze_tokens(made->maze), hrm::maze_tokens(made->solution.maze));
    if (!added) return fail(arguments, added.error());
  }
  const auto finished = output->finish();
  return finished ? static_cast<int>(example::done) : fail(arguments, finished.error());
}

}  // namespace

int main(int argc, char** argv) {
  Arguments arguments(
      "hrm-maze", "MAZE..",
      "Finds the way through square mazes: # wall, space free, S start, G goal; the rows with line ends\n"
      "between them or all on one line. Prints SOLUTION (o is the way), solved or unsolved (a path from S\n"
      "to G), segments and milliseconds, with tabs between.",
      example::with_puzzle_options({
          {"--grid", "", "print the answer in rows as well"},
          {"--side", "N", "with --generate: the side (7)"},
          {"--loops", "X", "with --generate: share of walls opened, 0 to 1 (0: one way between any two)"},
          {"--steps", "A-B", "with --generate: how long the shortest way is"},
          {"--any-path", "", "with --generate: several shortest ways are allowed"},
      }));
  if (const auto code = arguments.parse(argc, argv)) return *code;
  const std::size_t count = arguments.number("--generate", 0, 1, 100000000);
  const std::size_t seed = arguments.number("--seed", 1, 0, ~std::size_t{0});
  const std::size_t id = arguments.number("--puzzle-id", 0, 0, ~std::size_t{0} >> 1);
  hrm::MazeOptions options;
  options.rows = options.cols = arguments.number("--side", 7, 4, hrm::MazeOptions::max_side);
  options.loops = arguments.real("--loops", 0.0, 0.0, 1.0);
  options.unique = !arguments.has("--any-path");
  const auto steps = example::range(arguments, "--steps", 1, ~std::size_t{0});
  options.min_steps = steps.first;
  options.max_steps = steps.second;
  for (const char* own : {"--side", "--loops", "--steps", "--any-path"}) {
    if (arguments.has(own) && count == 0) arguments.note(own, "goes with --generate");
  }
  if (arguments.has("--grid") && count > 0) arguments.note("--grid", "does not go with --generate");
  example::check_puzzle_options(arguments);
  const example::Setup setup(arguments);
  if (const auto code = arguments.wrong()) return *code;
  if (count > 0) return generate(arguments, count, options, seed);

  Program program(arguments, setup, argv[0]);
  program.puzzle_id(id);
  if (const auto path = arguments.text("--file")) {
    example::Lines lines;
    if (!lines.open(*path)) return fail(arguments, lines.cannot_open());
    return play_file(arguments, program, lines);
  }
  for (const std::string& maze : arguments.rest()) {
    if (auto done = program.play(maze); !done) return fail(arguments, done.error());
  }
  return program.code();
}
