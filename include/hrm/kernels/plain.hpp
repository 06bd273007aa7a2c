#pragma once
/// The plain form of every operation in table.hpp: row-major, double sums, no vectors. What tests and benchmarks
/// compare the fast ones with; slow, allocates nothing, any thread.

#include <hrm/base/types.hpp>

#include <cmath>

namespace hrm::kernels::plain {

/// y [rows, cols] = x [rows, depth] w^T, w [cols, depth].
inline void product(const float* x, const float* w, std::size_t rows, std::size_t cols, std::size_t depth, double* y) {
  for (std::size_t i = 0; i < rows; ++i) {
    for (std::size_t j = 0; j < cols; ++j) {
      double sum = 0.0;
      for (std::size_t k = 0; k < depth; ++k)
        sum += static_cast<double>(x[i * depth + k]) * static_cast<double>(w[j * depth + k]);
      y[i * cols + j] = sum;
    }
  }
}

/// The level of the largest element of a row or column that becomes levels of 16 bits: as large as the norm allows.
inline float most_level(const float* from, std::size_t count) {
  double largest = 0.0;
  double squares = 0.0;
  for (std::size_t i = 0; i < count; ++i) {
    const auto size = std::fabs(static_cast<double>(from[i]));
    largest = size > largest ? size : largest;
    squares += size * size;
  }
  const auto level = static_cast<float>(46000.0 * largest / std::sqrt(squares));
  return level < 32600.0F ? bit_cast<float>(bit_cast<std::uint32_t>(level) & 0xfff80000U) : 32600.0F;
}

/// A row or a column as levels in [-top, top]; returns the scale.
inline float quantise(const float* from, std::size_t count, std::int32_t* levels, float top = 127.0F) {
  float most = 0.0F;
  for (std::size_t i = 0; i < count; ++i) most = std::fabs(from[i]) > most ? std::fabs(from[i]) : most;
  const float inverse = most > 1e-30F ? top / most : 0.0F;
  for (std::size_t i = 0; i < count; ++i) levels[i] = static_cast<std::int32_t>(std::lrint(from[i] * inverse));
  return most / top;
}

/// The rotary embedding of one head [head_dim] in the interleaved form: pairs (2i, 2i + 1) turn by `angles[i]`.
inline void rotate(double* head, std::size_t head_dim, const double* angles) {
  for (std::size_t i = 0; i < head_dim / 2; ++i) {
    const double even = head[2 * i];
    const double odd = head[2 * i + 1];
    head[2 * i] = even * std::cos(angles[i]) - odd * std::sin(angles[i]);
    head[2 * i + 1] = odd * std::cos(angles[i]) + even * std::sin(angles[i]);
  }
}

/// x / (1 + e^-x).
inline double silu(double x) { return x / (1.0 + std::exp(-x)); }

/// z / sqrt(mean(z^2) + eps), in place.
inline void rms_norm(double* z, std::size_t width, double eps) {
  double squares = 0.0;
  for (std::size_t k = 0; k < width; ++k) squares += z[k] * z[k];
  const double factor = 1.0 / std::sqrt(squares / static_cast<double>(width) + eps);
  for (std::size_t k = 0; k < width; ++k) z[k] *= factor;
}

/// out [head_dim] = softmax(query k^T) v for one query; k and v [positions] rows of head_dim, `stride` floats apart.
/// `weights` is scratch of [positions].
inline void attend(const float* query, const float* k, const float* v, std::size_t stride, std::size_t positions,
                   std::size_t head_dim, double* weights, double* out) {
  double most = -1e300;
  for (std::size_t p = 0; p < positions; ++p) {
    double score = 0.0;
    for (std::size_t d = 0; d < head_dim; ++d)
      score += static_cast<double>(query[d]) * static_cast<double>(k[p * stride + d]);
    weights[p] = score;
    most = score > most ? score : most;
  }
  double sum = 0.0;
  for (std::size_t p = 0; p < positions; ++p) {
    weights[p] = std::exp(weights[p] - most);
    sum += weights[p];
  }
  for (std::size_t d = 0; d < head_dim; ++d) {
    out[d] = 0.0;
    for (std::size_t p = 0; p < positions; ++p) out[d] += weights[p] * static_cast<double>(v[p * stride + d]);
    out[d] /= sum;
  }
}

}  // namespace hrm::kernels::plain
