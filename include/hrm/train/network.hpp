#pragma once
/// A segment of the whole model with the one-step gradient: all but the last L and the last H application run without
/// keeping anything, those two are differentiated, and the states are handed on detached (paper, section 2.2).

#include <hrm/train/block.hpp>
#include <hrm/train/loss.hpp>

namespace hrm::train {

/// What a sequence's segment came to.
struct SequenceResult {
  double task = 0.0;   ///< cross entropy, mean over the counted positions
  double halt = 0.0;   ///< binary cross entropy of q_halt against `exact`
  double go_on = 0.0;  ///< binary cross entropy of q_continue; 0 where there was no target
  float q_halt = 0.0F;
  float q_continue = 0.0F;
  std::uint32_t counted = 0;  ///< positions with a label
  std::uint32_t right = 0;    ///< of them, right
  bool exact = false;         ///< all of them right; also where there are none, as the published loss has it
};

/// Where q_continue's target comes from.
enum class ContinueTarget : std::uint8_t {
  none,       ///< no loss on q_continue here
  given,      ///< SequenceBatch::targets
  look_ahead  ///< a further segment without gradient: sigmoid(max(q')), or sigmoid(q_halt') at the limit (as published)
};

struct LossOptions {
  TaskLoss task = TaskLoss::stablemax;
  ContinueTarget target = ContinueTarget::none;
  double halting = 0.5;                ///< share of each of the two halting losses in the whole
  std::vector<float> label_weights{};  ///< [vocab] how much each label counts; empty: all the same
};

/// Sequences in work. Plain pointers; index s is the sequence.
struct SequenceBatch {
  std::size_t count = 0;
  const Token* tokens = nullptr;            ///< [count, S]
  const Token* labels = nullptr;            ///< [count, S]; below 0: not counted
  const std::size_t* puzzle_ids = nullptr;  ///< [count]; null: 0
  float* z_h = nullptr;                     ///< [count, P + S, hidden] in and out
  float* z_l = nullptr;
  const float* targets = nullptr;      ///< [count] for ContinueTarget::given
  const std::uint8_t* last = nullptr;  ///< [count] for look_ahead: this segment is the limit
  SequenceResult* results = nullptr;   ///< [count]
  float* puzzle_gradients = nullptr;   ///< [count, puzzle_emb_ndim]; null without a puzzle embedding
};

/// A model being trained: packed weights and the passes over a few sequences at a time. pack() after every change of
/// the values; then the passes are const, and safe on any thread that brings its own Scratch.
template <class Arch, class Weight = float>
class Network {
 public:
  using L = Layers<Arch, Weight>;
  using P = Products<Arch, Weight>;
  using B = Block<Arch, Weight>;

  /// Buffers of one thread for `rows` rows at most.
  class Scratch;

  Network(const Layout& layout, std::size_t tokens) : layout_(&layout), tokens_(tokens), status_(layout.status()) {
    if (status_ && (tokens == 0 || tokens > max_width))
      status_ = Error(ErrorCode::shape, "tokens: expected 1 to ", max_width, ", found ", tokens);
    if (!status_) return;
    const Config& c = layout.config();
    shape_ = {c.sizes.hidden, c.sizes.heads, c.sizes.inner, tokens + c.sizes.puzzle_tokens,
              c.rms_norm_eps, nullptr,       nullptr};
    Arena measure;
    take(measure);
    memory_ = Buffer(measure.used());
    if (status_ = detail::memory_status(memory_, measure.used()); !status_) return;
    Arena arena(memory_.data());
    take(arena);
    if (c.positions == PositionEncoding::rope) {
      fill_rope(cos_, sin_, shape_.positions, shape_.head_dim(), c.rope_theta);
      shape_.cos = cos_;
      shape_.sin = sin_;
    }
  }

  /// Error: the layout's, a length that no puzzle has, or memory ran out; nothing else may then be called.
  [[nodiscard]] const Result<void>& status() const noexcept { return status_; }
  [[nodiscard]] const BlockShape& shape() const noexcept { return shape_; }
  [[nodiscard]] std::size_t tokens() const noexcept { return tokens_; }
  [[nodiscard]] const Layout& layout() const noexcept { return *layout_; }

