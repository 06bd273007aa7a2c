/// batch: a file of Sudokus through slots that refill.

#include <doctest/doctest.h>
#include <hrm/puzzles/sudoku.hpp>

#include <cli/command.hpp>

namespace {

using cli::run;

/// The first puzzles of the bundled model's test file.
std::string some_puzzles(std::size_t count, std::vector<std::string>& solutions) {
  std::string input;
  for (const std::string& line : cli::lines_of(support::read_file(support::weights("sudoku6/test.csv")))) {
    if (solutions.size() == count) break;
    input += line + "\n";
    solutions.push_back(cli::fields_of(line, ',')[1]);
  }
  return input;
}

/// The number that stands before a word.
double before(const std::string& text, const std::string& word) {
  std::size_t at = text.find(word);
  REQUIRE(at != std::string::npos);
  while (at > 0 && text[at - 1] == ' ') --at;
  std::size_t from = at;
  while (from > 0 && (std::isdigit(static_cast<unsigned char>(text[from - 1])) != 0 || text[from - 1] == '.')) --from;
  return std::stod(text.substr(from, at - from));
}

}  // namespace

TEST_CASE("batch: the same answers whatever the slots and threads, a histogram that adds up") {
  const support::TemporaryFolder folder;
  std::vector<std::string> solutions;
  const std::size_t count = cli::slow ? 64 : 200;
  const std::string file = folder.write("puzzles.csv", some_puzzles(count, solutions));
  const std::string named = folder.write("named.csv", "quizzes,solutions\n" + support::read_file(file));
  CHECK(run("batch", {"--file", named, "--out", folder.path("named")}).err == "");
  std::string first = support::read_file(folder.path("named"));
  for (const char* slots : {"1", "5", "16"}) {
    const std::string out = folder.path(slots);
    const auto outcome = run("batch", {"--file", file, "--slots", slots, "--threads", "2", "--out", out});
    CHECK(outcome.err == "");  // no progress bar into a file
    std::size_t solved = 0;
    const std::string written = support::read_file(out);
    const auto lines = cli::lines_of(written);
    REQUIRE(lines.size() == count);
    for (std::size_t i = 0; i < count; ++i) solved += lines[i] == solutions[i] ? 1 : 0;
    CHECK(outcome.code == (solved == count ? 0 : 3));
    CHECK(outcome.out.find(std::to_string(count) + " puzzles in ") == 0);
    CHECK(outcome.out.find("solved " + std::to_string(solved) + " (") != std::string::npos);
    CHECK(written == first);

    const auto histogram = cli::lines_of(outcome.out.substr(outcome.out.find("segments puzzles\n") + 17));
    std::size_t puzzles = 0;
    std::size_t segments = 0;
    for (const std::string& line : histogram) {
      std::size_t s = 0;
      std::size_t n = 0;
      REQUIRE(std::sscanf(line.c_str(), "%zu %zu", &s, &n) == 2);
      puzzles += n;
      segments += s * n;
      CHECK((line.find('#') != std::string::npos) == (n > 0));
    }
    CHECK(puzzles == count);
    const double mean = std::stod(outcome.out.substr(outcome.out.find("in the mean ") + 12));
    CHECK(std::abs(mean - static_cast<double>(segments) / static_cast<double>(count)) < 0.01);
    CHECK(before(outcome.out, "%; segments") > (std::string(slots) == "1" ? 99.9 : 50.0));
  }
}

TEST_CASE("batch: interrupted, it still writes a line for each puzzle, dots for those it did not reach") {
  const support::TemporaryFolder folder;
  const std::string csv = support::weights("sudoku9") + "/test.csv";
  const auto outcome = cli::shell("timeout -s INT 1 " + cli::quoted(support::example("batch")) + " --file " +
                                  cli::quoted(csv) + " --out " + cli::quoted(folder.path("out")));
  CHECK(outcome.code != 0);
  const auto lines = cli::lines_of(support::read_file(folder.path("out")));
  const auto puzzles = cli::lines_of(support::read_file(csv));
  REQUIRE(lines.size() == puzzles.size());
  std::size_t reached = 0;
  for (std::size_t i = 0; i < lines.size(); ++i) {
    REQUIRE(lines[i].size() == 81);
    if (lines[i] == std::string(81, '.')) continue;
    ++reached;
    for (std::size_t c = 0; c < 81 && !cli::slow; ++c) REQUIRE((lines[i][c] >= '.' && lines[i][c] <= '9'));
  }
  CHECK(reached < lines.size());
}

TEST_CASE("batch: progress, halting, and what is wrong") {
  const std::string two = "..4..2.6.5..6..42.........5..34.....\n..6...32...4....21.31......6..1..5.2\n";
  const auto outcome = run("batch", {"--file", "-", "--progress"}, two);
  CHECK(outcome.code == 0);
  CHECK(outcome.err.find("] 2 of 2, 2 solved, ") != std::string::npos);
  CHECK(outcome.err.find("[####################]") != std::string::npos);
  const auto never = run("batch", {"--file", "-", "--halt", "never", "--max-segments", "9"}, two);
  CHECK(never.out.find("halted by themselves 0\n") != std::string::npos);
  CHECK(never.out.find("\n   9       2 ####") != std::string::npos);
  const auto impossible = run("batch", {"--file", "-"}, "11" + std::string(34, '.'));
  CHECK(impossible.code == 3);
  CHECK(impossible.out.find("solved 0 (0.00 %)") != std::string::npos);

  CHECK(cli::fault_of(run("batch", {"--file", "/no/file"}), 1, "batch", {"/no/file"}) == "");
  CHECK(cli::fault_of(run("batch", {"--file", "-"}, "12\n"), 1, "batch", {"line 1", "cells"}) == "");
  CHECK(cli::fault_of(run("batch", {"--slots", "0"}), 2, "batch", {"--slots"}) == "");
  CHECK(cli::fault_of(run("batch", {"puzzle"}), 2, "batch", {"puzzle"}) == "");
  CHECK(run("batch", {"--file", "-", "--out", "/no/folder/f"}, two).code == 1);
}
