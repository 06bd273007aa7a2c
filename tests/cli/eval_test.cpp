/// hrm-eval: the same figures as hrm-run and a count of our own; flat memory; data sets that are none.

#include <doctest/doctest.h>
#include <hrm/puzzles/dataset.hpp>
#include <hrm/puzzles/dataset_writer.hpp>
#include <hrm/puzzles/npy.hpp>

#include <support/places.hpp>

#include <cli/models.hpp>

#include <array>
#include <cmath>

namespace {

using cli::run;

const std::string weights = support::weights();

/// The number behind `key` in the part of a JSON text that begins at `from`.
double number_of(const std::string& json, const std::string& from, const std::string& key) {
  std::size_t at = json.find(from);
  REQUIRE(at != std::string::npos);
  at = json.find("\"" + key + "\":", at);
  REQUIRE(at != std::string::npos);
  return std::stod(json.substr(at + key.size() + 3));
}

/// Steps from S (3) to G (4) through cells for which `open` holds; 0 where there is no way.
template <class Open>
std::size_t steps_to_goal(const std::vector<hrm::Token>& cells, std::size_t side, Open open) {
  std::vector<std::size_t> reached(cells.size());
  reached[static_cast<std::size_t>(std::find(cells.begin(), cells.end(), 3) - cells.begin())] = 1;
  for (std::size_t step = 1; step <= cells.size(); ++step) {
    for (std::size_t at = 0; at < cells.size(); ++at) {
      if (reached[at] != step) continue;
      if (cells[at] == 4) return step - 1;
      const auto go = [&](bool there, std::size_t to) {
        if (there && reached[to] == 0 && open(to)) reached[to] = step + 1;
      };
      go(at % side > 0, at - 1);
      go(at % side + 1 < side, at + 1);
      go(at >= side, at - side);
      go(at + side < cells.size(), at + side);
    }
  }
  return 0;
}

/// Whether an answer marks a shortest way and nothing else: all else is kept, there are as many o (5) as a shortest way
/// has cells between its ends, and over them alone it is as short.
bool shortest_way(const std::vector<hrm::Token>& maze, const std::vector<hrm::Token>& answer, std::size_t side) {
  std::size_t marked = 0;
  for (std::size_t i = 0; i < maze.size(); ++i) {
    marked += answer[i] == 5 ? 1 : 0;
    if (answer[i] != maze[i] && !(maze[i] == 2 && answer[i] == 5)) return false;
  }
  const std::size_t steps = steps_to_goal(maze, side, [&](std::size_t i) { return maze[i] != 1; });
  return marked + 1 == steps &&
         steps_to_goal(maze, side, [&](std::size_t i) { return answer[i] == 5 || answer[i] == 4; }) == steps;
}

/// What hrm-run answers for a data set, counted here.
struct Counted {
  double exact = 0, cells = 0, segments = 0, halted = 0, puzzles = 0, q_right = 0, shortest = 0;
  std::array<double, 10> answers{}, said{}, right{};  // by tenths of sigmoid(q_halt)
  [[nodiscard]] double calibration_error() const {
    double sum = 0;
    for (std::size_t i = 0; i < answers.size(); ++i) sum += std::abs(said[i] - right[i]);
    return sum / puzzles;
  }
};
Counted count(const std::string& model, const std::string& dataset, const std::vector<std::string>& options) {
  auto reader = hrm::PuzzleReader::open(dataset).value();
  std::vector<hrm::PuzzleExample> examples;
  hrm::PuzzleExample example;
  std::string input;
  while (reader.next(example).value()) {
    examples.push_back(example);
    input += "@" + std::to_string(example.puzzle_id);
    for (const hrm::Token token : example.input) input += " " + std::to_string(token);
    input += "\n";
  }
  std::vector<std::string> words{model};
  words.insert(words.end(), options.begin(), options.end());
  const auto outcome = run("hrm-run", words, input);
  REQUIRE(outcome.code == 0);
  const auto lines = cli::lines_of(outcome.out);
  REQUIRE(lines.size() == examples.size());
  Counted counted;
  for (std::size_t i = 0; i < lines.size(); ++i) {
    const std::size_t open = lines[i].find('[') + 1;
    const auto tokens = cli::fields_of(lines[i].substr(open, lines[i].find(']') - open), ',');
    double right = 0;
    std::vector<hrm::Token> answer;
    for (const std::string& token : tokens) answer.push_back(std::stoi(token));
    for (std::size_t c = 0; c < tokens.size(); ++c) right += answer[c] == examples[i].label[c] ? 1 : 0;
    const bool exact = right == static_cast<double>(tokens.size());
    const double q = std::stod(lines[i].substr(lines[i].find("\"q_halt\":") + 9));
    const double sure = 1 / (1 + std::exp(-q));
    const auto tenth = static_cast<std::size_t>(std::min(9.0, std::floor(10 * sure)));
    counted.exact += exact ? 1 : 0;
    counted.q_right += (q >= 0) == exact ? 1 : 0;
    ++counted.answers[tenth];
    counted.said[tenth] += sure;
    counted.right[tenth] += exact ? 1 : 0;
    if (answer.size() == 49) counted.shortest += shortest_way(examples[i].input, answer, 7) ? 1 : 0;
    counted.cells += right / static_cast<double>(tokens.size());
    counted.segments += std::stod(lines[i].substr(lines[i].find("\"segments\":") + 11));
    counted.halted += lines[i].find("\"halted\":true") != std::string::npos ? 1 : 0;
    ++counted.puzzles;
  }
  return counted;
}

}  // namespace