  /// Packing, in jobs that may run on any thread; all before the next pass.
  [[nodiscard]] std::size_t pack_jobs() const noexcept { return (l_.size() + h_.size()) * B::matrices + 1; }
  void pack(std::size_t job, const float* values) const noexcept {
    const std::size_t which = job % B::matrices;
    const std::size_t block = job / B::matrices;
    if (block < l_.size()) return B::pack(l_[block], shape_, layout_->l_blocks[block], values, which);
    if (block < l_.size() + h_.size()) {
      return B::pack(h_[block - l_.size()], shape_, layout_->h_blocks[block - l_.size()], values, which);
    }
    const auto row = [&](std::size_t j) { return values + layout_->lm_head + j * shape_.hidden; };
    P::pack(lm_head_, row);
    P::pack_rows(lm_head_back_, row);
  }

  /// A segment of sequences [first, first + count) of the batch: states move on, results and q are written, and the
  /// gradient of the summed losses goes to `gradient` (the dense part of the layout; added with `accumulate`).
  /// Every loss counts `scale`-fold (1 / batch size, say).
  void segment(const float* values, const SequenceBatch& batch, std::size_t first, std::size_t count,
               const LossOptions& options, float scale, float* gradient, bool accumulate,
               const Scratch& t) const noexcept {
    [[maybe_unused]] const typename P::Session session;
    const std::size_t rows = count * shape_.positions;
    const std::size_t floats = rows * shape_.hidden;
    float* const z_h = batch.z_h + first * shape_.positions * shape_.hidden;
    float* const z_l = batch.z_l + first * shape_.positions * shape_.hidden;
    for (std::size_t s = 0; s < count; ++s) embed(values, batch, first + s, t.x + s * shape_.positions * shape_.hidden);

    detached(z_h, z_l, t.x, rows, true, t);
    L::add(z_l, z_h, t.x, t.tapes[0].in.data, floats);
    keep(l_, t.tapes.data(), t.l_out, rows, t);
    std::memcpy(z_l, t.l_out.data, floats * sizeof(float));
    L::add(z_h, z_l, nullptr, t.tapes[l_.size()].in.data, floats);
    keep(h_, t.tapes.data() + l_.size(), t.h_out, rows, t);
    std::memcpy(z_h, t.h_out.data, floats * sizeof(float));
    P::multiply(t.h_out, rows, lm_head_, t.logits, false, t.block.room);

    for (std::size_t s = 0; s < count; ++s) {
      SequenceResult& result = batch.results[first + s];
      q_head(values, t.h_out.row(s * shape_.positions), result);
    }
    std::vector<float>& targets = t.targets;
    if (options.target == ContinueTarget::given) {
      for (std::size_t s = 0; s < count; ++s) targets[s] = batch.targets[first + s];
    } else if (options.target == ContinueTarget::look_ahead) {
      look_ahead(values, batch, first, count, t);
    }
    if (!accumulate) std::memset(gradient, 0, layout_->l_blocks[0].qkv * sizeof(float));
    const Rows d{t.d, shape_.hidden};
    for (std::size_t s = 0; s < count; ++s) task_loss(batch, first + s, s, options, scale, t);
    P::multiply(t.d_logits, rows, lm_head_back_, d, false, t.block.room);
    weight_gradient<P>(t.d_logits, t.h_out, rows, layout_->config().sizes.vocab, shape_.hidden,
                       gradient + layout_->lm_head, true, t.block.packed, t.block.room,
                       [](std::size_t j) { return j; });
    for (std::size_t s = 0; s < count; ++s) {
      q_losses(values, batch.results[first + s], options.target == ContinueTarget::none ? nullptr : &targets[s],
               static_cast<float>(options.halting) * scale, t.h_out.row(s * shape_.positions),
               d.row(s * shape_.positions), gradient);
    }
    back(h_, layout_->h_blocks, t.tapes.data() + l_.size(), t.h_out, d, rows, gradient, accumulate, t);
    back(l_, layout_->l_blocks, t.tapes.data(), t.l_out, d, rows, gradient, accumulate, t);
    for (std::size_t s = 0; s < count; ++s) {
      embed_backward(batch, first + s, d.row(s * shape_.positions), gradient);
    }
  }

 private:
  void take(Arena& arena) {
    const Config& c = layout_->config();
    l_.clear();
    h_.clear();
    for (std::size_t i = 0; i < c.sizes.l_layers; ++i) l_.push_back(B::take(arena, shape_));
    for (std::size_t i = 0; i < c.sizes.h_layers; ++i) h_.push_back(B::take(arena, shape_));
    lm_head_ = P::take(arena, c.sizes.vocab, shape_.hidden);
    lm_head_back_ = P::take(arena, shape_.hidden, c.sizes.vocab);
    cos_ = arena.take<float>(shape_.positions * shape_.head_dim());
    sin_ = arena.take<float>(shape_.positions * shape_.head_dim());
  }

