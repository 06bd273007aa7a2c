#pragma once
/// Layers in plain double precision, written from their definitions, and gradients by central differences.

#include <hrm/base/types.hpp>
#include <hrm/puzzles/random.hpp>

#include <cmath>
#include <functional>
#include <vector>

namespace hrm::train::test {

using Doubles = std::vector<double>;
using Floats = std::vector<float>;

inline Floats random_floats(std::size_t count, std::uint64_t seed, double scale = 1.0) {
  Random random(seed);
  Floats out(count);
  for (float& x : out) x = static_cast<float>(scale * (2.0 * random.unit() - 1.0));
  return out;
}
inline Doubles widen(const Floats& x) { return {x.begin(), x.end()}; }

/// y [rows, out] = x [rows, in] W^T.
inline Doubles linear(const Doubles& x, const Doubles& w, std::size_t rows, std::size_t in, std::size_t out) {
  Doubles y(rows * out);
  for (std::size_t r = 0; r < rows; ++r) {
    for (std::size_t o = 0; o < out; ++o) {
      for (std::size_t k = 0; k < in; ++k) y[r * out + o] += x[r * in + k] * w[o * in + k];
    }
  }
  return y;
}

inline Doubles rms(Doubles x, std::size_t width, double eps) {
  for (std::size_t r = 0; r < x.size(); r += width) {
    double sum = 0;
    for (std::size_t k = 0; k < width; ++k) sum += x[r + k] * x[r + k];
    for (std::size_t k = 0; k < width; ++k) x[r + k] /= std::sqrt(sum / double(width) + eps);
  }
  return x;
}

/// silu(gate) * up for rows of gate and then up, [rows, 2 inner] -> [rows, inner].
inline Doubles swiglu(const Doubles& x, std::size_t inner) {
  Doubles y;
  for (std::size_t r = 0; r < x.size(); r += 2 * inner) {
    for (std::size_t k = 0; k < inner; ++k) y.push_back(x[r + k] / (1.0 + std::exp(-x[r + k])) * x[r + inner + k]);
  }
  return y;
}

/// Rotates q and k of rows [positions, 3 hidden] (half-split form) where theta > 0.
inline Doubles rope(Doubles qkv, std::size_t hidden, std::size_t heads, std::size_t positions, double theta) {
  const std::size_t dim = hidden / heads;
  for (std::size_t r = 0; theta > 0 && r * 3 * hidden < qkv.size(); ++r) {
    for (std::size_t h = 0; h < 2 * heads; ++h) {
      for (std::size_t i = 0; i < dim / 2; ++i) {
        const double angle = double(r % positions) * std::pow(theta, -2.0 * double(i) / double(dim));
        double& a = qkv[r * 3 * hidden + h * dim + i];
        double& b = qkv[r * 3 * hidden + h * dim + i + dim / 2];
        const double turned = a * std::cos(angle) - b * std::sin(angle);
        b = b * std::cos(angle) + a * std::sin(angle);
        a = turned;
      }
    }
  }
  return qkv;
}

/// softmax(q k^T / sqrt(dim)) v of rows [sequences * positions, 3 hidden] -> [.., hidden].
inline Doubles attention(const Doubles& qkv, std::size_t hidden, std::size_t heads, std::size_t positions) {
  const std::size_t dim = hidden / heads;
  const std::size_t rows = qkv.size() / (3 * hidden);
  Doubles out(rows * hidden);
  for (std::size_t first = 0; first < rows; first += positions) {
    for (std::size_t h = 0; h < heads; ++h) {
      for (std::size_t i = first; i < first + positions; ++i) {
        Doubles weight;
        double sum = 0;
        for (std::size_t j = first; j < first + positions; ++j) {
          double score = 0;
          for (std::size_t d = 0; d < dim; ++d)
            score += qkv[i * 3 * hidden + h * dim + d] * qkv[j * 3 * hidden + hidden + h * dim + d];
          weight.push_back(std::exp(score / std::sqrt(double(dim))));
          sum += weight.back();
        }
        for (std::size_t j = 0; j < positions; ++j) {
          for (std::size_t d = 0; d < dim; ++d) {
            out[i * hidden + h * dim + d] += weight[j] / sum * qkv[(first + j) * 3 * hidden + 2 * hidden + h * dim + d];
          }
        }
      }
    }
  }
  return out;
}

/// sum(weight * y): a scalar whose gradient with respect to y is `weight`.
inline double weighted(const Doubles& y, const Floats& weight) {
  double sum = 0;
  for (std::size_t i = 0; i < y.size(); ++i) sum += y[i] * double(weight[i]);
  return sum;
}

/// d f / d x by central differences.
inline Doubles differences(Doubles x, const std::function<double(const Doubles&)>& f, double step = 1e-5) {
  Doubles out(x.size());
  for (std::size_t i = 0; i < x.size(); ++i) {
    const double at = x[i];
    x[i] = at + step;
    const double above = f(x);
    x[i] = at - step;
    out[i] = (above - f(x)) / (2 * step);
    x[i] = at;
  }
  return out;
}

/// ||a - b|| / ||b||.
template <class A, class B>
double relative(const A& a, const B& b) {
  double off = 0, norm = 0;
  for (std::size_t i = 0; i < b.size(); ++i) {
    off += (double(a[i]) - double(b[i])) * (double(a[i]) - double(b[i]));
    norm += double(b[i]) * double(b[i]);
  }
  return norm > 0 ? std::sqrt(off / norm) : std::sqrt(off);
}

}  // namespace hrm::train::test
