#pragma once
/// The memory of a running model and the running itself, for any number of puzzles at once: what Solver (one puzzle)
/// and BatchSolver (many) are made of.

#include <hrm/base/tensor.hpp>

#include <hrm/solve/halting.hpp>
#include <hrm/solve/segment.hpp>

#include <algorithm>

namespace hrm {

/// How much a Mind can hold.
struct Capacity {
  std::size_t tokens = 0;  ///< S, tokens of a puzzle at most
  std::size_t batch = 1;   ///< puzzles at once
  bool operator==(const Capacity&) const = default;
};

/// State and scratch for up to `batch` puzzles of equal length. All memory is one block, taken when it is made (or
/// given by the caller); nothing here allocates, throws or locks after that. Not for several threads at once; the
/// executor's threads take part in run() alone.
class Mind {
 public:
  /// Bytes a block must have, 64-byte aligned; `saturated` where no block would do.
  [[nodiscard]] static std::size_t memory_bytes(const Model& model, const Capacity& capacity) noexcept {
    if (capacity.tokens > max_seq_len) return saturated;
    Arena measure;
    Mind mind(model, capacity, measure);
    return measure.used();
  }

  /// On `memory` if it is given, else on a block of its own. See status().
  Mind(Model model, const Capacity& capacity, std::span<std::byte> memory = {}) noexcept
      : model_(std::move(model)), capacity_(capacity) {
    if (capacity.tokens > max_seq_len) {
      status_ = Error(ErrorCode::value, "solver: expected at most ", max_seq_len, " tokens, found ", capacity.tokens);
      return;
    }
    const std::size_t need = memory_bytes(model_, capacity);
    if (memory.empty()) {
      own_ = Buffer(need);
      own_.touch();
      memory = own_.bytes();
    }
    if (memory.size() < need) {
      status_ = Error(ErrorCode::memory, "solver: expected a block of ", need, " bytes, found ", memory.size());
      return;
    }
    if (reinterpret_cast<std::uintptr_t>(memory.data()) % alignment != 0) {
      status_ = Error(ErrorCode::memory, "solver: expected a block aligned to ", alignment, " bytes");
      return;
    }
    block_ = memory.first(need);
    // What was in the caller's memory must not find its way into a saved state.
    if (own_.data() == nullptr) std::memset(block_.data(), 0, block_.size());
    Arena arena(block_.data());
    carve(arena);
    model_->prepare(workspace_);
    if (workspace_.rows > 0 && !count_tiles()) {
      status_ = Error(ErrorCode::unsupported, "solver: expected at most ", Schedule::most_tiles,
                      " tiles of a segment, found more");
    }
    set_active(0);
  }

  /// Without memory, where nobody could say how much it takes; status() gives the reason.
  Mind(Model model, const Error& why) noexcept : model_(std::move(model)), status_(why) {}

  /// Holds the other's thoughts on a block of its own; without one, status() says so, as it does of a failed other.
  Mind(const Mind& other) noexcept : model_(other.model_), capacity_(other.capacity_), status_(other.status_) {
    if (!status_) return;
    *this = Mind(model_, capacity_);
    if (status_) copy_state(other);
  }
  /// The other then holds its model alone, and is an error by its status().
  Mind(Mind&& other) noexcept
      : model_(other.model_),  // NOLINT(performance-move-constructor-init) shared: no null where it came from
        capacity_(other.capacity_),
        status_(std::exchange(other.status_, Error(ErrorCode::state, "solver: it was moved from"))),
        own_(std::move(other.own_)),
        block_(std::exchange(other.block_, {})),
        schedule_(std::exchange(other.schedule_, {})),
        workspace_(std::exchange(other.workspace_, {})),
        logits_(std::exchange(other.logits_, nullptr)),
        q_(std::exchange(other.q_, nullptr)),
        progress_(other.progress_) {
    other.rewind();
  }
  Mind& operator=(Mind&& other) noexcept {
    if (this == &other) return *this;
    std::destroy_at(this);
    std::construct_at(this, std::move(other));
    return *this;
  }
  ~Mind() = default;
  /// Takes over the other's thoughts; without allocating if it is alike().
  Mind& operator=(const Mind& other) noexcept {
    if (this == &other) return *this;
    if (!alike(other)) return *this = Mind(other);
    copy_state(other);
    return *this;
  }
  /// Whether both have their memory, for the same model and capacity.
  [[nodiscard]] bool alike(const Mind& other) const noexcept {
    return status_ && other.status_ && &*model_ == &*other.model_ && capacity_ == other.capacity_;
  }

