// tick: how far Solver::tick overshoots its deadline. tick [ticks] [budget in microseconds] [threads] [MODEL FOLDER].
// The published 27M Sudoku shape with random weights, or a model; every precision, without and with latent noise. The
// overshoot is the clock after the call less the deadline; a tick that finishes the puzzle before it is not counted,
// and the puzzle begins anew. Beside it what the system takes by itself: the same loop over an empty body.

#include <peak.hpp>
#include <solver/shapes.hpp>
#include <words.hpp>

#include <hrm/solve/pool.hpp>
#include <hrm/solve/solver.hpp>

#include <support/random_model.hpp>

#include <cstdio>
#include <cstdlib>

namespace {

using bench::Clock;

void print(const std::string& name, std::vector<double> overshoot, std::size_t late) {
  std::sort(overshoot.begin(), overshoot.end());
  const auto at = [&](std::size_t thousandth) { return 1e6 * overshoot[(overshoot.size() - 1) * thousandth / 1000]; };
  std::printf("| %s | %zu | %.1f | %.1f | %.1f | %.1f | %zu |\n", name.c_str(), overshoot.size(), at(500), at(990),
              at(999), at(1000), late);
  std::fflush(stdout);
}

/// Overshoots of `ticks` calls of `tick(deadline)`, which says whether it ran into it.
template <class Tick>
void measure(const std::string& name, std::size_t ticks, std::chrono::nanoseconds budget, const Tick& tick) {
  std::vector<double> overshoot;
  std::size_t late = 0;
  while (overshoot.size() < ticks) {
    const Clock::time_point deadline = Clock::now() + budget;
    if (!tick(deadline)) continue;
    overshoot.push_back(std::chrono::duration<double>(Clock::now() - deadline).count());
    late += overshoot.back() > 1e-3 ? 1 : 0;
  }
  print(name, overshoot, late);
}

}  // namespace

int main(int argc, char** argv) {
  bench::Words words(argc, argv, 4, "tick [ticks] [budget in microseconds] [threads] [MODEL FOLDER]");
  const std::size_t ticks = words.number(0, 2000);
  const std::chrono::microseconds budget(words.number(1, 1000));
  const auto threads = static_cast<unsigned>(words.number(2, 1, 1024));
  const std::string folder = words.text(3, "");
  if (const auto code = words.wrong()) return *code;
  hrm::ThreadPool pool(threads);
  std::printf("ticks of %.3f ms, %u threads, overshoot in microseconds\n\n", static_cast<double>(budget.count()) * 1e-3,
              threads);
  std::printf("| | ticks | p50 | p99 | p99.9 | max | over 1 ms |\n|---|---|---|---|---|---|---|\n");
  measure("an empty loop", ticks, budget, [](Clock::time_point deadline) {
    while (Clock::now() < deadline) {
    }
    return true;
  });
  for (const auto& [precision, name] : bench::precisions) {
    hrm::LoadOptions load;
    load.precision = precision;
    const auto loaded =
        folder.empty() ? hrm::test::random_model(bench::published_sudoku(), 1, precision) : hrm::load(folder, load);
    if (!loaded) return bench::no_model(loaded.error());
    const hrm::Model& model = *loaded;
    const std::size_t tokens = model.config().seq_len != 0 ? model.config().seq_len : 36;
    for (const float sigma : {0.0F, 0.2F}) {
      hrm::SolverOptions options;
      options.max_tokens = tokens;
      options.halting = hrm::Never{};
      options.noise = hrm::Noise{sigma, 1};
      if (threads > 1) options.executor = pool;
      hrm::Solver solver(model, options);
      const std::vector<hrm::Token> puzzle(tokens, 1);
      measure(std::string(name) + (sigma > 0.0F ? ", with noise" : ""), ticks, budget, [&](Clock::time_point deadline) {
        if (solver.finished() && !solver.start(puzzle)) std::abort();
        return !solver.tick(deadline);
      });
    }
  }
  return 0;
}
