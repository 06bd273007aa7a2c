/// hrm-sudoku: solves Sudokus with a learned model, shows it think, and makes new ones.

#if HRM_HAVE_PNG
#include <png.h>
#endif

#include <hrm/puzzles/sudoku_search.hpp>

#include "common/puzzle_program.hpp"

namespace {

using example::Arguments;
using example::fail;
using hrm::Error;
using hrm::ErrorCode;

/// A model for one side, with a solver.
struct Player {
  hrm::SudokuShape shape;
  hrm::Solver solver;
};

class Program {
 public:
  Program(Arguments& arguments, const example::Setup& setup, const char* self)
      : arguments_(arguments), setup_(setup), self_(self) {}

  /// Solves one puzzle and prints its line. Error: it is no puzzle, or there is no model for it.
  hrm::Result<void> play(std::string_view text) {
    const auto puzzle = hrm::parse_sudoku(text);
    if (!puzzle) return puzzle.error();
    auto player = player_for(hrm::SudokuShape::of_cells(puzzle->size()).value());
    if (!player) return player.error();
    const hrm::SudokuShape& shape = (*player)->shape;
    hrm::Solver& solver = (*player)->solver;

    const bool trace = arguments_.has("--trace");
    const bool colours = example::colours();
    if (trace) std::printf("%s", hrm::terminal_sudoku(shape, *puzzle, *puzzle, {}, colours).c_str());
    std::vector<hrm::Picture> frames;
    if (arguments_.has("--svg")) frames.push_back(hrm::draw_sudoku(shape, *puzzle, *puzzle, {}, "the puzzle"));
    hrm::SudokuGrid grid;
    double shown = 0;  // time spent showing
    const auto start = std::chrono::steady_clock::now();
    const auto thought = example::think(
        solver, hrm::sudoku_tokens(*puzzle), id_,
        [&](std::span<const hrm::Token> before, std::span<const hrm::Token> now) {
          const auto pause = std::chrono::steady_clock::now();
          const auto was = hrm::sudoku_grid(shape, before);
          grid = hrm::sudoku_grid(shape, now);
          const std::string line = example::thought_line(solver, before);
          if (trace) {
            std::printf("%s\n%s", line.c_str(), hrm::terminal_sudoku(shape, *puzzle, grid, was, colours).c_str());
          }
          if (!frames.empty()) frames.push_back(hrm::draw_sudoku(shape, *puzzle, grid, was, line));
          shown += example::milliseconds_since(pause);
        });
    if (!thought) return thought;
    const double ms = example::milliseconds_since(start) - shown;
    const bool solved = hrm::sudoku_solved(shape, *puzzle, grid);
    all_solved_ = all_solved_ && solved;
    example::print_result(hrm::format_sudoku(grid), solved, solver.segments(), ms);
    if (const auto path = arguments_.text("--svg")) {
      if (auto written = example::write_file(*path, hrm::animated_svg(frames)); !written) return written;
    }
    if (const auto path = arguments_.text("--png")) {
      return example::write_png(hrm::draw_sudoku(shape, *puzzle, grid, {}), *path);
    }
    return {};
  }

  [[nodiscard]] int code() const noexcept { return all_solved_ ? example::done : example::unsolved; }
  void puzzle_id(std::size_t id) noexcept { id_ = id; }

 private:
  hrm::Result<Player*> player_for(const hrm::SudokuShape& shape) {
    for (const auto& player : players_) {
      if (player->shape == shape) return player.get();
    }
    const std::string name = "sudoku" + std::to_string(shape.side);
    const std::string path = arguments_.text("--model").value_or(example::bundled_model(name, self_));
    if (path.empty()) {
      return Error(ErrorCode::missing, name, ": no bundled model for Sudokus of ", shape.side, " x ", shape.side,
                   "; --model takes one");
    }
    auto model = setup_.load(path);
    if (!model) return model.error();
    if (model->config().sizes.vocab != shape.vocab()) {
      return Error(ErrorCode::shape, path, ": vocabulary for Sudokus of ", shape.side, " x ", shape.side, ", expected ",
                   shape.vocab(), ", found ", model->config().sizes.vocab);
    }
    players_.push_back(std::make_unique<Player>(Player{shape, hrm::Solver(*model, setup_.solver(shape.cells()))}));
    return players_.back().get();
  }

