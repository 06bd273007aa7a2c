// hrm-bench: the kernels' operations, checked and timed; whole segments of the published shapes with random weights and
// of the bundled models, by precision, batch and number of threads; packing and loading. Google Benchmark's options
// hold
// (--benchmark_filter, --benchmark_format=json, --benchmark_out=..).
//
// Counters: GFLOPs = 2 x multiply-adds of linear layers and attention a second, of the median iteration; share = that
// over the machine's float32 FMA peak of as many threads. A processor's clock moves within a second, so the peak is
// measured just before and just after every iteration, in four bursts as long as the iteration (up to 20 ms: what a
// host takes of every millisecond it takes of both), and the largest is taken; an iteration whose two peaks differ by
// more than 3 % is noise and left out (`noisy` is their part). share_of_best relates the median to the highest of all
// peaks. least_ms and least_share are those of the quickest iteration, to the highest of all peaks too: where another
// hyperthread works on the same core, the registers' peak hardly moves while everything that loads slows down, and the
// median measures the neighbour as much as us.

#include "operations.hpp"
#include "peak.hpp"

#include <hrm/io/load.hpp>
#include <hrm/solve/mind.hpp>
#include <hrm/solve/pool.hpp>
#include <hrm/solve/solver.hpp>

#include <support/places.hpp>
#include <support/random_model.hpp>

#include <benchmark/benchmark.h>

#include <iostream>
#include <map>

