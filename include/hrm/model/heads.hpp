#pragma once
/// What reads the answer and the wish to halt from z_H. Both stay in float32 whatever the model's precision: they are
/// under a thousandth of the work and decide everything.

#include <hrm/model/block.hpp>

namespace hrm {

/// logits = z_H W^T for every position (reference: lm_head). Positions [0, P) belong to the puzzle embedding and are
/// not read.
template <class Shape>
class LmHead {
 public:
  void take(Arena& arena, const Sizes& sizes, const kernels::Table& floats) noexcept {
    weight_ = detail::take_matrix(arena, floats, sizes.vocab, sizes.hidden);
  }
  void load(detail::WeightReader& reader, const Sizes& sizes, const kernels::Table& floats) {
    reader.pack(reader.find("lm_head.weight", {sizes.vocab, sizes.hidden}), floats, weight_);
  }
  [[nodiscard]] TileCount tiles(const kernels::Table& floats, const Workspace& w) const noexcept {
    return Grid::product(floats, weight_, w).tiles();
  }
  /// One tile of logits [rows, vocab] from the operand that norm_last left.
  void run(std::size_t tile, Lane lane, const Shape& shape, const kernels::Table& floats,
           const Workspace& w) const noexcept {
    kernels::Operand z = w.operand;
    z.stride = floats.operand_stride(shape.sizes().hidden);
    const kernels::StoreArgs args{z, weight_, w.logits, shape.sizes().vocab, nullptr, false};
    Grid::product(floats, weight_, w, tile, lane, [&](const kernels::Tile& t) { floats.store_tile(args, t); });
  }

 private:
  kernels::PackedMatrix weight_;  // [vocab, hidden]
};

/// q_halt, q_continue = z_H[0] W^T + b: the values of stopping here and of thinking on (paper, section 2.4).
template <class Shape>
class QHead {
 public:
  void take(Arena& arena, const Sizes& sizes, const kernels::Table& floats) noexcept {
    weight_ = detail::take_matrix(arena, floats, 2, sizes.hidden);
    bias_ = arena.take<float>(2);
  }
  void load(detail::WeightReader& reader, const Sizes& sizes, const kernels::Table& floats) {
    reader.pack(reader.find("q_head.weight", {2, sizes.hidden}), floats, weight_);
    reader.read(reader.find("q_head.bias", {2}), 0, 2, bias_);
  }
  /// The sequences whose first position is in the lane: q [sequences, 2].
  void run(Lane lane, const Shape& shape, const kernels::Table& floats, const Workspace& w) const noexcept {
    kernels::Operand z = w.operand;
    z.stride = floats.operand_stride(shape.sizes().hidden);
    const RowRange rows = w.range(lane);
    const std::size_t end = ceil_div(rows.end, w.positions);
    for (std::size_t sequence = ceil_div(rows.begin, w.positions); sequence < end; ++sequence) {
      kernels::StoreArgs args{z, weight_, w.q + 2 * sequence, 2, bias_, false};
      args.x.data += sequence * w.positions * z.stride;
      floats.store_tile(args, kernels::Tile{0, 1, 0, 1});
    }
  }

 private:
  kernels::PackedMatrix weight_;  // [2, hidden]
  float* bias_ = nullptr;         // [2]
};

}  // namespace hrm
