#pragma once
/// One puzzle, thought over in segments or in slices of a frame.

#include <hrm/solve/deadline.hpp>
#include <hrm/solve/mind.hpp>
#include <hrm/solve/noise.hpp>

#include <vector>

namespace hrm {

/// Tokens of a solver's longest puzzle where neither the options nor the config say how many: a 30x30 canvas.
inline constexpr std::size_t default_tokens = 900;

/// How a Solver thinks; copied into it. What `executor`, `memory` and a rule in `halting` refer to must outlive it. The
/// executor's threads all work on the one puzzle.
struct SolverOptions {
  std::size_t max_tokens = 0;    ///< longest puzzle, up to max_seq_len; 0: the config's seq_len, or
                                 ///< default_tokens where it has none
  std::size_t max_segments = 0;  ///< limit; 0: the config's halt_max_steps. More than was trained with is allowed
  Halting halting = QHalt{};     ///< when to stop before that
  Executor executor{};           ///< who helps; must outlive the solver
  Noise noise{};                 ///< added to the state between segments; off by default
  std::span<std::byte>
      memory{};  ///< memory_bytes() of 64-byte aligned memory that outlives the solver; empty: it takes its own
};

/// What came out.
struct Answer {
  std::vector<Token> tokens;  ///< [S]
  std::size_t segments = 0;   ///< segments thought
  bool halted = false;        ///< by itself; false: it ran into max_segments
  float q_halt = 0.0F;
  float q_continue = 0.0F;
};

/// Thinks about one puzzle at a time. All memory is taken by the constructor; after it nothing allocates, locks, throws
/// or does I/O, but that the system pages in what weights lie in a mapped archive, as they are first read. One thread
/// at a time may use a solver; any number of solvers share a model. Copies think on independently. One that was moved
/// from holds its model alone: it has no puzzle, refuses to start() one, as status() says, and may be assigned to.
class Solver {
 public:
  /// Takes the memory. If there is none, or the block given is too small, status() and start() say so.
  explicit Solver(Model model, const SolverOptions& options = {}) noexcept
      : Solver(Mind(model, Capacity{capacity_tokens(model, options), 1},
                    Mind::before(options.memory, 2 * token_bytes(model, options))),
               options) {}

  /// Bytes for SolverOptions::memory; `saturated` where no block would do.
  [[nodiscard]] static std::size_t memory_bytes(const Model& model, const SolverOptions& options = {}) noexcept {
    return saturating_add(Mind::memory_bytes(model, Capacity{capacity_tokens(model, options), 1}),
                          2 * token_bytes(model, options));
  }

  /// Takes memory of its own; see status().
  Solver(const Solver& other) noexcept : Solver(Mind(other.mind_), other.without_memory()) {
    if (status()) copy_rest(other);
  }
  Solver(Solver&& other) noexcept
      : mind_(std::move(other.mind_)),
        options_(other.options_),
        own_(std::move(other.own_)),
        tokens_(std::exchange(other.tokens_, {})),
        prediction_(std::exchange(other.prediction_, {})),
        count_(std::exchange(other.count_, 0)),
        puzzle_id_(std::exchange(other.puzzle_id_, 0)),
        segments_(std::exchange(other.segments_, 0)),
        unchanged_(std::exchange(other.unchanged_, 0)),
        disturbed_(std::exchange(other.disturbed_, 0)),
        halted_(std::exchange(other.halted_, false)) {}
  Solver& operator=(Solver&& other) noexcept {
    if (this == &other) return *this;
    std::destroy_at(this);
    std::construct_at(this, std::move(other));
    return *this;
  }
  ~Solver() = default;
  /// Takes over the other's thoughts, and its options but for the memory; without allocating, on the memory it has, if
  /// both have the same model and capacity. (SavedState brings thoughts alone.)
  Solver& operator=(const Solver& other) noexcept {
    if (this == &other) return *this;
    if (!mind_.alike(other.mind_)) return *this = Solver(other);
    const std::span<std::byte> memory = options_.memory;
    mind_ = other.mind_;
    options_ = other.options_;
    options_.memory = memory;
    copy_rest(other);
    return *this;
  }

  /// An error if the memory did not do.
  [[nodiscard]] const Result<void>& status() const noexcept { return mind_.status(); }

