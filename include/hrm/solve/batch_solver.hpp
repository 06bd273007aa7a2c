#pragma once
/// Many puzzles through one model: slots that take the next puzzle as soon as one halts (continuous batching).

#include <hrm/solve/deadline.hpp>
#include <hrm/solve/job.hpp>
#include <hrm/solve/mind.hpp>

#include <algorithm>
#include <tuple>

namespace hrm {

/// Thinks about up to `slots` puzzles of one length at once; every answer has the same bits as a Solver alone would
/// give. All memory is taken by the constructor; after it nothing allocates, locks, throws or does I/O. One thread at a
/// time. One that was moved from holds its model alone: it has no puzzles, refuses to add() one, as status() says, and
/// may be assigned to.
class BatchSolver {
 public:
  explicit BatchSolver(Model model, const BatchOptions& options = {}) noexcept
      : mind_(mind_for(model, options)), options_(options) {
    const std::size_t whole = options.memory.empty() ? 0 : memory_bytes(model, options);
    std::byte* const block = mind_.beside(options.memory, whole, own_bytes(model, options), own_);
    if (block == nullptr) return;
    Arena arena(block);
    std::tie(slots_, predictions_, waiting_, waiting_tokens_) = carve(arena, model, options);
    for (std::size_t i = 0; i < options.window; ++i) ::new (waiting_ + i) Waiting{};
  }
  BatchSolver(BatchSolver&& other) noexcept
      : mind_(std::move(other.mind_)),
        options_(other.options_),
        own_(std::move(other.own_)),
        slots_(std::exchange(other.slots_, nullptr)),
        predictions_(std::exchange(other.predictions_, nullptr)),
        waiting_(std::exchange(other.waiting_, nullptr)),
        waiting_tokens_(std::exchange(other.waiting_tokens_, nullptr)),
        active_(std::exchange(other.active_, 0)),
        next_order_(std::exchange(other.next_order_, 0)),
        first_order_(std::exchange(other.first_order_, 0)),
        counts_(std::exchange(other.counts_, {})) {}
  BatchSolver& operator=(BatchSolver&& other) noexcept {
    if (this == &other) return *this;
    std::destroy_at(this);
    std::construct_at(this, std::move(other));
    return *this;
  }
  BatchSolver(const BatchSolver&) = delete;
  BatchSolver& operator=(const BatchSolver&) = delete;
  ~BatchSolver() = default;

  /// Bytes for BatchOptions::memory; `saturated` where no block would do, or the puzzles' length is not known.
  [[nodiscard]] static std::size_t memory_bytes(const Model& model, const BatchOptions& options) noexcept {
    const Capacity capacity = capacity_of(model, options);
    if (capacity.tokens == 0) return saturated;
    return saturating_add(Mind::memory_bytes(model, capacity), own_bytes(model, options));
  }

  /// An error if the memory did not do, or if neither the options nor the config say how long puzzles are.
  [[nodiscard]] const Result<void>& status() const noexcept { return mind_.status(); }
  [[nodiscard]] std::size_t slots() const noexcept { return mind_.capacity().batch; }
  [[nodiscard]] std::size_t tokens() const noexcept { return mind_.capacity().tokens; }
  /// Slots with a puzzle in them.
  [[nodiscard]] std::size_t active() const noexcept { return active_; }
  [[nodiscard]] const BatchCounts& counts() const noexcept { return counts_; }

  /// Puts a puzzle into a free slot. Errors: none is free, the window is full, a segment is under way, wrong length, a
  /// token outside the vocabulary.
  [[nodiscard]] Result<void> add(const Job& job) noexcept {
    HRM_ASSERT(!calling_);
    if (!mind_.status()) return mind_.status();
    if (active_ == slots()) return Error(ErrorCode::state, "batch: expected a free slot, found none of ", slots());
    if (window_full()) {
      return Error(ErrorCode::state, "batch: expected room in the window of ", window_size(), " results, found none");
    }
    if (mind_.inside()) return Error(ErrorCode::state, "batch: a segment is under way");
    if (job.tokens.size() != tokens()) {
      return Error(ErrorCode::value, "tokens: expected ", tokens(), ", found ", job.tokens.size());
    }
    if (auto fits = mind_.model()->check(job.tokens, job.puzzle_id); !fits) return fits;
    if (!mind_.begin(active_, job.tokens, job.puzzle_id)) {
      return Error(ErrorCode::value, "puzzle_emb.weights: expected finite numbers in row ", job.puzzle_id);
    }
    slots_[active_] = Slot{job.id, job.attempt, next_order_++, 0, 0, 0, false, false};
    std::memcpy(row_of(active_).data(), job.tokens.data(), job.tokens.size_bytes());
    ++active_;
    return {};
  }

