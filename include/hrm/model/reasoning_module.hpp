#pragma once
/// The H-module and the L-module: the same stack of blocks, on another state (reference: class Level).

#include <hrm/model/block.hpp>

namespace hrm {

/// z = blocks(z + injected). The L-module injects z_H + x into z_L, the H-module z_L into z_H (paper, equations 1-2).
template <class Shape, class Weight, Level Which>
class ReasoningModule {
 public:
  static constexpr Level level = Which;

  [[nodiscard]] static constexpr std::size_t layers(const Sizes& sizes) noexcept {
    return Which == Level::h ? sizes.h_layers : sizes.l_layers;
  }

  void take(Arena& arena, const Sizes& sizes, const kernels::Table& table) {
    blocks_.resize(layers(sizes));
    for (auto& block : blocks_) block.take(arena, sizes, table);
  }

  void load(detail::WeightReader& reader, const Sizes& sizes, const kernels::Table& table) {
    const std::string name = Which == Level::h ? "H_level.layers." : "L_level.layers.";
    for (std::size_t i = 0; i < blocks_.size() && reader.status(); ++i) {
      blocks_[i].load(reader, sizes, table, name + std::to_string(i) + ".");
    }
  }

  [[nodiscard]] std::size_t tiles(const Stage& stage, const Shape& shape, const kernels::Table& table,
                                  const Workspace& w) const noexcept {
    return blocks_[stage.layer].tiles(stage.op, shape, table, w);
  }

  /// Runs one tile of one stage; any thread.
  void run(const Stage& stage, std::size_t tile, const Shape& shape, const kernels::Table& table,
           const kernels::Table& heads, float eps, const Workspace& w) const noexcept {
    float* z = Which == Level::h ? w.z_h : w.z_l;
    if (stage.op == Op::inject) {
      const float* a = Which == Level::h ? w.z_l : w.z_h;
      const float* b = Which == Level::h ? nullptr : w.x;
      const std::size_t hidden = shape.sizes().hidden;
      return Block<Shape, Weight>::rows(tile, table, {z, a, b, hidden, false, 0.0F, w.operand}, w);
    }
    blocks_[stage.layer].run(stage.op, tile, shape, table, heads, eps, z, w);
  }

 private:
  std::vector<Block<Shape, Weight>> blocks_;
};

/// The slow planner, run once a cycle.
template <class Shape, class Weight>
using HModule = ReasoningModule<Shape, Weight, Level::h>;

/// The fast worker, run T times a cycle.
template <class Shape, class Weight>
using LModule = ReasoningModule<Shape, Weight, Level::l>;

}  // namespace hrm