  [[nodiscard]] float embed_scale() const noexcept {
    const auto root = static_cast<float>(std::sqrt(static_cast<double>(shape_.hidden)));
    return layout_->config().positions == PositionEncoding::learned ? root * 0.707106781F : root;
  }

  // x [positions, hidden] of one sequence (reference: Inner.embed).
  void embed(const float* values, const SequenceBatch& batch, std::size_t s, float* x) const noexcept {
    const Config& c = layout_->config();
    const std::size_t hidden = shape_.hidden;
    const std::size_t before = c.sizes.puzzle_tokens;
    const float scale = embed_scale();
    if (before > 0) {
      std::memset(x, 0, before * hidden * sizeof(float));
      const std::size_t id = batch.puzzle_ids == nullptr ? 0 : batch.puzzle_ids[s];
      std::memcpy(x, values + layout_->puzzles + id * c.puzzle_emb_ndim, c.puzzle_emb_ndim * sizeof(float));
    }
    for (std::size_t i = 0; i < tokens_; ++i) {
      const auto token = static_cast<std::size_t>(batch.tokens[s * tokens_ + i]);
      std::memcpy(x + (before + i) * hidden, values + layout_->tokens + token * hidden, hidden * sizeof(float));
    }
    const float* const positions = c.positions == PositionEncoding::learned ? values + layout_->positions : nullptr;
    for (std::size_t i = 0; i < shape_.positions * hidden; ++i)
      x[i] = scale * (positions == nullptr ? x[i] : x[i] + positions[i]);
  }

  void embed_backward(const SequenceBatch& batch, std::size_t s, const float* d, float* gradient) const noexcept {
    const Config& c = layout_->config();
    const std::size_t hidden = shape_.hidden;
    const std::size_t before = c.sizes.puzzle_tokens;
    const float scale = embed_scale();
    for (std::size_t i = 0; i < tokens_; ++i) {
      const auto token = static_cast<std::size_t>(batch.tokens[s * tokens_ + i]);
      float* const to = gradient + layout_->tokens + token * hidden;
      const float* const from = d + (before + i) * hidden;
      for (std::size_t k = 0; k < hidden; ++k) to[k] += scale * from[k];
    }
    if (c.positions == PositionEncoding::learned) {
      float* const to = gradient + layout_->positions;
      for (std::size_t k = 0; k < shape_.positions * hidden; ++k) to[k] += scale * d[k];
    }
    if (before > 0 && batch.puzzle_gradients != nullptr) {
      float* const to = batch.puzzle_gradients + s * c.puzzle_emb_ndim;
      for (std::size_t k = 0; k < c.puzzle_emb_ndim; ++k) to[k] = scale * d[k];
    }
  }

  static void forward(const std::vector<typename B::Packed>& blocks, const BlockShape& shape, float* z,
                      std::size_t rows, const typename B::Scratch& t) noexcept {
    for (const typename B::Packed& b : blocks) B::forward(b, shape, z, rows, t);
  }
  // A segment without the last L and H application (`short_by_one`), or a whole one.
  void detached(float* z_h, float* z_l, const float* x, std::size_t rows, bool short_by_one,
                const Scratch& t) const noexcept {
    const Sizes& sizes = layout_->config().sizes;
    const std::size_t floats = rows * shape_.hidden;
    for (std::size_t i = 0; i < sizes.h_cycles; ++i) {
      const bool last = short_by_one && i + 1 == sizes.h_cycles;
      for (std::size_t k = 0; k < sizes.l_cycles - (last ? 1 : 0); ++k) {
        L::add(z_l, z_h, x, z_l, floats);
        forward(l_, shape_, z_l, rows, t.block);
      }
      if (last) continue;
      L::add(z_h, z_l, nullptr, z_h, floats);
      forward(h_, shape_, z_h, rows, t.block);
    }
  }
  void keep(const std::vector<typename B::Packed>& blocks, const BlockTape* tapes, const Rows& out, std::size_t rows,
            const Scratch& t) const noexcept {
    for (std::size_t i = 0; i < blocks.size(); ++i) {
      B::forward(blocks[i], shape_, tapes[i], i + 1 < blocks.size() ? tapes[i + 1].in : out, rows, t.block);
    }
  }
  void back(const std::vector<typename B::Packed>& blocks, const std::vector<BlockOffsets>& offsets,
            const BlockTape* tapes, const Rows& out, const Rows& d, std::size_t rows, float* gradient, bool accumulate,
            const Scratch& t) const noexcept {
    for (std::size_t i = blocks.size(); i-- > 0;) {
      const Rows& its_out = i + 1 < blocks.size() ? tapes[i + 1].in : out;
      B::backward(blocks[i], shape_, tapes[i], its_out, d, rows, offsets[i], gradient, accumulate, t.block);
    }
  }

