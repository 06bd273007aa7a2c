/// hrm-train: a very small run from beginning to end, stopped and gone on with, and what it refuses.

#include <doctest/doctest.h>
#include <hrm/io/load.hpp>
#include <hrm/puzzles/dataset_writer.hpp>
#include <hrm/solve/solve.hpp>
#include <hrm/train/products.hpp>

#include <support/places.hpp>

#include <algorithm>

#include <cli/command.hpp>
#include <cli/small_run.hpp>

namespace {

using cli::run;
using cli::small_run;

}  // namespace

TEST_CASE("hrm-train writes a model that loads, a log, a curve and its recipe") {
  const support::TemporaryFolder folder;
  const std::string out = folder.path("run");
  const auto outcome = run("hrm-train", small_run(out, {"--archive"}));
  CAPTURE(outcome.err);
  CHECK(outcome.code == 0);
  CHECK(outcome.out.empty());
  CHECK(outcome.err.find("held out 5") != std::string::npos);
  const auto lines = cli::lines_of(support::read_file(out + "/log.csv"));
  REQUIRE(lines.size() == 5);
  const auto names = cli::fields_of(lines[0], ',');
  for (const std::string& line : lines) CHECK(cli::fields_of(line, ',').size() == names.size());
  CHECK(cli::fields_of(lines[4], ',')[0] == "12");
  CHECK(std::stod(cli::fields_of(lines[1], ',')[3]) > 0.5);
  CHECK(support::read_file(out + "/curve.svg").find("</svg>") != std::string::npos);
  CHECK(support::read_file(out + "/recipe.txt").find("hrm-train sudoku4 --out") == 0);
  const auto model = hrm::load(out + "/model.safetensors").value();
  const auto archive = hrm::load(out).value();  // a folder's archive is preferred
  CHECK(archive.fingerprint() == model.fingerprint());
  CHECK(support::read_file(out + "/model.hrm").find("hrm-train sudoku4 --out") != std::string::npos);
  CHECK(model.config().sizes.hidden == 32);
  CHECK(model.config().halt_max_steps == 4);
  const std::vector<hrm::Token> tokens(16, 1);
  CHECK(hrm::solve(model, tokens).value().tokens.size() == 16);
}

TEST_CASE("hrm-train stopped and resumed, on other threads, writes the very same model") {
  const support::TemporaryFolder folder;
  std::vector<std::vector<std::string>> ways = {{"--next", "step", "--quiet"}, {"--next", "look-ahead", "--quiet"}};
  if (hrm::train::Products<hrm::kernels::DefaultArch, hrm::bfloat16>::offered)
    ways.push_back({"--precision", "bf16", "--quiet"});
  for (const auto& way : ways) {
    CAPTURE(way[1]);
    const std::string straight = folder.path("straight_" + way[1]), parts = folder.path("parts_" + way[1]);
    const auto and_more = [&](std::vector<std::string> more) {
      more.insert(more.begin(), way.begin(), way.end());
      return more;
    };
    REQUIRE(run("hrm-train", small_run(straight, way)).code == 0);
    // The clock stops it after its first step.
    REQUIRE(run("hrm-train", small_run(parts, and_more({"--minutes", "0.000001"}))).code == 0);
    CHECK(support::read_file(parts + "/model.safetensors") != support::read_file(straight + "/model.safetensors"));
    const auto resumed = run("hrm-train", small_run(parts, and_more({"--resume", "--threads", "2"})));
    CHECK(resumed.code == 0);
    CHECK(resumed.err.empty());
    CHECK(support::read_file(parts + "/model.safetensors") == support::read_file(straight + "/model.safetensors"));
    CHECK(support::read_file(parts + "/train.state") == support::read_file(straight + "/train.state"));
    const auto other = run("hrm-train", small_run(parts, and_more({"--resume", "--rate", "0.5"})));
    CHECK(cli::fault_of(other, 1, "hrm-train", {"train.state", "same options and puzzles"}) == "");
  }
}

