/// hrm-attempts: how many Sudokus a model solves alone, with several attempts by vote or by its own confidence, and
/// when every answer is checked; and how many segments that takes.

#include "common/sudoku_input.hpp"

#include <atomic>

namespace {

using example::Arguments;

/// A row of the table: one way to think about a puzzle.
struct Method {
  std::string name;
  hrm::AttemptOptions options;
  bool verify = false;  // stop at the first answer that is right
};

struct Score {
  std::size_t solved = 0;
  std::size_t halted = 0;        // at least one attempt halted by itself
  std::size_t halted_wrong = 0;  // of those, not solved
  std::size_t attempts = 0;      // that came to an end
  std::size_t segments = 0;      // of all attempts, those broken off included

  void add(const Score& other) noexcept {
    solved += other.solved;
    halted += other.halted;
    halted_wrong += other.halted_wrong;
    attempts += other.attempts;
    segments += other.segments;
  }
};

hrm::Result<Score> score(const hrm::Model& model, const hrm::SudokuShape& shape, const hrm::SudokuGrid& puzzle,
                         const Method& method) {
  const example::SudokuCheck right(shape, puzzle);
  const auto tokens = hrm::sudoku_tokens(puzzle);
  const auto answer = method.verify ? hrm::solve_attempts(model, tokens, method.options, right)
                                    : hrm::solve_attempts(model, tokens, method.options);
  if (!answer) return answer.error();
  Score one;
  one.solved = right(answer->tokens) ? 1 : 0;
  one.halted = answer->halted ? 1 : 0;
  one.halted_wrong = answer->halted && one.solved == 0 ? 1 : 0;
  one.attempts = answer->finished;
  one.segments = answer->segments;
  return one;
}

/// All puzzles, shared out among threads; the sums are the same for any number of them. Error: a puzzle's, memory.
hrm::Result<Score> score(const hrm::Model& model, const hrm::SudokuShape& shape,
                         std::span<const hrm::SudokuGrid> puzzles, const Method& method, std::size_t threads) {
  std::vector<hrm::Result<Score>> scores(threads, Score{});
  std::atomic<std::size_t> next{0};
  example::on_threads(threads, [&](std::size_t t) {
    for (std::size_t i = next++; i < puzzles.size() && scores[t]; i = next++) {
      const auto one = score(model, shape, puzzles[i], method);
      if (one) {
        scores[t]->add(*one);
      } else {
        scores[t] = one.error().in("puzzle " + std::to_string(i + 1));
      }
    }
  });
  Score sum;
  for (const auto& part : scores) {
    if (!part) return part.error();
    sum.add(*part);
  }
  return sum;
}

/// Numbers with commas between.
std::vector<float> numbers(Arguments& arguments, std::string_view name, std::string_view otherwise) {
  const std::string text = arguments.text(name).value_or(std::string(otherwise));
  std::vector<float> out;
  const bool good = example::each_part(text, [&out](std::string_view part) {
    double value = 0;
    if (!hrm::detail::parse_number(part, value) || !(value > 0) || !(value < 100)) return false;
    out.push_back(static_cast<float>(value));
    return true;
  });
  if (good) return out;
  arguments.note(name, "expected positive numbers such as 0.1,0.2, found " + text);
  return {};
}

/// Symmetries of a puzzle, the first of them the puzzle as it is.
std::vector<hrm::Symmetry> symmetries_of(const hrm::SudokuShape& shape, std::size_t count, std::uint64_t seed) {
  hrm::Random random(seed);
  std::vector<hrm::Symmetry> symmetries{hrm::Symmetry::identity(shape.cells(), shape.vocab())};
  while (symmetries.size() < count) symmetries.push_back(hrm::random_sudoku_symmetry(shape, random));
  return symmetries;
}

std::vector<Method> methods(std::span<const hrm::View> views, std::size_t attempts, std::size_t verified,
                            std::size_t limit, std::span<const float> sigmas, std::uint64_t seed) {
  const auto options = [&](std::size_t count, std::size_t segments) {
    hrm::AttemptOptions o;
    o.attempts = count;
    o.max_segments = segments;
    return o;
  };
  std::vector<Method> all;
  for (const std::size_t segments : {limit, 2 * limit}) {
    all.push_back({"alone, at most " + std::to_string(segments) + " segments", options(1, segments)});
  }
  const std::string several = std::to_string(attempts);
  Method seen{several + " symmetric views, most votes", options(attempts, limit)};
  seen.options.views = views.first(attempts);
  all.push_back(seen);
  for (const float sigma : sigmas) {
    std::array<char, 32> text{};
    static_cast<void>(std::snprintf(text.data(), text.size(), "%g", static_cast<double>(sigma)));
    Method noisy{several + " noise rollouts, sigma " + text.data() + ", most votes", options(attempts, limit)};
    noisy.options.noise = hrm::Noise{sigma, seed};
    all.push_back(noisy);
    noisy.name = several + " noise rollouts, sigma " + text.data() + ", largest q_halt";
    noisy.options.choose = hrm::Choose::q_halt;
    all.push_back(noisy);
  }
  const std::string many = "until verified: up to " + std::to_string(verified);
  std::vector<std::size_t> at_once{1};
  if (attempts > 1) at_once.push_back(attempts);
  for (const std::size_t slots : at_once) {
    Method checked{many + (slots == 1 ? " views, one by one" : " views, " + several + " at once"),
                   options(verified, limit), true};
    checked.options.views = views.first(verified);
    checked.options.slots = slots;
    all.push_back(checked);
  }
  for (const float sigma : sigmas) {
    std::array<char, 32> text{};
    static_cast<void>(std::snprintf(text.data(), text.size(), "%g", static_cast<double>(sigma)));
    Method checked{many + " noise rollouts, sigma " + text.data() + ", one by one", options(verified, limit), true};
    checked.options.noise = hrm::Noise{sigma, seed};
    checked.options.slots = 1;
    all.push_back(checked);
  }
  return all;
}

}  // namespace

