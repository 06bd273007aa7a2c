#pragma once
/// The whole model, immutable: `BasicModel<Shape, Weight>` for who knows both when compiling, `Model`, a handle that
/// is cheap to copy, for everybody else.

#include <hrm/base/float_environment.hpp>
#include <hrm/model/embedding.hpp>
#include <hrm/model/heads.hpp>
#include <hrm/model/reasoning_module.hpp>

#include <hrm/kernels/table_of.hpp>

namespace hrm {

namespace detail {

/// Changes whenever the order or the form of packed weights does, in a way that sizes do not show, or the fingerprint
/// that is stored with them.
inline constexpr std::size_t packed_layout = 5;

/// Kernels, panel sizes and layout, "5 avx512 bfloat16 48 16 6144 avx512 float32 48".
[[nodiscard]] inline std::string packed_key(const kernels::Table& table, const kernels::Table& floats) {
  constexpr std::size_t depth = 64;
  std::string key = std::to_string(packed_layout);
  for (const kernels::Table* const t : {&table, &floats}) {
    key.append(" ").append(t->name);
    for (const std::size_t number : {t->panel_cols, t == &table ? t->swiglu_run : 0, t->panel_bytes(depth)}) {
      if (number != 0) key.append(" ").append(std::to_string(number));
    }
  }
  return key;
}

/// 127 * 127 times more could pass 2^31, and so could the rounding of bfloat16 made levels.
inline constexpr std::size_t deepest_levels = 131072;

/// Error: sizes that no model may have, whether it is loaded or trained.
[[nodiscard]] HRM_COLD inline Result<void> check_sizes(const Config& config, Precision precision) noexcept {
  const Sizes& s = config.sizes;
  if (s.heads == 0 || s.hidden == 0 || s.hidden % (2 * s.heads) != 0) {
    return Error(ErrorCode::shape, "heads: expected a number that divides hidden ", s.hidden,
                 " into even parts, found ", s.heads);
  }
  if (s.inner == 0 || s.inner % 64 != 0) {
    return Error(ErrorCode::shape, "inner size: expected a multiple of 64, found ", s.inner);
  }
  if (s.vocab == 0 || s.h_layers == 0 || s.l_layers == 0 || s.h_cycles == 0 || s.l_cycles == 0) {
    return Error(ErrorCode::shape, "model: expected layers, cycles and a vocabulary, found none");
  }
  if (s.h_layers > max_layers || s.l_layers > max_layers) {
    return Error(ErrorCode::unsupported, "layers: expected at most ", max_layers, " of a module, found ", s.h_layers,
                 " and ", s.l_layers);
  }
  if (!Schedule::fits(s)) {
    return Error(ErrorCode::unsupported, "model: expected at most ", Schedule::most_stages,
                 " steps in a segment, found more: ", s.h_cycles, " x ", s.l_cycles, " cycles, ", s.h_layers, " and ",
                 s.l_layers, " layers");
  }
  if (precision != Precision::f32 && (s.hidden > deepest_levels || s.inner > deepest_levels)) {
    return Error(ErrorCode::unsupported, "model: expected a hidden and an inner size up to ", deepest_levels,
                 " for int8 and bfloat16, found ", s.hidden, " and ", s.inner);
  }
  if (s.puzzle_tokens != ceil_div(config.puzzle_emb_ndim, s.hidden)) {
    return Error(ErrorCode::shape, "puzzle tokens: expected ", ceil_div(config.puzzle_emb_ndim, s.hidden), ", found ",
                 s.puzzle_tokens);
  }
  if (config.halt_max_steps == 0) {
    return Error(ErrorCode::value, "model: expected at least one segment, found halt_max_steps 0");
  }
  return {};
}

}  // namespace detail

/// What solvers need of a model, whatever its shape and weights. All of it is const and safe on any thread, and how
/// that rounds makes no difference (FloatEnvironment).
class ModelInterface {
 public:
  virtual ~ModelInterface() = default;
  ModelInterface(const ModelInterface&) = delete;
  ModelInterface& operator=(const ModelInterface&) = delete;