TEST_CASE("hrm-train saves and ends well when it is interrupted") {
  const support::TemporaryFolder folder;
  // In training, and while it tests, which would take minutes.
  for (const char* evaluate : {"0", "10000000"}) {
    const std::string out = folder.path(std::string("run") + evaluate);
    std::string command;
    for (const std::string& word : small_run(
             out, {"--steps", "1000000", "--evaluate", evaluate, "--evaluate-every", "1", "--save-every", "1000000"}))
      command += " " + cli::quoted(word);
    // Interrupted once the recipe is there, which is just before the first step; again, should it not have listened
    // yet.
    const std::string program = cli::quoted(support::example("hrm-train"));
    const int status =
        std::system((program + command + " 2> " + cli::quoted(folder.path("err")) + " & pid=$!; until [ -f " +
                     cli::quoted(out + "/recipe.txt") +
                     " ]; do sleep 0.05; done; (for i in 1 2 3 4 5 6 7 8 9; do sleep 0.5; kill -INT $pid; done) 2> " +
                     cli::quoted(folder.path("kill")) + " & wait $pid")
                        .c_str());
    CHECK(WIFEXITED(status));
    CHECK(WEXITSTATUS(status) == 0);
    const std::string said = support::read_file(folder.path("err"));
    CHECK(said.find("interrupted at step ") != std::string::npos);
    CHECK(said.find(" of 1000000: saved, go on with --resume\n") != std::string::npos);
    CHECK(said.find("held out") == std::string::npos);
    CHECK_FALSE(support::read_file(out + "/train.state").empty());
    CHECK(hrm::load(out));
  }
}

TEST_CASE("hrm-train ends as other programs do when it is interrupted before it trains") {
  const support::TemporaryFolder folder;
  // No maze of that side has so long a way, which takes it a minute to find out. (Shells let those behind them ignore
  // SIGINT.)
  const std::string command = cli::line_of(
      "hrm-train", {"maze1023", "--path", "1000000-1000000", "--out", folder.path("run"), "--evaluate", "0"});
  const auto ended = cli::shell(command + " & pid=$!; sleep 0.5; kill -TERM $pid; wait $pid");
  CHECK(ended.code == 128 + SIGTERM);
  CHECK_FALSE(hrm::load(folder.path("run")));
}

TEST_CASE("hrm-train refuses more cycles than a model may have, before anything is made") {
  const support::TemporaryFolder folder;
  const auto deep = run("hrm-train", small_run(folder.path("run"), {"--h-cycles", "512", "--l-cycles", "512"}));
  CHECK(cli::fault_of(deep, 2, "hrm-train", {"--h-cycles", "steps in a segment"}) == "");
  CHECK(hrm::detail::path_kind(folder.path("run")) == hrm::detail::PathKind::none);
}

