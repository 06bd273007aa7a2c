#pragma once
/// Many puzzles through one model: slots that take the next puzzle as soon as one halts (continuous batching).

#include <hrm/solve/mind.hpp>
#include <hrm/solve/noise.hpp>

#include <chrono>

namespace hrm {

struct BatchOptions {
  std::size_t slots = 8;         ///< puzzles thought about at once
  std::size_t tokens = 0;        ///< S, the length of every puzzle; 0: the config's seq_len, or 900 where it has none
  std::size_t max_segments = 0;  ///< limit for each; 0: the config's halt_max_steps
  Halting halting = QHalt{};     ///< asked for each puzzle after each of its segments
  Executor executor{};           ///< who helps; must outlive the solver
  Noise noise{};                 ///< see Job::attempt
  std::size_t window =
      0;  ///< results are handed out in the order the puzzles came, at most this many waiting; 0: as they finish
  std::span<std::byte>
      memory{};  ///< memory_bytes() of 64-byte aligned memory that outlives the solver; empty: it takes its own
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

/// What a BatchSolver has done since it was made or reset.
struct BatchCounts {
  std::size_t finished = 0;  ///< puzzles handed out
  std::size_t segments = 0;  ///< segments of all puzzles together
  std::size_t rounds = 0;    ///< segments of the whole batch: segments / (rounds * slots) is how busy the slots were
};

/// Thinks about up to `slots` puzzles of one length at once; every answer has the same bits as a Solver alone would
/// give. All memory is taken by the constructor; after it nothing allocates, locks, throws or does I/O. One thread at a
/// time.
class BatchSolver {
 public:
  explicit BatchSolver(Model model, const BatchOptions& options = {}) noexcept
      : mind_(model, capacity_of(model, options), mind_memory(model, options)), options_(options) {
    std::span<std::byte> memory = options.memory;
    const std::size_t need = own_bytes(model, options);
    if (memory.empty()) {
      own_ = Buffer(need);
      memory = own_.bytes();
    }
    if (!mind_.status() || memory.size() < need) return;
    Arena arena(memory.data() + memory.size() / alignment * alignment - need);
    take(arena, *this, model, options);
    mind_.set_tokens(mind_.capacity().tokens);
  }
  BatchSolver(BatchSolver&&) noexcept = default;
  BatchSolver& operator=(BatchSolver&&) noexcept = default;
  BatchSolver(const BatchSolver&) = delete;
  BatchSolver& operator=(const BatchSolver&) = delete;
  ~BatchSolver() = default;

  /// Bytes for BatchOptions::memory.
  [[nodiscard]] static std::size_t memory_bytes(const Model& model, const BatchOptions& options) noexcept {
    return Mind::memory_bytes(model, capacity_of(model, options)) + own_bytes(model, options);
  }

  /// An error if the memory did not do.
  [[nodiscard]] const Result<void>& status() const noexcept { return mind_.status(); }
  [[nodiscard]] std::size_t slots() const noexcept { return mind_.capacity().batch; }
  [[nodiscard]] std::size_t tokens() const noexcept { return mind_.capacity().tokens; }
  /// Slots with a puzzle in them.
  [[nodiscard]] std::size_t active() const noexcept { return active_; }
  [[nodiscard]] const BatchCounts& counts() const noexcept { return counts_; }

  /// Puts a puzzle into a free slot. Errors: none is free, a segment is under way, wrong length, a token outside the
  /// vocabulary.
  [[nodiscard]] Result<void> add(const Job& job) noexcept {
    if (!mind_.status()) return mind_.status();
    if (active_ == slots()) return Error(ErrorCode::state, "batch: expected a free slot, found none of ", slots());
    if (mind_.active() > 0 && mind_.ticket() != 0) return Error(ErrorCode::state, "batch: a segment is under way");
    if (job.tokens.size() != tokens()) {
      return Error(ErrorCode::value, "tokens: expected ", tokens(), ", found ", job.tokens.size());
    }
    if (auto fits = mind_.model()->check(job.tokens, job.puzzle_id); !fits) return fits;
    if (!mind_.begin(active_, job.tokens, job.puzzle_id)) {
      return Error(ErrorCode::value, "puzzle_emb.weights: expected finite numbers in row ", job.puzzle_id);
    }
    slots_[active_] = Slot{job.id, job.attempt, next_order_++, 0, 0, 0, false, false};
    std::memcpy(prediction(active_).data(), job.tokens.data(), job.tokens.size_bytes());
    ++active_;
    return {};
  }

