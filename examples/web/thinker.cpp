/// What the page thinks with: a puzzle and the model behind it, as functions that JavaScript calls. A page has one
/// thread, so the solver thinks for some milliseconds of every frame, as in a game. Where its answer is wrong, it looks
/// at the puzzle anew, through a symmetry.

#include <emscripten/emscripten.h>

#include <hrm/hrm.hpp>
#include <hrm/puzzles/maze_generator.hpp>
#include <hrm/puzzles/sudoku_search.hpp>

#include <memory>

namespace {

/// The kind of puzzle that the model on stage was trained for.
struct Kind {
  bool maze = false;
  std::size_t side = 0;
  hrm::SudokuShape sudoku;
};

/// A model, its solver and the puzzle on the board.
struct Stage {
  static constexpr std::size_t most_views = 8;  // ways to look at a puzzle; of mazes there are no more

  Kind kind;
  hrm::Solver solver;
  std::vector<hrm::Token> puzzle;  // [side * side] what is given
  std::size_t view = 0, views = most_views;
  hrm::Symmetry back;        // from what is seen to the puzzle
  std::size_t segments = 0;  // of the views before this one

  Stage(const Kind& its_kind, const hrm::Model& model, const hrm::SolverOptions& options)
      : kind(its_kind), solver(model, options), puzzle(options.max_tokens) {}

  hrm::Result<void> look(std::size_t number) {
    const hrm::Symmetry there = kind.maze ? hrm::square_symmetry(number, kind.side, hrm::maze_vocab)
                                          : hrm::sudoku_symmetry(kind.sudoku, number);
    if (number == 0) {  // a digit twice in a unit no further look mends
      const bool hope = kind.maze || hrm::sudoku_consistent(kind.sudoku, hrm::sudoku_grid(kind.sudoku, puzzle));
      views = hope ? most_views : 1;
    }
    segments = number == 0 ? 0 : segments + solver.segments();
    view = number;
    back = there.inverse();
    return solver.start(there.apply(puzzle));
  }
  [[nodiscard]] bool solved() const {
    if (solver.prediction().empty()) return false;
    const auto seen = back.apply(solver.prediction());
    if (kind.maze) {
      return hrm::check_maze(hrm::maze_grid(kind.side, kind.side, puzzle), hrm::maze_grid(kind.side, kind.side, seen))
          .valid;
    }
    return hrm::sudoku_solved(kind.sudoku, hrm::sudoku_grid(kind.sudoku, puzzle), seen);
  }
  [[nodiscard]] bool finished() const { return solver.finished() && (view + 1 == views || solved()); }
};

std::unique_ptr<Stage> stage;
std::string trouble;

hrm::Result<std::vector<hrm::Token>> deal(const Kind& kind, hrm::Random& random) {
  if (kind.maze) {
    hrm::MazeOptions options;
    options.rows = options.cols = kind.side;
    options.min_steps = 2 * kind.side;
    const auto made = hrm::generate_maze(options, random);
    if (!made) return made.error();
    return hrm::maze_tokens(made->maze);
  }
  hrm::SudokuOptions options;
  options.min_clues = kind.sudoku.cells() / 3;
  options.max_clues = kind.sudoku.cells() * 2 / 5;
  const auto made = hrm::SudokuGenerator(kind.sudoku).generate(options, random);
  if (!made) return made.error();
  return hrm::sudoku_tokens(made->puzzle);
}

/// True, or what is wrong is kept for hrm_trouble().
template <class T>
bool fine(const hrm::Result<T>& result) {
  trouble = result ? std::string_view() : result.error().message();
  return static_cast<bool>(result);
}

}  // namespace

extern "C" {

/// Why the last call that may fail did.
EMSCRIPTEN_KEEPALIVE const char* hrm_trouble() { return trouble.c_str(); }

/// Puts a bundled model on stage: "sudoku" or "maze", and the side of its puzzles. False: see hrm_trouble(); there is
/// nothing on stage then, and nothing below may be called.
EMSCRIPTEN_KEEPALIVE bool hrm_open(const char* kind, std::size_t side) {
  stage = nullptr;
  const auto model = hrm::load("/weights/" + (kind + std::to_string(side)));
  const auto sudoku = hrm::SudokuShape::of_side(side);
  const bool maze = kind == std::string_view("maze");
  if (!fine(model) || (!maze && !fine(sudoku))) return false;
  hrm::SolverOptions options;
  options.max_tokens = side * side;
  auto next = std::make_unique<Stage>(Kind{maze, side, maze ? hrm::SudokuShape{} : *sudoku}, *model, options);
  if (!fine(next->solver.status())) return false;
  stage = std::move(next);
  return true;
}

/// A new puzzle, the same one for the same seed, comes onto the board; hrm_start() begins it. False: see hrm_trouble().
EMSCRIPTEN_KEEPALIVE bool hrm_deal(std::uint32_t seed) {
  hrm::Random random(seed);
  const auto made = deal(stage->kind, random);
  if (!fine(made)) return false;
  stage->puzzle = *made;
  return true;
}

/// A cell of the puzzle, by its token; what was seen there at the end of the last segment, and how surely (0 to 1).
EMSCRIPTEN_KEEPALIVE hrm::Token hrm_given(std::size_t cell) { return stage->puzzle[cell]; }
EMSCRIPTEN_KEEPALIVE hrm::Token hrm_seen(std::size_t cell) {
  return stage->back.map(stage->solver.prediction()[stage->back.positions[cell]]);
}
EMSCRIPTEN_KEEPALIVE float hrm_sure(std::size_t cell) { return stage->solver.confidence(stage->back.positions[cell]); }
/// Changes the puzzle on the board; hrm_start() begins it.
EMSCRIPTEN_KEEPALIVE void hrm_put(std::size_t cell, hrm::Token token) { stage->puzzle[cell] = token; }

/// Begins the puzzle on the board. False: see hrm_trouble().
EMSCRIPTEN_KEEPALIVE bool hrm_start() { return fine(stage->look(0)); }
/// Thinks for so many milliseconds, but not beyond the segment, so that each can be seen; true once the puzzle is
/// solved, or was looked at in every way.
EMSCRIPTEN_KEEPALIVE bool hrm_tick(double milliseconds) {
  hrm::Solver& solver = stage->solver;
  if (stage->finished()) return true;
  if (solver.finished()) static_cast<void>(stage->look(stage->view + 1));  // started once, a puzzle fits
  const std::size_t segments = solver.segments();
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::duration<double, std::milli>(milliseconds);
  const auto go_on = [&]() noexcept {
    return solver.segments() == segments && std::chrono::steady_clock::now() < deadline;
  };
  return (solver.tick(std::chrono::nanoseconds(0)) || solver.tick_while(go_on)) && stage->finished();
}
/// Segments of all views so far, and the view, from 0, the puzzle as it is, on.
EMSCRIPTEN_KEEPALIVE std::size_t hrm_segments() { return stage->segments + stage->solver.segments(); }
EMSCRIPTEN_KEEPALIVE std::size_t hrm_view() { return stage->view; }
EMSCRIPTEN_KEEPALIVE bool hrm_halted() { return stage->solver.halted(); }
EMSCRIPTEN_KEEPALIVE float hrm_q_halt() { return stage->solver.q_halt(); }
EMSCRIPTEN_KEEPALIVE float hrm_q_continue() { return stage->solver.q_continue(); }
/// Whether the rules hold for what it sees.
EMSCRIPTEN_KEEPALIVE bool hrm_solved() { return stage->solved(); }

}  // extern "C"