TEST_CASE("hrm-train learns from mazes, from CSV, and from another model's weights") {
  const support::TemporaryFolder folder;
  const std::string csv = folder.path("data.csv");
  support::write_file(csv, "1...............,1234341221434321\n.2..............,1234341221434321\n");
  const auto data = run("hrm-train", {csv,
                                      "--out",
                                      folder.path("a"),
                                      "--hidden",
                                      "32",
                                      "--heads",
                                      "2",
                                      "--layers",
                                      "1",
                                      "--expansion",
                                      "2",
                                      "--batch",
                                      "4",
                                      "--steps",
                                      "3",
                                      "--evaluate",
                                      "2",
                                      "--test",
                                      csv,
                                      "--max-segments",
                                      "2"});
  CAPTURE(data.err);
  CHECK(data.code == 0);
  CHECK(data.err.find("held out 2") != std::string::npos);
  const auto few = run("hrm-train", {csv, "--out", folder.path("a2")});
  CHECK(cli::fault_of(few, 1, "hrm-train", {"data.csv", "at least 10"}) == "");
  const auto again = run("hrm-train", small_run(folder.path("b"), {"--quiet", "--from", folder.path("a")}));
  CHECK(again.code == 0);
  const auto maze = run("hrm-train", {"maze7x9",
                                      "--out",
                                      folder.path("c"),
                                      "--hidden",
                                      "32",
                                      "--heads",
                                      "2",
                                      "--layers",
                                      "1",
                                      "--expansion",
                                      "2",
                                      "--batch",
                                      "4",
                                      "--steps",
                                      "3",
                                      "--evaluate",
                                      "2",
                                      "--smallest",
                                      "5",
                                      "--path",
                                      "2-6",
                                      "--weight",
                                      "1=0.5,5=3",
                                      "--positions",
                                      "learned",
                                      "--loss",
                                      "softmax",
                                      "--puzzle-width",
                                      "0",
                                      "--max-segments",
                                      "2",
                                      "--quiet"});
  CHECK(maze.code == 0);
  CHECK(hrm::load(folder.path("c")).value().config().positions == hrm::PositionEncoding::learned);
  for (const std::string split : {"train", "test"}) {
    REQUIRE(run("hrm-sudoku", {"--side", "4", "--generate", "12", "--seed", split == "test" ? "1" : "2", "--dataset",
                               folder.path("npy/" + split)})
                .code == 0);
  }
  const std::string names = support::read_file(folder.write("npy/identifiers.json", R"(["<blank>"])"));
  std::vector<std::string> words = small_run(folder.path("e"), {"--evaluate", "12"});
  words[0] = folder.path("npy");
  const auto published = run("hrm-train", words);
  CAPTURE(published.err);
  CHECK(published.code == 0);
  CHECK(published.err.find("held out 12") != std::string::npos);
  CHECK(support::read_file(folder.path("e/identifiers.json")) == names);  // where hrm-arc looks for it
  words[2] = words[0];  // the model beside its data set: the names are there already
  CHECK(run("hrm-train", words).code == 0);
  CHECK(support::read_file(folder.path("npy/identifiers.json")) == names);
  CHECK(hrm::load(folder.path("e")).value().config().sizes.vocab == 6);
  words = small_run(folder.path("d"), {"--from", folder.path("a")});
  words[0] = "sudoku6";
  CHECK(cli::fault_of(run("hrm-train", words), 1, "hrm-train",
                      {"embed_tokens.embedding_weight: expected shape [8, 32], found [6, 32]"}) == "");
  const auto wider = run("hrm-train", small_run(folder.path("d"), {"--from", folder.path("a"), "--hidden", "64"}));
  CHECK(cli::fault_of(wider, 1, "hrm-train", {"hidden size, expected 64, found 32"}) == "");
  const auto heads = run("hrm-train", small_run(folder.path("d"), {"--from", folder.path("a"), "--heads", "4"}));
  CHECK(cli::fault_of(heads, 1, "hrm-train", {"heads, expected 4, found 2"}) == "");
  std::vector<std::string> rope = small_run(folder.path("d"), {"--from", folder.path("c"), "--puzzle-width", "0"});
  rope[0] = "maze7x9";
  CHECK(cli::fault_of(run("hrm-train", rope), 1, "hrm-train", {"positions, expected rope, found learned"}) == "");
}

TEST_CASE("hrm-train never writes a model that has come apart") {
  const support::TemporaryFolder folder;
  for (const std::string evaluate : {"0", "5"}) {
    const std::string out = folder.path("run" + evaluate);
    const auto apart =
        run("hrm-train",
            small_run(out, {"--quiet", "--rate", "1e9", "--steps", "30", "--evaluate", evaluate, "--warm-up", "0"}));
    CHECK(cli::fault_of(apart, 1, "hrm-train", {"run" + evaluate + ": step", "finite"}) == "");
    CHECK_FALSE(std::filesystem::exists(out + "/model.safetensors"));
    CHECK_FALSE(std::filesystem::exists(out + "/train.state"));
  }
}

