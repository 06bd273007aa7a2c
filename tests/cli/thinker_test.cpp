/// The model behind game-loop's board.

#include <doctest/doctest.h>

#include <support/places.hpp>

#include "../../examples/common/thinker.hpp"

#include <cli/command.hpp>

using namespace std::chrono_literals;

TEST_CASE("the thinker looks at a board in several ways until it is solved, and sees digits where they stand") {
  const auto shape = hrm::SudokuShape::of_side(9).value();
  const auto model = hrm::load(support::weights("sudoku9")).value();
  example::Thinker thinker(model, {.max_tokens = shape.cells()}, shape);
  const auto csv = cli::lines_of(support::read_file(support::weights("sudoku9") + "/test.csv"));
  std::size_t solved = 0;
  std::size_t again = 0;
  const std::size_t puzzles = 12;
  for (std::size_t p = 0; p < puzzles; ++p) {
    const auto fields = cli::fields_of(csv.at(p), ',');
    const auto solution = hrm::parse_sudoku(fields[1]).value();
    thinker.think_about(hrm::parse_sudoku(fields[0]).value(), false);
    while (!thinker.finished()) thinker.tick(1s);
    REQUIRE(thinker.view() < example::Thinker::views);
    again += thinker.view() > 0 ? 1 : 0;
    if (!thinker.solved()) continue;
    ++solved;
    for (std::size_t i = 0; i < shape.cells(); ++i) {
      CHECK(thinker.digit(i) == solution[i]);
      CHECK(thinker.sure(i) > 0.0F);
      CHECK(thinker.sure(i) <= 1.0F);
    }
  }
  CHECK(solved >= puzzles - 1);
  CHECK(again >= 1);
}

TEST_CASE("the thinker gives up a board that has no solution once it has looked at it in every way") {
  const auto shape = hrm::SudokuShape::of_side(6).value();
  const auto model = hrm::load(support::weights("sudoku6")).value();
  example::Thinker thinker(model, {.max_tokens = shape.cells(), .max_segments = 3}, shape);
  hrm::SudokuGrid board(shape.cells());
  for (std::size_t i = 0; i < 5; ++i) board[i] = static_cast<std::uint8_t>(i + 1);
  board[11] = 6;  // which the first row wants in its last cell, that of the same column
  thinker.think_about(board, false);
  std::size_t ticks = 0;
  for (; !thinker.finished(); ++ticks) thinker.tick(10s);
  CHECK(ticks == example::Thinker::views);
  CHECK_FALSE(thinker.solved());
  thinker.tick(10s);
  CHECK(thinker.view() + 1 == example::Thinker::views);
  thinker.think_about(board, true);
  CHECK(thinker.view() == 0);
  board[5] = 5;  // twice in a row: another look would not help
  thinker.think_about(board, true);
  for (ticks = 0; !thinker.finished(); ++ticks) thinker.tick(10s);
  CHECK(ticks == 1);
}