TEST_CASE("hrm-eval: the same as hrm-run and counting, with halting and after each segment") {
  const support::TemporaryFolder folder;
  const std::string puzzles = cli::slow ? "8" : "80";
  struct Case {
    std::string model, program;
  };
  for (const Case& c : {Case{"sudoku6", "hrm-sudoku"}, Case{"maze7", "hrm-maze"}}) {
    CAPTURE(c.model);
    const std::string set = folder.path(c.model);
    REQUIRE(run(c.program, {"--generate", puzzles, "--seed", "99", "--dataset", set + "/test"}).code == 0);
    const std::string model = weights + "/" + c.model;
    const auto outcome = run("hrm-eval", {model, set, "--json"});
    REQUIRE(outcome.code == 0);
    CHECK(outcome.err.empty());
    const Counted halting = count(model, set, {});
    const double n = halting.puzzles;
    CHECK(number_of(outcome.out, "{", "puzzles") == n);
    CHECK(std::abs(number_of(outcome.out, "\"halting\"", "exact") - halting.exact / n) < 1e-6);
    CHECK(std::abs(number_of(outcome.out, "\"halting\"", "cells") - halting.cells / n) < 1e-6);
    CHECK(std::abs(number_of(outcome.out, "\"halting\"", "mean_segments") - halting.segments / n) < 1e-6);
    CHECK(std::abs(number_of(outcome.out, "\"halting\"", "halted") - halting.halted / n) < 1e-6);
    CHECK(std::abs(number_of(outcome.out, "\"halting\"", "q_halt_accuracy") - halting.q_right / n) < 1e-6);
    for (const std::string segments : {"1", "16"}) {
      const Counted fixed = count(model, set, {"--halt", "never", "--max-segments", segments});
      const std::string from = "{\"segments\":" + segments + ",";
      CHECK(std::abs(number_of(outcome.out, from, "exact") - fixed.exact / n) < 1e-6);
      CHECK(std::abs(number_of(outcome.out, from, "cells") - fixed.cells / n) < 1e-6);
      CHECK(std::abs(number_of(outcome.out, from, "q_halt_accuracy") - fixed.q_right / n) < 1e-6);
      if (c.model == "maze7") {
        CHECK(std::abs(number_of(outcome.out, from, "shortest_path") - fixed.shortest / n) < 1e-6);
      }
      if (segments != "1") continue;
      // With one segment an answer is looked at once: what was said of it against what it was.
      const auto once = run("hrm-eval", {model, set, "--json", "--max-segments", "1"});
      CHECK(std::abs(number_of(once.out, "{", "calibration_error") - fixed.calibration_error()) < 1e-6);
      std::size_t at = once.out.find("\"calibration\":[");
      for (std::size_t tenth = 0; tenth < 10; ++tenth) {
        if (fixed.answers[tenth] == 0) continue;
        at = once.out.find("{\"answers\":", at + 1);
        REQUIRE(at != std::string::npos);
        const std::string bin = once.out.substr(at);
        CHECK(number_of(bin, "{", "answers") == fixed.answers[tenth]);
        CHECK(std::abs(number_of(bin, "{", "said") - fixed.said[tenth] / fixed.answers[tenth]) < 2e-6);
        CHECK(std::abs(number_of(bin, "{", "right") - fixed.right[tenth] / fixed.answers[tenth]) < 1e-6);
      }
    }
    // However it is run, the counts are the same.
    const auto counts = [](const std::string& json) { return json.substr(0, json.find(",\"ms\"")); };
    CHECK(counts(run("hrm-eval", {model, set, "--json", "--threads", "2"}).out) == counts(outcome.out));
    const auto quick = run("hrm-eval", {model, set, "--json", "--halting-only"});
    CHECK(counts(quick.out).substr(quick.out.find("\"halting\"")) ==
          counts(outcome.out).substr(outcome.out.find("\"halting\"")));
    CHECK(quick.out.find("\"segments\":[]") != std::string::npos);
    // the table and the curves say the same
    const auto table = run("hrm-eval", {model, set, "--svg", folder.path("c.svg"), "--limit", "5"});
    CHECK(table.code == 0);
    CHECK(table.out.rfind("5 puzzles of ", 0) == 0);
    CHECK(table.out.find(" halting  ") != std::string::npos);
    CHECK(support::read_file(folder.path("c.svg")).find("halted by then") != std::string::npos);
  }
}