  /// Begins a puzzle: token ids [S] and, for models with a puzzle embedding, its id. Errors (a token outside the
  /// vocabulary, too long, an unknown id) leave the solver as it was; a puzzle embedding that is not finite, which only
  /// shows when it is read from a mapped file, leaves it without a puzzle.
  [[nodiscard]] Result<void> start(std::span<const Token> tokens, std::size_t puzzle_id = 0) noexcept {
    if (!mind_.status()) return mind_.status();
    if (tokens.size() > mind_.capacity().tokens) {
      return Error(ErrorCode::value, "tokens: expected at most ", mind_.capacity().tokens, ", found ", tokens.size());
    }
    if (auto fits = mind_.model()->check(tokens, puzzle_id); !fits) return fits;
    mind_.set_tokens(tokens.size());
    mind_.set_active(1);
    count_ = segments_ = unchanged_ = disturbed_ = 0;
    halted_ = false;
    if (!mind_.begin(0, tokens, puzzle_id)) {
      return Error(ErrorCode::value, "puzzle_emb.weights: expected finite numbers in row ", puzzle_id,
                   ", found NaN or infinity");
    }
    count_ = tokens.size();
    puzzle_id_ = puzzle_id;
    std::memcpy(tokens_.data(), tokens.data(), tokens.size_bytes());
    std::memcpy(prediction_.data(), tokens.data(), tokens.size_bytes());
    return {};
  }

  /// Finishes the segment under way (a whole one, if none is). True once the puzzle is finished.
  bool step() noexcept {
    return advance(
        options_.executor, []() noexcept { return false; }, true);
  }

  /// Thinks until `deadline`, which it looks at between tiles (tens of microseconds each). One tile is run whatever
  /// the time, so that ticks come to an end, too short as they may be to wake who helps. True once finished.
  bool tick(std::chrono::steady_clock::time_point deadline) noexcept {
    return tick_once() || tick_while([deadline]() noexcept { return std::chrono::steady_clock::now() < deadline; });
  }
  /// Thinks for `budget` of the steady clock.
  bool tick(Budget budget) noexcept { return tick(budget, steady_now); }
  /// The same by the caller's clock: `now()` gives nanoseconds as std::int64_t, is noexcept and safe on every thread
  /// that helps.
  template <NoexceptConstCallable<std::int64_t> Now>
  bool tick(Budget budget, const Now& now) noexcept {
    const std::int64_t deadline = deadline_after(budget, now());
    return tick_once() || tick_while([&now, deadline]() noexcept { return now() < deadline; });
  }
  /// Thinks while `go_on()` says so; asked before every tile, on every thread that helps.
  template <NoexceptConstCallable<bool> GoOn>
  bool tick_while(const GoOn& go_on) noexcept {
    return advance(
        options_.executor, [&go_on]() noexcept { return !go_on(); }, false);
  }

  /// Nothing is left to think (or nothing was started).
  [[nodiscard]] bool finished() const noexcept { return count_ == 0 || halted_ || segments_ >= max_segments(); }
  /// The policy said stop, rather than the limit.
  [[nodiscard]] bool halted() const noexcept { return halted_; }
  /// Segments completed.
  [[nodiscard]] std::size_t segments() const noexcept { return segments_; }
  [[nodiscard]] std::size_t max_segments() const noexcept {
    return options_.max_segments != 0 ? options_.max_segments : mind_.model().config().halt_max_steps;
  }
  /// Share of the segment under way that is done, 0 to 1.
  [[nodiscard]] float segment_progress() const noexcept {
    return count_ == 0 ? 0.0F : static_cast<float>(mind_.done().sum()) / static_cast<float>(mind_.tickets().sum());
  }

  /// [S] the puzzle's tokens.
  [[nodiscard]] std::span<const Token> tokens() const noexcept { return std::span<const Token>(tokens_).first(count_); }
  /// [S] the best answer so far: the last complete segment's (the puzzle itself before the first).
  [[nodiscard]] std::span<const Token> prediction() const noexcept {
    return std::span<const Token>(prediction_).first(count_);
  }
  [[nodiscard]] float q_halt() const noexcept { return segments_ == 0 ? 0.0F : mind_.q_halt(0); }
  [[nodiscard]] float q_continue() const noexcept { return segments_ == 0 ? 0.0F : mind_.q_continue(0); }
  /// How sure it is of a position's token: softmax over the last complete segment's logits; 0 before the first.
  [[nodiscard]] float confidence(std::size_t position) const noexcept {
    return segments_ == 0 || position >= count_ ? 0.0F : mind_.confidence(0, position);
  }
  /// Logits [S, vocab] after the last complete segment, 0 before the first; a view, valid until the next is complete.
  /// Like the states, it has no rows where nothing was started.
  [[nodiscard]] ConstMatrixMap logits() const noexcept { return count_ == 0 ? mind_.no_logits() : mind_.logits(0); }
  /// z_H [P + S, hidden]; in a paused segment, as far as it has come.
  [[nodiscard]] ConstMatrixMap z_h() const noexcept { return count_ == 0 ? mind_.no_state() : mind_.z_h(0); }
  /// z_L [P + S, hidden]; in a paused segment, as far as it has come.
  [[nodiscard]] ConstMatrixMap z_l() const noexcept { return count_ == 0 ? mind_.no_state() : mind_.z_l(0); }
  [[nodiscard]] const Model& model() const noexcept { return mind_.model(); }
  [[nodiscard]] const SolverOptions& options() const noexcept { return options_; }

