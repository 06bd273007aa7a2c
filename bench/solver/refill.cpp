// refill: what refilling slots is worth. refill [puzzles] [slots] [threads] [f32|bf16|int8]. The bundled 6x6 Sudokus
// through BatchSolver; the same puzzles in batches that wait for their slowest; alone, one after the other; and a fixed
// full batch of which nobody halts, which is what the machine can do. One round of each in turn, several times;
// medians.
//
// Busy: puzzle segments over slots times rounds, for BatchSolver also until the queue was empty. Share: 2 x
// multiply-adds a second over the machine's float32 FMA peak of as many threads, measured beside each.

#include <peak.hpp>
#include <solver/shapes.hpp>
#include <words.hpp>

#include <hrm/puzzles/sudoku.hpp>
#include <hrm/solve/batch_solver.hpp>
#include <hrm/solve/pool.hpp>
#include <hrm/solve/solver.hpp>

#include <support/places.hpp>

#include <cstdio>
#include <cstdlib>
#include <fstream>

namespace {

struct Run {
  double seconds = 0.0;
  std::size_t segments = 0;
  double busy = 0.0, busy_until_dry = 0.0;
};

/// Everything a run needs.
struct Setting {
  hrm::Model model;
  hrm::BatchOptions options;
  std::vector<hrm::Token> puzzles;  // [count, tokens]
  std::size_t tokens = 0, count = 0;
  [[nodiscard]] std::span<const hrm::Token> puzzle(std::size_t i) const {
    return std::span(puzzles).subspan(i * tokens, tokens);
  }
};

double share(std::size_t part, std::size_t of) { return static_cast<double>(part) / static_cast<double>(of); }

Run refilled(const Setting& s) {
  hrm::BatchSolver solver(s.model, s.options);
  std::size_t next = 0;
  hrm::BatchCounts dry;
  const auto begin = bench::Clock::now();
  const bool whole = solver.run(
      [&](hrm::Job& job) noexcept {
        if (next == s.count) {
          if (dry.rounds == 0) dry = solver.counts();
          return false;
        }
        job.tokens = s.puzzle(next++);
        return true;
      },
      [](const hrm::Outcome&) noexcept {});
  if (!whole) std::abort();
  const hrm::BatchCounts all = solver.counts();
  return {bench::seconds_since(begin), all.segments, share(all.segments, all.rounds * s.options.slots),
          share(dry.segments, dry.rounds * s.options.slots)};
}

/// Batches that are filled, thought to the end of their last puzzle, and only then replaced.
Run waiting(const Setting& s) {
  hrm::BatchSolver solver(s.model, s.options);
  const auto begin = bench::Clock::now();
  for (std::size_t first = 0; first < s.count; first += s.options.slots) {
    for (std::size_t i = first; i < std::min(s.count, first + s.options.slots); ++i) solver.add({s.puzzle(i)}).value();
    while (solver.active() > 0) {
      solver.step();
      solver.hand_out([](const hrm::Outcome&) noexcept {});
    }
  }
  const hrm::BatchCounts all = solver.counts();
  const double busy = share(all.segments, all.rounds * s.options.slots);
  return {bench::seconds_since(begin), all.segments, busy, busy};
}

/// The same, but a batch keeps its full size: puzzles that have halted are thought about until the slowest has too.
Run padded(const Setting& s) {
  hrm::BatchOptions options = s.options;
  options.halting = hrm::Never{};
  hrm::BatchSolver solver(s.model, options);
  const std::size_t limit = s.model.config().halt_max_steps;
  std::size_t useful = 0;
  std::vector<bool> halted(s.options.slots);
  const auto begin = bench::Clock::now();
  for (std::size_t first = 0; first < s.count; first += s.options.slots) {
    const std::size_t size = std::min(s.options.slots, s.count - first);
    for (std::size_t i = 0; i < size; ++i) solver.add({s.puzzle(first + i)}).value();
    std::fill(halted.begin(), halted.end(), false);
    std::size_t left = size;
    for (std::size_t segment = 0; left > 0 && segment < limit; ++segment) {
      solver.step();
      useful += left;
      for (std::size_t i = 0; i < size; ++i) {
        if (halted[i] || !(solver.q_halt(i) > solver.q_continue(i))) continue;
        halted[i] = true;
        --left;
      }
    }
    solver.reset();
  }
  const double busy = share(useful, solver.counts().rounds * s.options.slots);
  return {bench::seconds_since(begin), useful, busy, busy};
}

Run alone(const Setting& s) {
  hrm::SolverOptions options;
  options.max_tokens = s.tokens;
  options.executor = s.options.executor;
  hrm::Solver solver(s.model, options);
  std::size_t segments = 0;
  const auto begin = bench::Clock::now();
  for (std::size_t i = 0; i < s.count; ++i) {
    if (!solver.start(s.puzzle(i))) std::abort();
    while (!solver.step()) {
    }
    segments += solver.segments();
  }
  return {bench::seconds_since(begin), segments, 1.0, 1.0};
}

/// As many puzzle segments as the refilled run has, all slots always full.
Run full(const Setting& s, std::size_t segments) {
  hrm::BatchOptions options = s.options;
  options.halting = hrm::Never{};
  options.max_segments = segments;
  hrm::BatchSolver solver(s.model, options);
  for (std::size_t i = 0; i < options.slots; ++i) solver.add({s.puzzle(i % s.count)}).value();
  const std::size_t rounds = segments / options.slots;
  const auto begin = bench::Clock::now();
  for (std::size_t i = 0; i < rounds; ++i) solver.step();
  return {bench::seconds_since(begin), rounds * options.slots, 1.0, 1.0};
}

}  // namespace

