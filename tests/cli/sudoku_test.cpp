/// hrm-sudoku, with the bundled 6x6 model.

#include <doctest/doctest.h>
#include <hrm/puzzles/dataset.hpp>
#include <hrm/puzzles/sudoku_search.hpp>

#include <support/places.hpp>

#include <cli/command.hpp>

namespace {

using cli::run;

const std::string puzzle = "..4..2.6.5..6..42.........5..34.....";
const std::string bundled = support::weights("sudoku6");

}  // namespace

TEST_CASE("hrm-sudoku: one line with tabs, for each puzzle") {
  const auto outcome = run("hrm-sudoku", {puzzle, ".1..5..4.6...3...5...2..2....3..5.2."});
  const auto lines = cli::lines_of(outcome.out);
  REQUIRE(lines.size() == 2);
  CHECK(outcome.err.empty());
  bool all = true;
  for (const std::string& line : lines) {
    const auto fields = cli::fields_of(line);
    REQUIRE(fields.size() == 4);
    const bool first = &line == &lines[0];
    const auto grid = hrm::parse_sudoku(first ? puzzle : ".1..5..4.6...3...5...2..2....3..5.2.").value();
    const auto answer = hrm::parse_sudoku(fields[0]).value();
    const bool solved = hrm::sudoku_solved(hrm::SudokuShape::of_side(6).value(), grid, answer);
    CHECK(fields[1] == (solved ? "solved" : "unsolved"));
    CHECK(std::stoi(fields[2]) >= 1);
    CHECK(std::stoi(fields[2]) <= 16);
    CHECK(std::stod(fields[3]) > 0);
    all = all && solved;
  }
  CHECK(outcome.code == (all ? 0 : 3));
  CHECK(cli::fields_of(lines[0])[0] == "354162261534613425542316125643436251");
}

TEST_CASE("hrm-sudoku: 0 and . are blanks; files, standard input and CSV") {
  std::string zeros = puzzle;
  for (char& c : zeros) c = c == '.' ? '0' : c;
  const auto solution = [](const cli::Outcome& outcome) {
    return cli::fields_of(cli::lines_of(outcome.out).at(0)).at(0);
  };
  const std::string expected = solution(run("hrm-sudoku", {puzzle}));
  CHECK(solution(run("hrm-sudoku", {zeros})) == expected);
  const support::TemporaryFolder folder;
  const auto file = run("hrm-sudoku", {"--file", folder.write("p", "\n" + puzzle + "\r\n" + zeros + ",x,y\n")});
  CHECK(file.code == 0);
  CHECK(cli::lines_of(file.out).size() == 2);
  CHECK(solution(file) == expected);
  CHECK(solution(run("hrm-sudoku", {"--file", "-"}, puzzle)) == expected);
  CHECK(solution(run("hrm-sudoku", {"--file", "-"}, "source,question,answer\nx," + puzzle + ",\n")) == expected);
  CHECK(solution(run("hrm-sudoku", {"--file", "-"}, "Puzzle\r\n\"" + puzzle + "\"\r\n")) == expected);
  std::string rows;
  for (std::size_t at = 0; at < 36; at += 6)
    rows += " " + puzzle.substr(at, 3) + " " + puzzle.substr(at + 3, 3) + "\r\n";
  CHECK(solution(run("hrm-sudoku", {rows})) == expected);
  std::string boxed = "+-------+-------+\n";
  for (std::size_t at = 0; at < 36; at += 6)
    boxed += "| " + puzzle.substr(at, 3) + " | " + puzzle.substr(at + 3, 3) + " |\n";
  CHECK(solution(run("hrm-sudoku", {boxed + "+-------+-------+"})) == expected);
  const auto blanks =
      run("hrm-sudoku", {"--file", folder.write("b", "\xEF\xBB\xBF" + puzzle + " \t\r\n  \n" + zeros + "  \n \n")});
  CHECK(blanks.code == 0);
  CHECK(cli::lines_of(blanks.out).size() == 2);
  CHECK(solution(blanks) == expected);
}