namespace {

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

/// Times every iteration by itself, between two measurements of the peak.
template <class Run>
void time(benchmark::State& state, unsigned threads, double flop, double bytes, const Run& run) {
  run();  // first touches
  const auto trial = bench::Clock::now();
  run();
  const double burst = std::clamp(bench::seconds_since(trial), 1e-4, 0.02);
  double before = bench::peak(threads, 4, burst);
  double best = before;
  std::vector<double> times, shares, quiet_shares;
  for (auto _ : state) {
    const auto begin = bench::Clock::now();
    run();
    const double t = bench::seconds_since(begin);
    state.SetIterationTime(t);
    const double after = bench::peak(threads, 4, burst);
    const double peak = std::max(before, after);
    times.push_back(t);
    shares.push_back(flop / t * 1e-9 / peak);
    if (std::abs(before - after) <= 0.03 * peak) quiet_shares.push_back(shares.back());
    best = std::max(best, after);
    before = after;
  }
  const double middle = median(times);
  const double least = *std::min_element(times.begin(), times.end());
  state.counters["median_ms"] = middle * 1e3;
  state.counters["least_ms"] = least * 1e3;
  if (flop > 0.0) {
    state.counters["GFLOPs"] = flop / middle * 1e-9;
    state.counters["share"] = median(quiet_shares.empty() ? shares : quiet_shares);
    state.counters["share_of_best"] = flop / middle * 1e-9 / best;
    state.counters["least_share"] = flop / least * 1e-9 / best;
  }
  if (bytes > 0.0) state.counters["GBs"] = bytes / middle * 1e-9;
  state.counters["peak_GFLOPs"] = best;
  state.counters["noisy"] = 1.0 - static_cast<double>(quiet_shares.size()) / static_cast<double>(shares.size());
}

void operation(benchmark::State& state, const bench::Entry& entry) {
  const bench::Operation op = entry.make();
  const double error = op.error();
  if (!(error <= op.tolerance)) {
    state.SkipWithError(("wrong: relative error " + std::to_string(error)).c_str());
    return;
  }
  time(state, 1, op.flop, op.bytes, op.run);
  state.counters["error"] = error;
}

hrm::Config published(std::size_t tokens, std::size_t vocab) {
  hrm::Config c;
  c.sizes = hrm::Sizes{512, 8, 1536, vocab, 4, 4, 2, 2, 1};
  c.puzzle_ids = 1;
  c.puzzle_emb_ndim = 512;
  c.seq_len = tokens;
  return c;
}

constexpr std::pair<hrm::Precision, const char*> precisions[] = {
    {hrm::Precision::f32, "f32"}, {hrm::Precision::bf16, "bf16"}, {hrm::Precision::int8, "int8"}};

/// Models are made once: by name and precision.
const hrm::Model& model_of(const std::string& name, hrm::Precision precision) {
  static std::map<std::pair<std::string, hrm::Precision>, hrm::Model> made;
  const auto key = std::pair{name, precision};
  if (const auto at = made.find(key); at != made.end()) return at->second;
  if (name == "sudoku27M")
    return made.emplace(key, hrm::test::random_model(published(81, 11), 1, precision)).first->second;
  if (name == "maze27M")
    return made.emplace(key, hrm::test::random_model(published(900, 6), 1, precision)).first->second;
  hrm::LoadOptions load;
  load.precision = precision;
  return made.emplace(key, hrm::load(support::weights(name), load).value()).first->second;
}

void segment(benchmark::State& state, const std::string& name, hrm::Precision precision, std::size_t tokens,
             std::size_t batch, unsigned threads) {
  const hrm::Model& model = model_of(name, precision);
  // A scheduler that leaves both threads on one processor would measure nothing of ours.
  if (threads == 2) bench::pin(1);
  hrm::ThreadPool pool(threads);
  if (threads == 2) bench::pin(0);
  const hrm::Executor executor = threads > 1 ? hrm::Executor(pool) : hrm::Executor();
  hrm::Mind mind(model, hrm::Capacity{tokens, batch});
  if (!mind.status()) {
    state.SkipWithError("no memory");
    return;
  }
  mind.set_tokens(tokens);
  std::mt19937 engine(7);
  for (std::size_t b = 0; b < batch; ++b) {
    std::vector<hrm::Token> puzzle(tokens);
    for (hrm::Token& t : puzzle) t = static_cast<hrm::Token>(1 + engine() % (model.config().sizes.vocab - 1));
    if (!mind.begin(b, puzzle, 0)) {
      state.SkipWithError("not a puzzle");
      return;
    }
  }
  mind.set_active(batch);
  time(state, threads,
       2.0 * static_cast<double>(batch) * hrm::segment_work(model.config().sizes, mind.puzzle_tokens() + tokens).sum(),
       0.0, [&] {
         mind.rewind();
         benchmark::DoNotOptimize(mind.run(executor, []() noexcept { return false; }));
       });
  bench::pin(-1);
  state.counters["puzzle_segments_a_second"] = static_cast<double>(batch) * 1e3 / state.counters["median_ms"];
  state.counters["scratch_MiB"] =
      static_cast<double>(hrm::Mind::memory_bytes(model, hrm::Capacity{tokens, batch})) / 1048576.0;
  state.counters["weights_MiB"] = static_cast<double>(model->weight_bytes()) / 1048576.0;
}

/// Packing 27 million parameters from memory: what loading costs after the file is read.
void pack(benchmark::State& state, hrm::Precision precision) {
  const hrm::Config config = published(81, 11);
  const hrm::test::RandomTensors tensors(config, 1);
  const auto views = tensors.views();
  hrm::ModelOptions options;
  options.precision = precision;
  for (auto _ : state) {
    const auto begin = bench::Clock::now();
    auto model = hrm::make_model(config, views, options);
    state.SetIterationTime(bench::seconds_since(begin));
    benchmark::DoNotOptimize(model);
  }
}

void load(benchmark::State& state, const std::string& name) {
  for (auto _ : state) {
    const auto begin = bench::Clock::now();
    auto model = hrm::load(support::weights(name));
    state.SetIterationTime(bench::seconds_since(begin));
    if (!model) state.SkipWithError(std::string(model.error().message()).c_str());
    benchmark::DoNotOptimize(model);
  }
}

/// All segments of one puzzle, halting switched off: what a whole answer costs.
void solve(benchmark::State& state, const std::string& name, hrm::Precision precision, std::size_t tokens) {
  const hrm::Model& model = model_of(name, precision);
  hrm::SolverOptions options;
  options.max_tokens = tokens;
  options.halting = hrm::Never{};
  hrm::Solver solver(model, options);
  const std::vector<hrm::Token> puzzle(tokens, 1);
  for (auto _ : state) {
    const auto begin = bench::Clock::now();
    if (!solver.start(puzzle)) state.SkipWithError("not a puzzle");
    while (!solver.step()) {
    }
    state.SetIterationTime(bench::seconds_since(begin));
  }
  state.counters["segments"] = static_cast<double>(solver.segments());
}

template <class F, class... Args>
void add(const std::string& name, const F& function, Args... args) {
  benchmark::RegisterBenchmark(name.c_str(), [=](benchmark::State& state) { function(state, args...); })
      ->UseManualTime()
      ->Unit(benchmark::kMillisecond);
}

}  // namespace

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;

  using Arch = hrm::kernels::NativeArch;
  static std::vector<bench::Entry> operations;
  bench::add_operations<float>(operations, hrm::kernels::table<Arch, float>());
  bench::add_operations<hrm::bfloat16>(operations, hrm::kernels::table<Arch, hrm::bfloat16>());
  bench::add_operations<std::int8_t>(operations, hrm::kernels::table<Arch, std::int8_t>());
  for (const bench::Entry& entry : operations) add("operation/" + entry.name, operation, entry);

  const unsigned cores = std::max(1U, std::thread::hardware_concurrency());
  std::vector<unsigned> thread_counts{1};
  if (cores > 1) thread_counts.push_back(std::min(cores, 2U));
  if (cores > 2) thread_counts.push_back(cores);
  struct Case {
    const char* model;
    std::size_t tokens;
    std::vector<std::size_t> batches;
  };
  for (const Case& c : {Case{"sudoku27M", 81, {1, 8}}, Case{"maze27M", 900, {1}}, Case{"sudoku6", 36, {1, 16}},
                        Case{"maze7", 49, {1, 16}}}) {
    for (const auto& [precision, short_name] : precisions) {
      for (const std::size_t batch : c.batches) {
        for (const unsigned threads : thread_counts) {
          add(std::string("segment/") + c.model + "/" + short_name + "/batch:" + std::to_string(batch) +
                  "/threads:" + std::to_string(threads),
              segment, std::string(c.model), precision, c.tokens, batch, threads);
        }
      }
    }
  }
  for (const auto& [precision, short_name] : precisions) {
    add(std::string("solve/sudoku6/") + short_name, solve, std::string("sudoku6"), precision, std::size_t{36});
    add(std::string("pack/27M/") + short_name, pack, precision);
  }
  add("load/sudoku6", load, std::string("sudoku6"));

  const double before = bench::peak(1);
  benchmark::AddCustomContext("kernels", hrm::kernels::table<Arch, float>().name);
  benchmark::AddCustomContext("float32_fma_peak_before_GFLOPs", std::to_string(before));
  benchmark::RunSpecifiedBenchmarks();
  const double after = bench::peak(1);
  std::cerr << "float32 FMA peak of one thread: " << before << " GFLOP/s before, " << after << " after";
  std::cerr << (std::abs(before - after) > 0.03 * std::max(before, after) ? ": more than 3 % apart, measure again\n"
                                                                          : "\n");
  benchmark::Shutdown();
  return 0;
}