int main(int argc, char** argv) {
  bench::Words words(argc, argv, 4, "refill [puzzles] [slots] [threads] [f32|bf16|int8]");
  const std::size_t most = words.number(0, 1000);
  const std::size_t slots = words.number(1, 16, 4096);
  const auto threads = static_cast<unsigned>(words.number(2, 1, 1024));
  hrm::LoadOptions load;
  load.precision = words.precision(3);
  if (const auto code = words.wrong()) return *code;
  Setting s{hrm::load(support::weights("sudoku6"), load).value(), {}, {}, 0, 0};
  std::ifstream file(support::weights("sudoku6/test.csv"));
  for (std::string line; s.count < most && std::getline(file, line); ++s.count) {
    const auto tokens = hrm::sudoku_tokens(hrm::parse_sudoku(line.substr(0, line.find(','))).value());
    s.puzzles.insert(s.puzzles.end(), tokens.begin(), tokens.end());
    s.tokens = tokens.size();
  }
  hrm::ThreadPool pool(threads);
  s.options.slots = slots;
  s.options.tokens = s.tokens;
  if (threads > 1) s.options.executor = pool;

  constexpr int repeats = 7;
  constexpr std::array names{"slots refill", "no refill, the batch shrinks", "no refill, halted ones go on",
                             "alone, one by one", "a fixed full batch"};
  std::array<std::vector<double>, 5> times, shares;
  std::array<Run, 5> runs;
  for (int r = 0; r < repeats; ++r) {
    for (std::size_t kind = 0; kind < names.size(); ++kind) {
      const double peak_before = bench::peak(threads);
      Run& run = runs[kind];
      switch (kind) {
        case 0:
          run = refilled(s);
          break;
        case 1:
          run = waiting(s);
          break;
        case 2:
          run = padded(s);
          break;
        case 3:
          run = alone(s);
          break;
        default:
          run = full(s, runs[0].segments);
      }
      const double peak = std::max(peak_before, bench::peak(threads));
      const double flop =
          2.0 * hrm::segment_work(s.model.config().sizes, s.model.config().sizes.puzzle_tokens + s.tokens).sum();
      times[kind].push_back(run.seconds);
      shares[kind].push_back(flop * static_cast<double>(run.segments) / run.seconds * 1e-9 / peak);
    }
  }
  const auto median = [](std::vector<double> all) {
    std::sort(all.begin(), all.end());
    return all[all.size() / 2];
  };
  std::printf("%zu puzzles, %zu slots, %u threads, %s\n\n", s.count, slots, threads, words.text(3, "f32").c_str());
  std::printf("| | puzzles/s | segments/s | busy | busy until the queue is empty | share of the peak |\n");
  std::printf("|---|---|---|---|---|---|\n");
  for (std::size_t kind = 0; kind < names.size(); ++kind) {
    const double seconds = median(times[kind]);
    const std::string rate = kind == 4 ? "" : std::to_string(std::lround(static_cast<double>(s.count) / seconds));
    std::printf("| %s | %s | %.0f | %.1f %% | %.1f %% | %.1f %% |\n", names[kind], rate.c_str(),
                static_cast<double>(runs[kind].segments) / seconds, 100 * runs[kind].busy,
                100 * runs[kind].busy_until_dry, 100 * median(shares[kind]));
  }
  std::printf(
      "\nrefilled against the full batch: %.3f of its share of the peak; against no refill: %.2f and %.2f times the "
      "puzzles/s\n",
      median(shares[0]) / median(shares[4]), median(times[1]) / median(times[0]), median(times[2]) / median(times[0]));
  return 0;
}
