/// hrm-maze, with the bundled models, and with random weights where there is no model.

#include <doctest/doctest.h>
#include <hrm/puzzles/dataset.hpp>
#include <hrm/puzzles/maze_generator.hpp>

#include <support/places.hpp>

#include <cli/models.hpp>

namespace {

using cli::run;

const std::string maze = "########   # ## # # ##G#S  ###### ##     ########";

std::string rows_of(const std::string& line, std::size_t side) {
  std::string text;
  for (std::size_t at = 0; at < line.size(); at += side) text += line.substr(at, side) + "\n";
  return text;
}

}  // namespace

TEST_CASE("hrm-maze: one line with tabs; the way is checked, and most are found as the models' tables say") {
  struct Case {
    std::string model;
    std::size_t side, mazes, slow_mazes;
    double solved;  // at least this share
  };
  for (const Case& c : {Case{"maze7", 7, 400, 20, 0.97}, Case{"maze15", 15, 80, 5, 0.9}}) {
    CAPTURE(c.model);
    std::vector<std::string> cases;
    std::string input;
    if (c.side == 7) input = "puzzle,solution,steps\n";
    for (const std::string& line : cli::lines_of(support::read_file(support::weights(c.model) + "/test.csv"))) {
      if (cases.size() == (cli::slow ? c.slow_mazes : c.mazes)) break;
      cases.push_back(line.substr(0, c.side * c.side));
      input += line + "\n";
    }
    const auto outcome = run("hrm-maze", {"--file", "-"}, input);
    const auto lines = cli::lines_of(outcome.out);
    REQUIRE(lines.size() == cases.size());
    std::size_t solved = 0;
    for (std::size_t i = 0; i < lines.size(); ++i) {
      const auto fields = cli::fields_of(lines[i]);
      REQUIRE(fields.size() == 4);
      std::vector<hrm::Token> tokens;
      for (const char cell : fields[0]) tokens.push_back(static_cast<hrm::Token>(hrm::maze_chars.find(cell) + 1));
      const auto check = hrm::check_maze(hrm::parse_maze(cases[i]).value(), hrm::maze_grid(c.side, c.side, tokens));
      CHECK(fields[1] == (check.valid ? "solved" : "unsolved"));
      solved += check.valid ? 1 : 0;
      CHECK(std::stoi(fields[2]) >= 1);
      CHECK(std::stod(fields[3]) > 0);
    }
    CHECK(outcome.code == (solved == lines.size() ? 0 : 3));
    MESSAGE("solved ", solved, " of ", lines.size());
    CHECK(static_cast<double>(solved) > (cli::slow ? 0.75 : c.solved) * static_cast<double>(lines.size()));
  }
}

TEST_CASE("hrm-maze: rows, one line, several mazes in a file") {
  const auto one = run("hrm-maze", {maze});
  REQUIRE(cli::lines_of(one.out).size() == 1);
  const std::string solution = cli::fields_of(cli::lines_of(one.out)[0])[0];
  const auto solutions = [](const cli::Outcome& outcome) {
    std::string all;
    for (const std::string& line : cli::lines_of(outcome.out)) all += cli::fields_of(line)[0] + "|";
    return all;
  };
  CHECK(solutions(run("hrm-maze", {rows_of(maze, 7)})) == solution + "|");
  CHECK(solutions(run("hrm-maze", {"--file", "-"}, rows_of(maze, 7))) == solution + "|");
  CHECK(solutions(run("hrm-maze", {"--file", "-"}, maze)) == solution + "|");
  std::string many = maze + "\n" + maze + "\r\n\n" + rows_of(maze, 7) + "\n\n" + rows_of(maze, 7) + "\n" + maze +
                     ",x,9\n" + maze + "\n";
  CHECK(solutions(run("hrm-maze", {"--file", "-"}, many)) ==
        solution + "|" + solution + "|" + solution + "|" + solution + "|" + solution + "|" + solution + "|");
  // a way that is already drawn is not taken over
  std::string drawn = maze;
  for (char& c : drawn) c = c == ' ' ? 'o' : c;
  CHECK(solutions(run("hrm-maze", {drawn})) == solution + "|");
  const auto grid = run("hrm-maze", {"--grid", maze});
  CHECK(grid.out.find("#######\n") == 0);
  CHECK(cli::lines_of(grid.out).size() == 8);
}

TEST_CASE("hrm-maze: a row that holds S and G is no maze of its own") {
  const support::TemporaryFolder folder;
  cli::write_random_model(folder, hrm::maze_vocab);
  const std::string rows =
      "#########\n#S     G#\n#########\n#       #\n#########\n#       #\n#########\n#       #\n#########\n";
  const auto outcome = run("hrm-maze", {"--model", folder.path(), "--file", "-"}, rows);
  CHECK((outcome.code == 0 || outcome.code == 3));
  REQUIRE(cli::lines_of(outcome.out).size() == 1);
  CHECK(cli::fields_of(cli::lines_of(outcome.out)[0])[0].size() == 81);
}

TEST_CASE("hrm-maze: random weights on a large maze run, and solve nothing") {
  const support::TemporaryFolder folder;
  cli::write_random_model(folder, hrm::maze_vocab);
  const auto made = run("hrm-maze", {"--generate", "1", "--side", "21", "--steps", "20-400"});
  REQUIRE(made.code == 0);
  const auto outcome = run("hrm-maze", {"--model", folder.path(), "--trace", "--file", "-"}, made.out);
  CHECK(outcome.code == 3);
  CHECK(cli::fields_of(cli::lines_of(outcome.out).back())[1] == "unsolved");
}