TEST_CASE("hrm-train writes over no earlier run") {
  const support::TemporaryFolder folder;
  const std::string out = folder.path("run");
  REQUIRE(run("hrm-train", small_run(out, {"--quiet", "--evaluate", "0"})).code == 0);
  const std::string state = support::read_file(out + "/train.state");
  const auto again = run("hrm-train", small_run(out, {"--quiet", "--evaluate", "0", "--seed", "1"}));
  CHECK(cli::fault_of(again, 1, "hrm-train", {"run/train.state: expected", "--resume", "found"}) == "");
  CHECK(support::read_file(out + "/train.state") == state);
  std::filesystem::remove(out + "/train.state");  // nor over a model, wherever it is from
  const std::string model = support::read_file(out + "/model.safetensors");
  const auto over = run("hrm-train", small_run(out, {"--quiet", "--evaluate", "0", "--from", out}));
  CHECK(cli::fault_of(over, 1, "hrm-train", {"run/model.safetensors: expected", "model"}) == "");
  CHECK(support::read_file(out + "/model.safetensors") == model);
}

TEST_CASE("hrm-train --from takes rms_norm_eps and rope_theta with it, and says where cycles differ") {
  const support::TemporaryFolder folder;
  REQUIRE(run("hrm-train", small_run(folder.path("a"), {"--quiet", "--evaluate", "0"})).code == 0);
  std::string yaml = support::read_file(folder.path("a/all_config.yaml"));
  yaml.insert(yaml.find("  pos_encodings"), "  rms_norm_eps: 0.001\n  rope_theta: 500.0\n");
  support::write_file(folder.path("a/all_config.yaml"), yaml);
  const std::vector<std::string> options{"--quiet",   "--evaluate", "0",          "--from", folder.path("a"),
                                         "--minutes", "0.000001",   "--l-cycles", "3"};
  const auto begun = run("hrm-train", small_run(folder.path("b"), options));
  CHECK(begun.code == 0);
  CHECK(begun.err.find("has 2 cycles of the H- and 2 of the L-module, trained on with 2 and 3") != std::string::npos);
  std::filesystem::remove_all(folder.path("a"));  // a run goes on without the model it began from
  std::vector<std::string> resume = small_run(folder.path("b"), options);
  resume.push_back("--resume");
  const auto resumed = run("hrm-train", resume);
  CHECK(resumed.err == "");
  CHECK(resumed.code == 0);
  const auto model = hrm::load(folder.path("b")).value();
  CHECK(model.config().rms_norm_eps == 0.001F);
  CHECK(model.config().rope_theta == 500.0F);
}

TEST_CASE("hrm-train --from takes models of its own sizes only") {
  const support::TemporaryFolder folder;
  const std::string from = folder.path("a");
  REQUIRE(run("hrm-train", small_run(from, {"--quiet", "--evaluate", "0", "--layers", "2", "--steps", "1"})).code == 0);
  const auto fault = [&](const std::vector<std::string>& more, const std::vector<std::string>& say) {
    std::vector<std::string> words = small_run(folder.path("b"), {"--quiet", "--evaluate", "0", "--from", from});
    words.insert(words.end(), more.begin(), more.end());
    std::filesystem::remove_all(folder.path("b"));
    return cli::fault_of(run("hrm-train", words), 1, "hrm-train", say);
  };
  CHECK(fault({}, {"a: layers of the H-module, expected 1, found 2"}) == "");
  REQUIRE(run("hrm-train", small_run(folder.path("c"), {"--quiet", "--evaluate", "0", "--steps", "1"})).code == 0);
  std::filesystem::rename(folder.path("c"), folder.path("a/one"));
  const std::string one = folder.path("a/one");
  std::vector<std::string> words =
      small_run(folder.path("d"), {"--quiet", "--evaluate", "0", "--from", one, "--puzzle-width", "0"});
  CHECK(cli::fault_of(run("hrm-train", words), 1, "hrm-train",
                      {"one: width of the puzzle embedding, expected 0, found 32"}) == "");
}