TEST_CASE("hrm-sudoku: a puzzle that stays unsolved is code 3, and is never called solved") {
  const std::string impossible = "11" + std::string(34, '.');
  const auto outcome = run("hrm-sudoku", {impossible, puzzle});
  CHECK(outcome.code == 3);
  const auto lines = cli::lines_of(outcome.out);
  REQUIRE(lines.size() == 2);
  CHECK(cli::fields_of(lines[0])[1] == "unsolved");
  CHECK(cli::fields_of(lines[1])[1] == "solved");
  const auto hurried = run("hrm-sudoku", {"--max-segments", "1", puzzle});
  CHECK(hurried.code == 3);
  CHECK(cli::fields_of(cli::lines_of(hurried.out)[0])[2] == "1");
}

TEST_CASE("hrm-sudoku: --trace shows the grid after every segment") {
  const auto outcome = run("hrm-sudoku", {"--trace", puzzle});
  CHECK(outcome.code == 0);
  const auto lines = cli::lines_of(outcome.out);
  const auto last = cli::fields_of(lines.back());
  REQUIRE(last.size() == 4);
  std::size_t segments = 0;
  std::size_t rules = 0;
  for (const std::string& line : lines) {
    if (line.rfind("segment ", 0) == 0) {
      ++segments;
      CHECK(line.find("segment " + std::to_string(segments) + ": ") == 0);
      CHECK(line.find(" changed, q_halt ") != std::string::npos);
      CHECK(line.find(", q_continue ") != std::string::npos);
    }
    rules += line == "+-------+-------+" ? 1 : 0;
  }
  CHECK(std::to_string(segments) == last[2]);
  CHECK(rules == 4 * (segments + 1));
  CHECK(lines[1] == "| . . 4 | . . 2 |");
  CHECK(lines[lines.size() - 3] == "| 4 3 6 | 2 5 1 |");
  CHECK(outcome.out.find('\x1b') == std::string::npos);  // no colours into a file
  const auto without = run("hrm-sudoku", {puzzle});
  CHECK(cli::fields_of(cli::lines_of(without.out)[0])[0] == last[0]);
}

TEST_CASE("hrm-sudoku: --views looks again, through symmetries, until the answer is right") {
  std::string input;
  const auto csv = cli::lines_of(support::read_file(support::weights("sudoku9") + "/test.csv"));
  const std::size_t puzzles = cli::slow ? 3 : 30;
  for (std::size_t i = 0; i < puzzles; ++i) input += csv.at(i) + "\n";
  const auto alone = cli::lines_of(run("hrm-sudoku", {"--file", "-"}, input).out);
  const auto looked = cli::lines_of(run("hrm-sudoku", {"--file", "-", "--views", "64"}, input).out);
  REQUIRE(alone.size() == puzzles);
  REQUIRE(looked.size() == puzzles);
  std::size_t more = 0;
  std::size_t unsolved = 0;
  for (std::size_t i = 0; i < puzzles; ++i) {
    const auto before = cli::fields_of(alone[i]);
    const auto after = cli::fields_of(looked[i]);
    REQUIRE(after.size() == 4);
    if (before[1] == "solved") {  // at first it looks at the puzzle as it is
      CHECK(std::vector(after.begin(), after.begin() + 3) == std::vector(before.begin(), before.begin() + 3));
      continue;
    }
    CHECK(std::stoul(after[2]) > std::stoul(before[2]));
    if (after[1] == "solved") CHECK(after[0] == cli::fields_of(csv[i], ',')[1]);  // puzzles have one solution
    after[1] == "solved" ? ++more : ++unsolved;
  }
  CHECK(unsolved <= puzzles / 15);
  if (!cli::slow) CHECK(more >= 3);

  const std::string impossible = "12345......6" + std::string(24, '.');
  const support::TemporaryFolder folder;
  const auto traced = run("hrm-sudoku", {"--views", "3", "--halt", "never", "--max-segments", "2", "--trace", "--svg",
                                         folder.path("a.svg"), impossible});
  CHECK(traced.code == 3);
  const auto lines = cli::lines_of(traced.out);
  CHECK(cli::fields_of(lines.back()).at(2) == "6");
  std::string seen;
  for (const std::string& line : lines) {
    if (line.find("segment") != std::string::npos) seen += line.substr(0, line.find(':')) + ";";
  }
  CHECK(seen == "segment 1;segment 2;view 2, segment 3;view 2, segment 4;view 3, segment 5;view 3, segment 6;");
  CHECK(support::read_file(folder.path("a.svg")).find(">unsolved after 6 segments<") != std::string::npos);
  const auto broken =  // a rule from the beginning, which no other look mends
      run("hrm-sudoku", {"--views", "100", "--halt", "never", "--max-segments", "2", "11" + std::string(34, '.')});
  CHECK(broken.code == 3);
  CHECK(cli::fields_of(cli::lines_of(broken.out).at(0)).at(2) == "2");
}