  Arguments& arguments_;
  const example::Setup& setup_;
  const char* self_;
  std::size_t id_ = 0;
  bool all_solved_ = true;
  std::vector<std::unique_ptr<Player>> players_;
};

int generate(const Arguments& arguments, std::size_t count, const hrm::SudokuShape& shape,
             const hrm::SudokuOptions& options, std::uint64_t seed) {
  auto output = example::GeneratedOutput::open(arguments.text("--dataset"), shape.cells(), shape.vocab());
  if (!output) return fail(arguments, output.error());
  hrm::Random random(seed);
  hrm::SudokuGenerator generator(shape);
  for (std::size_t i = 0; i < count; ++i) {
    const auto made = generator.generate(options, random);
    if (!made) return fail(arguments, made.error());
    const auto added = output->add(hrm::format_sudoku(made->puzzle), hrm::format_sudoku(made->solution), made->nodes,
                                   hrm::sudoku_tokens(made->puzzle), hrm::sudoku_tokens(made->solution));
    if (!added) return fail(arguments, added.error());
  }
  const auto finished = output->finish();
  return finished ? static_cast<int>(example::done) : fail(arguments, finished.error());
}

}  // namespace

int main(int argc, char** argv) {
  Arguments arguments(
      "hrm-sudoku", "PUZZLE..",
      "Solves Sudokus of 4 x 4, 6 x 6, 9 x 9, ..: the cells row by row, 0 or . for blanks. Prints SOLUTION,\n"
      "solved or unsolved (by the rules), segments and milliseconds, with tabs between.",
      example::with_puzzle_options({
          {"--side", "N", "with --generate: the side (6)"},
          {"--clues", "A-B", "with --generate: how many givens (otherwise as few as one grid allows)"},
          {"--nodes", "A-B", "with --generate: how many search nodes a plain solver takes"},
      }));
  if (const auto code = arguments.parse(argc, argv)) return *code;
  const std::size_t count = arguments.number("--generate", 0, 1, 100000000);
  const std::size_t side = arguments.number("--side", 6, 1, hrm::SudokuShape::max_side);
  const std::size_t seed = arguments.number("--seed", 1, 0, ~std::size_t{0});
  const std::size_t id = arguments.number("--puzzle-id", 0, 0, ~std::size_t{0} >> 1);
  hrm::SudokuOptions options;
  const auto clues = example::range(arguments, "--clues", 0, 0);
  const auto nodes = example::range(arguments, "--nodes", 0, ~std::size_t{0});
  options.min_clues = clues.first;
  options.max_clues = clues.second;
  options.min_nodes = nodes.first;
  options.max_nodes = nodes.second;
  const auto shape = hrm::SudokuShape::of_side(side);
  if (!shape) arguments.note("--side", shape.error().message());
  for (const char* own : {"--side", "--clues", "--nodes"}) {
    if (arguments.has(own) && count == 0) arguments.note(own, "goes with --generate");
  }
  example::check_puzzle_options(arguments);
  const example::Setup setup(arguments);
  if (const auto code = arguments.wrong()) return *code;
  if (count > 0) return generate(arguments, count, *shape, options, seed);

  Program program(arguments, setup, argv[0]);
  program.puzzle_id(id);
  if (const auto path = arguments.text("--file")) {
    example::Lines lines;
    if (!lines.open(*path)) return fail(arguments, lines.cannot_open());
    std::size_t played = 0;
    for (std::string line; lines.next(line);) {
      const std::string_view puzzle = std::string_view(line).substr(0, line.find(','));  // the first field of CSV
      if (puzzle.empty()) continue;
      if (auto done = program.play(puzzle); !done) return fail(arguments, done.error().in(lines.where()));
      ++played;
    }
    if (played == 0) {
      return fail(arguments, Error(ErrorCode::format, lines.name(), ": expected a puzzle, found an empty input"));
    }
  }
  for (const std::string& puzzle : arguments.rest()) {
    if (auto done = program.play(puzzle); !done) return fail(arguments, done.error());
  }
  return program.code();
}