  /// An error if the memory did not do, or nobody said how much; everything else is then refused.
  [[nodiscard]] const Result<void>& status() const noexcept { return status_; }
  /// `bytes` for who has memory beside this: the end of the caller's block `given`, which must have `whole`, or else a
  /// block of `own`. Null where there is too little; status() then says so.
  [[nodiscard]] std::byte* beside(std::span<std::byte> given, std::size_t whole, std::size_t bytes,
                                  Buffer& own) noexcept {
    if (given.empty()) {
      if (!status_) return nullptr;
      own = Buffer(bytes);
      own.touch();
      given = own.bytes();
      whole = bytes;
    }
    if (given.size() < whole && (status_ || whole != saturated)) {
      status_ = Error(ErrorCode::memory, "solver: expected a block of ", whole, " bytes, found ", given.size());
    }
    return status_ ? given.data() + given.size() / alignment * alignment - bytes : nullptr;
  }
  /// What of the caller's block is this one's, where its end has `bytes` for others; too little is never empty.
  [[nodiscard]] static std::span<std::byte> before(std::span<std::byte> given, std::size_t bytes) noexcept {
    if (given.empty()) return {};
    return given.first(given.size() > bytes ? given.size() - bytes : 1);
  }
  [[nodiscard]] const Model& model() const noexcept { return model_; }
  [[nodiscard]] const Capacity& capacity() const noexcept { return capacity_; }
  [[nodiscard]] const Workspace& workspace() const noexcept { return workspace_; }
  [[nodiscard]] std::size_t puzzle_tokens() const noexcept { return model_.config().sizes.puzzle_tokens; }
  [[nodiscard]] std::size_t tokens() const noexcept { return status_ ? workspace_.positions - puzzle_tokens() : 0; }
  [[nodiscard]] std::size_t active() const noexcept { return status_ ? workspace_.active() : 0; }

  /// All puzzles have this many tokens from now on (at most the capacity's); between segments, with none active.
  void set_tokens(std::size_t tokens) noexcept {
    workspace_.positions = puzzle_tokens() + tokens;
    set_active(0);
  }
  /// The first `sequences` slots are in work; between segments.
  void set_active(std::size_t sequences) noexcept {
    workspace_.rows = sequences * workspace_.positions;
    if (sequences > 0) static_cast<void>(count_tiles());  // not more than of all, see the constructor
    rewind();
  }

  /// Embeds a checked puzzle and sets its state back to H_init, L_init, its logits and q values to 0. False if its
  /// embedding is not finite.
  [[nodiscard]] bool begin(std::size_t sequence, std::span<const Token> tokens, std::size_t puzzle_id) noexcept {
    model_->reset(workspace_, sequence);
    const std::size_t width = workspace_.positions * model_.config().sizes.vocab;
    std::memset(workspace_.logits + sequence * width, 0, width * sizeof(float));
    std::memset(logits_ + sequence * width, 0, width * sizeof(float));
    std::memset(workspace_.q + 2 * sequence, 0, 2 * sizeof(float));
    std::memset(q_ + 2 * sequence, 0, 2 * sizeof(float));
    return model_->embed(workspace_, sequence, tokens, puzzle_id);
  }

  /// Moves the puzzle in slot `from` to slot `to`; between segments.
  void move(std::size_t from, std::size_t to) noexcept {
    each_state([from, to](float* state, std::size_t width) noexcept {
      std::memcpy(state + to * width, state + from * width, width * sizeof(float));
    });
  }
  /// The puzzles in two slots change places; between segments.
  void exchange(std::size_t one, std::size_t other) noexcept {
    each_state([one, other](float* state, std::size_t width) noexcept {
      std::swap_ranges(state + one * width, state + (one + 1) * width, state + other * width);
    });
  }

  /// Runs on until the segment is complete (true) or stop() says to pause (false).
  template <class Stop>
  [[nodiscard]] bool run(const Executor& executor, const Stop& stop) noexcept {
    workspace_.threads = executor.concurrency();
    if (!Segment(*model_, schedule_, workspace_, progress_).run(executor, stop)) return false;
    std::memcpy(logits_, workspace_.logits, workspace_.rows * model_.config().sizes.vocab * sizeof(float));
    std::memcpy(q_, workspace_.q, 2 * active() * sizeof(float));
    return true;
  }
  /// The next segment begins at its first tile.
  void rewind() noexcept { progress_.set({}); }

  /// Tiles done of the segment under way; none between segments.
  [[nodiscard]] Tickets done() const noexcept { return progress_.done(); }
  /// Whether a segment is under way.
  [[nodiscard]] bool inside() const noexcept { return done() != Tickets{}; }
  /// Tiles of a segment.
  [[nodiscard]] Tickets tickets() const noexcept { return schedule_.tickets(workspace_.lanes()); }
  /// Tiles of a segment of one puzzle of that many tokens, of the capacity's at most.
  [[nodiscard]] Tickets tickets_for(std::size_t tokens) const noexcept {
    Workspace w = workspace_;
    w.positions = w.rows = puzzle_tokens() + tokens;
    std::size_t sum = 0;
    for (std::size_t stage = 0; stage < schedule_.size(); ++stage) sum += model_->tiles(schedule_[stage], w).tiles;
    return Tickets::each(static_cast<std::uint32_t>(sum), w.lanes());
  }
  void resume_at(const Tickets& done) noexcept { progress_.set(done); }
  /// All positions' logits of the first puzzle after its last complete segment, [P + S, vocab]; for saving.
  [[nodiscard]] float* kept_logits() const noexcept { return logits_; }
  /// Its q_halt and q_continue, for saving too.
  [[nodiscard]] float* kept_q() const noexcept { return q_; }