TEST_CASE("hrm-sudoku: which model") {
  const auto given = run("hrm-sudoku", {"--model", bundled, puzzle});
  CHECK(given.code == 0);
  const std::string none25(625, '.');
  CHECK(cli::fault_of(run("hrm-sudoku", {none25}), 1, "hrm-sudoku", {"no bundled model", "25 x 25", "--model"}) == "");
  for (const std::size_t side : {4U, 9U, 16U}) {  // bundled or not, it says which
    const std::string name = std::to_string(side);
    if (std::filesystem::exists(support::weights("sudoku" + name))) continue;
    CHECK(cli::fault_of(run("hrm-sudoku", {std::string(side * side, '.')}), 1, "hrm-sudoku",
                        {"no bundled model for Sudokus of " + name + " x " + name, "--model"}) == "");
  }
  CHECK(cli::fault_of(run("hrm-sudoku", {"--model", bundled, std::string(16, '.')}), 1, "hrm-sudoku",
                      {"vocabulary", "expected 6, found 8"}) == "");
  CHECK(cli::fault_of(run("hrm-sudoku", {"--model", "/no/model", puzzle}), 1, "hrm-sudoku",
                      {"/no/model", "expected"}) == "");
}

TEST_CASE("hrm-sudoku: bad puzzles are code 1, wrong words code 2") {
  CHECK(cli::fault_of(run("hrm-sudoku", {"--puzzle-id", "7", puzzle}), 1, "hrm-sudoku", {"sudoku6: puzzle id"}) == "");
  CHECK(cli::fault_of(run("hrm-sudoku", {"--generate", "1", "--clues", "37-40"}), 1, "hrm-sudoku",
                      {"clues, expected at most 36, found 37"}) == "");
  const auto bad = [](const std::vector<std::string>& words, const std::vector<std::string>& say) {
    return cli::fault_of(run("hrm-sudoku", words), 1, "hrm-sudoku", say);
  };
  CHECK(bad({"123"}, {"cells", "found 3"}) == "");
  CHECK(bad({std::string(36, '7')}, {"cell 0", "up to 6", "found '7'"}) == "");
  CHECK(bad({std::string(35, '.') + "x"}, {"cell 35", "'x'"}) == "");
  CHECK(bad({""}, {"cells", "found 0"}) == "");
  const auto second = run("hrm-sudoku", {puzzle, "123", puzzle});
  CHECK(second.code == 1);
  CHECK(second.err.find("hrm-sudoku: puzzle 2: sudoku: cells") == 0);
  CHECK(cli::lines_of(second.out).size() == 1);
  CHECK(bad({"--file", "/no/file"}, {"/no/file"}) == "");
  CHECK(bad({"--file", "-"}, {"standard input", "empty input"}) == "");
  const support::TemporaryFolder folder;
  CHECK(bad({"--file", folder.write("f", "\n12\n")}, {"f: line 2", "cells"}) == "");
  CHECK(bad({"--file", folder.write("g", "source,question\nx\n")}, {"g: line 2: fields, expected at least 2"}) == "");
  CHECK(bad({"--file", folder.write("h", "puzzle,solution\n")}, {"h: ", "empty input"}) == "");

  const auto usage = [](const std::vector<std::string>& words, const std::vector<std::string>& say) {
    return cli::fault_of(run("hrm-sudoku", words), 2, "hrm-sudoku", say);
  };
  CHECK(usage({}, {"PUZZLE: expected at least one"}) == "");
  CHECK(usage({"--batch", "2", puzzle}, {"--batch", "no such option"}) == "");
  CHECK(usage({"--file", "a", puzzle}, {"--file"}) == "");
  CHECK(usage({"--generate", "2", puzzle}, {"--generate"}) == "");
  CHECK(usage({"--generate", "0"}, {"--generate", "found 0"}) == "");
  CHECK(usage({"--generate", "1", "--side", "7"}, {"--side", "prime"}) == "");
  CHECK(usage({"--generate", "1", "--clues", "9-x"}, {"--clues"}) == "");
  CHECK(usage({"--generate", "1", "--clues", "9-8"}, {"--clues"}) == "");
  CHECK(usage({"--side", "9", puzzle}, {"--side", "--generate"}) == "");
  CHECK(usage({"--dataset", "x", puzzle}, {"--dataset"}) == "");
  CHECK(usage({"--svg", "x", puzzle, puzzle}, {"--svg", "single"}) == "");
  CHECK(usage({"--trace=yes", puzzle}, {"--trace", "no value"}) == "");
  CHECK(usage({"--puzzle-id", "x", puzzle}, {"--puzzle-id"}) == "");
  CHECK(usage({"--views", "0", puzzle}, {"--views", "found 0"}) == "");
  for (const char* option :
       {"--trace", "--model=x", "--threads=2", "--halt=q", "--precision=bf16", "--config=x", "--views=2"}) {
    const std::string word(option);
    CHECK(usage({"--generate", "1", word}, {word.substr(0, word.find('=')), "does not go with --generate"}) == "");
  }
}

