/// Trained models give the same answers in PyTorch; skipped where PyTorch is missing.
// Slow: most of it is PyTorch's work.

#include <hrm/io/load.hpp>
#include <hrm/puzzles/dataset.hpp>
#include <hrm/solve/solve.hpp>
#include <hrm/train/state.hpp>

#include <doctest/doctest.h>

#include <support/files.hpp>
#include <support/places.hpp>
#include <support/skip.hpp>

#include <algorithm>
#include <cstdlib>
#include <sstream>

#include "small.hpp"

using namespace hrm;
using namespace hrm::train;

namespace {

struct TorchAnswer {
  std::size_t segments = 0;
  double q_halt = 0, q_continue = 0;
  std::vector<Token> tokens;
};

// What the script beside this file prints; empty where no Python has PyTorch.
std::vector<TorchAnswer> ask_torch(const std::string& folder, const std::vector<std::vector<Token>>& puzzles) {
  const support::TemporaryFolder work;
  std::string input;
  for (const auto& puzzle : puzzles) {
    for (const Token t : puzzle) input += std::to_string(t) + " ";
    input += "\n";
  }
  const std::string in = work.write("in", input), out = work.path("out");
  for (const std::string python : {"python3", "/usr/bin/python3"}) {
    const std::string command = python + " '" + support::source("tests/train/torch_answers.py") + "' '" + folder +
                                "' < '" + in + "' > '" + out + "' 2> '" + out + ".err'";
    if (std::system(command.c_str()) != 0) continue;
    std::vector<TorchAnswer> answers;
    std::istringstream lines(support::read_file(out));
    for (std::string line; std::getline(lines, line);) {
      std::istringstream words(line);
      TorchAnswer a;
      words >> a.segments >> a.q_halt >> a.q_continue;
      for (Token t = 0; words >> t;) a.tokens.push_back(t);
      answers.push_back(a);
    }
    REQUIRE(answers.size() == puzzles.size());
    return answers;
  }
  return {};
}

void compare(const std::string& folder, const std::vector<std::vector<Token>>& puzzles) {
  const auto theirs = ask_torch(folder, puzzles);
  if (theirs.empty()) {
    support::skip("no PyTorch here");
    return;
  }
  const Model model = load(folder).value();
  std::size_t settled = 0;
  for (std::size_t i = 0; i < puzzles.size(); ++i) {
    CAPTURE(i);
    const Answer ours = solve(model, puzzles[i]).value();
    if (theirs[i].segments > 6) continue;  // a state that wanders on for long carries rounding to anywhere
    ++settled;
    CHECK(ours.tokens == theirs[i].tokens);
    CHECK(ours.segments == theirs[i].segments);
    CHECK(std::fabs(double(ours.q_halt) - theirs[i].q_halt) < 1e-2);
    CHECK(std::fabs(double(ours.q_continue) - theirs[i].q_continue) < 1e-2);
  }
  CHECK(2 * settled >= puzzles.size());
}

}  // namespace

TEST_CASE("a model fresh from the trainer answers in PyTorch as it does here") {
  const support::TemporaryFolder folder;
  const auto source = test::small_sudokus();
  for (const bool learned : {false, true}) {
    Config config = test::small_config(*source);
    config.sizes.inner = inner_size(config.sizes.hidden, 2);
    config.positions = learned ? PositionEncoding::learned : PositionEncoding::rope;
    TrainerOptions options = test::small_options();
    options.optimizer.average = 0.5;
    Trainer<> trainer(config, *source, options);
    for (int i = 0; i < 30; ++i) trainer.step();
    save_model(trainer.layout(), trainer.average(), options, 2.0, folder.path()).value();
    std::vector<std::vector<Token>> puzzles(4, std::vector<Token>(16));
    std::vector<Token> labels(16);
    for (std::size_t i = 0; i < puzzles.size(); ++i) {
      Example example{puzzles[i], labels, 0};
      source->make(1000 + i, example);
    }
    compare(folder.path(), puzzles);
  }
}

TEST_CASE("the bundled models answer in PyTorch as they do here") {
  struct Case {
    std::string name;
    std::ptrdiff_t blanks;  // at most: with more, most larger Sudokus are thought about for too long to be compared
  };
  for (const Case& c : {Case{"sudoku6", 36}, Case{"sudoku9", 43}, Case{"maze7", 49}, Case{"maze15", 225}}) {
    CAPTURE(c.name);
    const std::string folder = support::weights(c.name);
    auto reader = PuzzleReader::open(folder + "/test.csv").value();
    std::vector<std::vector<Token>> puzzles;
    PuzzleExample example;
    while (puzzles.size() < 12 && reader.next(example).value()) {
      if (std::count(example.input.begin(), example.input.end(), 1) <= c.blanks) puzzles.push_back(example.input);
    }
    compare(folder, puzzles);
  }
}