  [[nodiscard]] const Config& config() const noexcept { return config_; }
  [[nodiscard]] Precision precision() const noexcept { return precision_; }
  [[nodiscard]] const kernels::Table& table() const noexcept { return *table_; }
  /// A hash of the weights as they were in the file, the sizes and the constants: the same on every instruction set and
  /// in whatever precision the file is loaded. It depends on which puzzle ids were kept; a puzzle embedding that is
  /// read where it lies, as it is too large to copy, is not in it.
  [[nodiscard]] std::uint64_t fingerprint() const noexcept { return fingerprint_; }
  [[nodiscard]] std::size_t weight_bytes() const noexcept { return packed_.size(); }
  /// The packed weights as they lie in memory, for archives; meaningful to the kernels named by packed_key() alone.
  [[nodiscard]] std::span<const std::byte> packed() const noexcept { return packed_; }
  /// Which kernels and which layout packed() is for.
  [[nodiscard]] std::string packed_key() const { return detail::packed_key(*table_, *floats_); }
  /// Longest puzzle that learned positions allow; 0 with rotary ones: any.
  [[nodiscard]] std::size_t max_tokens() const noexcept { return max_tokens_; }

  /// Memory for `batch` puzzles of `positions` = P + S positions; measures on an empty arena.
  [[nodiscard]] Workspace carve(Arena& arena, std::size_t positions, std::size_t batch) const noexcept {
    return carve_workspace(arena, config_, *table_, floats_->operand_stride(config_.sizes.hidden), positions, batch);
  }
  /// Fills the rotary tables of a carved workspace.
  void prepare(Workspace& w) const noexcept {
    if (w.cos == nullptr) return;
    const FloatEnvironment environment;
    fill_rope(const_cast<float*>(w.cos), const_cast<float*>(w.sin), w.positions, config_.sizes.head_dim(),
              config_.rope_theta);
  }
  /// z_H, z_L of one sequence back to H_init, L_init.
  void reset(const Workspace& w, std::size_t sequence) const noexcept {
    const std::size_t hidden = config_.sizes.hidden;
    for (std::size_t row = sequence * w.positions; row < (sequence + 1) * w.positions; ++row) {
      std::memcpy(w.z_h + row * hidden, h_init_, hidden * sizeof(float));
      std::memcpy(w.z_l + row * hidden, l_init_, hidden * sizeof(float));
    }
  }

  /// Whether tokens and puzzle id can be embedded: "token 3: expected 0 to 10, found 11".
  [[nodiscard]] virtual Result<void> check(std::span<const Token> tokens, std::size_t puzzle_id) const noexcept = 0;
  /// Writes x of one sequence; after check().
  [[nodiscard]] virtual bool embed(const Workspace& w, std::size_t sequence, std::span<const Token> tokens,
                                   std::size_t puzzle_id) const noexcept = 0;
  /// Tiles of a stage in a lane, for the rows in work.
  [[nodiscard]] virtual TileCount tiles(const Stage& stage, const Workspace& w) const noexcept = 0;
  /// Runs one tile of a lane, or the same one of both; every stage before it is complete there, and `after` stages are
  /// in the other lane.
  virtual void run(const Stage& stage, std::size_t tile, Lane lane, const Workspace& w) const noexcept = 0;

 protected:
  ModelInterface(const Config& config, Precision precision, const kernels::Table& table,
                 const kernels::Table& floats) noexcept
      : config_(config), table_(&table), floats_(&floats), precision_(precision) {}