  /// Between segments, for each slot below active(): the number of the puzzle in it, and what Solver shows of one.
  /// Puzzles change their slots when others are handed out, or are finished and kept.
  [[nodiscard]] std::size_t id(std::size_t slot) const noexcept { return slots_[slot].id; }
  [[nodiscard]] std::size_t attempt(std::size_t slot) const noexcept { return slots_[slot].attempt; }
  [[nodiscard]] std::size_t segments(std::size_t slot) const noexcept { return slots_[slot].segments; }
  /// The policy said stop, rather than the limit.
  [[nodiscard]] bool halted(std::size_t slot) const noexcept { return slots_[slot].halted; }
  /// Nothing is left to think: hand_out() gives it out.
  [[nodiscard]] bool finished(std::size_t slot) const noexcept { return slots_[slot].finished; }
  [[nodiscard]] std::span<const Token> prediction(std::size_t slot) const noexcept {
    return {predictions_ + slot * tokens(), tokens()};
  }
  [[nodiscard]] float q_halt(std::size_t slot) const noexcept { return mind_.q_halt(slot); }
  [[nodiscard]] float q_continue(std::size_t slot) const noexcept { return mind_.q_continue(slot); }
  [[nodiscard]] float confidence(std::size_t slot, std::size_t position) const noexcept {
    return slots_[slot].segments == 0 || position >= tokens() ? 0.0F : mind_.confidence(slot, position);
  }
  [[nodiscard]] ConstMatrixMap logits(std::size_t slot) const noexcept {
    return slot < active_ ? mind_.logits(slot) : mind_.no_logits();
  }
  [[nodiscard]] ConstMatrixMap z_h(std::size_t slot) const noexcept {
    return slot < active_ ? mind_.z_h(slot) : mind_.no_state();
  }
  [[nodiscard]] ConstMatrixMap z_l(std::size_t slot) const noexcept {
    return slot < active_ ? mind_.z_l(slot) : mind_.no_state();
  }

  /// Finishes the segment under way of all puzzles (a whole one, if none is). Then hand_out() what finished.
  void step() noexcept {
    static_cast<void>(advance(options_.executor, []() noexcept { return false; }));
  }
  /// Goes on until the segment is complete (true) or `deadline` passed (false), by one tile at least.
  bool tick(std::chrono::steady_clock::time_point deadline) noexcept {
    return tick_once() || tick_while([deadline]() noexcept { return std::chrono::steady_clock::now() < deadline; });
  }
  bool tick(Budget budget) noexcept { return tick(budget, steady_now); }
  /// The same by the caller's clock; see Solver.
  template <NoexceptConstCallable<std::int64_t> Now>
  bool tick(Budget budget, const Now& now) noexcept {
    const std::int64_t deadline = deadline_after(budget, now());
    return tick_once() || tick_while([&now, deadline]() noexcept { return now() < deadline; });
  }
  /// The same while `go_on()` says so; noexcept, asked before every tile on every thread that helps.
  template <NoexceptConstCallable<bool> GoOn>
  bool tick_while(const GoOn& go_on) noexcept {
    return advance(options_.executor, [&go_on]() noexcept { return !go_on(); });
  }

  /// The puzzle in a slot thinks no further, whatever the policy would say: it is finished, and hand_out() gives out
  /// what it has come to (before its first segment, the puzzle itself). False, and nothing is done, inside a segment
  /// and for a slot without one.
  bool finish(std::size_t slot) noexcept {
    HRM_ASSERT(!calling_);
    if (mind_.inside() || slot >= active_) return false;
    slots_[slot].finished = true;
    return true;
  }