TEST_CASE("hrm-eval: where none has halted, nothing is said of those that have") {
  const support::TemporaryFolder folder;
  const std::string csv =
      folder.write("x.csv", "........64.......43..6...64.23..5...,413265526431652314341652164523235146\n");
  const std::vector<std::string> words{weights + "sudoku6", csv, "--max-segments", "1"};
  auto json = words;
  json.push_back("--json");
  CHECK(run("hrm-eval", json).out.find("\"halted\":0,\"halted_right\":null,") != std::string::npos);
  const auto table = run("hrm-eval", words).out;
  CHECK(table.rfind("1 puzzle of 36 cells", 0) == 0);
  CHECK(table.find("  0.00 % halted by themselves\n") != std::string::npos);
  auto nowhere = words;
  nowhere.insert(nowhere.end(), {"--svg", folder.path("none/x.svg")});
  CHECK(cli::fault_of(run("hrm-eval", nowhere), 1, "hrm-eval", {"none/x.svg: cannot be written"}) == "");
}

TEST_CASE("hrm-eval: mazes with several shortest ways, some right though not the one in the data set") {
  const support::TemporaryFolder folder;
  REQUIRE(run("hrm-maze", {"--generate", cli::slow ? "10" : "100", "--loops", "0.5", "--any-path", "--dataset",
                           folder.path("m/test")})
              .code == 0);
  const auto outcome = run("hrm-eval", {weights + "/maze7", folder.path("m"), "--json"});
  REQUIRE(outcome.code == 0);
  const Counted eight = count(weights + "/maze7", folder.path("m"), {"--halt", "never", "--max-segments", "8"});
  CHECK(std::abs(number_of(outcome.out, "{\"segments\":8,", "shortest_path") - eight.shortest / eight.puzzles) < 1e-6);
  for (const char* part : {"{\"segments\":1,", "{\"segments\":8,", "\"halting\""}) {
    const double exact = number_of(outcome.out, part, "exact");
    const double shortest = number_of(outcome.out, part, "shortest_path");
    CHECK(exact <= shortest);
    CHECK(shortest <= number_of(outcome.out, part, "valid_path"));
  }
  if (!cli::slow) {
    CHECK(number_of(outcome.out, "{\"segments\":8,", "exact") <
          number_of(outcome.out, "{\"segments\":8,", "shortest_path"));
  }
}

TEST_CASE("hrm-eval: a CSV and its data set give the same figures") {
  const support::TemporaryFolder folder;
  const std::string csv = run("hrm-sudoku", {"--generate", "10", "--seed", "5"}).out;
  REQUIRE(run("hrm-sudoku", {"--generate", "10", "--seed", "5", "--dataset", folder.path("s/train")}).code == 0);
  const auto from_csv = run("hrm-eval", {weights + "/sudoku6", folder.write("s.csv", csv), "--json"});
  const auto from_npy = run("hrm-eval", {weights + "/sudoku6", folder.path("s"), "--split", "train", "--json"});
  REQUIRE(from_csv.code == 0);
  REQUIRE(from_npy.code == 0);
  CHECK(from_csv.out.substr(0, from_csv.out.find(",\"ms\"")) == from_npy.out.substr(0, from_npy.out.find(",\"ms\"")));
}

