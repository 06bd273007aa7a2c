/// hrm-sudoku: solves Sudokus with a learned model, shows it think, and makes new ones.

#if HRM_HAVE_PNG
#include <png.h>
#endif

#include <hrm/puzzles/sudoku_search.hpp>

#include "common/puzzle_column.hpp"
#include "common/puzzle_program.hpp"

namespace {

using example::Arguments;
using example::fail;
using hrm::Error;
using hrm::ErrorCode;

constexpr std::size_t most_ways = 100000;

/// A puzzle as example::Player wants it.
struct Sudoku {
  using Tokens = std::span<const hrm::Token>;
  hrm::SudokuShape shape;
  hrm::SudokuGrid givens;

  [[nodiscard]] std::vector<hrm::Token> tokens() const { return hrm::sudoku_tokens(givens); }
  [[nodiscard]] std::size_t ways() const {  // of one that breaks a rule already, no more than one
    return hrm::sudoku_consistent(shape, givens) ? most_ways : 1;
  }
  [[nodiscard]] hrm::Symmetry view(std::size_t number) const { return hrm::sudoku_symmetry(shape, number); }
  [[nodiscard]] std::string terminal(Tokens now, Tokens before, bool colours) const {
    return hrm::terminal_sudoku(shape, givens, hrm::sudoku_grid(shape, now), hrm::sudoku_grid(shape, before), colours);
  }
  [[nodiscard]] hrm::Picture picture(Tokens now, Tokens before, const hrm::Caption& caption) const {
    return hrm::draw_sudoku(shape, givens, hrm::sudoku_grid(shape, now), hrm::sudoku_grid(shape, before), caption);
  }
  [[nodiscard]] std::string text(Tokens now) const { return hrm::format_sudoku(hrm::sudoku_grid(shape, now)); }
  [[nodiscard]] bool solved(Tokens now) const { return hrm::sudoku_solved(shape, givens, now); }
};

/// Rows may stand as they are, with lines between the boxes or without.
std::string without_blanks(std::string text) {
  const std::string_view around = text.find('|') == std::string::npos ? " \t\r\n" : " \t\r\n|+-";
  std::erase_if(text, [&](char c) { return around.find(c) != std::string_view::npos; });
  return text;
}

/// Solves one puzzle and prints its line. Error: it is no puzzle, or there is no model for it.
hrm::Result<void> play(example::Players& players, std::string_view text) {
  auto givens = hrm::parse_sudoku(text);
  if (!givens) return givens.error();
  const auto shape = hrm::SudokuShape::of_cells(givens->size()).value();
  const std::string side = std::to_string(shape.side);
  return players.play(Sudoku{shape, std::move(*givens)}, "sudoku" + side, "Sudokus of " + side + " x " + side,
                      shape.vocab());
}

/// Plays every line of a file; see PuzzleColumn.
int play_file(const Arguments& arguments, example::Players& players, example::Lines& lines) {
  example::PuzzleColumn column;
  std::size_t played = 0;
  for (std::string line, puzzle;;) {
    const auto more = lines.next(line);
    if (!more) return fail(arguments, more.error());
    if (!*more) break;
    if (auto found = column.find(line, puzzle); !found) return fail(arguments, found.error().in(lines.where()));
    puzzle = without_blanks(std::move(puzzle));
    if (puzzle.empty()) continue;
    if (auto done = play(players, puzzle); !done) return fail(arguments, done.error().in(lines.where()));
    ++played;
  }
  if (played > 0) return players.conclude();
  return fail(arguments, Error(ErrorCode::format, lines.name(), ": expected a puzzle, found an empty input"));
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
      }),
      example::Kind::solver);
  if (const auto code = arguments.parse(argc, argv)) return *code;
  const std::size_t count = arguments.number("--generate", 0, 1, 100000000);
  const std::size_t side = arguments.number("--side", 6, 1, hrm::SudokuShape::max_side);
  const std::size_t seed = arguments.number("--seed", 1, 0, ~std::size_t{0});
  const example::PlayOptions play_options(arguments, most_ways);
  hrm::SudokuOptions options;
  const auto clues = arguments.range("--clues", 0, 0);
  const auto nodes = arguments.range("--nodes", 0, ~std::size_t{0});
  options.min_clues = clues.first;
  options.max_clues = clues.second;
  options.min_nodes = nodes.first;
  options.max_nodes = nodes.second;
  const auto shape = hrm::SudokuShape::of_side(side);
  if (!shape) arguments.note("--side", shape.error().message());
  example::check_puzzle_options(arguments, {"--side", "--clues", "--nodes"}, {});
  const example::Setup setup(arguments);
  if (const auto code = arguments.wrong()) return *code;
  if (count > 0) {
    hrm::Random random(seed);
    hrm::SudokuGenerator generator(*shape);
    return example::generate(
        arguments, count, shape->cells(), shape->vocab(), [&]() -> hrm::Result<example::Generated> {
          const auto made = generator.generate(options, random);
          if (!made) return made.error();
          return example::Generated{hrm::format_sudoku(made->puzzle),
                                    hrm::format_sudoku(made->solution),
                                    made->nodes,
                                    {hrm::sudoku_tokens(made->puzzle), hrm::sudoku_tokens(made->solution), 0}};
        });
  }

  example::Players players(arguments, setup, argv[0], play_options);
  if (const auto path = arguments.text("--file")) {
    example::Lines lines;
    if (auto opened = lines.open(*path); !opened) return fail(arguments, opened.error());
    return arguments.finish(play_file(arguments, players, lines));
  }
  const auto one = [&](const std::string& puzzle) { return play(players, without_blanks(puzzle)); };
  if (auto played = example::play_words(arguments, one); !played) return fail(arguments, played.error());
  return arguments.finish(players.conclude());
}