  Config config_;                 // NOLINT(*-non-private-member-*)
  const kernels::Table* table_;   // NOLINT(*-non-private-member-*)
  const kernels::Table* floats_;  // NOLINT(*-non-private-member-*)
  Buffer memory_;                 // NOLINT(*-non-private-member-*) all packed weights and tables, unless they are lent
  std::span<const std::byte> packed_;   // NOLINT(*-non-private-member-*) memory_, or what ModelOptions::packed lent
  std::shared_ptr<const void> lender_;  // NOLINT(*-non-private-member-*)
  float* h_init_ = nullptr;             // NOLINT(*-non-private-member-*) [hidden]
  float* l_init_ = nullptr;             // NOLINT(*-non-private-member-*) [hidden]
  std::uint64_t fingerprint_ = 0;       // NOLINT(*-non-private-member-*)
  std::size_t max_tokens_ = 0;          // NOLINT(*-non-private-member-*)
  Precision precision_;                 // NOLINT(*-non-private-member-*)
};

/// Everything of a model of some shape that does not depend on its weights' type, so that it is compiled once.
template <class Shape>
class ShapedModel : public ModelInterface {
 public:
  [[nodiscard]] const Shape& shape() const noexcept { return shape_; }
  [[nodiscard]] const LmHead<Shape>& lm_head() const noexcept { return lm_head_; }
  [[nodiscard]] const QHead<Shape>& q_head() const noexcept { return q_head_; }
  [[nodiscard]] const TokenEmbedding& embedding() const noexcept { return embedding_; }

  [[nodiscard]] Result<void> check(std::span<const Token> tokens, std::size_t puzzle_id) const noexcept override {
    return embedding_.check(config_, tokens, puzzle_id);
  }
  [[nodiscard]] bool embed(const Workspace& w, std::size_t sequence, std::span<const Token> tokens,
                           std::size_t puzzle_id) const noexcept override {
    const FloatEnvironment environment;
    return embedding_.embed(config_, tokens, puzzle_id, w.x + sequence * w.positions * shape_.sizes().hidden);
  }
  [[nodiscard]] TileCount tiles(const Stage& stage, const Workspace& w) const noexcept override {
    const Sizes& s = shape_.sizes();
    switch (stage.op) {
      case Op::inject:
        return Grid::by_rows(w, s.hidden).tiles();
      case Op::lm_head:
        return lm_head_.tiles(*floats_, w);
      case Op::q_head:
        return {1, false};
      default:
        return (stage.level == Level::h ? h_ : l_).tiles(stage, s, *table_, w);
    }
  }
  void run(const Stage& stage, std::size_t tile, Lane lane, const Workspace& w) const noexcept override {
    const FloatEnvironment environment;
    switch (stage.op) {
      case Op::lm_head:
        return lm_head_.run(tile, lane, shape_, *floats_, w);
      case Op::q_head:
        return q_head_.run(lane, shape_, *floats_, w);
      default:
        return (stage.level == Level::h ? h_ : l_)
            .run(stage, tile, lane, shape_.sizes(), *table_, *floats_, config_.rms_norm_eps, w);
    }
  }

 protected:
  ShapedModel(const Config& config, Precision precision, const kernels::Table& table,
              const kernels::Table& floats) noexcept
      : ModelInterface(config, precision, table, floats), shape_(config.sizes) {}

  // Packs the tensors. Errors name the tensor, what was expected and what was found.
  [[nodiscard]] Result<void> build(std::span<const TensorView> tensors, const ModelOptions& options) {
    if (shape_.sizes() != config_.sizes) {
      return Error(ErrorCode::shape, "model: expected the program's fixed shape (hidden ", shape_.sizes().hidden,
                   "), found another (hidden ", config_.sizes.hidden, ")");
    }
    if (auto sane = detail::check_sizes(config_, precision_); !sane) return sane;
    detail::WeightReader reader(tensors, options);
    embedding_.measure(reader, config_);
    if (!reader.status()) return reader.status();
    if (const std::size_t learned = embedding_.learned_positions(); learned != 0) {
      max_tokens_ = learned - config_.sizes.puzzle_tokens;
    }
    Arena measure;
    take(measure);
    if (options.owner != nullptr && options.puzzle_ids.empty() && options.packed.size() == measure.used() &&
        reinterpret_cast<std::uintptr_t>(options.packed.data()) % alignment == 0 &&
        options.packed_key == packed_key()) {
      Arena lent(const_cast<std::byte*>(options.packed.data()));  // nothing writes to packed weights
      take(lent);
      packed_ = options.packed;
      lender_ = options.owner;
      fingerprint_ = options.packed_fingerprint;
      return {};
    }
    memory_ = Buffer(measure.used());
    if (memory_.data() == nullptr) {
      return Error(ErrorCode::memory, "model: no memory for ", measure.used(), " bytes of weights");
    }
    packed_ = memory_.bytes();
    Arena arena(memory_.data());
    take(arena);
    load(reader);
    return reader.status();
  }

