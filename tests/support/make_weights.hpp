#pragma once
/// Random models of any shape, as lists of tensors and as configuration text.

#include <hrm/base/shape.hpp>

#include <cmath>
#include <cstdio>
#include <support/write_torch.hpp>

namespace support {

/// The numbers of a training run's configuration.
struct Shape {
  std::size_t hidden = 512, heads = 8, h_layers = 4, l_layers = 4, h_cycles = 2, l_cycles = 2, vocab = 11;
  std::size_t puzzle_emb_ndim = 512, puzzle_ids = 1, seq_len = 81, halt_max_steps = 16, inner = 0;
  double expansion = 4;
  bool learned = false;

  [[nodiscard]] std::size_t inner_size() const { return inner != 0 ? inner : hrm::inner_size(hidden, expansion); }
  [[nodiscard]] std::size_t puzzle_tokens() const { return hrm::ceil_div(puzzle_emb_ndim, hidden); }
};

/// all_config.yaml as a training run leaves it.
[[nodiscard]] inline std::string write_yaml(const Shape& s) {
  std::string out = "arch:\n";
  const auto line = [&](const char* key, const std::string& value) {
    out += "  " + std::string(key) + ": " + value + "\n";
  };
  line("H_cycles", std::to_string(s.h_cycles));
  line("H_layers", std::to_string(s.h_layers));
  line("L_cycles", std::to_string(s.l_cycles));
  line("L_layers", std::to_string(s.l_layers));
  if (s.inner == 0) line("expansion", std::to_string(s.expansion));
  line("halt_exploration_prob", "0.1");
  line("halt_max_steps", std::to_string(s.halt_max_steps));
  line("hidden_size", std::to_string(s.hidden));
  out += "  loss:\n    loss_type: stablemax_cross_entropy\n    name: losses@ACTLossHead\n";
  line("name", "hrm.hrm_act_v1@HierarchicalReasoningModel_ACTV1");
  line("num_heads", std::to_string(s.heads));
  line("pos_encodings", s.learned ? "learned" : "rope");
  line("puzzle_emb_ndim", std::to_string(s.puzzle_emb_ndim));
  return out + "beta1: 0.9\ndata_path: data/example\neval_save_outputs: []\nseed: 0\n";
}

/// Numbers that look random, the same everywhere, with a mean of 0 and the deviation asked for.
class Noise {
 public:
  explicit Noise(std::uint64_t seed) : state_(seed) {}
  /// Irwin-Hall: the sum of four uniforms is near enough to a normal.
  [[nodiscard]] float next(float deviation) {
    const std::uint64_t bits = word();
    float sum = -2.0F;
    for (int i = 0; i < 4; ++i) sum += static_cast<float>(bits >> (16 * i) & 0xffff) / 65536.0F;
    return sum * deviation * 1.7320508F;
  }
  [[nodiscard]] std::uint64_t word() {
    state_ += 0x9e3779b97f4a7c15U;
    std::uint64_t z = state_;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
    return z ^ (z >> 31);
  }

 private:
  std::uint64_t state_;
};

/// Every tensor of a model with random weights; `half` chooses how matrices are stored. H_init and L_init are bfloat16,
/// as the published ones are.
[[nodiscard]] inline std::vector<Tensor> make_weights(const Shape& s, std::uint64_t seed = 1,
                                                      hrm::DType type = hrm::DType::f32) {
  std::vector<Tensor> out;
  Noise noise(seed);
  const auto add = [&](const std::string& name, std::vector<std::size_t> shape, double deviation, hrm::DType dtype) {
    Tensor& t = out.emplace_back(Tensor{name, dtype, std::move(shape), {}});
    const std::size_t count = t.elements();
    t.data.resize(count * hrm::size_of(dtype));
    for (std::size_t i = 0; i < count; ++i) {
      const float value = noise.next(static_cast<float>(deviation));
      if (dtype == hrm::DType::f32) std::memcpy(t.data.data() + 4 * i, &value, 4);
      if (dtype == hrm::DType::bf16) {
        const hrm::bfloat16 rounded = hrm::to_bfloat16(value);
        std::memcpy(t.data.data() + 2 * i, &rounded.bits, 2);
      }
      if (dtype == hrm::DType::f16) {  // tiny and huge values do not occur here
        const auto bits = std::bit_cast<std::uint32_t>(value);
        const auto exponent = static_cast<int>(bits >> 23 & 0xff) - 112;
        const std::uint32_t half =
            (bits >> 16 & 0x8000) |
            (exponent <= 0 ? 0U : static_cast<std::uint32_t>(exponent) << 10 | (bits >> 13 & 0x3ff));
        const auto stored = static_cast<std::uint16_t>(half);
        std::memcpy(t.data.data() + 2 * i, &stored, 2);
      }
    }
  };
  const double wide = 1.0 / std::sqrt(static_cast<double>(s.hidden));
  const double deep = 1.0 / std::sqrt(static_cast<double>(s.inner_size()));
  add("H_init", {s.hidden}, 1, hrm::DType::bf16);
  add("L_init", {s.hidden}, 1, hrm::DType::bf16);
  add("embed_tokens.embedding_weight", {s.vocab, s.hidden}, wide, type);
  add("lm_head.weight", {s.vocab, s.hidden}, wide, type);
  add("q_head.weight", {2, s.hidden}, 0.1, type);
  add("q_head.bias", {2}, 1, type);
  if (s.puzzle_emb_ndim > 0) add("puzzle_emb.weights", {s.puzzle_ids, s.puzzle_emb_ndim}, 1, type);
  if (s.learned) add("embed_pos.embedding_weight", {s.seq_len + s.puzzle_tokens(), s.hidden}, wide, type);
  for (const bool high : {false, true}) {
    for (std::size_t i = 0; i < (high ? s.h_layers : s.l_layers); ++i) {
      const std::string layer = (high ? "H_level.layers." : "L_level.layers.") + std::to_string(i);
      add(layer + ".self_attn.qkv_proj.weight", {3 * s.hidden, s.hidden}, wide, type);
      add(layer + ".self_attn.o_proj.weight", {s.hidden, s.hidden}, wide, type);
      add(layer + ".mlp.gate_up_proj.weight", {2 * s.inner_size(), s.hidden}, wide, type);
      add(layer + ".mlp.down_proj.weight", {s.hidden, s.inner_size()}, deep, type);
    }
  }
  return out;
}

/// Views of them.
[[nodiscard]] inline std::vector<hrm::TensorView> views_of(const std::vector<Tensor>& tensors) {
  std::vector<hrm::TensorView> out;
  for (const Tensor& t : tensors) {
    hrm::TensorView& view = out.emplace_back();
    view.name = t.name;
    view.dtype = t.dtype;
    view.rank = t.shape.size();
    for (std::size_t i = 0; i < t.shape.size(); ++i) view.shape[i] = t.shape[i];
    view.data = reinterpret_cast<const std::byte*>(t.data.data());
  }
  return out;
}

}  // namespace support
