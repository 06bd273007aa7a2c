#pragma once
/// Our buffers as Eigen tensors. A header of its own, because Eigen's Tensor costs seconds to compile.

#include <hrm/base/types.hpp>

#include <unsupported/Eigen/CXX11/Tensor>

namespace hrm {

using ConstTensorMap = Eigen::TensorMap<const Eigen::Tensor<const float, 3, Eigen::RowMajor>>;

/// A [batch, position, width] view of a contiguous buffer, such as Workspace::z_h.
[[nodiscard]] inline ConstTensorMap tensor_map(const float* data, std::size_t batch, std::size_t positions,
                                               std::size_t width) noexcept {
  return {data, static_cast<Eigen::Index>(batch), static_cast<Eigen::Index>(positions),
          static_cast<Eigen::Index>(width)};
}

/// Anything with data(), rows() and cols() (Solver::z_h(), logits(), ..) as [1, rows, cols].
template <class Matrix>
[[nodiscard]] ConstTensorMap tensor_map(const Matrix& matrix) noexcept {
  return {matrix.data(), 1, matrix.rows(), matrix.cols()};
}

}  // namespace hrm