TEST_CASE("hrm-maze: what is seen through any of the eight views is turned back") {
  const support::TemporaryFolder folder;
  cli::write_copying_model(folder, hrm::maze_vocab, 1);  // what it sees is what it answers
  for (int views = 1; views <= 8; ++views) {
    CAPTURE(views);
    const auto outcome = run("hrm-maze", {"--model", folder.path(), "--halt", "never", "--max-segments", "2", "--views",
                                          std::to_string(views), maze});
    CHECK(outcome.code == 3);
    const auto fields = cli::fields_of(cli::lines_of(outcome.out).at(0));
    CHECK(fields.at(0) == maze);
    CHECK(fields.at(2) == std::to_string(2 * views));
  }
}

TEST_CASE("hrm-maze: --trace") {
  const auto outcome = run("hrm-maze", {"--trace", maze});
  const auto lines = cli::lines_of(outcome.out);
  const auto last = cli::fields_of(lines.back());
  REQUIRE(last.size() == 4);
  CHECK(lines.size() == 7 + 8 * std::stoul(last[2]) + 1);
  CHECK(lines[7].find("segment 1: ") == 0);
  CHECK(lines[7].find(", q_continue ") != std::string::npos);
}

TEST_CASE("hrm-maze: bad mazes are code 1, wrong words code 2") {
  const auto bad = [](const std::vector<std::string>& words, const std::vector<std::string>& say,
                      const std::string& in = {}) {
    return cli::fault_of(run("hrm-maze", words, in), 1, "hrm-maze", say);
  };
  CHECK(bad({"#S G"}, {"no bundled model", "2 x 2", "--model"}) == "");
  CHECK(bad({"#S #"}, {"exactly one S and one G"}) == "");
  CHECK(bad({"S#\n#G"}, {"no way"}) == "");
  CHECK(bad({"S G\n"}, {"expected a square", "1 x 3"}) == "");
  CHECK(bad({"S Gx"}, {"cell 3", "found 'x'"}) == "");
  CHECK(bad({"S G  "}, {"square number", "found 5"}) == "");
  CHECK(bad({""}, {"found none"}) == "");
  CHECK(bad({"S#\n#G", maze}, {"hrm-maze: puzzle 1: ", "no way"}) == "");
  CHECK(bad({"--file", "-"}, {"standard input", "empty input"}) == "");
  CHECK(bad({"--file", "-"}, {"standard input: line 2", "row 2", "expected 3"}, "###\n##\n") == "");
  CHECK(bad({"--model", support::weights("sudoku6"), maze}, {"vocabulary", "expected 6, found 8"}) == "");

  const auto usage = [](const std::vector<std::string>& words, const std::vector<std::string>& say) {
    return cli::fault_of(run("hrm-maze", words), 2, "hrm-maze", say);
  };
  CHECK(usage({}, {"MAZE: expected at least one"}) == "");
  CHECK(usage({"--views", "9", maze}, {"--views", "8", "found 9"}) == "");
  CHECK(usage({"--generate", "1", "--loops", "2"}, {"--loops"}) == "");
  CHECK(usage({"--generate", "1", "--side", "3"}, {"--side"}) == "");
  CHECK(usage({"--generate", "1", "--steps", "a"}, {"--steps"}) == "");
  CHECK(usage({"--loops", "0.5", maze}, {"--loops", "--generate"}) == "");
  CHECK(usage({"--png", "x", "--file", "f"}, {"--png", "single"}) == "");
  CHECK(usage({"--generate", "1", "--grid"}, {"--grid", "does not go with --generate"}) == "");
  CHECK(usage({"--generate", "1", "--loops", "nan"}, {"--loops", "from 0 to 1, found nan"}) == "");
}

TEST_CASE("hrm-maze: --generate") {
  const auto outcome =
      run("hrm-maze", {"--generate", "6", "--side", "15", "--loops", "0.3", "--steps", "8-40", "--seed", "3"});
  REQUIRE(outcome.code == 0);
  const auto lines = cli::lines_of(outcome.out);
  REQUIRE(lines.size() == 6);
  for (const std::string& line : lines) {
    const auto fields = cli::fields_of(line, ',');
    REQUIRE(fields.size() == 3);
    const auto puzzle = hrm::parse_maze(fields[0]).value();
    const auto solution = hrm::solve_maze(puzzle).value();
    CHECK(solution.shortest == 1);
    CHECK(solution.maze.cells == fields[1]);
    CHECK(std::to_string(solution.steps) == fields[2]);
    CHECK(solution.steps >= 8);
    CHECK(solution.steps <= 40);
  }
  CHECK(run("hrm-maze", {"--generate", "1", "--side", "5", "--steps", "99"}).code == 1);
  const support::TemporaryFolder folder;
  REQUIRE(run("hrm-maze", {"--generate", "3", "--side", "30", "--dataset", folder.path("m/test")}).code == 0);
  auto dataset = hrm::PuzzleReader::open(folder.path("m")).value();
  CHECK(dataset.info().seq_len == 900);
  CHECK(dataset.info().kind() == hrm::PuzzleKind::maze);
}

TEST_CASE("hrm-maze: pictures") {
  const support::TemporaryFolder folder;
  const auto outcome = run("hrm-maze", {maze, "--svg", folder.path("a.svg"), "--png", folder.path("a.png")});
  CHECK(support::read_file(folder.path("a.svg")).rfind("<svg ", 0) == 0);
  const bool png = outcome.err.find("without libpng") == std::string::npos;
  CHECK((!png || support::read_file(folder.path("a.png")).substr(0, 4) == "\x89PNG"));
}