TEST_CASE("hrm-eval: an example without a cell that counts is left out") {
  const support::TemporaryFolder folder;
  hrm::DatasetInfo info;
  info.seq_len = 36;
  info.vocab = 8;
  info.ignore_label_id = 0;
  const auto puzzle = hrm::sudoku_tokens(hrm::parse_sudoku("..4..2.6.5..6..42.........5..34.....").value());
  const auto answer = hrm::sudoku_tokens(hrm::parse_sudoku("354162261534613425542316125643436251").value());
  const std::vector<hrm::Token> nothing(36, hrm::any_token);
  const auto write = [&](const std::string& name, const std::vector<std::vector<hrm::Token>>& labels) {
    std::filesystem::create_directories(folder.path(name));
    auto writer = hrm::DatasetWriter::create(folder.path(name), info).value();
    for (const auto& label : labels) writer.add({puzzle, label, 0}).value();
    writer.finish().value();
    return folder.path(name);
  };
  const auto some = run("hrm-eval", {weights + "/sudoku6", write("some", {nothing, answer, nothing}), "--json"});
  CHECK(some.code == 0);
  CHECK(number_of(some.out, "{", "puzzles") == 1);
  CHECK(number_of(some.out, "\"halting\"", "exact") == 1);
  CHECK(cli::fault_of(run("hrm-eval", {weights + "/sudoku6", write("none", {nothing})}), 1, "hrm-eval",
                      {"expected a puzzle with an answer"}) == "");
}

TEST_CASE("hrm-eval: puzzle ids do not matter to a model without a puzzle embedding") {
  const support::TemporaryFolder folder;
  hrm::DatasetInfo info;
  info.seq_len = 4;
  info.vocab = 6;
  info.puzzle_ids = 3;
  std::filesystem::create_directories(folder.path("set"));
  auto writer = hrm::DatasetWriter::create(folder.path("set"), info).value();
  for (std::size_t id = 0; id < 3; ++id) writer.add({{1, 2, 3, 4}, {1, 2, 3, 4}, id}).value();
  writer.finish().value();
  support::Shape shape = cli::small_shape(6);
  cli::write_model(folder, shape, support::make_weights(shape));
  CHECK(cli::fault_of(run("hrm-eval", {folder.path(), folder.path("set")}), 1, "hrm-eval", {"puzzle id"}) == "");
  shape.puzzle_emb_ndim = 0;
  cli::write_model(folder, shape, support::make_weights(shape));
  const auto outcome = run("hrm-eval", {folder.path(), folder.path("set"), "--json"});
  CAPTURE(outcome.err);
  CHECK(outcome.code == 0);
  CHECK(number_of(outcome.out, "{", "puzzles") == 3);
}

