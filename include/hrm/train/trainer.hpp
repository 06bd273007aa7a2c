#pragma once
/// Deep supervision with halting (paper, sections 2.3 and 2.4): slots hold puzzles under way; every step runs one
/// segment of all of them, learns from its answer and from its wish to halt, and refills the slots whose puzzles have
/// ended.

#include <hrm/train/examples.hpp>
#include <hrm/train/optimizer.hpp>

namespace hrm::train {

/// Where the value of thinking on comes from.
enum class NextValue : std::uint8_t {
  next_step,  ///< the slot's own next segment, a step later (free; teaches the q head alone, as the reference does)
  look_ahead  ///< an extra forward pass of every segment (as published; costs some 40 % more)
};

struct TrainerOptions {
  std::size_t batch = 64;
  std::size_t lanes = 8;     ///< see LearnerOptions
  std::size_t rows = 700;    ///< see LearnerOptions
  std::uint64_t seed = 0;    ///< of the first weights and of exploration
  double exploration = 0.1;  ///< how likely a puzzle may not halt before a random 2 .. max_segments
  NextValue next_value = NextValue::next_step;
  TaskLoss loss = TaskLoss::stablemax;
  double halting = 0.5;                ///< see LossOptions
  std::vector<float> label_weights{};  ///< see LossOptions
  OptimizerOptions optimizer{};
  Executor executor{};  ///< who helps; must outlive the trainer
};

/// What a step (or several, added up) came to.
struct StepStats {
  std::uint64_t sequences = 0;                  ///< examples x segments
  double task = 0.0, halt = 0.0, go_on = 0.0;   ///< summed losses
  std::uint64_t counted = 0, right = 0;         ///< cells
  std::uint64_t exact = 0;                      ///< sequences; none without a cell that counts, here and below
  std::uint64_t ended = 0, ended_segments = 0;  ///< puzzles that left their slot, and their segments
  std::uint64_t ended_exact = 0;

  void add(const StepStats& o) noexcept {
    sequences += o.sequences;
    task += o.task, halt += o.halt, go_on += o.go_on;
    counted += o.counted, right += o.right, exact += o.exact;
    ended += o.ended, ended_segments += o.ended_segments, ended_exact += o.ended_exact;
  }
  /// `halting`: TrainerOptions::halting.
  [[nodiscard]] double loss(double halting = 0.5) const noexcept {
    return sequences == 0 ? 0.0 : (task + halting * (halt + go_on)) / static_cast<double>(sequences);
  }
};

/// A training run. The same seed, options and source give the same bits after the same number of steps, whatever the
/// number of threads; saving and loading in between (state.hpp) changes nothing. Memory is taken by the constructor:
/// see status().
/// `Weight`: see Learner; the weights themselves, moments and states are float32 either way.
template <class Arch = kernels::DefaultArch, class Weight = float>
class Trainer {
 public:
  static constexpr std::size_t weight_bytes = sizeof(Weight);  ///< tells precisions apart
  /// `config` has the sizes of the source; config.halt_max_steps is the limit. The source must outlive the trainer.
  Trainer(const Config& config, const ExampleSource& source, const TrainerOptions& options)
      : options_(options),
        source_(&source),
        config_(config),
        learner_(config, LearnerOptions{source.tokens(), options.batch, options.lanes, options.rows, options.executor}),
        adam_(learner_.layout().dense()),
        average_(learner_.layout().size()),
        status_(learner_.status()) {
    if (!status_) return;
    const std::size_t batch = options.batch;
    const std::size_t floats = batch * learner_.positions() * config.sizes.hidden;
    z_h_ = Values(floats);
    z_l_ = Values(floats);
    before_ = Values(batch * config.sizes.hidden);
    for (const Values* values : {&adam_.first(), &adam_.second(), &average_, &z_h_, &z_l_, &before_}) {
      if (status_ = values->status(); !status_) return;
    }
    tokens_.resize(batch * source.tokens());
    labels_.resize(batch * source.tokens());
    ids_.resize(batch);
    puzzle_gradients_.resize(batch * config.puzzle_emb_ndim);
    last_.resize(batch);
    results_.resize(batch);
    slots_.resize(batch);
    initialise(learner_.layout(), options.seed, learner_.values());
    begin();
  }

  /// Error: sizes that make no model, or memory ran out; nothing else may then be called.
  [[nodiscard]] const Result<void>& status() const noexcept { return status_; }
  [[nodiscard]] const Layout& layout() const noexcept { return learner_.layout(); }
  [[nodiscard]] std::uint64_t steps() const noexcept { return step_; }
  [[nodiscard]] const TrainerOptions& options() const noexcept { return options_; }
  /// The weights as they are, and their moving average: the model to keep.
  [[nodiscard]] std::span<const float> values() const noexcept { return learner_.values(); }
  [[nodiscard]] std::span<const float> average() const noexcept { return average_.span(); }

