#include <doctest/doctest.h>
#include <hrm/puzzles/dataset.hpp>

#include <support/files.hpp>

using hrm::CsvDataset;
using hrm::PuzzleExample;
using hrm::Token;

namespace {

std::size_t count(CsvDataset& csv) {
  PuzzleExample example;
  std::size_t n = 0;
  while (csv.next(example).value()) ++n;
  return n;
}

}  // namespace

TEST_CASE("csv: as editors leave it: a byte order mark, blanks around fields, blank lines") {
  const support::TemporaryFolder folder;
  const std::string row = "1...............,1234341221434321";
  const auto rows = [&](const std::string& text) {
    auto csv = CsvDataset::open(folder.write("e.csv", text));
    return csv ? count(*csv) : 0;
  };
  CHECK(rows("\xEF\xBB\xBFquestion,answer\n" + row + "\n") == 1);
  CHECK(rows("\xEF\xBB\xBF" + row + "\n") == 1);
  CHECK(rows(row + "  \n  \n" + row + "\t\r\n \t \n") == 2);
  CHECK(rows("question , answer \n 1..............., 1234341221434321 , 3\n") == 1);
  CHECK(rows("  S   ,oooS   \n") == 0);
  CHECK(rows("S #   # # #   G,S #o# #o# #o  oG\n \n") == 0);       // 15 cells
  CHECK(rows("S #   # # #   G ,S #   # # #  oG \t\r\n \n") == 1);  // a maze's spaces are cells
}

TEST_CASE("csv: a first line of names must name the answer too") {
  const support::TemporaryFolder folder;
  const auto csv = CsvDataset::open(folder.write("n.csv", "puzzle,rating\n1234341221434321,1234341221434321\n"));
  REQUIRE_FALSE(csv);
  CHECK(support::message_of(csv).find("n.csv: line 1: expected a column named answer") != std::string::npos);
  const auto empty = CsvDataset::open(folder.write("o.csv", ""));
  CHECK(support::message_of(empty).find("o.csv: expected a puzzle") != std::string::npos);
}

TEST_CASE("csv: names of columns, as they are found") {
  const auto names = [](const std::string& line) {
    const auto found = hrm::csv_names(hrm::parse_csv_line(line).value());
    return std::pair(found.question.value_or(9), found.answer.value_or(9));
  };
  using Pair = std::pair<std::size_t, std::size_t>;
  CHECK(names("source,question,answer,rating") == Pair{1, 2});
  CHECK(names("quizzes,solutions") == Pair{0, 1});
  CHECK(names("id, Solution ,PUZZLE,clues") == Pair{2, 1});
  CHECK(names("\"puzzle\",\"difficulty\"") == Pair{0, 9});
  CHECK(names("puzzles,solutions") == Pair{9, 1});
  CHECK(names("") == Pair{9, 9});
}

TEST_CASE("csv: a line taken apart") {
  using Fields = std::vector<std::string>;
  CHECK(hrm::parse_csv_line("a,b,c").value() == Fields{"a", "b", "c"});
  CHECK(hrm::parse_csv_line("").value() == Fields{""});
  CHECK(hrm::parse_csv_line(",").value() == Fields{"", ""});
  CHECK(hrm::parse_csv_line("\"a,\"\"b\"\"\",c").value() == Fields{"a,\"b\"", "c"});
  CHECK(hrm::parse_csv_line(" # # ,\"\"").value() == Fields{" # # ", ""});
  CHECK_FALSE(hrm::parse_csv_line("a,\"b"));
}