  /// Finishes the segment under way of all puzzles (a whole one, if none is). Then hand_out() what finished.
  void step() noexcept {
    static_cast<void>(advance([]() noexcept { return false; }));
  }
  /// Goes on until the segment is complete (true) or `deadline` passed (false).
  bool tick(std::chrono::steady_clock::time_point deadline) noexcept {
    return advance([deadline]() noexcept { return std::chrono::steady_clock::now() >= deadline; });
  }
  bool tick(std::chrono::nanoseconds budget) noexcept { return tick(std::chrono::steady_clock::now() + budget); }
  /// The same while `go_on()` says so; noexcept, asked before every tile on every thread that helps.
  template <class GoOn>
  bool tick_while(const GoOn& go_on) noexcept {
    static_assert(std::is_nothrow_invocable_r_v<bool, const GoOn&>, "what decides to go on must be noexcept");
    return advance([&go_on]() noexcept { return !go_on(); });
  }

  /// Calls sink(const Outcome&) for every finished puzzle and frees its slot; between segments.
  template <class Sink>
  void hand_out(const Sink& sink) noexcept {
    static_assert(std::is_nothrow_invocable_v<const Sink&, const Outcome&>, "the sink must be noexcept");
    if (active_ == 0 || mind_.ticket() != 0) return;
    for (std::size_t slot = 0; slot < active_;) {
      if (!slots_[slot].finished) {
        ++slot;
        continue;
      }
      deliver(sink, slots_[slot], outcome(slot));
      --active_;
      if (slot != active_) {
        mind_.move(active_, slot);
        slots_[slot] = slots_[active_];
        std::memcpy(prediction(slot).data(), prediction(active_).data(), tokens() * sizeof(Token));
        std::memcpy(q(slot), q(active_), 2 * sizeof(float));
      }
    }
  }

  /// Everything `source` gives: fills the slots, thinks, hands out, until it is dry and all is done. `source(Job&)`
  /// says whether there was one more; `sink(const Outcome&)` may say false to cancel (what is under way is dropped).
  /// Both noexcept. A job that cannot be begun comes out with its error. Returns false if cancelled.
  template <class Source, class Sink>
  bool run(Source&& source, Sink&& sink) noexcept {
    static_assert(std::is_nothrow_invocable_r_v<bool, Source&, Job&>, "the source must be noexcept: bool(hrm::Job&)");
    static_assert(std::is_nothrow_invocable_v<Sink&, const Outcome&>,
                  "the sink must be noexcept: void or bool(const hrm::Outcome&)");
    bool going = true;
    const auto tell = [&](const Outcome& outcome) noexcept {
      if (!going) return;
      if constexpr (std::is_same_v<std::invoke_result_t<Sink&, const Outcome&>, void>) {
        sink(outcome);
      } else {
        going = sink(outcome);
      }
    };
    bool dry = false;
    while (going) {
      while (!dry && active_ < slots() && !window_full() && going) {
        Job job;
        dry = !source(job);
        if (dry) break;
        if (auto added = add(job); !added) refuse(tell, job, added.error());
      }
      if (active_ == 0 || !going) break;
      step();
      hand_out(tell);
    }
    if (!going) reset();
    return going;
  }

  /// The same for puzzles that lie one after the other, [count, S]; ids count from 0.
  template <class Sink>
  bool run_all(std::span<const Token> puzzles, Sink&& sink) noexcept {
    std::size_t next = 0;
    return run(
        [&](Job& job) noexcept {
          if ((next + 1) * tokens() > puzzles.size()) return false;
          job.tokens = puzzles.subspan(next * tokens(), tokens());
          job.id = next++;
          return true;
        },
        sink);
  }

  /// Drops everything under way and waiting.
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
    const std::size_t known = model.config().seq_len != 0 ? model.config().seq_len : 900;
    return {options.tokens != 0 ? options.tokens : known, options.slots != 0 ? options.slots : 1};
  }
  static void take(Arena& arena, BatchSolver& solver, const Model& model, const BatchOptions& options) noexcept {
    const Capacity capacity = capacity_of(model, options);
    solver.slots_ = arena.take<Slot>(capacity.batch);
    solver.predictions_ = arena.take<Token>(capacity.batch * capacity.tokens);
    solver.q_ = arena.take<float>(capacity.batch * 2);
    solver.waiting_ = arena.take<Waiting>(options.window);
    solver.waiting_tokens_ = arena.take<Token>(options.window * capacity.tokens);
    for (std::size_t i = 0; solver.waiting_ != nullptr && i < options.window; ++i)
      ::new (solver.waiting_ + i) Waiting{};
  }
  [[nodiscard]] static std::size_t own_bytes(const Model& model, const BatchOptions& options) noexcept {
    const Capacity c = capacity_of(model, options);
    Arena measure;
    static_cast<void>(measure.take<Slot>(c.batch));
    static_cast<void>(measure.take<Token>(c.batch * c.tokens));
    static_cast<void>(measure.take<float>(c.batch * 2));
    static_cast<void>(measure.take<Waiting>(options.window));
    static_cast<void>(measure.take<Token>(options.window * c.tokens));
    return measure.used();
  }
  [[nodiscard]] static std::span<std::byte> mind_memory(const Model& model, const BatchOptions& options) noexcept {
    if (options.memory.empty()) return {};
    const std::size_t tail = own_bytes(model, options);
    return options.memory.size() > tail ? options.memory.first(options.memory.size() - tail) : options.memory.first(1);
  }