  void q_head(const float* values, const float* z, SequenceResult& result) const noexcept {
    float q[2];
    for (std::size_t i = 0; i < 2; ++i) {
      const float* const w = values + layout_->q_weight + i * shape_.hidden;
      double sum = static_cast<double>(values[layout_->q_bias + i]);
      for (std::size_t k = 0; k < shape_.hidden; ++k) sum += static_cast<double>(w[k]) * static_cast<double>(z[k]);
      q[i] = static_cast<float>(sum);
    }
    result.q_halt = q[0];
    result.q_continue = q[1];
  }

  void look_ahead(const float* values, const SequenceBatch& batch, std::size_t first, std::size_t count,
                  const Scratch& t) const noexcept {
    const std::size_t rows = count * shape_.positions;
    std::memcpy(t.ahead_h, t.h_out.data, rows * shape_.hidden * sizeof(float));
    std::memcpy(t.ahead_l, t.l_out.data, rows * shape_.hidden * sizeof(float));
    detached(t.ahead_h, t.ahead_l, t.x, rows, false, t);
    for (std::size_t s = 0; s < count; ++s) {
      SequenceResult next;
      q_head(values, t.ahead_h + s * shape_.positions * shape_.hidden, next);
      const bool last = batch.last != nullptr && batch.last[first + s] != 0;
      const float q = last || next.q_halt > next.q_continue ? next.q_halt : next.q_continue;
      t.targets[s] = static_cast<float>(sigmoid(static_cast<double>(q)));
    }
  }

  // Losses of one sequence's answer; the gradient of its logits goes to d_logits, whose rows it fills.
  void task_loss(const SequenceBatch& batch, std::size_t s, std::size_t place, const LossOptions& options, float scale,
                 const Scratch& t) const noexcept {
    const std::size_t vocab = layout_->config().sizes.vocab;
    const std::size_t before = shape_.positions - tokens_;
    const Token* const labels = batch.labels + s * tokens_;
    const auto weight_of = [&](Token label) {
      return options.label_weights.empty()
                 ? 1.0
                 : static_cast<double>(options.label_weights[static_cast<std::size_t>(label)]);
    };
    SequenceResult& result = batch.results[s];
    result.task = 0.0;
    result.counted = result.right = 0;
    double total = 0.0;
    for (std::size_t i = 0; i < tokens_; ++i) total += labels[i] < 0 ? 0.0 : weight_of(labels[i]);
    const double share = total > 0.0 ? 1.0 / total : 0.0;
    for (std::size_t i = 0; i < shape_.positions; ++i) {
      float* const gradient = t.d_logits.row(place * shape_.positions + i);
      const float* const logits = t.logits.row(place * shape_.positions + i);
      if (i < before || labels[i - before] < 0) {
        std::memset(gradient, 0, vocab * sizeof(float));
        continue;
      }
      const Token label = labels[i - before];
      const double weight = share * weight_of(label);
      result.task +=
          weight * cross_entropy(options.task, logits, vocab, label, weight * static_cast<double>(scale), gradient);
      ++result.counted;
      if (argmax(logits, vocab) == label) ++result.right;
    }
    result.exact = result.right == result.counted;
  }