  /// Logits of one puzzle's tokens after its last complete segment, [S, vocab].
  [[nodiscard]] ConstMatrixMap logits(std::size_t sequence) const noexcept {
    const std::size_t vocab = model_.config().sizes.vocab;
    return matrix_map(logits_of(sequence), tokens(), vocab);
  }
  /// z_H of one puzzle, [P + S, hidden].
  [[nodiscard]] ConstMatrixMap z_h(std::size_t sequence) const noexcept { return state(workspace_.z_h, sequence); }
  /// z_L of one puzzle, [P + S, hidden].
  [[nodiscard]] ConstMatrixMap z_l(std::size_t sequence) const noexcept { return state(workspace_.z_l, sequence); }
  /// The same without a puzzle: no rows.
  [[nodiscard]] ConstMatrixMap no_logits() const noexcept {
    return {nullptr, 0, static_cast<Eigen::Index>(model_.config().sizes.vocab)};
  }
  [[nodiscard]] ConstMatrixMap no_state() const noexcept {
    return {nullptr, 0, static_cast<Eigen::Index>(model_.config().sizes.hidden)};
  }
  [[nodiscard]] float q_halt(std::size_t sequence) const noexcept { return q_[2 * sequence]; }
  [[nodiscard]] float q_continue(std::size_t sequence) const noexcept { return q_[2 * sequence + 1]; }

  /// The most likely token of each position into out [S]; says whether any differs from what was there.
  bool predict(std::size_t sequence, std::span<Token> out) const noexcept {
    const std::size_t vocab = model_.config().sizes.vocab;
    const float* row = logits_of(sequence);
    bool changed = false;
    for (Token& token : out) {
      std::size_t best = 0;
      for (std::size_t v = 1; v < vocab; ++v) best = row[v] > row[best] ? v : best;
      changed |= token != static_cast<Token>(best);
      token = static_cast<Token>(best);
      row += vocab;
    }
    return changed;
  }

  /// The probability of a position's most likely token: softmax over its logits.
  [[nodiscard]] float confidence(std::size_t sequence, std::size_t position) const noexcept {
    const std::size_t vocab = model_.config().sizes.vocab;
    const float* row = logits_of(sequence) + position * vocab;
    float most = row[0];
    for (std::size_t v = 1; v < vocab; ++v) most = row[v] > most ? row[v] : most;
    float sum = 0.0F;
    for (std::size_t v = 0; v < vocab; ++v) sum = as_written(sum + std::exp(row[v] - most));
    return 1.0F / sum;
  }

 private:
  // All that a puzzle has between segments, `width` floats a slot.
  template <class Visit>
  void each_state(const Visit& visit) const noexcept {
    const Sizes& s = model_.config().sizes;
    for (float* state : {workspace_.x, workspace_.z_h, workspace_.z_l}) visit(state, workspace_.positions * s.hidden);
    visit(logits_, workspace_.positions * s.vocab);
    visit(q_, 2);
  }
  Mind(const Model& model, const Capacity& capacity, Arena& measure) noexcept : model_(model), capacity_(capacity) {
    carve(measure);
  }

  [[nodiscard]] bool count_tiles() noexcept {
    return schedule_.count([&](const Stage& stage) { return model_->tiles(stage, workspace_); });
  }
  void carve(Arena& arena) noexcept {
    const std::size_t positions = puzzle_tokens() + capacity_.tokens;
    schedule_ = Schedule(arena, model_.config().sizes, model_->table().operand_by_row);
    workspace_ = model_->carve(arena, positions, capacity_.batch);
    logits_ = arena.take<float>(saturating_mul(capacity_.batch, positions), model_.config().sizes.vocab);
    q_ = arena.take<float>(capacity_.batch, 2);
  }
  void copy_state(const Mind& other) noexcept {
    std::memcpy(block_.data(), other.block_.data(), block_.size());
    workspace_.positions = other.workspace_.positions;
    workspace_.rows = other.workspace_.rows;
    progress_ = other.progress_;
  }
  [[nodiscard]] const float* logits_of(std::size_t sequence) const noexcept {
    return logits_ + (sequence * workspace_.positions + puzzle_tokens()) * model_.config().sizes.vocab;
  }
  [[nodiscard]] ConstMatrixMap state(const float* z, std::size_t sequence) const noexcept {
    const std::size_t hidden = model_.config().sizes.hidden;
    return matrix_map(z + sequence * workspace_.positions * hidden, workspace_.positions, hidden);
  }

  Model model_;
  Capacity capacity_;
  Result<void> status_;
  Buffer own_;
  std::span<std::byte> block_;
  Schedule schedule_;
  Workspace workspace_;
  // Of the last complete segment; a paused one may be writing its own.
  float* logits_ = nullptr;  // [batch, P + S, vocab]
  float* q_ = nullptr;       // [batch, 2]
  Progress progress_;
};

}  // namespace hrm
