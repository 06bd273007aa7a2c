#pragma once
/// Models with random weights, made in memory, for tests that need any model at all.

#include <hrm/model/model.hpp>

#include <map>
#include <random>
#include <string>

namespace hrm::test {

/// Named float tensors in the published layout, with views of them.
class RandomTensors {
 public:
  RandomTensors(const Config& config, std::uint64_t seed, std::size_t learned_positions = 0) : random_(seed) {
    const Sizes& s = config.sizes;
    add("embed_tokens.embedding_weight", {s.vocab, s.hidden}, 1.0F / std::sqrt(static_cast<float>(s.hidden)));
    if (config.puzzle_emb_ndim > 0) add("puzzle_emb.weights", {config.puzzle_ids, config.puzzle_emb_ndim}, 1.0F);
    if (learned_positions > 0) add("embed_pos.embedding_weight", {learned_positions, s.hidden}, 0.1F);
    add("lm_head.weight", {s.vocab, s.hidden}, scale(s.hidden));
    add("q_head.weight", {2, s.hidden}, 2.0F * scale(s.hidden));
    add("q_head.bias", {2}, 0.1F);
    add("H_init", {s.hidden}, 1.0F);
    add("L_init", {s.hidden}, 1.0F);
    for (const auto& [level, layers] : {std::pair{"H_level", s.h_layers}, std::pair{"L_level", s.l_layers}}) {
      for (std::size_t i = 0; i < layers; ++i) {
        const std::string name = std::string(level) + ".layers." + std::to_string(i) + ".";
        add(name + "self_attn.qkv_proj.weight", {3 * s.hidden, s.hidden}, scale(s.hidden));
        add(name + "self_attn.o_proj.weight", {s.hidden, s.hidden}, scale(s.hidden));
        add(name + "mlp.gate_up_proj.weight", {2 * s.inner, s.hidden}, scale(s.hidden));
        add(name + "mlp.down_proj.weight", {s.hidden, s.inner}, scale(s.inner));
      }
    }
  }

  [[nodiscard]] std::vector<TensorView> views() const {
    std::vector<TensorView> all;
    for (const auto& [name, tensor] : tensors_) {
      TensorView view;
      view.name = name;
      view.rank = tensor.shape.size();
      std::copy(tensor.shape.begin(), tensor.shape.end(), view.shape.begin());
      view.data = reinterpret_cast<const std::byte*>(tensor.values.data());
      all.push_back(view);
    }
    return all;
  }
  [[nodiscard]] std::vector<float>& operator[](const std::string& name) { return tensors_.at(name).values; }
  void erase(const std::string& name) { tensors_.erase(name); }

 private:
  struct Tensor {
    std::vector<std::size_t> shape;
    std::vector<float> values;
  };
  static float scale(std::size_t depth) { return 1.0F / std::sqrt(static_cast<float>(depth)); }
  void add(const std::string& name, std::vector<std::size_t> shape, float deviation) {
    std::size_t count = 1;
    for (const std::size_t n : shape) count *= n;
    Tensor tensor{std::move(shape), std::vector<float>(count)};
    std::normal_distribution<float> normal(0.0F, deviation);
    for (float& value : tensor.values) value = normal(random_);
    tensors_.emplace(name, std::move(tensor));
  }
  std::mt19937_64 random_;
  std::map<std::string, Tensor> tensors_;
};

/// A small rope model: hidden 32, 2 heads, inner 256, vocab 7, 2 + 2 layers, N = T = 2, one puzzle token, 3 puzzle ids.
[[nodiscard]] inline Config small_config() {
  Config c;
  c.sizes = Sizes{32, 2, 256, 7, 2, 2, 2, 2, 1};
  c.puzzle_ids = 3;
  c.puzzle_emb_ndim = 32;
  c.seq_len = 16;
  c.halt_max_steps = 6;
  return c;
}

[[nodiscard]] inline Model random_model(const Config& config, std::uint64_t seed = 1,
                                        Precision precision = Precision::f32) {
  const RandomTensors tensors(config, seed);
  const auto views = tensors.views();
  ModelOptions options;
  options.precision = precision;
  return make_model(config, views, options).value();
}

/// `count` random tokens below the vocabulary's size.
[[nodiscard]] inline std::vector<Token> random_tokens(const Config& config, std::size_t count, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  std::vector<Token> tokens(count);
  for (Token& token : tokens) token = static_cast<Token>(random() % config.sizes.vocab);
  return tokens;
}

}  // namespace hrm::test
