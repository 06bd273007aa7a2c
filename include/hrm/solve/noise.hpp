#pragma once
/// Latent noise: a gentle push of the state between segments, so that several attempts at one puzzle take several
/// paths.

#include <hrm/base/float_environment.hpp>
#include <hrm/model/workspace.hpp>

#include <cmath>

namespace hrm {

/// z += sigma * N(0, 1) for z_H and z_L before every segment but the first. The numbers depend on seed, attempt,
/// segment and place alone, so a run can be repeated, paused and batched bit for bit.
struct Noise {
  float sigma = 0.0F;  ///< standard deviation; the states' own root mean square is 1. Not above 0, or not finite: off
  std::uint64_t seed = 0;

  /// Whether it adds anything.
  [[nodiscard]] constexpr bool on() const noexcept { return sigma > 0.0F && is_finite(sigma); }

  /// Adds to the states of one slot before a segment, position by position: `done` of them have had theirs. It asks
  /// stop() before each, as they take tens of microseconds; false: paused, to be called again.
  template <class Stop>
  [[nodiscard]] bool add(const Workspace& w, std::size_t sequence, std::size_t hidden, std::size_t attempt,
                         std::size_t segment, std::size_t& done, const Stop& stop) const noexcept {
    if (!on() || segment == 0) return true;
    const std::uint64_t stream = scramble(seed ^ scramble(attempt ^ scramble(segment)));
    const std::size_t width = w.positions * hidden;
    for (; done < w.positions; ++done) {
      if (stop()) return false;
      const FloatEnvironment environment;
      const std::size_t at = done * hidden;
      add(std::span(w.z_h + sequence * width + at, hidden), stream, at / 2);
      add(std::span(w.z_l + sequence * width + at, hidden), stream, (width + at) / 2);
    }
    return true;
  }

 private:
  // Pairs of normal numbers by Box and Muller's transform; the stream's n-th pair does not need those before it.
  void add(std::span<float> z, std::uint64_t stream, std::size_t pair) const noexcept {
    for (std::size_t i = 0; i + 1 < z.size(); i += 2) {  // hidden is even
      const std::uint64_t bits = scramble(stream + ++pair * 0x9e3779b97f4a7c15U);
      const float u = (static_cast<float>(bits >> 40) + 0.5F) * 0x1p-24F;  // in (0, 1]
      const float angle = as_written(static_cast<float>((bits >> 8) & 0xffffffU) * (0x1p-24F * 6.28318530718F));
      const float radius = as_written(sigma * std::sqrt(-2.0F * std::log(u)));
      z[i] += radius * std::cos(angle);
      z[i + 1] += radius * std::sin(angle);
    }
  }
  // splitmix64's finaliser
  [[nodiscard]] static constexpr std::uint64_t scramble(std::uint64_t x) noexcept {
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9U;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebU;
    return x ^ (x >> 31);
  }
};

}  // namespace hrm