int main(int argc, char** argv) {
  Arguments arguments(
      "hrm-attempts", "",
      "Solves the Sudokus of a file in several ways and prints a Markdown table: the share that is solved (by the\n"
      "rules), how often the model halted by itself and was wrong, attempts and segments for each puzzle in the mean.",
      example::with_sudoku_input({
          {"--max-segments", "M", "limit of each attempt (16); alone also with twice as many"},
          {"--attempts", "K", "views or rollouts (8)"},
          {"--verified", "K", "attempts at most until one is verified (64)"},
          {"--sigma", "S,..", "standard deviations of the noise (0.2)"},
          {"--seed", "N", "of the views and the noise (1)"},
          {"--threads", "N", "puzzles at once (1)"},
      }));
  if (const auto code = arguments.parse(argc, argv)) return *code;
  const std::size_t first = example::first_puzzles(arguments);
  const std::size_t limit = arguments.number("--max-segments", 16, 1, 100000);
  const std::size_t attempts = arguments.number("--attempts", 8, 1, 1024);
  const std::size_t verified = arguments.number("--verified", std::max<std::size_t>(64, attempts), attempts, 65536);
  const std::size_t seed = arguments.number("--seed", 1, 0, ~std::size_t{0});
  const std::size_t threads = arguments.number("--threads", 1, 1, 1024);
  const std::vector<float> sigmas = numbers(arguments, "--sigma", "0.2");
  const example::Setup setup(arguments, example::Setup::Threads::none);
  if (!arguments.rest().empty()) arguments.note(arguments.rest()[0], "expected options alone");
  if (const auto code = arguments.wrong()) return *code;

  const auto input = example::load_sudokus(arguments, setup, first, argv[0]);
  if (!input) return example::fail(arguments, input.error());

  const auto symmetries = symmetries_of(input->shape, verified, seed);
  std::vector<hrm::View> views;
  views.reserve(symmetries.size());
  for (const hrm::Symmetry& s : symmetries) views.push_back({s.positions, s.tokens});
  std::printf("| %zu puzzles | solved | halted wrongly | attempts | segments |\n|---|---|---|---|---|\n",
              input->puzzles.size());
  const double count = static_cast<double>(input->puzzles.size());
  for (const Method& method : methods(views, attempts, verified, limit, sigmas, seed)) {
    const auto sum = score(input->model, input->shape, input->puzzles, method, threads);
    if (!sum) return example::fail(arguments, sum.error());
    std::printf("| %s | %.2f %% | %zu | %.2f | %.2f |\n", method.name.c_str(),
                100 * static_cast<double>(sum->solved) / count, sum->halted_wrong,
                static_cast<double>(sum->attempts) / count, static_cast<double>(sum->segments) / count);
    std::fflush(stdout);
  }
  return arguments.finish(example::done);
}