  /// Calls sink(const Outcome&) for every finished puzzle and frees its slot; between segments. A sink that says false
  /// keeps the rest for the next call; this one then gives false. What is kept thinks no further.
  template <OutcomeSink Sink>
  bool hand_out(Sink&& sink) noexcept {
    HRM_ASSERT(!calling_);
    if (mind_.inside()) return true;
    if (!release(sink)) return false;
    for (std::size_t slot = 0; slot < active_;) {
      if (!slots_[slot].finished) {
        ++slot;
        continue;
      }
      const bool more = put(sink, slots_[slot].order, outcome(slot));
      if (active_ == 0) return more;  // it was reset()
      if (slot != --active_) {
        mind_.move(active_, slot);
        slots_[slot] = slots_[active_];
        std::memcpy(row_of(slot).data(), row_of(active_).data(), tokens() * sizeof(Token));
      }
      if (!more) return false;
    }
    return true;
  }

  /// Everything `source` gives: fills the slots, thinks, hands out, until it is dry and all is done. A job that cannot
  /// be begun comes out with its error; puzzles that were under way go on, and come out too. Cancelled by a sink that
  /// says false, or by `go_on()`, asked before every tile on every thread that helps: what is under way or waiting is
  /// then dropped, and this gives false. A sink that calls reset() drops it too, and the run goes on with what the
  /// source has left.
  template <JobSource Source, OutcomeSink Sink, NoexceptConstCallable<bool> GoOn = NeverCancelled>
  bool run(Source&& source, Sink&& sink, const GoOn& go_on = {}) noexcept {
    bool cancelled = false;
    const auto stop = [&go_on]() noexcept { return !go_on(); };
    const auto fill = [&]() noexcept {  // false: dry
      while (active_ < slots() && !window_full() && !mind_.inside()) {
        Job job;
        calling_ = true;
        const bool given = source(job);
        calling_ = false;
        if (!given) return false;
        if (auto added = add(job); !added && !refuse(sink, job, added.error())) cancelled = true;
        if (cancelled) break;
      }
      return true;
    };
    for (bool more = true; !cancelled;) {
      if (more) more = fill();
      if (cancelled || (active_ == 0 && !more)) break;
      cancelled = !advance(options_.executor, stop) || !hand_out(sink);
    }
    if (!cancelled) cancelled = !release(sink);  // what an earlier sink left in the window
    if (cancelled) reset();
    return !cancelled;
  }

  /// The same for puzzles that lie one after the other, [count, S]; ids count from 0. A piece of one at the end comes
  /// out with an error.
  template <OutcomeSink Sink, NoexceptConstCallable<bool> GoOn = NeverCancelled>
  bool run_all(std::span<const Token> puzzles, Sink&& sink, const GoOn& go_on = {}) noexcept {
    std::size_t next = 0;
    const auto source = [&](Job& job) noexcept {
      if (puzzles.empty()) return false;
      // Of an unknown length they come out as one error.
      job.tokens = tokens() == 0 ? puzzles : puzzles.first(std::min(tokens(), puzzles.size()));
      puzzles = puzzles.subspan(job.tokens.size());
      job.id = next++;
      return true;
    };
    return run(source, sink, go_on);
  }

  /// The same for what iterators give: Jobs, or puzzles, whose ids then count from 0. Each is looked at once.
  template <class Iterator, class Sentinel, OutcomeSink Sink, NoexceptConstCallable<bool> GoOn = NeverCancelled>
    requires JobIterator<Iterator, Sentinel>
  bool run_each(Iterator first, Sentinel last, Sink&& sink, const GoOn& go_on = {}) noexcept {
    std::size_t next = 0;
    bool begun = false;
    // What was given last is copied when it is taken, so the iterator moves on only after that.
    const auto source = [&](Job& job) noexcept {
      if (begun) ++first;
      begun = true;
      if (first == last) return false;
      if constexpr (NoexceptJob<std::iter_reference_t<Iterator>>) {
        job = *first;
      } else {
        job.tokens = *first;
        job.id = next++;
      }
      return true;
    };
    return run(source, sink, go_on);
  }
  /// The same for a container or a view of them.
  template <class Puzzles, OutcomeSink Sink, NoexceptConstCallable<bool> GoOn = NeverCancelled>
    requires JobIterator<decltype(std::begin(std::declval<Puzzles&>())), decltype(std::end(std::declval<Puzzles&>()))>
  bool run_each(Puzzles&& puzzles, Sink&& sink, const GoOn& go_on = {}) noexcept {
    return run_each(std::begin(puzzles), std::end(puzzles), sink, go_on);
  }