  [[nodiscard]] std::span<Token> prediction(std::size_t slot) noexcept {
    return {predictions_ + slot * tokens(), tokens()};
  }
  [[nodiscard]] float* q(std::size_t slot) noexcept { return q_ + 2 * slot; }
  [[nodiscard]] std::size_t limit() const noexcept {
    return options_.max_segments != 0 ? options_.max_segments : mind_.model().config().halt_max_steps;
  }
  [[nodiscard]] std::size_t window_size() const noexcept { return options_.window; }
  [[nodiscard]] bool window_full() const noexcept {
    return window_size() > 0 && next_order_ - first_order_ >= window_size();
  }

  [[nodiscard]] Outcome outcome(std::size_t slot) noexcept {
    const Slot& s = slots_[slot];
    return {s.id, s.attempt, prediction(slot), s.segments, s.halted, q(slot)[0], q(slot)[1], nullptr};
  }

  template <class Stop>
  bool advance(const Stop& stop) noexcept {
    if (active_ == 0) return true;
    if (mind_.active() != active_) mind_.set_active(active_);
    const std::size_t hidden = mind_.model().config().sizes.hidden;
    for (std::size_t slot = 0; slot < active_; ++slot) {
      Slot& s = slots_[slot];
      if (s.disturbed == s.segments) continue;
      options_.noise.add(mind_.workspace(), slot, hidden, s.attempt, s.segments);
      s.disturbed = s.segments;
    }
    if (!mind_.run(options_.executor, stop)) return false;
    mind_.rewind();
    ++counts_.rounds;
    counts_.segments += active_;
    for (std::size_t slot = 0; slot < active_; ++slot) {
      Slot& s = slots_[slot];
      const bool changed = mind_.predict(slot, prediction(slot));
      s.unchanged = changed || s.segments == 0 ? 0 : s.unchanged + 1;
      ++s.segments;
      q(slot)[0] = mind_.q_halt(slot);
      q(slot)[1] = mind_.q_continue(slot);
      s.halted = options_.halting(Thought{s.segments, prediction(slot), s.unchanged, q(slot)[0], q(slot)[1]});
      s.finished = s.halted || s.segments >= limit();
    }
    return true;
  }

  template <class Sink>
  void deliver(const Sink& sink, const Slot& slot, const Outcome& outcome) noexcept {
    put(sink, slot.order, outcome);
  }
  template <class Sink>
  void refuse(const Sink& sink, const Job& job, const Error& error) noexcept {
    Outcome outcome;
    outcome.id = job.id;
    outcome.attempt = job.attempt;
    outcome.error = &error;
    put(sink, next_order_++, outcome);
  }
  // Hands a result to the sink, or keeps it until those before it are out.
  template <class Sink>
  void put(const Sink& sink, std::size_t order, const Outcome& outcome) noexcept {
    if (window_size() == 0) {
      ++counts_.finished;
      sink(outcome);
      return;
    }
    const std::size_t place = order % window_size();
    Waiting& kept = waiting_[place];
    kept = Waiting{outcome.id,
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
    for (; first_order_ < next_order_ && waiting_[first_order_ % window_size()].finished; ++first_order_) {
      Waiting& next = waiting_[first_order_ % window_size()];
      next.finished = false;
      const bool failed = !next.error.message().empty();
      const Token* row = waiting_tokens_ + first_order_ % window_size() * tokens();
      ++counts_.finished;
      sink(Outcome{next.id, next.attempt, failed ? std::span<const Token>() : std::span<const Token>(row, tokens()),
                   next.segments, next.halted, next.q_halt, next.q_continue, failed ? &next.error : nullptr});
    }
  }

  Mind mind_;
  BatchOptions options_;
  Buffer own_;
  Slot* slots_ = nullptr;            // [slots]; the first active_ have a puzzle
  Token* predictions_ = nullptr;     // [slots, S]
  float* q_ = nullptr;               // [slots, 2]
  Waiting* waiting_ = nullptr;       // [window]
  Token* waiting_tokens_ = nullptr;  // [window, S]
  std::size_t active_ = 0;
  std::size_t next_order_ = 0;   // puzzles begun
  std::size_t first_order_ = 0;  // the first whose result is not out; only with a window
  BatchCounts counts_;
};

}  // namespace hrm