TEST_CASE("hrm-sudoku: --generate makes puzzles with one solution, as CSV and as a data set") {
  for (const std::string side : {"4", "6", "9"}) {
    const auto outcome = run("hrm-sudoku", {"--generate", "5", "--side", side, "--seed", "7"});
    REQUIRE(outcome.code == 0);
    const auto lines = cli::lines_of(outcome.out);
    REQUIRE(lines.size() == 5);
    const auto shape = hrm::SudokuShape::of_side(std::stoul(side)).value();
    for (const std::string& line : lines) {
      const auto fields = cli::fields_of(line, ',');
      REQUIRE(fields.size() == 3);
      const auto grid = hrm::parse_sudoku(fields[0]).value();
      const auto found = hrm::SudokuSearch(shape).solve(grid);
      CHECK(found.solutions == 1);
      CHECK(std::to_string(found.nodes) == fields[2]);
      CHECK(hrm::sudoku_solved(shape, grid, hrm::parse_sudoku(fields[1]).value()));
    }
    CHECK(run("hrm-sudoku", {"--generate", "5", "--side", side, "--seed", "7"}).out == outcome.out);
    CHECK(run("hrm-sudoku", {"--generate", "5", "--side", side, "--seed", "8"}).out != outcome.out);
  }
  const auto clues = run("hrm-sudoku", {"--generate", "4", "--clues", "14-15"});
  for (const std::string& line : cli::lines_of(clues.out)) {
    const auto blanks = std::count(line.begin(), line.begin() + 36, '.');
    CHECK(blanks >= 21);
    CHECK(blanks <= 22);
  }
  const support::TemporaryFolder folder;
  const auto written = run("hrm-sudoku", {"--generate", "6", "--dataset", folder.path("set/test")});
  REQUIRE(written.code == 0);
  CHECK(written.out.empty());
  auto dataset = hrm::PuzzleReader::open(folder.path("set")).value();
  CHECK(dataset.info().kind() == hrm::PuzzleKind::sudoku);
  hrm::PuzzleExample example;
  const auto printed = cli::lines_of(run("hrm-sudoku", {"--generate", "6"}).out);
  for (const std::string& line : printed) {
    REQUIRE(dataset.next(example).value());
    CHECK(hrm::format_sudoku(hrm::sudoku_grid(hrm::SudokuShape::of_side(6).value(), example.input)) ==
          line.substr(0, 36));
  }
  CHECK_FALSE(dataset.next(example).value());
  CHECK(run("hrm-sudoku", {"--generate", "1", "--clues", "1-3"}).code == 1);
}