  /// Begins from other weights (layout().size() floats); moments, slots and the count of steps stay as they are.
  void start_from(std::span<const float> values) noexcept {
    std::memcpy(learner_.values().data(), values.data(), values.size_bytes());
    begin();
  }

  /// One segment of every slot and one step of the optimiser.
  StepStats step() noexcept {
    for (Slot& slot : slots_) {
      slot.fresh = slot.halted;
      if (slot.fresh) refill(slot);
    }
    for (std::size_t s = 0; s < slots_.size(); ++s) last_[s] = slots_[s].segment + 1 >= config_.halt_max_steps ? 1 : 0;
    LossOptions loss;
    loss.task = options_.loss;
    loss.halting = options_.halting;
    loss.label_weights = options_.label_weights;
    loss.target = options_.next_value == NextValue::look_ahead ? ContinueTarget::look_ahead : ContinueTarget::none;
    learner_.segment(batch(), loss, [this](std::size_t s) { prepare(s); });
    const std::span<float> gradient = learner_.gradient();
    if (options_.next_value == NextValue::next_step) learn_from_next_step(gradient);
    update(gradient);
    return finish();
  }

  /// Whether all that state() hands out is finite. Where it is not, the run has come apart (its learning rate was too
  /// high, say), and no further step will mend it.
  [[nodiscard]] bool finite() {
    bool good = true;
    state([&good](std::string_view, const auto* data, std::size_t count) {
      if constexpr (std::is_same_v<decltype(data), const float*>) good = good && all_finite({data, count});
    });
    return good;
  }

  /// Everything that a further step depends on, handed to `visit(name, pointer, count)` piece by piece, for saving and
  /// loading: float, Token, std::uint64_t arrays. After loading call begin_again().
  template <class Visit>
  void state(const Visit& visit) {
    const std::uint64_t counters[2] = {step_, next_index_};
    std::copy(std::begin(counters), std::end(counters), counters_);
    for (std::size_t s = 0; s < slots_.size(); ++s) {
      const Slot& slot = slots_[s];
      std::uint64_t* const to = slot_numbers(s);
      to[0] = slot.index, to[1] = slot.segment, to[2] = slot.least, to[3] = slot.halted ? 1 : 0, to[4] = ids_[s];
    }
    visit("weights", learner_.values().data(), learner_.values().size());
    visit("average", average_.data(), average_.size());
    visit("moment1", adam_.first().data(), adam_.first().size());
    visit("moment2", adam_.second().data(), adam_.second().size());
    visit("z_h", z_h_.data(), z_h_.size());
    visit("z_l", z_l_.data(), z_l_.size());
    visit("tokens", tokens_.data(), tokens_.size());
    visit("labels", labels_.data(), labels_.size());
    visit("counters", static_cast<std::uint64_t*>(counters_), std::size_t{2});
    visit("slots", numbers_.data(), numbers_.size());
  }
  /// After state() has filled everything. False: a puzzle id, a token or a label out of range.
  [[nodiscard]] bool begin_again() noexcept {
    step_ = counters_[0];
    next_index_ = counters_[1];
    bool sane = true;
    for (std::size_t s = 0; s < slots_.size(); ++s) {
      const std::uint64_t* const from = slot_numbers(s);
      slots_[s] = Slot{from[0], from[1], from[2], from[3] != 0, false};
      ids_[s] = from[4];
      sane = sane && (config_.puzzle_emb_ndim == 0 || from[4] < config_.puzzle_ids);
    }
    for (const Token t : tokens_) sane = sane && t >= 0 && static_cast<std::size_t>(t) < config_.sizes.vocab;
    for (const Token t : labels_) sane = sane && (t < 0 || static_cast<std::size_t>(t) < config_.sizes.vocab);
    if (sane) learner_.pack();
    return sane;
  }

 private:
  struct Slot {
    std::uint64_t index = 0;    // example
    std::uint64_t segment = 0;  // segments run
    std::uint64_t least = 0;    // it may not halt before
    bool halted = true;
    bool fresh = false;
  };

  void begin() noexcept {
    std::memcpy(average_.data(), learner_.values().data(), learner_.values().size_bytes());
    learner_.pack();
  }

  [[nodiscard]] std::uint64_t* slot_numbers(std::size_t s) {
    numbers_.resize(slots_.size() * 5);
    return numbers_.data() + 5 * s;
  }

  [[nodiscard]] SequenceBatch batch() noexcept {
    return {slots_.size(),   tokens_.data(),
            labels_.data(),  ids_.data(),
            z_h_.data(),     z_l_.data(),
            nullptr,         last_.data(),
            results_.data(), puzzle_gradients_.empty() ? nullptr : puzzle_gradients_.data()};
  }

  void refill(Slot& slot) noexcept {
    slot.index = next_index_++;
    slot.segment = 0;
    slot.least = 0;
    const std::uint64_t bits = mixed(options_.seed ^ 0x6578706c6f7265U, slot.index);
    const std::size_t most = config_.halt_max_steps;
    if (most >= 2 && static_cast<double>(bits >> 11) * 0x1p-53 < options_.exploration) {
      slot.least = 2 + mixed(bits, slot.index) % (most - 1);
    }
  }

