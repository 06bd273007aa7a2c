#pragma once
/// The trained numbers, under the published names: one block of float32, and where each tensor lies in it.

#include <hrm/base/arena.hpp>
#include <hrm/base/error.hpp>
#include <hrm/base/shape.hpp>
#include <hrm/model/model.hpp>
#include <hrm/puzzles/random.hpp>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

namespace hrm::train {

/// A tensor within the block: rows x cols floats, row-major; a vector has rank 1 and one row.
struct Parameter {
  std::string name;
  std::size_t rank = 2;
  std::size_t rows = 0;
  std::size_t cols = 0;
  std::size_t offset = 0;  ///< floats from the block's begin, a multiple of 16
  [[nodiscard]] std::size_t size() const noexcept { return rows * cols; }
};

/// Where one transformer block's matrices begin.
struct BlockOffsets {
  std::size_t qkv = 0;      ///< [3 hidden, hidden]
  std::size_t project = 0;  ///< [hidden, hidden]
  std::size_t gate_up = 0;  ///< [2 inner, hidden]
  std::size_t down = 0;     ///< [hidden, inner]
};

/// Names, shapes and places of a model's tensors. The first dense() floats are what AdamATan2 moves; after them stand
/// H_init and L_init (fixed) and the puzzle embedding (sign-SGD, only the rows of a batch).
class Layout {
 public:
  /// `config.seq_len` must be set where positions are learned. Puzzle ids: config.puzzle_ids.
  explicit Layout(const Config& config) : config_(config), status_(check(config)) {
    if (!status_) return;
    const Sizes& s = config.sizes;
    tokens = add("embed_tokens.embedding_weight", 2, s.vocab, s.hidden);
    lm_head = add("lm_head.weight", 2, s.vocab, s.hidden);
    q_weight = add("q_head.weight", 2, 2, s.hidden);
    q_bias = add("q_head.bias", 1, 1, 2);
    if (config.positions == PositionEncoding::learned) {
      positions = add("embed_pos.embedding_weight", 2, config.seq_len + s.puzzle_tokens, s.hidden);
    }
    add_level("L_level", s.l_layers, l_blocks);
    add_level("H_level", s.h_layers, h_blocks);
    dense_ = end_;
    h_init = add("H_init", 1, 1, s.hidden);
    l_init = add("L_init", 1, 1, s.hidden);
    if (config.puzzle_emb_ndim > 0) puzzles = add("puzzle_emb.weights", 2, config.puzzle_ids, config.puzzle_emb_ndim);
  }

  /// Error: sizes that make no model, or that no model can have; the layout is then empty.
  [[nodiscard]] const Result<void>& status() const noexcept { return status_; }
  [[nodiscard]] const Config& config() const noexcept { return config_; }
  [[nodiscard]] const std::vector<Parameter>& list() const noexcept { return list_; }
  /// Floats of the whole block.
  [[nodiscard]] std::size_t size() const noexcept { return end_; }
  /// Floats from the begin that AdamATan2 moves.
  [[nodiscard]] std::size_t dense() const noexcept { return dense_; }
  /// Trained numbers, padding not counted.
  [[nodiscard]] std::size_t count() const noexcept {
    std::size_t n = 0;
    for (const Parameter& p : list_) n += p.size();
    return n;
  }

  // NOLINTBEGIN(*-non-private-member-*) offsets, fixed by the constructor
  std::size_t tokens = 0, lm_head = 0, q_weight = 0, q_bias = 0, positions = 0, h_init = 0, l_init = 0, puzzles = 0;
  std::vector<BlockOffsets> l_blocks, h_blocks;
  // NOLINTEND(*-non-private-member-*)

 private:
  std::size_t add(std::string name, std::size_t rank, std::size_t rows, std::size_t cols) {
    const std::size_t at = end_;
    list_.push_back({std::move(name), rank, rows, cols, at});
    end_ += round_up(rows * cols, 16);
    return at;
  }
  void add_level(const std::string& level, std::size_t layers, std::vector<BlockOffsets>& blocks) {
    const Sizes& s = config_.sizes;
    for (std::size_t i = 0; i < layers; ++i) {
      const std::string prefix = level + ".layers." + std::to_string(i) + ".";
      BlockOffsets b;
      b.qkv = add(prefix + "self_attn.qkv_proj.weight", 2, 3 * s.hidden, s.hidden);
      b.project = add(prefix + "self_attn.o_proj.weight", 2, s.hidden, s.hidden);
      b.gate_up = add(prefix + "mlp.gate_up_proj.weight", 2, 2 * s.inner, s.hidden);
      b.down = add(prefix + "mlp.down_proj.weight", 2, s.hidden, s.inner);
      blocks.push_back(b);
    }
  }

  // The first limits are those of a checkpoint that is opened; within them no product of sizes leaves 64 bits.
  [[nodiscard]] static Result<void> check(const Config& config) noexcept {
    const Sizes& s = config.sizes;
    struct Limit {
      const char* name;
      std::size_t value, least, most;
    };
    for (const Limit& limit :
         {Limit{"hidden", s.hidden, 1, max_width}, Limit{"inner size", s.inner, 1, max_width},
          Limit{"vocabulary", s.vocab, 1, std::size_t{1} << 31}, Limit{"layers", s.h_layers, 1, max_layers},
          Limit{"layers", s.l_layers, 1, max_layers}, Limit{"tokens", config.seq_len, 0, max_width},
          Limit{"puzzle embedding", config.puzzle_emb_ndim, 0, max_width},
          Limit{"puzzle tokens", s.puzzle_tokens, 0, max_width},
          Limit{"puzzle ids", config.puzzle_ids, 0, std::size_t{1} << 31}}) {
      if (limit.value >= limit.least && limit.value <= limit.most) continue;
      return Error(ErrorCode::shape, limit.name, ": expected ", limit.least, " to ", limit.most, ", found ",
                   limit.value);
    }
    if (config.puzzle_emb_ndim > 0 && config.puzzle_ids == 0)
      return Error(ErrorCode::shape, "puzzle ids: expected at least one for a puzzle embedding, found none");
    // What is trained shall be loaded.
    return hrm::detail::check_sizes(config, Precision::f32);
  }