TEST_CASE("hrm-train --evaluate 0 needs nothing to test on, and anything else something of the same kind") {
  const support::TemporaryFolder folder;
  REQUIRE(run("hrm-sudoku", {"--side", "4", "--generate", "3", "--dataset", folder.path("set/train")}).code == 0);
  std::vector<std::string> tested = small_run(folder.path("tested"), {"--quiet"});
  tested[0] = folder.path("set");
  CHECK(cli::fault_of(run("hrm-train", tested), 1, "hrm-train", {"set: held-out puzzles", "--evaluate 0"}) == "");
  REQUIRE(run("hrm-sudoku", {"--side", "6", "--generate", "3", "--dataset", folder.path("set/test")}).code == 0);
  CHECK(cli::fault_of(run("hrm-train", tested), 1, "hrm-train",
                      {"set: held-out puzzles: tokens of a puzzle, expected 16 as in training, found 36"}) == "");
  std::string json = support::read_file(folder.path("set/train/dataset.json"));
  json.replace(json.find("\"vocab_size\": 6"), 15, "\"vocab_size\": 7");
  std::filesystem::remove_all(folder.path("set/test"));
  std::filesystem::copy(folder.path("set/train"), folder.path("set/test"));
  support::write_file(folder.path("set/test/dataset.json"), json);
  CHECK(cli::fault_of(run("hrm-train", tested), 1, "hrm-train",
                      {"set: held-out puzzles: vocabulary, expected 6 as in training, found 7"}) == "");
  std::vector<std::string> words = small_run(folder.path("out"), {"--quiet", "--evaluate", "0", "--steps", "1"});
  words[0] = folder.path("set");
  const auto outcome = run("hrm-train", words);
  CHECK(outcome.err == "");
  CHECK(outcome.code == 0);
}

TEST_CASE("hrm-train --resume is the same run or none, and an archive that is there is kept up to date") {
  const support::TemporaryFolder folder;
  const std::string out = folder.path("a run");
  const auto begun = [&](const std::string& task, const std::vector<std::string>& more) {
    std::vector<std::string> words = small_run(out, more);
    words[0] = task;
    return run("hrm-train", words);
  };
  REQUIRE(begun("maze7", {"--steps", "2", "--grow", "50", "--evaluate", "0", "--quiet"}).code == 0);
  CHECK(cli::fault_of(begun("maze7", {"--steps", "2", "--evaluate", "0", "--quiet", "--resume"}), 1, "hrm-train",
                      {"same options and puzzles", "recipe.txt"}) == "");
  CHECK(support::read_file(out + "/recipe.txt").find("--out '" + out + "'") != std::string::npos);

  std::string rows;
  for (int i = 0; i < 10; ++i) rows += "1...............,1234341221434321\n";
  const std::string csv = folder.write("data.csv", rows);
  std::filesystem::remove_all(out);
  const std::vector<std::string> options{"--steps", "2", "--minutes", "0.000001", "--evaluate", "0", "--quiet"};
  const auto and_more = [&](std::vector<std::string> more) {
    more.insert(more.begin(), options.begin(), options.end());
    return more;
  };
  REQUIRE(begun(csv, and_more({"--archive"})).code == 0);
  CHECK(cli::fault_of(begun(csv, and_more({"--resume", "--test", csv})), 1, "hrm-train",
                      {"same options and puzzles"}) == "");
  static_cast<void>(folder.write("data.csv", rows + rows));
  CHECK(cli::fault_of(begun(csv, and_more({"--resume"})), 1, "hrm-train", {"same options and puzzles"}) == "");
  static_cast<void>(folder.write("data.csv", rows));
  CHECK(begun(csv, and_more({"--resume"})).code == 0);  // without --archive
  CHECK(hrm::load(out).value().fingerprint() == hrm::load(out + "/model.safetensors").value().fingerprint());
}