TEST_CASE("csv: the published form and the plain one") {
  const support::TemporaryFolder folder;
  const std::string puzzle = "1...............";
  const std::string solution = "1234341221434321";
  auto published =
      CsvDataset::open(folder.write("a.csv", "source,question,answer,rating\r\nx," + puzzle + "," + solution +
                                                 ",0\r\n\r\ny," + puzzle + "," + solution + ",3"));
  REQUIRE(published);
  CHECK(published->info().seq_len == 16);
  CHECK(published->info().vocab == 6);
  CHECK(published->info().kind() == hrm::PuzzleKind::sudoku);
  PuzzleExample example;
  REQUIRE(published->next(example).value());
  CHECK(example.input[0] == 2);
  CHECK(example.input[1] == 1);
  CHECK(example.label[3] == 5);
  CHECK(example.puzzle_id == 0);
  CHECK(count(*published) == 1);
  CHECK(published->progress() == 1.0);

  for (const std::string end : {"\n", ""}) {
    auto plain = CsvDataset::open(folder.write("b.csv", puzzle + "," + solution + ",7" + end));
    REQUIRE(plain);
    CHECK(count(*plain) == 1);
    CHECK(plain->progress() == 1.0);
  }

  auto maze = CsvDataset::open(folder.write("c.csv", "#####S G#####S#G####,x\n"));
  CHECK_FALSE(maze);
  maze = CsvDataset::open(folder.write("c.csv", "#S #   # # # G #,#S #ooo# #o# G #\n"));
  REQUIRE(maze);
  CHECK(maze->info().kind() == hrm::PuzzleKind::sudoku);  // 4 x 4 with 6 tokens could be either
  REQUIRE(maze->next(example).value());
  CHECK(example.input[0] == 1);
  CHECK(example.label[4] == 5);
  maze = CsvDataset::open(folder.write("d.csv", "S  ## G  ,Soo##oG  \n"));
  REQUIRE(maze);
  CHECK(maze->info().kind() == hrm::PuzzleKind::maze);
  const std::string six(36, '.');
  CHECK(CsvDataset::open(folder.write("e.csv", six + "," + std::string(36, '1') + "\n")).value().info().vocab == 8);
}

TEST_CASE("csv: bad ones, each with its line") {
  const support::TemporaryFolder folder;
  const auto message = [&](const std::string& text) -> std::string {
    const std::string path = folder.write("x.csv", text);
    auto csv = CsvDataset::open(path);
    PuzzleExample example;
    hrm::Error error;
    if (!csv) {
      error = csv.error();
    } else {
      for (;;) {
        const auto more = csv->next(example);
        if (!more) {
          error = more.error();
          break;
        }
        REQUIRE(*more);
      }
    }
    const std::string line(error.message());
    REQUIRE(line.substr(0, path.size() + 2) == path + ": ");
    return line.substr(path.size() + 2);
  };
  const std::string good = "1...............,1234341221434321,0\n";
  CHECK(message("") == "expected a puzzle, found none");
  CHECK(message("source,question,answer,rating\n") == "line 1: expected a puzzle, found none");
  CHECK(message("1...............\n") == "line 1: fields, expected at least 2, found 1");
  CHECK(message(good + "1...............,12343412214.4321,0\n") ==
        "line 2: answer: cell 12, expected a digit, found a blank");
  CHECK(message("question,answer\n0100000000000000,0101010101010101\n") ==
        "line 2: answer: cell 1, expected a digit, found a blank");
  CHECK(message("answer,question\n1234341221434321,1...............\n1234341221434321\n") ==
        "line 3: fields, expected at least 2, found 1");
  CHECK(message(good + "12..,1234,0\n") == "line 2: cells, expected 16, found 4");
  CHECK(message(good + good + "1...............,123434122143432x,0\n") ==
        "line 3: sudoku: cell 15, expected '.' or a digit up to 4, found 'x'");
  CHECK(message(good + "\"1..\n") == "line 2: expected the end of a quoted field, found the end of the line");
  CHECK(message("hello,world\n").substr(0, 22) == "line 1: sudoku: cells,");
  CHECK(message(good + std::string(3000000, '1')) == "line 2, expected at most 1048576 bytes, found more");
  CHECK_FALSE(CsvDataset::open(folder.path("none.csv")));
}
