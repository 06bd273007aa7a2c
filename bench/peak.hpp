#pragma once
// What the machine can do at most: float32 fused multiply-adds in registers, on one or more threads at once.

#include <hrm/kernels/simd.hpp>

#include <benchmark/benchmark.h>

#include <algorithm>
#include <chrono>
#include <thread>
#include <vector>

namespace bench {

using Clock = std::chrono::steady_clock;
inline double seconds_since(Clock::time_point begin) { return std::chrono::duration<double>(Clock::now() - begin).count(); }

/// Float operations of one burst: twelve chains, so that no latency shows.
template <class Arch>
HRM_NOINLINE double fma_burst(int rounds) {
  using S = hrm::kernels::Simd<Arch>;
  constexpr std::size_t chains = 12;
  typename S::Float sum[chains];
  for (std::size_t i = 0; i < chains; ++i) sum[i] = S::set(1.0F + static_cast<float>(i));
  const auto a = S::set(0.9999F);
  const auto b = S::set(1e-4F);
  for (int r = 0; r < rounds; ++r) {
    HRM_UNROLL
    for (std::size_t i = 0; i < chains; ++i) sum[i] = S::fma(sum[i], a, b);
  }
  float total = 0.0F;
  for (auto x : sum) total += hrm::kernels::sum_of<Arch>(x);
  benchmark::DoNotOptimize(total);
  return 2.0 * static_cast<double>(chains * S::lanes) * rounds;
}

/// GFLOP/s of float32 FMA on this thread: the best of some short bursts (a burst another process cuts into is no peak).
inline double peak_here(int bursts = 20) {
  double best = 0.0;
  for (int i = 0; i < bursts; ++i) {
    const auto begin = Clock::now();
    const double flop = fma_burst<hrm::kernels::NativeArch>(60'000);
    best = std::max(best, flop / seconds_since(begin) * 1e-9);
  }
  return best;
}

/// The same on `threads` threads at once, summed.
inline double peak(unsigned threads) {
  if (threads <= 1) return peak_here();
  std::vector<double> each(threads);
  std::vector<std::thread> workers;
  for (unsigned t = 0; t < threads; ++t) workers.emplace_back([&each, t] { each[t] = peak_here(40); });
  double sum = 0.0;
  for (unsigned t = 0; t < threads; ++t) {
    workers[t].join();
    sum += each[t];
  }
  return sum;
}

}  // namespace bench