  // Both halting losses of one sequence, `scale`-fold: added to d, the gradient of z_H's first row, and to the q
  // head's.
  void q_losses(const float* values, SequenceResult& result, const float* target, float scale, const float* z, float* d,
                float* gradient) const noexcept {
    const double right = result.exact ? 1.0 : 0.0;
    const auto q_halt = static_cast<double>(result.q_halt);
    const auto q_continue = static_cast<double>(result.q_continue);
    result.halt = binary_cross_entropy(q_halt, right);
    result.go_on = 0.0;
    double slope[2] = {sigmoid(q_halt) - right, 0.0};
    if (target != nullptr) {
      result.go_on = binary_cross_entropy(q_continue, static_cast<double>(*target));
      slope[1] = sigmoid(q_continue) - static_cast<double>(*target);
    }
    for (std::size_t i = 0; i < 2; ++i) {
      const auto g = static_cast<float>(static_cast<double>(scale) * slope[i]);
      const float* const w = values + layout_->q_weight + i * shape_.hidden;
      float* const dw = gradient + layout_->q_weight + i * shape_.hidden;
      gradient[layout_->q_bias + i] += g;
      for (std::size_t k = 0; k < shape_.hidden; ++k) {
        dw[k] += g * z[k];
        d[k] += g * w[k];
      }
    }
  }

  const Layout* layout_;
  std::size_t tokens_;
  Result<void> status_;
  BlockShape shape_;
  Buffer memory_;
  std::vector<typename B::Packed> l_, h_;
  typename P::Packed lm_head_, lm_head_back_;
  float* cos_ = nullptr;
  float* sin_ = nullptr;
};

template <class Arch, class Weight>
class Network<Arch, Weight>::Scratch {
 public:
  Scratch(const Network& network, std::size_t sequences) : targets(sequences) {
    Arena measure;
    take(measure, network, sequences);
    memory_ = Buffer(measure.used());
    if (status_ = detail::memory_status(memory_, measure.used()); !status_) return;
    Arena arena(memory_.data());
    take(arena, network, sequences);
  }

  /// Error: memory ran out.
  [[nodiscard]] const Result<void>& status() const noexcept { return status_; }

  // NOLINTBEGIN(*-non-private-member-*)
  float* x = nullptr;        // [rows, hidden]
  float* d = nullptr;        // [rows, hidden]
  float* ahead_h = nullptr;  // [rows, hidden]
  float* ahead_l = nullptr;  // [rows, hidden]
  Rows l_out, h_out;         // [rows, hidden]
  Rows logits, d_logits;     // [rows, vocab]
  std::vector<BlockTape> tapes;
  typename B::Scratch block;
  mutable std::vector<float> targets;  // [sequences]
                                       // NOLINTEND(*-non-private-member-*)

 private:
  void take(Arena& arena, const Network& network, std::size_t sequences) {
    const BlockShape& s = network.shape_;
    const std::size_t vocab = network.layout_->config().sizes.vocab;
    const std::size_t rows = sequences * s.positions;
    const auto plain = [&](std::size_t width) { return Rows{arena.take<float>(rows * width), width}; };
    const auto padded = [&](std::size_t width) {
      const std::size_t stride = Products<Arch, float>::stride(width);
      return Rows{arena.take<float>(rows * stride), stride};
    };
    tapes.resize(network.l_.size() + network.h_.size());
    for (BlockTape& tape : tapes) {
      tape.in = plain(s.hidden);
      tape.qkv = plain(3 * s.hidden);
      tape.attended = padded(s.hidden);
      tape.middle = plain(s.hidden);
      tape.gate_up = padded(2 * s.inner);
      tape.act = padded(s.inner);
      tape.inverse1 = arena.take<float>(rows);
      tape.inverse2 = arena.take<float>(rows);
    }
    x = arena.take<float>(rows * s.hidden);
    d = arena.take<float>(rows * s.hidden);
    ahead_h = arena.take<float>(rows * s.hidden);
    ahead_l = arena.take<float>(rows * s.hidden);
    l_out = plain(s.hidden);
    h_out = plain(s.hidden);
    logits = padded(vocab);
    d_logits = padded(vocab);
    block.qkv = plain(3 * s.hidden);
    block.attended = padded(s.hidden);
    block.act = padded(s.inner);
    const std::size_t widest = std::max({3 * s.hidden, 2 * s.inner, vocab});
    block.gate_up = Rows{arena.take<float>(B::mlp_rows * 2 * s.inner), 2 * s.inner};
    block.room = arena.take<std::byte>(P::room(rows, widest));
    block.packed = P::take(arena, std::max(s.hidden, s.inner), rows);
    block.attention = arena.take<float>(L::attention_scratch(s.positions, s.head_dim()));
    if constexpr (B::fused) block.kv = arena.take<std::byte>(P::table().kv_bytes(s.positions, s.head_dim()));
  }
  Result<void> status_;
  Buffer memory_;
};

}  // namespace hrm::train
