#pragma once
/// The H-module and the L-module: the same stack of blocks, on another state (reference: class Level).

#include <hrm/model/block.hpp>

namespace hrm {

/// The blocks of one level: z = blocks(z + injected). The L-module injects z_H + x into z_L, the H-module z_L into z_H
/// (paper, equations 1-2). Immutable after load.
class Blocks {
 public:
  explicit Blocks(Level level) noexcept : level_(level) {}

  void take(Arena& arena, const Sizes& sizes, const kernels::Table& table) {
    blocks_.resize(level_ == Level::h ? sizes.h_layers : sizes.l_layers);
    for (Block& block : blocks_) block.take(arena, sizes, table);
  }

  void load(detail::WeightReader& reader, const Sizes& sizes, const kernels::Table& table) {
    const std::string name = level_ == Level::h ? "H_level.layers." : "L_level.layers.";
    for (std::size_t i = 0; i < blocks_.size() && reader.status(); ++i) {
      blocks_[i].load(reader, sizes, table, name + std::to_string(i) + ".");
    }
  }

  [[nodiscard]] std::size_t size() const noexcept { return blocks_.size(); }

  [[nodiscard]] TileCount tiles(const Stage& stage, const Sizes& sizes, const kernels::Table& table,
                                const Workspace& w) const noexcept {
    return blocks_[stage.layer].tiles(stage.op, sizes, table, w);
  }

  /// Runs one tile of one stage; any thread.
  void run(const Stage& stage, std::size_t tile, Lane lane, const Sizes& sizes, const kernels::Table& table,
           const kernels::Table& heads, float eps, const Workspace& w) const noexcept {
    float* z = level_ == Level::h ? w.z_h : w.z_l;
    if (stage.op == Op::inject) {
      const float* a = level_ == Level::h ? w.z_l : w.z_h;
      const float* b = level_ == Level::h ? nullptr : w.x;
      return Grid::by_rows(w, tile, lane, table, {z, a, b, sizes.hidden, sizes.hidden, false, 0.0F, w.operand});
    }
    blocks_[stage.layer].run(stage.op, tile, lane, sizes, table, heads, eps, z, w);
  }

 private:
  Level level_;
  std::vector<Block> blocks_;
};

class ModelInterface;

/// One level of a BasicModel, for who wants to run it by itself: a view that must not outlive the model.
template <class Shape, class Weight, Level Which>
class ReasoningModule {
 public:
  static constexpr Level level = Which;

  ReasoningModule(const ModelInterface& model, const Blocks& blocks) noexcept : model_(model), blocks_(blocks) {}

  [[nodiscard]] std::size_t layers() const noexcept { return blocks_.size(); }
  /// One application to the rows in work: injects into z_H or z_L and runs every block, on the calling thread.
  void forward(const Workspace& w) const noexcept;

 private:
  const ModelInterface& model_;
  const Blocks& blocks_;
};

/// The slow planner, run once a cycle.
template <class Shape, class Weight>
using HModule = ReasoningModule<Shape, Weight, Level::h>;

/// The fast worker, run T times a cycle.
template <class Shape, class Weight>
using LModule = ReasoningModule<Shape, Weight, Level::l>;

}  // namespace hrm