  Blocks h_{Level::h};  // NOLINT(*-non-private-member-*)
  Blocks l_{Level::l};  // NOLINT(*-non-private-member-*)

 private:
  HRM_COLD void take(Arena& arena) {
    const Sizes& s = config_.sizes;
    l_.take(arena, s, *table_);
    h_.take(arena, s, *table_);
    lm_head_.take(arena, s, *floats_);
    q_head_.take(arena, s, *floats_);
    h_init_ = arena.take<float>(s.hidden);
    l_init_ = arena.take<float>(s.hidden);
    embedding_.take(arena, config_);
  }

  HRM_COLD void load(detail::WeightReader& reader) {
    const Sizes& s = config_.sizes;
    reader.read(reader.find("H_init", {s.hidden}), 0, s.hidden, h_init_);
    reader.read(reader.find("L_init", {s.hidden}), 0, s.hidden, l_init_);
    embedding_.load(reader, config_);
    lm_head_.load(reader, s, *floats_);
    q_head_.load(reader, s, *floats_);
    l_.load(reader, s, *table_);
    h_.load(reader, s, *table_);
    for (const std::size_t number :
         {s.hidden, s.heads, s.inner, s.vocab, s.h_layers, s.l_layers, s.h_cycles, s.l_cycles, s.puzzle_tokens}) {
      reader.fingerprint().add(std::uint64_t{number});
    }
    reader.fingerprint().add(std::uint64_t{bit_cast<std::uint32_t>(config_.rope_theta)});
    reader.fingerprint().add(std::uint64_t{bit_cast<std::uint32_t>(config_.rms_norm_eps)});
    fingerprint_ = reader.fingerprint().value();
  }

  Shape shape_;
  TokenEmbedding embedding_;
  LmHead<Shape> lm_head_;
  QHead<Shape> q_head_;
};

/// A model of a shape and a weight type (float, bfloat16, std::int8_t). Made by make_basic_model(), shared and const
/// after.
template <class Shape, class Weight>
class BasicModel final : public ShapedModel<Shape> {
 public:
  [[nodiscard]] HModule<Shape, Weight> h_module() const noexcept { return {*this, this->h_}; }
  [[nodiscard]] LModule<Shape, Weight> l_module() const noexcept { return {*this, this->l_}; }

  /// Packs the tensors; nothing is half-loaded.
  [[nodiscard]] static Result<std::shared_ptr<const BasicModel>> make(const Config& config,
                                                                      std::span<const TensorView> tensors,
                                                                      const ModelOptions& options,
                                                                      const kernels::Table& table,
                                                                      const kernels::Table& floats) {
    std::shared_ptr<BasicModel> model(new BasicModel(config, table, floats));
    if (auto built = model->build(tensors, options); !built) return built.error();
    return std::shared_ptr<const BasicModel>(std::move(model));
  }

