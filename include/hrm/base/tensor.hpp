#pragma once
/// Eigen views of our own buffers. The storage is ours and aligned; no Eigen object owns any.

#include <hrm/base/types.hpp>

#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic push  // gcc 12 warns falsely of uninitialised values inside its own avx512fintrin.h
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif
#include <Eigen/Core>
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic pop
#endif

namespace hrm {

/// Row-major matrix of floats as seen through Eigen; a view of our own storage.
using ConstMatrixMap = Eigen::Map<const Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>>;

[[nodiscard]] inline ConstMatrixMap matrix_map(const float* data, std::size_t rows, std::size_t cols) noexcept {
  return {data, static_cast<Eigen::Index>(rows), static_cast<Eigen::Index>(cols)};
}

}  // namespace hrm
