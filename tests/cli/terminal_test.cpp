/// What programs show on a terminal alone: progress in its place, and colours. Skipped where script(1) makes none.

#include <doctest/doctest.h>
#include <support/skip.hpp>

#include <cli/command.hpp>
#include <cli/small_run.hpp>

#include <optional>

namespace {

/// Runs a program on a terminal; what it says and prints comes back as one text in `out`. Nothing where there is none.
std::optional<cli::Outcome> run(const std::string& program, const std::vector<std::string>& words) {
  if (cli::shell("script --version").out.find("util-linux") == std::string::npos ||
      cli::shell("script -qec true /dev/null").code != 0) {
    support::skip("there is no script(1) of util-linux that can make a terminal");
    return std::nullopt;
  }
  const std::string line = cli::quoted(cli::line_of(program, words));
  return cli::shell("unset NO_COLOR; script -qec " + line + " /dev/null");
}

/// The widest line of progress, without what takes its forerunner away.
std::size_t widest(const std::string& text) {
  const std::string clear = "\r\x1b[K";
  std::size_t most = 0;
  for (std::size_t at = text.find(clear + "["); at != std::string::npos; at = text.find(clear + "[", at)) {
    at += clear.size();
    most = std::max(most, std::min(text.find_first_of("\r\n", at), text.size()) - at);
  }
  return most;
}

}  // namespace

TEST_CASE("hrm-eval shows how far it is and takes that away again") {
  const std::string model = support::weights("sudoku6");
  const auto bar = run("hrm-eval", {model, model + "/test.csv", "--limit", "20", "--json"});
  if (!bar) return;
  CHECK(bar->code == 0);
  const std::size_t cleared = bar->out.rfind("\r\x1b[K");
  REQUIRE(cleared != std::string::npos);
  CHECK(bar->out.find(" puzzles, ") != std::string::npos);
  CHECK(bar->out.find(" s left\r") != std::string::npos);
  CHECK(bar->out.rfind("\x1b[K[") < cleared);
  CHECK(bar->out.find("{\"puzzles\":20,") > cleared);
  CHECK(widest(bar->out) > 22);
  CHECK(widest(bar->out) < 80);
}

TEST_CASE("hrm-sudoku and hrm-maze say what may solve a puzzle that they left unsolved") {
  const std::string puzzle = "..4..2.6.5..6..42.........5..34.....";
  const auto hurried = run("hrm-sudoku", {"--max-segments", "1", puzzle, puzzle});
  if (!hurried) return;
  CHECK(hurried->code == 3);
  CHECK(hurried->out.find("\n2 unsolved: --views 64 looks again, ") != std::string::npos);
  const auto maze = run("hrm-maze", {"--max-segments", "1", "########G#S  ## ### ##   # ## ### ##     ########"});
  CHECK(maze->code == 3);
  CHECK(maze->out.find("\n1 unsolved: --views 8 looks again, ") != std::string::npos);
  const std::string impossible = "11" + std::string(34, '.');
  const std::vector<std::vector<std::string>> nothing_to_say{
      {puzzle}, {impossible}, {"--views", "64", "--max-segments", "1", "12345......6" + std::string(24, '.')}};
  for (const auto& words : nothing_to_say) {
    CHECK(run("hrm-sudoku", words)->out.find("--views") == std::string::npos);
  }
}

TEST_CASE("batch and hrm-train leave their last line, which is no wider than the terminal") {
  const support::TemporaryFolder folder;
  const auto batch = run("batch", {"--first", "20", "--slots", "4"});
  if (!batch) return;
  CHECK(batch->out.find("] 20 of 20, ") != std::string::npos);
  CHECK(widest(batch->out) < 80);
  const auto train = run("hrm-train", cli::small_run(folder.path("run"), {"--evaluate", "0"}));
  REQUIRE(train);
  CHECK(train->code == 0);
  CHECK(widest(train->out) > 22);
  CHECK(widest(train->out) < 80);
  CHECK(train->out.back() == '\n');
}

TEST_CASE("a trace has colours") {
  const auto trace = run("hrm-sudoku", {"--trace", "........64.......43..6...64.23..5..."});
  if (!trace) return;
  CHECK(trace->code == 0);
  CHECK(trace->out.find("\x1b[1m6\x1b[0m") != std::string::npos);      // a given
  CHECK(trace->out.find("\x1b[97;41m4\x1b[0m") != std::string::npos);  // changed, and against the rules
  CHECK(trace->out.find("\x1b[36m3\x1b[0m") != std::string::npos);
}
