#pragma once
/// The gradient of a batch, on any number of threads and with the same bits on each of them.

#include <hrm/base/float_environment.hpp>
#include <hrm/train/network.hpp>
#include <hrm/train/parallel.hpp>

#include <optional>

namespace hrm::train {

/// Sequences that a step may have.
inline constexpr std::size_t max_batch = std::size_t{1} << 20;

struct LearnerOptions {
  std::size_t tokens = 0;  ///< S
  std::size_t batch = 64;  ///< sequences a step
  std::size_t lanes = 8;   ///< parts of the batch, each with a gradient of its own; more threads than lanes are no use.
                           ///< Results depend on this number, never on the threads
  std::size_t rows = 700;  ///< rows that one pass takes at once, about: they should fit a second-level cache
  Executor executor{};     ///< who helps; must outlive the learner
};

/// Weights, and the gradient of a batch with respect to them. All memory is taken by the constructor. One user at a
/// time. `Weight` (float or bfloat16) is what the factors of products are rounded to; all else is float32.
template <class Arch = kernels::DefaultArch, class Weight = float>
class Learner {
 public:
  Learner(const Config& config, const LearnerOptions& options)
      : layout_(config), options_(options), network_(layout_, options.tokens), values_(layout_.size()) {
    if (status_ = first_fault(); !status_) return;
    const std::size_t positions = network_.shape().positions;
    lanes_ = std::max<std::size_t>(1, std::min(options.lanes, options.batch));
    const std::size_t lane = ceil_div(options.batch, lanes_);
    lanes_ = ceil_div(options.batch, lane);
    chunk_ = std::max<std::size_t>(1, std::min(lane, options.rows / positions));
    chunk_ = ceil_div(lane, ceil_div(lane, chunk_));
    for (std::size_t i = 0; i < lanes_ && status_; ++i) status_ = gradients_.emplace_back(layout_.dense()).status();
    const std::size_t threads = std::min<std::size_t>(options.executor.concurrency(), lanes_);
    for (std::size_t i = 0; i < std::max<std::size_t>(1, threads) && status_; ++i)
      status_ = scratch_.emplace_back(network_, chunk_).status();
  }
  Learner(const Learner&) = delete;
  Learner& operator=(const Learner&) = delete;

  /// Error: sizes that make no model, or memory ran out; no pass may then be made.
  [[nodiscard]] const Result<void>& status() const noexcept { return status_; }
  [[nodiscard]] const Layout& layout() const noexcept { return layout_; }
  [[nodiscard]] std::size_t positions() const noexcept { return network_.shape().positions; }
  [[nodiscard]] std::span<float> values() noexcept { return values_.span(); }
  [[nodiscard]] std::span<const float> values() const noexcept { return values_.span(); }

  /// After a change of values().
  void pack() noexcept {
    parallel_for(options_.executor, network_.pack_jobs(),
                 [&](std::size_t job, std::size_t) { network_.pack(job, values_.data()); });
  }

  /// One segment of the batch and the gradient of its mean loss. `before(s)` is called for every sequence, on the
  /// thread that will work on it, and may fill its tokens, labels and states.
  template <class Before>
  void segment(const SequenceBatch& batch, const LossOptions& loss, const Before& before) noexcept {
    const auto scale = static_cast<float>(1.0 / static_cast<double>(batch.count));
    const std::size_t lane = ceil_div(options_.batch, lanes_);
    const std::size_t lanes = ceil_div(batch.count, lane);
    used_ = lanes;
    parallel_for(
        options_.executor, lanes,
        [&](std::size_t i, std::size_t participant) {
          const std::size_t end = std::min(batch.count, (i + 1) * lane);
          for (std::size_t first = i * lane; first < end; first += chunk_) {
            const std::size_t count = std::min(chunk_, end - first);
            for (std::size_t s = first; s < first + count; ++s) before(s);
            const FloatEnvironment environment;
            network_.segment(values_.data(), batch, first, count, loss, scale, gradients_[i].data(), first != i * lane,
                             scratch_[participant]);
          }
        },
        scratch_.size());
  }
  void segment(const SequenceBatch& batch, const LossOptions& loss) noexcept {
    segment(batch, loss, [](std::size_t) {});
  }

  /// Adds up the lanes' gradients, always in the same order; the sum of layout().dense() floats stays valid till the
  /// next segment(). May be written to (clipped, say) before an optimiser reads it.
  [[nodiscard]] std::span<float> gradient() noexcept {
    constexpr std::size_t block = 8192;
    float* const sum = gradients_[0].data();
    if (used_ > 1) {
      parallel_for(options_.executor, ceil_div(layout_.dense(), block), [&](std::size_t b, std::size_t) {
        const std::size_t end = std::min(layout_.dense(), (b + 1) * block);
        for (std::size_t i = 1; i < used_; ++i) {
          const float* const more = gradients_[i].data();
          Layers<Arch>::add(sum + b * block, more + b * block, nullptr, sum + b * block, end - b * block);
        }
      });
    }
    used_ = 1;
    return gradients_[0].span();
  }

 private:
  [[nodiscard]] Result<void> first_fault() const noexcept {
    if (!network_.status()) return network_.status();
    if (options_.batch == 0 || options_.batch > max_batch)
      return Error(ErrorCode::value, "batch: expected 1 to ", max_batch, ", found ", options_.batch);
    return values_.status();
  }

  Layout layout_;
  LearnerOptions options_;
  Network<Arch, Weight> network_;
  Values values_;
  Result<void> status_;
  std::vector<Values> gradients_;                                 // one a lane
  std::vector<typename Network<Arch, Weight>::Scratch> scratch_;  // one a thread
  std::size_t lanes_ = 1;
  std::size_t chunk_ = 1;  // sequences of a pass
  std::size_t used_ = 0;   // lanes that hold a part of the gradient
};

}  // namespace hrm::train