  // On the thread that will work on the sequence.
  void prepare(std::size_t s) noexcept {
    const std::size_t hidden = config_.sizes.hidden;
    const std::size_t floats = learner_.positions() * hidden;
    if (!slots_[s].fresh) {
      std::memcpy(before_.data() + s * hidden, z_h_.data() + s * floats, hidden * sizeof(float));
      return;
    }
    const std::size_t count = source_->tokens();
    Example example{{tokens_.data() + s * count, count}, {labels_.data() + s * count, count}, 0};
    source_->make(slots_[s].index, example);
    ids_[s] = example.puzzle_id;
    for (std::size_t r = 0; r < learner_.positions(); ++r) {
      std::memcpy(z_h_.data() + s * floats + r * hidden, learner_.values().data() + layout().h_init,
                  hidden * sizeof(float));
      std::memcpy(z_l_.data() + s * floats + r * hidden, learner_.values().data() + layout().l_init,
                  hidden * sizeof(float));
    }
  }

  // q_continue of the state that a puzzle came from, against the value of where it came to.
  void learn_from_next_step(std::span<float> gradient) noexcept {
    const std::size_t hidden = config_.sizes.hidden;
    const float* const w = learner_.values().data() + layout().q_weight + hidden;
    const double bias = static_cast<double>(learner_.values()[layout().q_bias + 1]);
    for (std::size_t s = 0; s < slots_.size(); ++s) {
      if (slots_[s].fresh) continue;
      const float* const z = before_.data() + s * hidden;
      double q = bias;
      for (std::size_t k = 0; k < hidden; ++k) q += static_cast<double>(w[k]) * static_cast<double>(z[k]);
      const SequenceResult& r = results_[s];
      const double target = sigmoid(static_cast<double>(last_[s] != 0 ? r.q_halt : std::max(r.q_halt, r.q_continue)));
      results_[s].go_on = binary_cross_entropy(q, target);
      const auto g = static_cast<float>(options_.halting * (sigmoid(q) - target) / static_cast<double>(slots_.size()));
      gradient[layout().q_bias + 1] += g;
      for (std::size_t k = 0; k < hidden; ++k) gradient[layout().q_weight + hidden + k] += g * z[k];
    }
  }

  void update(std::span<const float> gradient) noexcept {
    ++step_;
    const OptimizerOptions& o = options_.optimizer;
    const double course = rate_course(o, step_);
    const double early = static_cast<double>(1 + step_) / static_cast<double>(10 + step_);
    const double keep = std::min(o.average, early);
    adam_.step(step_, o.rate * course, o, gradient, learner_.values().data(), average_.data(), keep, options_.executor);
    if (config_.puzzle_emb_ndim > 0) {
      float* const table = learner_.values().data() + layout().puzzles;
      sign_sgd(ids_, puzzle_gradients_.data(), config_.puzzle_emb_ndim, o.puzzle_rate * course, o.puzzle_decay, table);
      const auto share = static_cast<float>(1.0 - keep);
      float* const mean = average_.data() + layout().puzzles;
      for (std::size_t i = 0; i < config_.puzzle_ids * config_.puzzle_emb_ndim; ++i)
        mean[i] += share * (table[i] - mean[i]);
    }
    learner_.pack();
  }

  StepStats finish() noexcept {
    StepStats stats;
    stats.sequences = slots_.size();
    for (std::size_t s = 0; s < slots_.size(); ++s) {
      Slot& slot = slots_[s];
      const SequenceResult& r = results_[s];
      stats.task += r.task, stats.halt += r.halt, stats.go_on += r.go_on;
      stats.counted += r.counted, stats.right += r.right, stats.exact += r.exact && r.counted > 0 ? 1 : 0;
      ++slot.segment;
      slot.halted = slot.segment >= config_.halt_max_steps || (r.q_halt > r.q_continue && slot.segment >= slot.least);
      if (slot.halted && r.counted > 0)
        ++stats.ended, stats.ended_segments += slot.segment, stats.ended_exact += r.exact ? 1 : 0;
    }
    return stats;
  }

  TrainerOptions options_;
  const ExampleSource* source_;
  Config config_;
  Learner<Arch, Weight> learner_;
  AdamATan2 adam_;
  Values average_;
  Result<void> status_;
  Values z_h_, z_l_;  // [batch, positions, hidden]
  Values before_;     // [batch, hidden] z_H's first row as the step found it
  std::vector<Token> tokens_, labels_;
  std::vector<std::size_t> ids_;
  std::vector<float> puzzle_gradients_;
  std::vector<std::uint8_t> last_;
  std::vector<SequenceResult> results_;
  std::vector<Slot> slots_;
  std::vector<std::uint64_t> numbers_;  // the slots, for state()
  std::uint64_t counters_[2] = {};
  std::uint64_t step_ = 0;
  std::uint64_t next_index_ = 0;
};

}  // namespace hrm::train
