/// hrm-maze: finds ways through mazes with a learned model, shows it think, and makes new ones.

#if HRM_HAVE_PNG
#include <png.h>
#endif

#include <hrm/puzzles/maze_generator.hpp>

#include "common/puzzle_column.hpp"
#include "common/puzzle_program.hpp"

namespace {

using example::Arguments;
using example::fail;
using hrm::Error;
using hrm::ErrorCode;

/// A maze as example::Player wants it.
struct SquareMaze {
  using Tokens = std::span<const hrm::Token>;
  hrm::Maze maze;

  [[nodiscard]] hrm::Maze grid(Tokens cells) const {
    return cells.empty() ? hrm::Maze{} : hrm::maze_grid(maze.rows, maze.cols, cells);
  }
  [[nodiscard]] std::vector<hrm::Token> tokens() const { return hrm::maze_tokens(maze); }
  [[nodiscard]] static std::size_t ways() { return hrm::square_symmetries; }
  [[nodiscard]] hrm::Symmetry view(std::size_t number) const {
    return hrm::square_symmetry(number, maze.rows, hrm::maze_vocab);
  }
  [[nodiscard]] std::string terminal(Tokens now, Tokens before, bool colours) const {
    return hrm::terminal_maze(grid(now), grid(before), colours);
  }
  [[nodiscard]] hrm::Picture picture(Tokens now, Tokens before, const hrm::Caption& caption) const {
    return hrm::draw_maze(maze, grid(now), grid(before), caption);
  }
  [[nodiscard]] std::string text(Tokens now) const { return grid(now).cells; }
  [[nodiscard]] bool solved(Tokens now) const { return hrm::check_maze(maze, grid(now)).valid; }
};

/// Solves one maze and prints its line. Error: it is no maze, or there is no model for it.
hrm::Result<void> play(example::Players& players, std::string_view text) {
  auto maze = hrm::parse_maze(text);
  if (!maze) return maze.error();
  if (maze->rows != maze->cols) {
    return Error(ErrorCode::shape, "maze: expected a square, as models are trained on, found ", maze->rows, " x ",
                 maze->cols);
  }
  if (const auto sane = hrm::solve_maze(*maze); !sane) return sane.error();
  for (char& cell : maze->cells) cell = cell == 'o' ? ' ' : cell;  // the way is for the model to find
  const std::string side = std::to_string(maze->rows);
  return players.play(SquareMaze{std::move(*maze)}, "maze" + side, "mazes of " + side + " x " + side, hrm::maze_vocab);
}

/// Plays the mazes of a file: rows with an empty line after each maze, or one square maze a line (of CSV see
/// PuzzleColumn). A line with both S and G is a maze of its own if the next one is empty or has both as well, else a
/// row.
int play_file(const Arguments& arguments, example::Players& players, example::Lines& lines) {
  constexpr std::size_t longest = std::size_t{2} << 20;
  example::PuzzleColumn column;
  std::string block, line, cells, where;
  bool single = false;  // the block is one line that could be a maze of its own
  std::size_t played = 0;
  hrm::Result<void> status;
  const auto play_block = [&] {
    if (block.empty() || !status) return;
    if (auto done = play(players, block); !done) status = done.error().in(where);
    ++played;
    block.clear();
  };
  while (status) {
    const auto more = lines.next(line);
    if (!more) return fail(arguments, more.error());
    if (!*more) break;
    if (auto found = column.find(line, cells); !found) return fail(arguments, found.error().in(lines.where()));
    const bool whole = cells.find('S') != std::string::npos && cells.find('G') != std::string::npos;
    const bool csv = line.find(',') != std::string::npos;
    if (cells.empty() || csv || (whole && single)) play_block();
    if (!cells.empty()) {
      single = whole && block.empty();
      if (!block.empty()) block += '\n';
      block += cells;
      where = lines.where();
    }
    if (csv) play_block();
    if (block.size() > longest)
      status = Error(ErrorCode::format, where, ": expected an empty line after a maze, found none");
  }
  play_block();
  if (status && played == 0) {
    status = Error(ErrorCode::format, lines.name(), ": expected a maze, found an empty input");
  }
  return status ? players.conclude() : fail(arguments, status.error());
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
          {"--steps", "A-B", "with --generate: how long the shortest way is, an even number"},
          {"--any-path", "", "with --generate: several shortest ways are allowed"},
      }),
      example::Kind::solver);
  if (const auto code = arguments.parse(argc, argv)) return *code;
  const std::size_t count = arguments.number("--generate", 0, 1, 100000000);
  const std::size_t seed = arguments.number("--seed", 1, 0, ~std::size_t{0});
  const example::PlayOptions play_options(arguments, hrm::square_symmetries);
  hrm::MazeOptions options;
  options.rows = options.cols = arguments.number("--side", 7, 5, hrm::MazeOptions::max_side);
  options.loops = arguments.real("--loops", 0.0, 0.0, 1.0);
  options.unique = !arguments.has("--any-path");
  const auto steps = arguments.range("--steps", 1, ~std::size_t{0});
  options.min_steps = steps.first;
  options.max_steps = steps.second;
  example::check_puzzle_options(arguments, {"--side", "--loops", "--steps", "--any-path"}, {"--grid"});
  const example::Setup setup(arguments);
  if (const auto code = arguments.wrong()) return *code;
  if (count > 0) {
    hrm::Random random(seed);
    return example::generate(arguments, count, options.rows * options.cols, hrm::maze_vocab,
                             [&]() -> hrm::Result<example::Generated> {
                               const auto made = hrm::generate_maze(options, random);
                               if (!made) return made.error();
                               const hrm::Maze& way = made->solution.maze;
                               return example::Generated{made->maze.cells,
                                                         way.cells,
                                                         made->solution.steps,
                                                         {hrm::maze_tokens(made->maze), hrm::maze_tokens(way), 0}};
                             });
  }

  example::Players players(arguments, setup, argv[0], play_options);
  if (const auto path = arguments.text("--file")) {
    example::Lines lines;
    if (auto opened = lines.open(*path); !opened) return fail(arguments, opened.error());
    return arguments.finish(play_file(arguments, players, lines));
  }
  const auto one = [&](const std::string& maze) { return play(players, maze); };
  if (auto played = example::play_words(arguments, one); !played) return fail(arguments, played.error());
  return arguments.finish(players.conclude());
}
