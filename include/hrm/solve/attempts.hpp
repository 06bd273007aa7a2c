#pragma once
/// More thinking for hard puzzles: several attempts at one puzzle as one batch, until one satisfies the caller.

#include <hrm/solve/batch_solver.hpp>

#include <algorithm>
#include <vector>

namespace hrm {

/// Another way to look at the same puzzle, such as a symmetry: seen[i] = token_map[puzzle[position[i]]], and back
/// again. Empty maps leave things as they are. Both are permutations ([S] positions, [vocab] tokens) and must outlive
/// the call.
struct View {
  std::span<const std::uint32_t> position;
  std::span<const Token> token_map;
};

/// Whose answer counts where none was accepted.
enum class Choose : std::uint8_t {
  votes,  ///< given most often by attempts that halted; among equals, and where none halted, the largest q_halt
  q_halt  ///< the largest q_halt of all
};

/// How solve_attempts() tries. What `views` and `executor` point to must outlive the call; the executor's threads work
/// on all attempts under way at once.
struct AttemptOptions {
  /// How often the puzzle is tried. Without noise at most once through each view, and once without views: more would
  /// be equal to the bit, and their votes mean nothing.
  std::size_t attempts = 8;
  std::size_t slots = 0;         ///< attempts at once; 0: all
  std::size_t max_segments = 0;  ///< limit for each attempt; 0: the config's
  /// Asked about each attempt as it is seen through its view (Thought::attempt tells which): rules that know the
  /// puzzle's givens belong in solve_attempts()'s `accept`, which sees answers as the puzzle was.
  Halting halting = QHalt{};
  Choose choose = Choose::votes;
  Noise noise{};                  ///< another path for every attempt; off by default
  std::span<const View> views{};  ///< attempt k looks through views[k % size]; empty: as it is
  std::size_t puzzle_id = 0;
  Executor executor{};
};

/// What several attempts came to.
struct AttemptsAnswer {
  std::vector<Token> tokens;  ///< [S] the answer, seen as the puzzle was
  bool accepted = false;      ///< the caller's check said yes to it
  bool halted = false;        ///< at least one attempt halted by itself
  std::size_t votes = 0;      ///< attempts that gave this answer
  std::size_t finished = 0;   ///< attempts that came to an end
  std::size_t segments = 0;   ///< segments of all attempts together, those broken off included
  float q_halt = 0.0F;        ///< the largest among the attempts that gave it
};

/// Accepts nothing: all attempts are made and the votes decide.
struct AcceptNone {
  [[nodiscard]] bool operator()(std::span<const Token>) const noexcept { return false; }
};

/// Tries a puzzle several times at once, with noise, through views or both, and stops at the first answer that
/// `accept(tokens)` is content with. Without one, `options.choose` says which counts. Allocates; for one thread.
/// `accept` is noexcept. Cancelled by `go_on()`, which is asked before every tile on every thread that helps, it
/// answers by the attempts that have come to an end; tokens are empty where none has.
template <class Accept = AcceptNone, NoexceptConstCallable<bool> GoOn = NeverCancelled>
  requires NoexceptCallable<const Accept&, bool, std::span<const Token>>
[[nodiscard]] Result<AttemptsAnswer> solve_attempts(const Model& model, std::span<const Token> tokens,
                                                    const AttemptOptions& options = {}, const Accept& accept = {},
                                                    const GoOn& go_on = {}) {
  if (!model) return Error(ErrorCode::state, "model: it was moved from");
  if (options.attempts == 0) return Error(ErrorCode::value, "attempts: expected at least one, found none");
  if (auto fits = model->check(tokens, options.puzzle_id); !fits) return fits.error();
  const std::size_t length = tokens.size();
  const std::size_t vocab = model.config().sizes.vocab;
  for (const View& view : options.views) {
    if ((!view.position.empty() && view.position.size() != length) ||
        (!view.token_map.empty() && view.token_map.size() != vocab)) {
      return Error(ErrorCode::value, "view: expected maps of ", length, " positions and ", vocab, " tokens, found ",
                   view.position.size(), " and ", view.token_map.size());
    }
    const auto permutes = [](const auto& map, std::size_t size) {
      std::vector<bool> seen(size);
      for (const auto to : map) {
        const auto at = static_cast<std::size_t>(to);
        if (at >= size || seen[at]) return false;
        seen[at] = true;
      }
      return true;
    };
    if (!permutes(view.position, length) || !permutes(view.token_map, vocab)) {
      return Error(ErrorCode::value, "view: expected permutations");
    }
  }

  // Without noise every view has one answer.
  const std::size_t different = std::max<std::size_t>(1, options.views.size());
  const std::size_t attempts = options.noise.on() ? options.attempts : std::min(options.attempts, different);

  struct Candidate {
    std::span<const Token> tokens;
    std::size_t votes;  // of attempts that halted
    std::size_t given;  // by how many attempts
    float q_halt;
  };
  // Taken beforehand, as where answers come out nothing may throw; what no answer needs is not touched.
  std::span<Candidate> candidates;  // those that there are; room for [attempts]
  std::span<Token> given;           // [attempts, S] the candidates' tokens
  const auto take = [&](Arena arena) {
    candidates = {arena.take<Candidate>(attempts), 0};
    given = {arena.take<Token>(attempts, length), saturating_mul(attempts, length)};
    return arena.used();
  };
  Buffer answers(take(Arena()));
  if (answers.data() == nullptr) {
    return Error(ErrorCode::memory, "attempts: no memory for the answers of ", attempts);
  }
  take(Arena(answers.data()));

  BatchOptions batch;
  batch.slots = options.slots == 0 || options.slots > attempts ? attempts : options.slots;
  batch.tokens = length;
  batch.max_segments = options.max_segments;
  batch.halting = options.halting;
  batch.executor = options.executor;
  batch.noise = options.noise;
  BatchSolver solver(model, batch);
  if (!solver.status()) return solver.status().error();

  std::vector<Token> seen(length);
  std::vector<Token> back(length);
  std::vector<Token> inverse(vocab);
  const auto view_of = [&](std::size_t attempt) {
    return options.views.empty() ? View{} : options.views[attempt % options.views.size()];
  };

  const auto same_tokens = [](std::span<const Token> a, std::span<const Token> b) noexcept {
    return std::equal(a.begin(), a.end(), b.begin(), b.end());
  };

  AttemptsAnswer answer;
  answer.tokens.reserve(length);
  Error refused;  // the puzzle's embedding is not finite
  std::size_t next = 0;
  const auto source = [&](Job& job) noexcept {
    if (next == attempts) return false;
    const View view = view_of(next);
    for (std::size_t i = 0; i < length; ++i) {
      const Token token = tokens[view.position.empty() ? i : view.position[i]];
      seen[i] = view.token_map.empty() ? token : view.token_map[static_cast<std::size_t>(token)];
    }
    job = Job{seen, options.puzzle_id, next, next};
    ++next;
    return true;
  };
  const auto sink = [&](const Outcome& outcome) noexcept {
    if (outcome.error != nullptr) {
      refused = *outcome.error;
      return false;
    }
    const View view = view_of(outcome.attempt);
    if (!view.token_map.empty()) {
      for (std::size_t v = 0; v < vocab; ++v)
        inverse[static_cast<std::size_t>(view.token_map[v])] = static_cast<Token>(v);
    }
    for (std::size_t i = 0; i < length; ++i) {
      const Token token = outcome.tokens[i];
      back[view.position.empty() ? i : view.position[i]] =
          view.token_map.empty() ? token : inverse[static_cast<std::size_t>(token)];
    }
    ++answer.finished;
    answer.halted |= outcome.halted;
    answer.accepted = accept(std::span<const Token>(back));
    auto same = std::find_if(candidates.begin(), candidates.end(),
                             [&](const Candidate& c) { return same_tokens(c.tokens, back); });
    if (same == candidates.end()) {
      const std::span<Token> own = std::span(given).subspan(candidates.size() * length, length);
      std::copy(back.begin(), back.end(), own.begin());
      candidates = {candidates.data(), candidates.size() + 1};
      same = candidates.end() - 1;
      *same = Candidate{own, 0, 0, outcome.q_halt};
    }
    ++same->given;
    same->votes += outcome.halted ? 1 : 0;
    same->q_halt = outcome.q_halt > same->q_halt ? outcome.q_halt : same->q_halt;
    if (answer.accepted) answer.tokens = back;
    return !answer.accepted;
  };
  static_cast<void>(solver.run(source, sink, go_on));
  if (!refused.message().empty()) return refused;
  answer.segments = solver.counts().segments;
  const auto better = [&](const Candidate& one, const Candidate& other) {
    if (answer.accepted) return same_tokens(one.tokens, answer.tokens);
    if (options.choose == Choose::votes && one.votes != other.votes) return one.votes > other.votes;
    return one.q_halt > other.q_halt;
  };
  const Candidate* best = nullptr;
  for (const Candidate& c : candidates) {
    if (best == nullptr || better(c, *best)) best = &c;
  }
  if (best != nullptr) {
    answer.tokens.assign(best->tokens.begin(), best->tokens.end());
    answer.votes = best->given;
    answer.q_halt = best->q_halt;
  }
  return answer;
}

}  // namespace hrm