  Config config_;
  Result<void> status_;
  std::vector<Parameter> list_;
  std::size_t end_ = 0;
  std::size_t dense_ = 0;
};

namespace detail {
[[nodiscard]] inline Result<void> memory_status(const Buffer& memory, std::size_t wanted) noexcept {
  if (memory.data() != nullptr) return {};
  return Error(ErrorCode::memory, "training: expected memory for ", wanted, " bytes, found less");
}
}  // namespace detail

/// A block of floats in some layout: weights, their moving average, or a gradient. Move-only. Where memory ran out,
/// data() is null.
class Values {
 public:
  Values() noexcept = default;
  explicit Values(std::size_t count) noexcept : memory_(count * sizeof(float)), count_(count) {}
  [[nodiscard]] float* data() noexcept { return reinterpret_cast<float*>(memory_.data()); }
  [[nodiscard]] const float* data() const noexcept { return reinterpret_cast<const float*>(memory_.data()); }
  [[nodiscard]] std::size_t size() const noexcept { return count_; }
  [[nodiscard]] Result<void> status() const noexcept {
    return count_ == 0 ? Result<void>() : detail::memory_status(memory_, count_ * sizeof(float));
  }
  [[nodiscard]] std::span<float> span() noexcept { return {data(), count_}; }
  [[nodiscard]] std::span<const float> span() const noexcept { return {data(), count_}; }

 private:
  Buffer memory_;
  std::size_t count_ = 0;
};

[[nodiscard]] inline bool all_finite(std::span<const float> values) noexcept {
  return std::all_of(values.begin(), values.end(), [](float value) { return is_finite(value); });
}

/// Named views of a block, for make_model() and for writing; they borrow both arguments.
[[nodiscard]] inline std::vector<TensorView> tensor_views(const Layout& layout, std::span<const float> values) {
  std::vector<TensorView> views;
  for (const Parameter& p : layout.list()) {
    TensorView view;
    view.name = p.name;
    view.rank = p.rank;
    view.shape = {p.rank == 2 ? p.rows : p.cols, p.rank == 2 ? p.cols : 0};
    view.data = reinterpret_cast<const std::byte*>(values.data() + p.offset);
    views.push_back(view);
  }
  return views;
}

/// Fills a block from named tensors. Error: one is missing, of another shape or type, or not finite.
[[nodiscard]] inline Result<void> read_parameters(const Layout& layout, std::span<const TensorView> tensors,
                                                  std::span<float> values) {
  for (const Parameter& p : layout.list()) {
    const TensorView* const found = find_tensor(tensors, p.name);
    if (found == nullptr) return Error(ErrorCode::missing, p.name, ": expected a tensor of that name, found none");
    const bool fits = found->rank == p.rank && (p.rank == 1 ? found->shape[0] == p.cols
                                                            : found->shape[0] == p.rows && found->shape[1] == p.cols);
    if (!fits) {
      const std::size_t shape[] = {p.rows, p.cols};
      return Error(ErrorCode::shape, p.name, ": expected shape ",
                   hrm::detail::shape_text(shape + 2 - p.rank, p.rank).message(), ", found ",
                   hrm::detail::shape_text(found->shape.data(), found->rank).message());
    }
    if (found->dtype != DType::f32 && found->dtype != DType::f16 && found->dtype != DType::bf16) {
      return Error(ErrorCode::unsupported, p.name, ": expected float32, float16 or bfloat16, found ",
                   name_of(found->dtype));
    }
    if (!read_floats(*found, 0, p.size(), values.data() + p.offset)) {
      return Error(ErrorCode::value, p.name, ": expected finite numbers, found NaN or infinity");
    }
  }
  return {};
}

/// A number of N(0, 1) cut off at two standard deviations.
[[nodiscard]] inline double truncated_normal(Random& random) {
  for (;;) {
    const double radius = std::sqrt(-2.0 * std::log(1.0 - random.unit()));
    const double x = radius * std::cos(6.283185307179586 * random.unit());
    if (x >= -2.0 && x <= 2.0) return x;
  }
}

/// First weights, as the reference begins: LeCun's truncated normal, the q head at zero with bias -5 (so that nothing
/// halts at first), puzzle embeddings at zero. H_init and L_init are rounded to bfloat16, as they are published.
inline void initialise(const Layout& layout, std::uint64_t seed, std::span<float> values) {
  Random random(seed);
  for (const Parameter& p : layout.list()) {
    float* const to = values.data() + p.offset;
    const bool puzzle = p.name == "puzzle_emb.weights";
    const bool init = p.name == "H_init" || p.name == "L_init";
    double deviation = 1.0 / std::sqrt(static_cast<double>(p.cols));
    if (init) deviation = 1.0;
    for (std::size_t i = 0; i < p.size(); ++i) {
      if (puzzle || p.name == "q_head.weight") {
        to[i] = 0.0F;
      } else if (p.name == "q_head.bias") {
        to[i] = -5.0F;
      } else {
        to[i] = static_cast<float>(truncated_normal(random) * deviation / 0.8796);
        if (init) to[i] = to_float(to_bfloat16(to[i]));
      }
    }
  }
}

}  // namespace hrm::train
