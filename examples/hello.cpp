/// hello: loads the bundled 6x6 Sudoku model, or the one named, and solves a puzzle with it.

#include <hrm/hrm.hpp>
#include <hrm/puzzles/sudoku.hpp>

#include <cstdio>

int main(int argc, char** argv) try {
  if (argc > 2 || (argc == 2 && argv[1][0] == '-')) {
    std::fputs("usage: hello [MODEL]\n", stderr);
    return 2;
  }
  const auto model = hrm::load(argc > 1 ? argv[1] : HRM_WEIGHTS "/sudoku6").value();
  const auto puzzle = hrm::parse_sudoku("..1..65...2.1.4....2......2..1...4..").value();  // '.' is a blank
  const auto answer = hrm::solve(model, hrm::sudoku_tokens(puzzle)).value();

  const hrm::SudokuShape shape{6, 2, 3};
  const auto grid = hrm::sudoku_grid(shape, answer.tokens);
  for (std::size_t row = 0; row < 6; ++row) std::puts(hrm::format_sudoku({&grid[6 * row], 6}).c_str());
  std::printf("%s after %zu segments\n", answer.halted ? "sure" : "unsure", answer.segments);
  if (std::fflush(stdout) != 0) {
    std::fputs("hello: standard output: cannot be written\n", stderr);
    return 1;
  }
  return hrm::sudoku_solved(shape, puzzle, grid) ? 0 : 3;
} catch (const hrm::Exception& error) {
  std::fprintf(stderr, "hello: %s\n", error.what());
  return 1;
}
