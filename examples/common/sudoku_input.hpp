#pragma once
/// A file of Sudokus of one size and the model for them: what the measuring programs begin with.

#include <hrm/puzzles/sudoku.hpp>

#include "program.hpp"
#include "puzzle_column.hpp"

namespace example {

struct SudokuInput {
  hrm::SudokuShape shape;
  std::vector<hrm::SudokuGrid> puzzles;
  hrm::Model model;
};

/// Options that say which; for the list given to Arguments.
inline std::vector<Option> with_sudoku_input(std::vector<Option> own) {
  own.insert(own.begin(), {{"--file", "F", "puzzles, one a line, or CSV (test.csv of the bundled model)"},
                           {"--first", "N", "only the first N of them"},
                           {"--model", "M", "a model (otherwise the bundled one of this size)"},
                           {"--config", "F", "the model's configuration (otherwise beside it)"},
                           {"--precision", "P", "f32, bf16 or int8: the weights in memory"}});
  return own;
}

/// How many of the file's puzzles are wanted.
inline std::size_t first_puzzles(Arguments& arguments) {
  return arguments.number("--first", ~std::size_t{0}, 1, 100000000);
}

/// Puzzles of one size, one a line; see PuzzleColumn.
inline hrm::Result<std::vector<hrm::SudokuGrid>> read_sudokus(const std::string& path, std::size_t most) {
  Lines lines;
  if (auto opened = lines.open(path); !opened) return opened.error();
  PuzzleColumn column;
  std::vector<hrm::SudokuGrid> puzzles;
  for (std::string line, field; puzzles.size() < most;) {
    const auto more = lines.next(line);
    if (!more) return more.error();
    if (!*more) break;
    if (auto found = column.find(line, field); !found) return found.error().in(lines.where());
    const auto cells = hrm::detail::trimmed(field, " \t");
    if (cells.empty()) continue;
    auto puzzle = hrm::parse_sudoku(cells);
    if (!puzzle) return puzzle.error().in(lines.where());
    if (!puzzles.empty() && puzzle->size() != puzzles[0].size()) {
      return hrm::Error(hrm::ErrorCode::shape, lines.where(), ": cells, expected ", puzzles[0].size(),
                        " as before, found ", puzzle->size());
    }
    puzzles.push_back(*std::move(puzzle));
  }
  if (puzzles.empty()) {
    return hrm::Error(hrm::ErrorCode::format, lines.name(), ": expected puzzles, found an empty input");
  }
  return puzzles;
}

/// Reads the puzzles and loads their model. Error: a file is wrong, or they do not fit each other.
inline hrm::Result<SudokuInput> load_sudokus(const Arguments& arguments, const Setup& setup, std::size_t first,
                                             const char* self) {
  const std::string bundled = bundled_model("sudoku6", self);
  auto puzzles = read_sudokus(arguments.text("--file").value_or(bundled + "/test.csv"), first);
  if (!puzzles) return puzzles.error();
  const auto shape = hrm::SudokuShape::of_cells((*puzzles)[0].size());
  if (!shape) return shape.error();
  const std::string name = "sudoku" + std::to_string(shape->side);
  const std::string path = arguments.text("--model").value_or(bundled_model(name, self));
  if (path.empty()) {
    return hrm::Error(hrm::ErrorCode::missing, name, ": no bundled model of this size; --model takes one");
  }
  auto model = setup.load(path);
  if (!model) return model.error();
  const std::size_t vocab = (*model)->config().sizes.vocab;
  if (vocab != shape->vocab()) {
    return hrm::Error(hrm::ErrorCode::shape, path, ": vocabulary for Sudokus of side ", shape->side, ", expected ",
                      shape->vocab(), ", found ", vocab);
  }
  if (auto fits = (*model)->check(hrm::sudoku_tokens((*puzzles)[0]), 0); !fits) return fits.error().in(path);
  return SudokuInput{*shape, *std::move(puzzles), *std::move(model)};
}

/// Whether tokens solve a puzzle, by the rules. Allocates nothing, so a solver may ask it.
class SudokuCheck {
 public:
  SudokuCheck(const hrm::SudokuShape& shape, std::span<const std::uint8_t> puzzle) noexcept
      : shape_(shape), puzzle_(puzzle) {}
  [[nodiscard]] bool operator()(std::span<const hrm::Token> tokens) const noexcept {
    return hrm::sudoku_solved(shape_, puzzle_, tokens);
  }

 private:
  hrm::SudokuShape shape_;
  std::span<const std::uint8_t> puzzle_;
};

}  // namespace example