TEST_CASE("hrm-eval: bad data sets give one line and code 1") {
  const support::TemporaryFolder folder;
  const std::string set = folder.path("set");
  REQUIRE(run("hrm-sudoku", {"--generate", "4", "--dataset", set + "/test"}).code == 0);
  const auto fault = [&](const std::string& file, const std::string& bytes, const std::vector<std::string>& say) {
    const std::string path = set + "/test/" + file;
    const std::string good = support::read_file(path);
    support::write_file(path, bytes);
    std::vector<std::string> words = say;
    words.push_back(path + ": ");
    const std::string found = cli::fault_of(run("hrm-eval", {weights + "/sudoku6", set}), 1, "hrm-eval", words);
    support::write_file(path, good);
    return found;
  };
  const auto changed = [&](const std::string& file, const std::string& from, const std::string& to) {
    std::string bytes = support::read_file(set + "/test/" + file);
    const std::size_t at = bytes.find(from);
    REQUIRE(at != std::string::npos);
    return bytes.replace(at, from.size(), to);
  };
  const std::string inputs = support::read_file(set + "/test/all__inputs.npy");
  const std::string labels = support::read_file(set + "/test/all__labels.npy");
  REQUIRE(run("hrm-eval", {weights + "/sudoku6", set}).code == 0);
  CHECK(fault("all__inputs.npy", "not an array", {"magic", "expected", "found"}) == "");
  CHECK(fault("all__inputs.npy", "", {"magic"}) == "");
  CHECK(fault("all__labels.npy", changed("all__labels.npy", "'fortran_order': False", "'fortran_order': True "),
              {"expected C, found Fortran"}) == "");
  CHECK(fault("all__inputs.npy", inputs.substr(0, inputs.size() - 1), {"expected 272, found 271"}) == "");
  CHECK(fault("all__labels.npy", labels + "x", {"expected 272, found 273"}) == "");
  CHECK(fault("all__labels.npy", labels.substr(0, labels.size() - 1) + "\x09",
              {"row 3", "token, expected 0 to 7, found 9"}) == "");
  CHECK(fault("all__inputs.npy", inputs.substr(0, inputs.size() - 1) + "\xff",
              {"row 3", "expected 0 to 7, found 255"}) == "");
  CHECK(fault("all__puzzle_indices.npy", changed("all__puzzle_indices.npy", "(5,)", "(6,)"), {"expected", "found"}) ==
        "");
  std::string indices = support::read_file(set + "/test/all__puzzle_indices.npy");
  indices[indices.size() - 4] = 9;
  CHECK(fault("all__puzzle_indices.npy", indices, {"last number, expected 4, found 9"}) == "");
  std::string ids = support::read_file(set + "/test/all__puzzle_identifiers.npy");
  ids[ids.size() - 4] = 1;
  CHECK(fault("all__puzzle_identifiers.npy", ids, {"identifier, expected 0 to 0, found 1"}) == "");
  CHECK(fault("dataset.json", "{}", {"expected seq_len"}) == "");
  std::string groups = support::read_file(set + "/test/all__group_indices.npy");
  groups[groups.size() - 4] = 3;
  CHECK(fault("all__group_indices.npy", groups, {"expected", "found 3"}) == "");
  const std::string info = support::read_file(set + "/test/dataset.json");
  support::write_file(set + "/test/dataset.json", changed("dataset.json", "\"seq_len\": 36", "\"seq_len\": 49"));
  CHECK(cli::fault_of(run("hrm-eval", {weights + "/sudoku6", set}), 1, "hrm-eval",
                      {"all__inputs.npy: ", "expected 4 x 49, found 4 x 36"}) == "");
  support::write_file(set + "/test/dataset.json", info);

  const auto bad = [&](const std::vector<std::string>& words, const std::vector<std::string>& say) {
    return cli::fault_of(run("hrm-eval", words), 1, "hrm-eval", say);
  };
  CHECK(bad({weights + "/sudoku6", folder.path("none")}, {"none", "cannot be opened"}) == "");
  CHECK(bad({weights + "/sudoku6", folder.path()}, {"dataset.json", "cannot be opened"}) == "");
  CHECK(bad({weights + "/sudoku6", set, "--split", "train"}, {"train/dataset.json"}) == "");
  CHECK(bad({weights + "/maze7", set}, {"vocabulary", "expected 8, found 6"}) == "");
  CHECK(bad({weights + "/sudoku6", folder.write("x.csv", "a,b\n")}, {"x.csv: line 1"}) == "");
  CHECK(cli::fault_of(run("hrm-eval", {set}), 2, "hrm-eval", {"MODEL DATASET"}) == "");
  CHECK(cli::fault_of(run("hrm-eval", {weights + "/sudoku6", weights + "/sudoku6/test.csv", "--split", "train"}), 2,
                      "hrm-eval", {"--split", "folder"}) == "");
  CHECK(cli::fault_of(run("hrm-eval", {weights, set, "--limit", "0"}), 2, "hrm-eval",
                      {"--limit", "from 1 up, found 0"}) == "");
  CHECK(cli::fault_of(run("hrm-eval", {weights, set, "--halt", "q"}), 2, "hrm-eval", {"--halt"}) == "");
}

TEST_CASE("hrm-eval: memory does not grow with the data set" * doctest::skip(cli::slow)) {
  // The same small model on 20 and on 1,000 mazes of 30 x 30: what would grow is the data set.
  const support::TemporaryFolder folder;
  cli::write_random_model(folder, hrm::maze_vocab);
  const auto peak = [&](const std::string& count) {
    const std::string set = folder.path("m" + count);
    REQUIRE(run("hrm-maze", {"--generate", count, "--side", "30", "--dataset", set + "/test"}).code == 0);
    const std::string program = support::example("hrm-eval");
    const std::string command =
        "exec " + cli::quoted(program) + " " + cli::quoted(folder.path()) + " " + cli::quoted(set) +
        " --max-segments 1 --json > /dev/null & pid=$!; most=0; while kill -0 $pid "
        "2>/dev/null; do now=$(sed -n 's/^VmHWM:[^0-9]*\\([0-9]*\\).*/\\1/p' /proc/$pid/status 2>/dev/null); "
        "[ -n \"$now\" ] && most=$now; sleep 0.02; done; wait $pid && echo $most";
    const auto outcome = cli::shell(command);
    REQUIRE(outcome.code == 0);
    return std::stoul(outcome.out);
  };
  const auto few = peak("20");
  const auto many = peak("1000");
  MESSAGE("peak of 20 mazes ", few, " KiB, of 1,000 ", many, " KiB");
  CHECK(few > 1000);
  CHECK(many < few + 4096);
}