TEST_CASE("hrm-sudoku: pictures") {
  const support::TemporaryFolder folder;
  const auto outcome = run("hrm-sudoku", {puzzle, "--svg", folder.path("a.svg"), "--png", folder.path("a.png")});
  const std::string svg = support::read_file(folder.path("a.svg"));
  CHECK(svg.rfind("<svg ", 0) == 0);
  CHECK(svg.substr(svg.size() - 7) == "</svg>\n");
  std::size_t frames = 0;
  for (std::size_t at = svg.find("<animate"); at != std::string::npos; at = svg.find("<animate", at + 1)) ++frames;
  const std::string segments = cli::fields_of(cli::lines_of(outcome.out)[0])[2];
  CHECK(frames == std::stoul(segments) + 1);  // the puzzle, then each segment
  CHECK(svg.find(">the puzzle<") != std::string::npos);
  CHECK(svg.find(">segment 1: ") != std::string::npos);
  CHECK(svg.find(">solved after " + segments + " segments<") != std::string::npos);
  if (outcome.code == 0) {
    CHECK(support::read_file(folder.path("a.png")).substr(0, 4) == "\x89PNG");
  } else {
    CHECK(outcome.err.find("without libpng") != std::string::npos);
  }
  CHECK(run("hrm-sudoku", {puzzle, "--svg", "/no/folder/a.svg"}).code == 1);
  CHECK(run("hrm-sudoku", {puzzle, "--png", "/no/folder/a.png"}).code == 1);
}

TEST_CASE("hrm-sudoku: the bundled models solve their held-out puzzles as their tables say") {
  struct Case {
    std::size_t side, puzzles, slow_puzzles;
    double solved, within;             // percent
    double segments, segments_within;  // in the mean
    double slow_solved;                // at least this share
  };
  // All of 6x6; of 9x9, which takes ten times as long, the first.
  for (const Case& c : {Case{6, 2000, 60, 99.5, 0.3, 2.86, 0.05, 0.9}, Case{9, 150, 8, 82.7, 3, 7.68, 0.3, 0.5}}) {
    CAPTURE(c.side);
    std::string input;
    std::vector<std::pair<std::string, std::string>> cases;
    const std::string csv = support::weights("sudoku" + std::to_string(c.side)) + "/test.csv";
    for (const std::string& line : cli::lines_of(support::read_file(csv))) {
      if (cases.size() == (cli::slow ? c.slow_puzzles : c.puzzles)) break;
      input += line + "\n";
      const auto fields = cli::fields_of(line, ',');
      cases.emplace_back(fields[0], fields[1]);
    }
    REQUIRE(cases.size() == (cli::slow ? c.slow_puzzles : c.puzzles));
    const auto outcome = run("hrm-sudoku", {"--file", "-"}, input);
    const auto lines = cli::lines_of(outcome.out);
    REQUIRE(lines.size() == cases.size());
    const auto shape = hrm::SudokuShape::of_side(c.side).value();
    double solved = 0;
    double segments = 0;
    for (std::size_t i = 0; i < lines.size(); ++i) {
      const auto fields = cli::fields_of(lines[i]);
      REQUIRE(fields.size() == 4);
      const bool right = fields[0] == cases[i].second;
      CHECK((fields[1] == "solved") == right);  // puzzles have one solution
      if (fields[1] == "solved") {
        CHECK(
            hrm::sudoku_solved(shape, hrm::parse_sudoku(cases[i].first).value(), hrm::parse_sudoku(fields[0]).value()));
      }
      solved += right ? 1 : 0;
      segments += std::stod(fields[2]);
    }
    const auto count = static_cast<double>(cases.size());
    CHECK(outcome.code == (solved < count ? 3 : 0));
    MESSAGE("solved ", 100 * solved / count, " % in ", segments / count, " segments");
    if (!cli::slow) {
      CHECK(std::abs(100 * solved / count - c.solved) <= c.within);
      CHECK(std::abs(segments / count - c.segments) <= c.segments_within);
    } else {
      CHECK(solved / count > c.slow_solved);
    }
  }
}