  /// Drops everything under way and waiting. A sink may call it.
  void reset() noexcept {
    active_ = 0;
    next_order_ = first_order_ = 0;
    for (std::size_t i = 0; i < window_size(); ++i) waiting_[i].finished = false;
    mind_.set_active(0);
  }

 private:
  struct Slot {
    std::size_t id, attempt, order, segments, unchanged, disturbed;
    bool halted, finished;
  };
  static_assert(std::is_trivially_copyable_v<Slot>);
  struct Waiting {  // a finished puzzle that came after one still under way
    std::size_t id, attempt, segments;
    float q_halt, q_continue;
    bool halted, finished;
    Error error;
  };

  [[nodiscard]] static Capacity capacity_of(const Model& model, const BatchOptions& options) noexcept {
    return {options.tokens != 0 ? options.tokens : model.config().seq_len, options.slots != 0 ? options.slots : 1};
  }
  // A length is not guessed: puzzles that lie one after the other would be cut in the wrong places.
  [[nodiscard]] static Mind mind_for(const Model& model, const BatchOptions& options) noexcept {
    const Capacity capacity = capacity_of(model, options);
    if (capacity.tokens == 0) {
      return {model, Error(ErrorCode::value,
                           "tokens: expected BatchOptions::tokens, as the model's file does not say, found none")};
    }
    return {model, capacity, Mind::before(options.memory, own_bytes(model, options))};
  }
  // What stands beside the mind; measures on an empty arena.
  [[nodiscard]] static std::tuple<Slot*, Token*, Waiting*, Token*> carve(Arena& arena, const Model& model,
                                                                         const BatchOptions& options) noexcept {
    const Capacity capacity = capacity_of(model, options);
    return {arena.take<Slot>(capacity.batch), arena.take<Token>(capacity.batch, capacity.tokens),
            arena.take<Waiting>(options.window), arena.take<Token>(options.window, capacity.tokens)};
  }
  [[nodiscard]] static std::size_t own_bytes(const Model& model, const BatchOptions& options) noexcept {
    Arena measure;
    static_cast<void>(carve(measure, model, options));
    return measure.used();
  }

  [[nodiscard]] std::span<Token> row_of(std::size_t slot) noexcept {
    return {predictions_ + slot * tokens(), tokens()};
  }
  [[nodiscard]] std::size_t limit() const noexcept {
    return options_.max_segments != 0 ? options_.max_segments : mind_.model().config().halt_max_steps;
  }
  // None without its memory, where all that is handed out are errors.
  [[nodiscard]] std::size_t window_size() const noexcept { return waiting_ == nullptr ? 0 : options_.window; }
  [[nodiscard]] bool window_full() const noexcept {
    return window_size() > 0 && next_order_ - first_order_ >= window_size();
  }

  // Finished puzzles that nobody has taken stand behind those that think on. How many think on.
  [[nodiscard]] std::size_t part() noexcept {
    std::size_t thinking = 0;
    for (std::size_t slot = 0; slot < active_; ++slot) {
      if (slots_[slot].finished) continue;
      if (slot != thinking) {
        mind_.exchange(slot, thinking);
        std::swap(slots_[slot], slots_[thinking]);
        std::swap_ranges(row_of(slot).begin(), row_of(slot).end(), row_of(thinking).begin());
      }
      ++thinking;
    }
    return thinking;
  }

  [[nodiscard]] Outcome outcome(std::size_t slot) noexcept {
    const Slot& s = slots_[slot];
    return {s.id, s.attempt, row_of(slot), s.segments, s.halted, q_halt(slot), q_continue(slot), nullptr};
  }

  // One tile, by this thread: no other has to wake up for it.
  bool tick_once() noexcept {
    bool asked = false;
    return advance(Executor(), [&asked]() noexcept { return std::exchange(asked, true); });
  }

