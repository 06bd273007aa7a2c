/// What all programs share: help, one line for a wrong command line, endless input, a full disk.

#include <doctest/doctest.h>

#include <cli/models.hpp>

namespace {

using cli::run;

const std::vector<std::string> programs{"hrm-run", "hrm-eval", "hrm-arc", "hrm-maze", "hrm-sudoku", "hrm-convert"};

}  // namespace

TEST_CASE("every program explains itself, and says in one line what is wrong with its words") {
  for (const std::string& program : programs) {
    CAPTURE(program);
    const auto help = run(program, {"--help"});
    CHECK(help.code == 0);
    CHECK(help.err.empty());
    CHECK(help.out.rfind(program + " ", 0) == 0);
    CHECK(help.out.find("\nExit codes: 0 done") != std::string::npos);
    const bool solves = program == "hrm-arc" || program == "hrm-maze" || program == "hrm-sudoku";
    CHECK((help.out.find("3 a puzzle stayed unsolved") != std::string::npos) == solves);
    CHECK(run(program, {"-h"}).out == help.out);
    CHECK(run(program, {"--no-such-thing", "--help"}).code == 2);
    CHECK(cli::fault_of(run(program, {"--no\nsuch\x1bthing"}), 2, program, {"--no?such?thing", "--help"}) == "");
    CHECK(cli::fault_of(run(program, {"-x"}), 2, program, {"-x", "no such option"}) == "");
    CHECK(cli::fault_of(run(program, {"--"}), 2, program, {}) == "");
    CHECK(cli::fault_of(run(program, {}), 2, program, {}) == "");
  }
}

TEST_CASE("hello: a puzzle, a model of one's own, and what is wrong") {
  const auto bundled = run("hello", {});
  CHECK(bundled.code == 0);
  CHECK(bundled.out.find("sure after") != std::string::npos);
  CHECK(run("hello", {support::weights("sudoku6")}).out == bundled.out);
  CHECK(cli::fault_of(run("hello", {"/no/model"}), 1, "hello", {"/no/model"}) == "");
  for (const std::vector<std::string>& words : {std::vector<std::string>{"--help"}, {"a", "b"}})
    CHECK(cli::fault_of(run("hello", words), 2, "usage", {"hello [MODEL]"}) == "");
}

TEST_CASE("an input without line ends does not fill the memory") {
  const support::TemporaryFolder folder;
  const std::string shell = "ulimit -v 4000000; tr '\\0' '1' < /dev/zero | exec ";
  for (const std::string& words : {"hrm-run " + cli::quoted(support::weights("sudoku6")),
                                   std::string("hrm-sudoku --file -"), std::string("hrm-maze --file -")}) {
    const std::string program = words.substr(0, words.find(' '));
    const std::string line = cli::quoted(support::example(program)) + words.substr(program.size());
    CAPTURE(line);
    // Under a sanitizer memory cannot be limited; what is read is limited all the same.
    const auto outcome = cli::shell((cli::slow ? shell.substr(shell.find("tr ")) : shell) + line);
    CHECK(cli::fault_of(outcome, 1, program, {"standard input: line 1, expected at most 16777216 bytes, found more"}) ==
          "");
  }
}

TEST_CASE("a full disk is no success") {
  if (!std::filesystem::exists("/dev/full")) return;
  const support::TemporaryFolder folder;
  cli::write_copying_model(folder, 12, 1);
  const std::string task = folder.write("t.json", R"({"train":[],"test":[{"input":[[1]],"output":[[1]]}]})");
  const std::string model = support::weights("sudoku6");
  const std::string set =
      folder.write("s.csv", "231546546123164235325614452361613452,231546546123164235325614452361613452\n");
  std::string puzzle;
  for (int i = 0; i < 36; ++i) puzzle += "1 ";
  const std::vector<std::vector<std::string>> commands{{"hrm-sudoku", "--generate", "1"},
                                                       {"hrm-maze", "--generate", "1"},
                                                       {"hrm-sudoku", "--file", set},
                                                       {"hrm-run", model, "--input", folder.write("l", puzzle)},
                                                       {"hrm-convert", model, "--info"},
                                                       {"hrm-convert", model, "--verify"},
                                                       {"hrm-eval", model, set},
                                                       {"hrm-attempts", "--file", set, "--attempts", "1"},
                                                       {"segments-figure", "--file", set, "--max-segments", "1"},
                                                       {"batch", "--file", set},
                                                       {"hello"},
                                                       {"hrm-sudoku", "--help"},
                                                       {"hrm-train", "--help"}};
  for (const auto& words : commands) {
    const std::string line = cli::line_of(words[0], {words.begin() + 1, words.end()});
    CAPTURE(line);
    CHECK(cli::fault_of(cli::shell(line + " > /dev/full"), 1, words[0], {"standard output: cannot be written"}) == "");
  }
  const std::string arc = cli::line_of("hrm-arc", {folder.path(), task});
  const auto outcome = cli::shell(arc + " > /dev/full");
  CHECK(outcome.code == 1);
  CHECK(outcome.err.find("hrm-arc: standard output: cannot be written\n") != std::string::npos);
}

TEST_CASE("hrm-attempts: one attempt at once is one row; segments-figure: where a figure goes is tried first") {
  const support::TemporaryFolder folder;
  const std::string set =
      folder.write("s.csv", "231546546123164235325614452361613452,231546546123164235325614452361613452\n");
  const auto once = cli::run("hrm-attempts", {"--file", set, "--attempts", "1", "--verified", "1"});
  CHECK(once.code == 0);
  const std::size_t row = once.out.find("until verified: up to 1 views");
  REQUIRE(row != std::string::npos);
  CHECK(once.out.find("until verified: up to 1 views", row + 1) == std::string::npos);
  const auto nowhere =
      cli::run("segments-figure", {"--file", set, "--max-segments", "1", "--svg", folder.path("no/f.svg")});
  CHECK(cli::fault_of(nowhere, 1, "segments-figure", {"no/f.svg: cannot be written"}) == "");
}

TEST_CASE("where threads are refused, those that can be had do the work") {
  if (cli::slow) return;
  const support::TemporaryFolder folder;
  const std::string model = support::weights("sudoku6");
  const std::string set =
      folder.write("s.csv", "231546546123164235325614452361613452,231546546123164235325614452361613452\n");
  const std::vector<std::vector<std::string>> commands{
      {"hrm-sudoku", "--file", set},
      {"hrm-eval", model, set, "--halting-only"},
      {"hrm-attempts", "--file", set, "--attempts", "1", "--verified", "1"},
      {"segments-figure", "--file", set, "--max-segments", "1"},
      {"hrm-train", "sudoku4", "--out", folder.path("run"), "--hidden", "32", "--heads", "2", "--steps", "1",
       "--evaluate", "0", "--quiet"}};
  for (const auto& words : commands) {
    const std::string line = cli::line_of(words[0], {words.begin() + 1, words.end()}) + " --threads 1024";
    CAPTURE(line);
    // A gigabyte for each stack, and room for three.
    const auto outcome = cli::shell("ulimit -s 1000000 2> /dev/null && ulimit -v 3500000; " + line);
    CHECK(outcome.code == 0);
    CHECK(outcome.err == "");
  }
}
