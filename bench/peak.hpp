#pragma once
// What the machine can do at most: float32 fused multiply-adds in registers, on one or more threads at once.

#include <hrm/kernels/simd.hpp>

#include <benchmark/benchmark.h>

#include <algorithm>
#include <chrono>
#include <thread>
#include <vector>

#if defined(__linux__)
#include <sched.h>
#endif

namespace bench {

using Clock = std::chrono::steady_clock;
inline double seconds_since(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

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

/// Binds the calling thread, and those it makes from then on, to one processor; -1: to any.
inline void pin(int processor) {
#if defined(__linux__)
  cpu_set_t set;
  CPU_ZERO(&set);
  for (int i = 0; i < CPU_SETSIZE; ++i) {
    if (processor < 0 || i == processor) CPU_SET(static_cast<unsigned>(i), &set);
  }
  static_cast<void>(::sched_setaffinity(0, sizeof set, &set));
#else
  static_cast<void>(processor);
#endif
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
inline double peak(unsigned threads, int bursts = 20) {
  if (threads <= 1) return peak_here(bursts);
  std::vector<double> each(threads);
  std::vector<std::thread> workers;
  // Twice as long: threads do not start at one moment.
  for (unsigned t = 0; t < threads; ++t) {
    workers.emplace_back([&each, t, threads, bursts] {
      if (threads == 2) pin(static_cast<int>(t));
      each[t] = peak_here(2 * bursts);
    });
  }
  double sum = 0.0;
  for (unsigned t = 0; t < threads; ++t) {
    workers[t].join();
    sum += each[t];
  }
  return sum;
}

}  // namespace bench