  template <class Stop>
  bool advance(const Executor& executor, const Stop& stop) noexcept {
    HRM_ASSERT(!calling_);
    const std::size_t thinking = mind_.inside() ? mind_.active() : part();
    if (thinking == 0) return true;
    if (mind_.active() != thinking) mind_.set_active(thinking);
    const std::size_t hidden = mind_.model().config().sizes.hidden;
    for (std::size_t slot = 0; slot < thinking; ++slot) {
      Slot& s = slots_[slot];
      if (!options_.noise.add(mind_.workspace(), slot, hidden, s.attempt, s.segments, s.disturbed, stop)) return false;
    }
    if (!mind_.run(executor, stop)) return false;
    mind_.rewind();
    ++counts_.rounds;
    counts_.segments += thinking;
    calling_ = true;
    for (std::size_t slot = 0; slot < thinking; ++slot) {
      Slot& s = slots_[slot];
      const bool changed = mind_.predict(slot, row_of(slot));
      s.unchanged = changed || s.segments == 0 ? 0 : s.unchanged + 1;
      s.disturbed = 0;
      ++s.segments;
      s.halted = options_.halting(
          Thought{s.segments, row_of(slot), s.unchanged, q_halt(slot), q_continue(slot), s.id, s.attempt});
      s.finished = s.halted || s.segments >= limit();
    }
    calling_ = false;
    return true;
  }

  template <class Sink>
  bool refuse(Sink& sink, const Job& job, const Error& error) noexcept {
    Outcome outcome;
    outcome.id = job.id;
    outcome.attempt = job.attempt;
    outcome.error = &error;
    return put(sink, next_order_++, outcome);
  }
  // Hands a result to the sink, or keeps it until those before it are out. False: the sink wants no more.
  template <class Sink>
  bool put(Sink& sink, std::size_t order, const Outcome& outcome) noexcept {
    if (window_size() == 0) return tell(sink, outcome);
    const std::size_t place = order % window_size();
    waiting_[place] = Waiting{outcome.id,
                              outcome.attempt,
                              outcome.segments,
                              outcome.q_halt,
                              outcome.q_continue,
                              outcome.halted,
                              true,
                              outcome.error != nullptr ? *outcome.error : Error()};
    if (outcome.error == nullptr) {
      std::memcpy(waiting_tokens_ + place * tokens(), outcome.tokens.data(), outcome.tokens.size_bytes());
    }
    return release(sink);
  }
  // Hands out what waits and has none before it any more.
  template <class Sink>
  bool release(Sink& sink) noexcept {
    while (window_size() > 0 && first_order_ < next_order_ && waiting_[first_order_ % window_size()].finished) {
      const std::size_t place = first_order_++ % window_size();
      Waiting& next = waiting_[place];
      next.finished = false;
      const bool failed = !next.error.message().empty();
      const std::span<const Token> row(waiting_tokens_ + place * tokens(), failed ? 0 : tokens());
      if (!tell(sink, Outcome{next.id, next.attempt, row, next.segments, next.halted, next.q_halt, next.q_continue,
                              failed ? &next.error : nullptr}))
        return false;
    }
    return true;
  }
  template <class Sink>
  bool tell(Sink& sink, const Outcome& outcome) noexcept {
    ++counts_.finished;
    calling_ = true;
    bool more = true;
    if constexpr (std::is_void_v<std::invoke_result_t<Sink&, const Outcome&>>) {
      sink(outcome);
    } else {
      more = static_cast<bool>(sink(outcome));
    }
    calling_ = false;
    return more;
  }

  Mind mind_;
  BatchOptions options_;
  Buffer own_;
  Slot* slots_ = nullptr;            // [slots]; the first active_ have a puzzle
  Token* predictions_ = nullptr;     // [slots, S]
  Waiting* waiting_ = nullptr;       // [window]
  Token* waiting_tokens_ = nullptr;  // [window, S]
  std::size_t active_ = 0;
  std::size_t next_order_ = 0;   // puzzles begun
  std::size_t first_order_ = 0;  // the first whose result is not out; only with a window
  BatchCounts counts_;
  bool calling_ = false;  // a source, a sink or a policy
};

}  // namespace hrm
