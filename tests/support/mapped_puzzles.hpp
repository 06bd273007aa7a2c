#pragma once
// A random model whose puzzle embedding is too large to copy: it is mapped, so what it holds may change later.
#include "random_model.hpp"

namespace hrm::test {

class MappedPuzzles {
 public:
  MappedPuzzles(Config config, std::uint64_t seed)
      : rows_((std::size_t{64} << 20) / (width * sizeof(float)) + 1),
        table_(rows_ * width),
        model_(make(std::move(config), seed)) {}
  MappedPuzzles(const MappedPuzzles&) = delete;
  MappedPuzzles& operator=(const MappedPuzzles&) = delete;
  ~MappedPuzzles() = default;

  [[nodiscard]] const Model& model() const { return model_; }
  [[nodiscard]] float& at(std::size_t puzzle, std::size_t k) { return table_[puzzle * width + k]; }

 private:
  static constexpr std::size_t width = 32;  // of small_config()'s embedding

  Model make(Config config, std::uint64_t seed) {
    const RandomTensors tensors(config, seed);
    config.puzzle_ids = rows_;
    auto views = tensors.views();
    for (TensorView& view : views) {
      if (view.name != "puzzle_emb.weights") continue;
      view.shape[0] = rows_;
      view.data = reinterpret_cast<const std::byte*>(table_.data());
    }
    ModelOptions mapped;
    mapped.owner = std::make_shared<int>();
    return make_model(config, views, mapped).value();
  }

  std::size_t rows_;
  std::vector<float> table_;
  Model model_;
};

}  // namespace hrm::test