TEST_CASE("hrm-train and stored puzzles: a split by itself, few of them, and puzzle ids that training lacks") {
  const support::TemporaryFolder folder;
  REQUIRE(run("hrm-sudoku", {"--side", "4", "--generate", "20", "--dataset", folder.path("one")}).code == 0);
  std::vector<std::string> words = small_run(folder.path("out"), {"--evaluate", "500", "--steps", "1"});
  words[0] = folder.path("one");
  const auto split = run("hrm-train", words);
  CAPTURE(split.err);
  CHECK(split.code == 0);
  CHECK(split.err.find("held out 2:") != std::string::npos);  // every tenth, and not twice

  const auto write = [&](const std::string& name, std::size_t ids) {
    std::filesystem::create_directories(folder.path(name));
    hrm::DatasetInfo info;
    info.seq_len = 4;
    info.vocab = 3;
    info.puzzle_ids = ids;
    auto writer = hrm::DatasetWriter::create(folder.path(name), info).value();
    for (int i = 0; i < 20; ++i) writer.add({{1, 2, 1, 2}, {1, 1, 1, 1}, ids - 1}).value();
    writer.finish().value();
  };
  write("few", 2);
  write("many", 5);
  words = small_run(folder.path("ids"), {"--test", folder.path("many"), "--quiet"});
  words[0] = folder.path("few");
  CHECK(cli::fault_of(run("hrm-train", words), 1, "hrm-train", {"many: puzzle id, expected below 2", "found 4"}) == "");
  words.insert(words.end(), {"--puzzle-width", "0"});  // then ids do not matter
  CHECK(run("hrm-train", words).code == 0);
}

TEST_CASE("hrm-train says which symmetries a data set is drawn under, and is told to") {
  const support::TemporaryFolder folder;
  REQUIRE(run("hrm-sudoku", {"--side", "4", "--generate", "20", "--dataset", folder.path("set")}).code == 0);
  const std::string csv = folder.write("data.csv", run("hrm-sudoku", {"--side", "4", "--generate", "20"}).out);
  const auto trained = [&](const std::string& task, std::vector<std::string> more, const std::string& out) {
    more.insert(more.begin(), {"--evaluate", "0", "--steps", "1"});
    std::vector<std::string> words = small_run(folder.path(out), more);
    words[0] = task;
    return run("hrm-train", words);
  };
  const auto said = [](const cli::Outcome& outcome, const std::string& which) {
    return outcome.err.find("18 examples, symmetries: " + which + "\n") != std::string::npos;
  };
  CHECK(said(trained(folder.path("set"), {}, "a"), "none"));
  CHECK(said(trained(folder.path("set"), {"--symmetries", "yes"}, "b"), "those of Sudoku"));
  CHECK(said(trained(csv, {}, "c"), "those of Sudoku"));
  CHECK(said(trained(csv, {"--symmetries", "no"}, "d"), "none"));
  CHECK(cli::fault_of(trained(csv, {"--quiet", "--resume"}, "d"), 1, "hrm-train", {"same options and puzzles"}) == "");
}