  /// A copy of the answer so far. Allocates.
  [[nodiscard]] Answer answer() const {
    return Answer{{prediction().begin(), prediction().end()}, segments_, halted_, q_halt(), q_continue()};
  }

 private:
  friend class SavedState;

  Solver(Mind mind, const SolverOptions& options) noexcept : mind_(std::move(mind)), options_(options) {
    const std::size_t bytes = 2 * round_up(mind_.capacity().tokens * sizeof(Token), alignment);
    const std::size_t whole = options.memory.empty() ? 0 : memory_bytes(mind_.model(), options);
    std::byte* const block = mind_.beside(options.memory, whole, bytes, own_);
    if (block == nullptr) return;
    Arena arena(block);
    tokens_ = {arena.take<Token>(mind_.capacity().tokens), mind_.capacity().tokens};
    prediction_ = {arena.take<Token>(mind_.capacity().tokens), mind_.capacity().tokens};
  }

  [[nodiscard]] static std::size_t capacity_tokens(const Model& model, const SolverOptions& options) noexcept {
    if (options.max_tokens != 0) return options.max_tokens;
    return model.config().seq_len != 0 ? model.config().seq_len : default_tokens;
  }
  [[nodiscard]] static std::size_t token_bytes(const Model& model, const SolverOptions& options) noexcept {
    return round_up(capacity_tokens(model, options) * sizeof(Token), alignment);
  }
  [[nodiscard]] SolverOptions without_memory() const noexcept {
    SolverOptions options = options_;
    options.memory = {};
    return options;
  }
  void copy_rest(const Solver& other) noexcept {
    count_ = other.count_;
    puzzle_id_ = other.puzzle_id_;
    segments_ = other.segments_;
    unchanged_ = other.unchanged_;
    disturbed_ = other.disturbed_;
    halted_ = other.halted_;
    std::memcpy(tokens_.data(), other.tokens_.data(), count_ * sizeof(Token));
    std::memcpy(prediction_.data(), other.prediction_.data(), count_ * sizeof(Token));
  }

  // One tile, by this thread: no other has to wake up for it.
  bool tick_once() noexcept {
    bool asked = false;
    return advance(
        Executor(), [&asked]() noexcept { return std::exchange(asked, true); }, false);
  }

  template <class Stop>
  bool advance(const Executor& executor, const Stop& stop, bool one) noexcept {
    while (!finished()) {
      if (!disturb(stop) || !mind_.run(executor, stop)) return false;
      conclude();
      if (one) break;
    }
    return finished();
  }

  // The noise between segments; false: paused. One under way keeps the state that it began with: it may have been
  // restored from a solver without noise.
  template <class Stop>
  [[nodiscard]] bool disturb(const Stop& stop) noexcept {
    return mind_.inside() || options_.noise.add(mind_.workspace(), 0, mind_.model().config().sizes.hidden, 0, segments_,
                                                disturbed_, stop);
  }

  void conclude() noexcept {
    mind_.rewind();
    const bool changed = mind_.predict(0, prediction_.first(count_));
    unchanged_ = changed || segments_ == 0 ? 0 : unchanged_ + 1;
    disturbed_ = 0;
    ++segments_;
    halted_ = options_.halting(Thought{segments_, prediction(), unchanged_, q_halt(), q_continue()});
  }

  Mind mind_;
  SolverOptions options_;
  Buffer own_;
  std::span<Token> tokens_;
  std::span<Token> prediction_;
  std::size_t count_ = 0;  // tokens of the puzzle; 0: none was started
  std::size_t puzzle_id_ = 0;
  std::size_t segments_ = 0;
  std::size_t unchanged_ = 0;
  std::size_t disturbed_ = 0;  // positions that have had the noise of the segment under way
  bool halted_ = false;
};

}  // namespace hrm
