#pragma once
// What the machine can do at most: float32 fused multiply-adds in registers, on one or more threads at once.

#include <hrm/kernels/simd.hpp>

#include <benchmark/benchmark.h>

#include <algorithm>
#include <chrono>
#include <fstream>
#include <set>
#include <string>
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

#if defined(__linux__)
/// The processors that this program may use; asked for once, before anything is pinned.
inline const cpu_set_t& allowed_processors() {
  static const cpu_set_t allowed = [] {
    cpu_set_t set;
    CPU_ZERO(&set);
    static_cast<void>(::sched_getaffinity(0, sizeof set, &set));
    return set;
  }();
  return allowed;
}

/// One of them for each core: the first of its hyperthreads.
inline const std::vector<unsigned>& cores() {
  static const std::vector<unsigned> found = [] {
    std::vector<unsigned> firsts;
    std::set<std::string> seen;
    for (unsigned i = 0; i < CPU_SETSIZE; ++i) {
      if (!CPU_ISSET(i, &allowed_processors())) continue;
      std::string siblings = std::to_string(i);
      std::ifstream file("/sys/devices/system/cpu/cpu" + siblings + "/topology/thread_siblings_list");
      std::getline(file, siblings);
      if (seen.insert(siblings).second) firsts.push_back(i);
    }
    return firsts;
  }();
  return found;
}
#endif

/// Binds the calling thread, and those it makes from then on, to one core, where there are that many; -1: to none.
inline void pin(int core) {
#if defined(__linux__)
  cpu_set_t set = allowed_processors();
  if (core >= 0 && static_cast<std::size_t>(core) < cores().size()) {
    CPU_ZERO(&set);
    CPU_SET(cores()[static_cast<std::size_t>(core)], &set);
  }
  static_cast<void>(::sched_setaffinity(0, sizeof set, &set));
#else
  static_cast<void>(core);
#endif
}

/// GFLOP/s of float32 FMA on this thread: the best of some bursts of at least `seconds` each. A burst another process
/// cuts into is no peak; but what the host of a virtual machine takes of every millisecond no program escapes, so a
/// burst should be as long as what it is compared with, within reason.
inline double peak_here(int bursts = 20, double seconds = 1e-4) {
  double best = 0.0;
  for (int i = 0; i < bursts; ++i) {
    const auto begin = Clock::now();
    double flop = 0.0;
    double taken = 0.0;
    do {
      flop += fma_burst<hrm::kernels::NativeArch>(30'000);
      taken = seconds_since(begin);
    } while (taken < seconds);
    best = std::max(best, flop / taken * 1e-9);
  }
  return best;
}

/// The same on `threads` threads at once, summed.
inline double peak(unsigned threads, int bursts = 20, double seconds = 1e-4) {
  if (threads <= 1) return peak_here(bursts, seconds);
  std::vector<double> each(threads);
  std::vector<std::thread> workers;
  // Twice as long: threads do not start at one moment.
  for (unsigned t = 0; t < threads; ++t) {
    workers.emplace_back([&each, t, threads, bursts, seconds] {
      if (threads == 2) pin(static_cast<int>(t));
      each[t] = peak_here(2 * bursts, seconds);
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