 private:
  BasicModel(const Config& config, const kernels::Table& table, const kernels::Table& floats) noexcept
      : ShapedModel<Shape>(config, precision_of<Weight>, table, floats) {}
};

template <class Shape, class Weight, Level Which>
void ReasoningModule<Shape, Weight, Which>::forward(const Workspace& w) const noexcept {
  const auto all = [&](Op op, std::size_t layer) {
    const Stage stage{op, Which, static_cast<std::uint16_t>(layer)};
    for (std::size_t tile = 0; tile < model_.tiles(stage, w).tiles; ++tile) model_.run(stage, tile, Lane::both, w);
  };
  all(Op::inject, 0);
  for (std::size_t layer = 0; layer < layers(); ++layer) {
    Schedule::each_block_op(model_.table().operand_by_row, [&](Op op) { all(op, layer); });
  }
}

/// A handle to immutable weights in any precision; copying shares them, the last one frees them. Empty only when moved
/// from.
class Model {
 public:
  /// From a BasicModel (or anything else that is a ModelInterface).
  template <class Concrete>
    requires std::is_base_of_v<ModelInterface, Concrete> Model(std::shared_ptr<const Concrete> model)  // NOLINT
  noexcept : model_(std::move(model)) {}

  [[nodiscard]] const Config& config() const noexcept { return (**this).config(); }
  [[nodiscard]] Precision precision() const noexcept { return (**this).precision(); }
  /// Bytes of packed weights.
  [[nodiscard]] std::size_t weight_bytes() const noexcept { return (**this).weight_bytes(); }
  /// The packed weights and what they are for; see ModelInterface.
  [[nodiscard]] std::span<const std::byte> packed() const noexcept { return (**this).packed(); }
  [[nodiscard]] std::string packed_key() const { return (**this).packed_key(); }
  /// A hash of weights and sizes, whatever the precision; see ModelInterface for what is in it.
  [[nodiscard]] std::uint64_t fingerprint() const noexcept { return (**this).fingerprint(); }
  /// Instruction set and weight type of the kernels, "avx512 float32".
  [[nodiscard]] std::string_view kernels() const noexcept { return (**this).table().name; }

  /// False once it was moved from; nothing but this, copying and assigning is then allowed.
  [[nodiscard]] explicit operator bool() const noexcept { return model_ != nullptr; }
  [[nodiscard]] const ModelInterface& operator*() const noexcept {
    HRM_ASSERT(model_ != nullptr);
    return *model_;
  }
  [[nodiscard]] const ModelInterface* operator->() const noexcept { return &**this; }

 private:
  std::shared_ptr<const ModelInterface> model_;
};

/// A model of fixed shape and weight type. `Arch` is the instruction set of its kernels, by default the including
/// file's.
template <class Shape, class Weight, class Arch = kernels::DefaultArch>
[[nodiscard]] Result<std::shared_ptr<const BasicModel<Shape, Weight>>> make_basic_model(
    const Config& config, std::span<const TensorView> tensors, const ModelOptions& options = {}) {
  return BasicModel<Shape, Weight>::make(config, tensors, options, kernels::table<Arch, Weight>(),
                                         kernels::table<Arch, float>());
}

namespace detail {

/// f(a number of the type that weights have in this precision).
template <class F>
auto with_weight(Precision precision, const F& f) {
  switch (precision) {
    case Precision::bf16:
      return f(bfloat16());
    case Precision::int8:
      return f(std::int8_t());
    case Precision::f32:
      break;
  }
  return f(float());
}

/// The packed_key() of models that make_model() makes in this precision.
template <class Arch = kernels::DefaultArch>
[[nodiscard]] std::string packed_key(Precision precision) {
  return with_weight(precision, [](auto weight) {
    return packed_key(kernels::table<Arch, decltype(weight)>(), kernels::table<Arch, float>());
  });
}

}  // namespace detail

/// A model from named tensors (prefixes stripped) in the precision that `options` choose. Allocates the packed weights
/// once.
template <class Arch = kernels::DefaultArch>
[[nodiscard]] Result<Model> make_model(const Config& config, std::span<const TensorView> tensors,
                                       const ModelOptions& options = {}) {
  return detail::with_weight(options.precision, [&](auto weight) -> Result<Model> {
    auto made = make_basic_model<DynamicShape, decltype(weight), Arch>(config, tensors, options);
    if (!made) return made.error();
    return Model(*std::move(made));
  });
}

}  // namespace hrm
