/// batch: solves a file of Sudokus, many at once, with slots that take the next puzzle as soon as one halts.

#include <hrm/puzzles/picture.hpp>

#include "common/interrupt.hpp"
#include "common/progress.hpp"
#include "common/sudoku_input.hpp"

namespace {

using example::Arguments;

/// How many puzzles took how many segments, a bar for each number.
void print_histogram(std::span<const std::size_t> counts) {
  const std::size_t most = *std::max_element(counts.begin(), counts.end());
  std::size_t last = 0;
  for (std::size_t s = 0; s < counts.size(); ++s) last = counts[s] > 0 ? s : last;
  for (std::size_t s = 1; s <= last; ++s) {
    const std::size_t long_as = (counts[s] * 50 + most - 1) / most;
    std::printf("%4zu %7zu%s%s\n", s, counts[s], long_as > 0 ? " " : "", std::string(long_as, '#').c_str());
  }
}

struct Sums {
  std::size_t done = 0, solved = 0, halted = 0, refused = 0;
};

}  // namespace

int main(int argc, char** argv) {
  Arguments arguments(
      "batch", "",
      "Solves the Sudokus of a file, many at once. Shows its progress on standard error, then prints how many were\n"
      "solved (by the rules), puzzles a second, how busy the slots were, and how many segments puzzles took.",
      example::with_sudoku_input({
          {"--slots", "N", "puzzles at once (16)"},
          {"--threads", "N", "threads that work on them (1)"},
          {"--max-segments", "M", "limit of segments (otherwise as trained)"},
          {"--halt", "q|never", "stop when q_halt > q_continue, or never before the limit"},
          {"--out", "F", "solutions, a line for each puzzle in the file's order; dots for what was not reached"},
          {"--progress", "", "show it even where standard error is no terminal"},
      }),
      example::Kind::solver);
  if (const auto code = arguments.parse(argc, argv)) return *code;
  const std::size_t first = example::first_puzzles(arguments);
  const std::size_t slots = arguments.number("--slots", 16, 1, 4096);
  const example::Setup setup(arguments);
  if (!arguments.rest().empty()) arguments.note(arguments.rest()[0], "expected options alone");
  if (const auto code = arguments.wrong()) return *code;
  const auto out = arguments.text("--out");
  if (auto good = example::can_be_written(out); !good) return example::fail(arguments, good.error());
  const auto input = example::load_sudokus(arguments, setup, first, argv[0]);
  if (!input) return example::fail(arguments, input.error());
  const auto& puzzles = input->puzzles;

  hrm::BatchOptions options;
  options.slots = slots;
  options.tokens = input->shape.cells();
  options.max_segments = setup.max_segments;
  options.halting = setup.halting();
  options.executor = setup.executor();
  hrm::BatchSolver solver(input->model, options);
  if (!solver.status()) return example::fail(arguments, solver.status().error());

  // Everything is there before the run: nothing in it allocates.
  const std::size_t limit = setup.max_segments != 0 ? setup.max_segments : input->model.config().halt_max_steps;
  std::vector<std::size_t> by_segments(limit + 1);
  const std::size_t line_size = input->shape.cells() + 1;
  std::string solutions(puzzles.size() * line_size, '.');  // of puzzles that are not reached, nothing but blanks
  for (std::size_t i = 1; i <= puzzles.size(); ++i) solutions[i * line_size - 1] = '\n';
  std::vector<hrm::Token> tokens(input->shape.cells());
  Sums sums;
  std::size_t next = 0;
  using namespace std::chrono_literals;
  example::Progress progress(50ms, arguments.has("--progress") ? 1000ms : 0ms);
  example::listen_for({SIGINT});  // ends the run in the middle of a segment; what was solved until then is counted
  const auto begin = std::chrono::steady_clock::now();
  const bool whole = solver.run(
      [&](hrm::Job& job) noexcept {
        if (next == puzzles.size()) return false;
        hrm::sudoku_tokens(puzzles[next], tokens);
        job.tokens = tokens;
        job.id = next++;
        return true;
      },
      [&](const hrm::Outcome& outcome) noexcept {
        ++sums.done;
        if (outcome.error != nullptr) {
          ++sums.refused;
          return;
        }
        sums.solved += example::SudokuCheck(input->shape, puzzles[outcome.id])(outcome.tokens) ? 1 : 0;
        sums.halted += outcome.halted ? 1 : 0;
        ++by_segments[outcome.segments];
        char* line = &solutions[outcome.id * line_size];
        for (const hrm::Token token : outcome.tokens)
          *line++ = hrm::sudoku_char(static_cast<std::uint8_t>(token > 1 ? token - 1 : 0));
        if (!progress.due() && sums.done != puzzles.size()) return;
        const auto done = static_cast<double>(sums.done);
        progress.show(done / static_cast<double>(puzzles.size()), "%zu of %zu, %zu solved, %.0f puzzles/s", sums.done,
                      puzzles.size(), sums.solved, 1000 * done / example::milliseconds_since(begin));
      },
      example::go_on);
  const double seconds = example::milliseconds_since(begin) / 1000;
  progress.end();

  const auto [finished, segments, rounds] = solver.counts();
  const auto share = [](std::size_t part, std::size_t of) {
    return of == 0 ? 0.0 : 100 * static_cast<double>(part) / static_cast<double>(of);
  };
  std::printf("%s%zu puzzles in %.2f s: %.0f puzzles/s, %.0f segments/s\n", whole ? "" : "interrupted after ",
              sums.done, seconds, static_cast<double>(sums.done) / seconds, static_cast<double>(segments) / seconds);
  std::printf("solved %zu (%.2f %%), halted by themselves %zu\n", sums.solved, share(sums.solved, sums.done),
              sums.halted);
  std::printf("%zu slots, busy %.1f %%; segments in the mean %.2f\n", slots, share(segments, rounds * slots),
              finished == 0 ? 0.0 : static_cast<double>(segments) / static_cast<double>(finished));
  if (sums.refused > 0) std::printf("%zu could not be begun\n", sums.refused);
  std::puts("\nsegments puzzles");
  print_histogram(by_segments);
  if (out) {
    if (auto written = example::write_file(*out, solutions); !written) return example::fail(arguments, written.error());
  }
  return arguments.finish(sums.solved == puzzles.size() ? example::done : example::unsolved);
}
