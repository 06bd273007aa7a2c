#pragma once
/// A model that thinks in the background of a game: a slice of every frame, about whatever the board holds now. Where
/// what it sees breaks a rule in the end, it looks at the board anew, through a symmetry.

#include <hrm/puzzles/sudoku.hpp>

#include <memory>

#include "frame_times.hpp"
#include "program.hpp"

namespace example {

class Thinker {
 public:
  /// What a segment came to.
  struct Mark {
    float q_halt = 0.0F, q_continue = 0.0F;
    std::size_t changed = 0;  ///< cells that it sees otherwise than before
  };

  static constexpr std::size_t views = 8;  ///< ways to look at a board

  Thinker(const hrm::Model& model, hrm::SolverOptions options, const hrm::SudokuShape& shape)
      : marks_(std::make_unique<Marks>()), solver_(model, watched(options, *marks_)), shape_(shape) {}

  /// Begins anew, about this board; what it saw in another position of the same puzzle stays until it sees more.
  void think_about(const hrm::SudokuGrid& digits, bool same_puzzle) {
    board_ = digits;
    thought_ = 0;
    ways_ = hrm::sudoku_consistent(shape_, digits) ? views : 1;
    if (!same_puzzle) seen_.assign(digits.size(), {});
    look(0);
    ++thoughts_;
  }
  /// Thinks on within the budget, and keeps the time.
  void tick(std::chrono::nanoseconds budget) {
    if (finished()) return spent_.add(0);
    if (solver_.finished()) look(view_ + 1);
    const auto begin = std::chrono::steady_clock::now();
    solver_.tick(budget);
    spent_.add(milliseconds_since(begin));
    busy_.add(spent_.ago(0));
    for (std::size_t i = 0; solver_.segments() > 0 && i < seen_.size(); ++i) {
      const std::size_t there = back_.positions[i];
      const hrm::Token token = back_.map(solver_.prediction()[there]);
      seen_[i] = {token > 1 ? static_cast<std::size_t>(token - 1) : 0, solver_.confidence(there)};
    }
    if (!solver_.finished()) return;
    thought_ += solver_.segments();
    solved_ = hrm::sudoku_solved(shape_, board_, back_.apply(solver_.prediction()));
    if (!finished()) return;
    ++finished_;
    segments_ += thought_;
    halted_ += solver_.halted() ? 1 : 0;
  }
  /// Whether it has solved the board, or looked at it in every way; a board that breaks a rule, in one.
  [[nodiscard]] bool finished() const noexcept { return solver_.finished() && (solved_ || view_ + 1 == ways_); }
  /// Whether what it sees in the end solves the board.
  [[nodiscard]] bool solved() const noexcept { return solved_; }
  /// The way it looks at the board, from 0, as it is, on.
  [[nodiscard]] std::size_t view() const noexcept { return view_; }

  [[nodiscard]] const hrm::Solver& solver() const noexcept { return solver_; }
  [[nodiscard]] std::span<const Mark> marks() const noexcept { return std::span(marks_->marks).first(marks_->count); }
  /// The digit it sees in a cell, 0: none, and how sure it is of that.
  [[nodiscard]] std::size_t digit(std::size_t cell) const noexcept { return seen_[cell].digit; }
  [[nodiscard]] float sure(std::size_t cell) const noexcept { return seen_[cell].sure; }
  /// The empty cell whose digit it is surest of; the number of cells where there is none.
  [[nodiscard]] std::size_t hint(const hrm::SudokuGrid& digits) const noexcept {
    std::size_t best = digits.size();
    for (std::size_t i = 0; i < digits.size(); ++i) {
      if (digits[i] == 0 && digit(i) != 0 && (best == digits.size() || sure(i) > sure(best))) best = i;
    }
    return best;
  }
  /// Milliseconds of every frame.
  [[nodiscard]] const Times& spent() const noexcept { return spent_; }

  void report(double budget) const {
    const double mean = finished_ == 0 ? 0.0 : static_cast<double>(segments_) / static_cast<double>(finished_);
    std::printf("thinking    budget %.2f ms a frame; in %zu frames %s; %.1f ms in all\n", budget, busy_.size(),
                busy_.summary().c_str(), busy_.sum());
    std::printf("thoughts    %zu begun, %zu to the end, %zu halted by themselves, %.2f segments in the mean\n",
                thoughts_, finished_, halted_, mean);
  }

 private:
  struct Marks {
    std::array<Mark, 64> marks{};
    std::size_t count = 0;
    std::vector<hrm::Token> before;
  };
  void look(std::size_t view) {
    view_ = view;
    solved_ = false;
    const hrm::Symmetry there = hrm::sudoku_symmetry(shape_, view);
    back_ = there.inverse();
    const auto seen = there.apply(hrm::sudoku_tokens(board_));
    marks_->count = 0;
    marks_->before = seen;
    static_cast<void>(solver_.start(seen));  // the model has been held against such boards before
  }
  // The usual policy, q_halt > q_continue, that keeps what it sees.
  static hrm::SolverOptions watched(hrm::SolverOptions options, Marks& marks) {
    options.halting = [&marks](const hrm::Thought& thought) noexcept {
      if (marks.count < marks.marks.size()) {
        Mark& mark = marks.marks[marks.count++];
        mark = {thought.q_halt, thought.q_continue, 0};
        for (std::size_t i = 0; i < marks.before.size(); ++i) {
          mark.changed += marks.before[i] != thought.prediction[i] ? 1 : 0;
          marks.before[i] = thought.prediction[i];
        }
      }
      return thought.q_halt > thought.q_continue;
    };
    return options;
  }

  struct Seen {
    std::size_t digit = 0;
    float sure = 0.0F;
  };

  std::unique_ptr<Marks> marks_;
  hrm::Solver solver_;
  hrm::Symmetry back_;  // from what it sees to the board
  std::size_t view_ = 0, ways_ = views;
  hrm::SudokuShape shape_;
  hrm::SudokuGrid board_;
  bool solved_ = false;
  std::vector<Seen> seen_;
  Times spent_, busy_;
  std::size_t thought_ = 0;  // segments of the present one
  std::size_t thoughts_ = 0, finished_ = 0, halted_ = 0, segments_ = 0;
};

}  // namespace example
