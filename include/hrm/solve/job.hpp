#pragma once
/// What goes into a BatchSolver and what comes out of it, and who may give and take it.

#include <hrm/base/error.hpp>

#include <hrm/solve/executor.hpp>
#include <hrm/solve/halting.hpp>
#include <hrm/solve/noise.hpp>

#include <iterator>

namespace hrm {

/// How a BatchSolver thinks; copied into it. What `executor`, `memory` and a rule in `halting` refer to must outlive
/// it. The executor's threads all work on the same segment of the whole batch.
struct BatchOptions {
  std::size_t slots = 8;         ///< puzzles thought about at once
  std::size_t tokens = 0;        ///< S, the length of every puzzle; 0: the config's seq_len, an error where it has none
  std::size_t max_segments = 0;  ///< limit for each; 0: the config's halt_max_steps
  Halting halting = QHalt{};     ///< asked for each puzzle after each of its segments
  Executor executor{};           ///< who helps; must outlive the solver
  Noise noise{};                 ///< see Job::attempt
  /// Results are handed out in the order the puzzles came, and puzzles begun but not handed out yet, those under way
  /// included, are this many at most: with fewer than `slots` some slots stay empty. 0: as they finish.
  std::size_t window = 0;
  std::span<std::byte>
      memory{};  ///< memory_bytes() of 64-byte aligned memory that outlives the solver; empty: it takes its own
};

/// What a BatchSolver has done since it was made. A sink may look at it: that is the progress of a run.
struct BatchCounts {
  std::size_t finished = 0;  ///< puzzles handed out, the one that a sink is looking at included
  std::size_t segments = 0;  ///< segments of all puzzles together
  std::size_t rounds = 0;    ///< segments of the whole batch: segments / (rounds * slots) is how busy the slots were
};

/// A puzzle for a BatchSolver. The tokens are copied when it is taken.
struct Job {
  std::span<const Token> tokens;
  std::size_t puzzle_id = 0;
  std::size_t id = 0;       ///< the caller's own number, handed back
  std::size_t attempt = 0;  ///< tells the noise of several attempts at one puzzle apart
};

/// A finished puzzle. Views are valid during the call that hands it out.
struct Outcome {
  std::size_t id = 0;
  std::size_t attempt = 0;
  std::span<const Token> tokens;  ///< [S] the answer; empty with an error
  std::size_t segments = 0;
  bool halted = false;
  float q_halt = 0.0F;
  float q_continue = 0.0F;
  const Error* error = nullptr;  ///< why it could not be begun (a token outside the vocabulary, ..)
};

/// Goes on for ever: what runs that nobody cancels ask.
struct NeverCancelled {
  [[nodiscard]] bool operator()() const noexcept { return true; }
};

/// What a sink must be: void or bool(const Outcome&), noexcept. False: no more for now. It may look at the solver that
/// calls it, and reset() it, which drops what is left; a source and a halting policy may look at theirs. Nothing else
/// of it is theirs to call.
template <class Sink>
concept OutcomeSink = NoexceptCallable<Sink&, void, const Outcome&> &&
    (std::is_void_v<std::invoke_result_t<Sink&, const Outcome&>> ||
     std::same_as<std::invoke_result_t<Sink&, const Outcome&>, bool>);
/// What a source must be: bool(Job&), noexcept. It says whether there was one more.
template <class Source>
concept JobSource = NoexceptCallable<Source&, bool, Job&>;
template <class Iterator, class Sentinel>
concept NoexceptIterator = std::input_iterator<Iterator> && std::sentinel_for<Sentinel, Iterator> &&
    noexcept(std::declval<Iterator&>() == std::declval<Sentinel&>()) && noexcept(
        *std::declval<Iterator&>()) && noexcept(++std::declval<Iterator&>());
/// What becomes a Job without exceptions.
template <class T>
concept NoexceptJob = std::is_nothrow_convertible_v<T, Job>;
/// Tokens as std::span<const Token> takes them, that outlive the expression which gave them.
template <class Tokens>
concept LastingTokens = std::convertible_to<Tokens, std::span<const Token>> &&
    (std::is_lvalue_reference_v<Tokens> || std::ranges::enable_borrowed_range<std::remove_cvref_t<Tokens>>);
/// What iterators over puzzles must be: they give Jobs, or tokens by reference or as a view, and throw nothing.
template <class Iterator, class Sentinel>
concept JobIterator = NoexceptIterator<Iterator, Sentinel> &&
    (NoexceptJob<std::iter_reference_t<Iterator>> || LastingTokens<std::iter_reference_t<Iterator>>);

}  // namespace hrm