TEST_CASE("hrm-train refuses what it cannot do, in one line") {
  const support::TemporaryFolder folder;
  const std::string out = folder.path("x");
  const auto usage = [&](std::vector<std::string> words, const std::string& about) {
    return cli::fault_of(run("hrm-train", words), 2, "hrm-train", {about});
  };
  CHECK(usage({}, "task") == "");
  CHECK(usage({"sudoku4"}, "--out") == "");
  CHECK(usage({"sudoku4", "--out", out, "--hiden", "3"}, "--hiden") == "");
  CHECK(usage({"sudoku4", "--out", out, "--hidden", "x"}, "--hidden") == "");
  CHECK(usage({"sudoku4", "--out", out, "--heads", "7"}, "--heads") == "");
  CHECK(usage({"sudoku4", "--out", out, "--heads", "9223372036854775808"}, "--heads") == "");
  CHECK(usage({"sudoku4", "--out", out, "--batch", "0"}, "from 1 to") == "");
  CHECK(usage({"sudoku4", "--out", out, "--next", "never"}, "look-ahead") == "");
  CHECK(usage({"sudoku4", "--out", out, "--precision", "f16"}, "bf16") == "");
  CHECK(usage({"maze7", "--out", out, "--path", "9-2"}, "--path") == "");
  CHECK(usage({"maze7", "--out", out, "--weight", "1=0.1,"}, "1=0.1,5=2") == "");
  CHECK(usage({"maze7", "--out", out, "--weight", "1=0"}, "--weight") == "");
  CHECK(usage({"maze7", "--out", out, "--batch", "8", "--batch", "9"}, "twice") == "");
  CHECK(usage({"sudoku4", "maze7", "--out", out}, "maze7") == "");
  for (const std::string own : {"--path", "--loops", "--smallest", "--grow"})
    CHECK(usage({"sudoku4", "--out", out, own, "1"}, own) == "");
  CHECK(usage({"maze7", "--out", out, "--clues", "3"}, "--clues") == "");
  CHECK(usage({"sudoku4", "--out", out, "--clues", "0"}, "--clues: expected 1 or more") == "");
  CHECK(usage({"maze7", "--out", out, "--path", "0"}, "--path: expected 1 or more") == "");
  CHECK(usage({"maze7", "--out", out, "--symmetries", "yes"}, "--symmetries") == "");
  CHECK(usage({"a.csv", "--out", out, "--symmetries", "some"}, "yes or no") == "");
  CHECK(usage({"maze7", "--out", out, "--weight", "2=inf"}, "--weight") == "");
  CHECK(usage({"sudoku4", "--out", out, "--expansion", "0.001"}, "--expansion") == "");
  CHECK(usage({"sudoku4", "--out", out, "--hidden", "1048576", "--expansion", "1000"}, "--expansion") == "");
  for (const auto& large :
       std::vector<std::pair<std::string, std::string>>{{"--hidden", "1000000000"},
                                                        {"--layers", "1000000000"},
                                                        {"--batch", "100000000"},
                                                        {"--lanes", "100000000"},
                                                        {"--max-segments", "100000000"},
                                                        {"--puzzle-width", "18446744073709551615"}}) {
    CAPTURE(large.first);
    CHECK(usage({"sudoku4", "--out", out, large.first, large.second}, large.first) == "");
  }
  CHECK(usage({"sudoku7", "--out", out}, "TASK: sudoku: side, expected a number from 4 to 25 that is not prime") == "");
  for (const std::string task : {"maze8", "maze7x8", "maze3", "maze7x1025"})
    CHECK(usage({task, "--out", out}, "odd") == "");
  for (const std::string smallest : {"9", "6", "3"})
    CHECK(usage({"maze7", "--out", out, "--smallest", smallest}, "--smallest: expected an odd number from 5 to 7") ==
          "");
  CHECK(usage({"sudoku4", "--out", out, "--weight", "9=2"}, "--weight: expected tokens below 6, found 9") == "");
  CHECK(usage({"maze7", "--out", out, "--weight", "1=2,6=1"}, "--weight: expected tokens below 6, found 6") == "");
  const auto file = [&](std::vector<std::string> words, const std::string& about) {
    return cli::fault_of(run("hrm-train", words), 1, "hrm-train", {about});
  };
  CHECK(file({folder.path("nothing.csv"), "--out", out}, "nothing.csv") == "");
  CHECK(file({"sudoku4", "--out", folder.path("no/folder")}, "folder") == "");
  const std::string csv = folder.write("data.csv", "1...............,1234341221434321\n");
  CHECK(file({csv, "--out", out, "--test", csv, "--weight", "9=2"}, "below 6") == "");
  CHECK(file({"sudoku4", "--out", out, "--resume"}, "train.state") == "");
  if (!cli::slow) {  // sanitizers end a program that asks for so much
    CHECK(file({"sudoku4", "--out", out, "--hidden", "1000000", "--expansion", "1"}, "x: training: expected memory") ==
          "");
    CHECK(file({"maze1001", "--out", out, "--hidden", "4", "--heads", "1", "--batch", "1"}, "expected memory") == "");
  }
  CHECK(run("hrm-train", {"--help"}).code == 0);
}
