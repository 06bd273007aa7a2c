/// hrm-arc, with a model that is made to copy its input: of made-up tasks it solves those whose answer is the question.

#include <doctest/doctest.h>
#include <hrm/puzzles/arc_vote.hpp>

#include <support/places.hpp>

#include <cli/models.hpp>

namespace {

using cli::run;

const std::string copy_task =
    R"({"train":[{"input":[[1,2]],"output":[[1,2]]}],"test":[{"input":[[0,3],[4,5],[6,7]],"output":[[0,3],[4,5],[6,7]]},{"input":[[9]],"output":[[9]]}]})";
const std::string half_task =
    R"({"train":[{"input":[[1]],"output":[[1]]}],"test":[{"input":[[2,2]],"output":[[2,2]]},{"input":[[3]],"output":[[4]]}]})";
const std::string other_task = R"({"train":[{"input":[[1]],"output":[[2]]}],"test":[{"input":[[1]],"output":[[2]]}]})";
const std::string secret_task = R"({"train":[{"input":[[1]],"output":[[1]]}],"test":[{"input":[[5,6]]}]})";

}  // namespace

TEST_CASE("hrm-arc: one task without identifiers says that it cannot be solved, and asks all the same") {
  const support::TemporaryFolder folder;
  cli::write_copying_model(folder, hrm::arc_vocab, 1);
  support::write_file(folder.path("abc.json"), copy_task);
  const auto outcome = run("hrm-arc", {folder.path(), folder.path("abc.json"), "--augmentations", "3", "--out",
                                       folder.path("out.json"), "--svg", folder.path("pictures")});
  CHECK(outcome.code == 0);
  CHECK(outcome.out == "abc\tsolved\t2/2\t8\n");
  CHECK(outcome.err.find("without a trained embedding cannot be solved") != std::string::npos);
  CHECK(outcome.err.find("1 of 1 tasks solved, score 100 %") != std::string::npos);
  CHECK(support::read_file(folder.path("out.json")) ==
        "{\"abc\":[{\"attempt_1\":[[0,3],[4,5],[6,7]],\"attempt_2\":[[0,3],[4,5],[6,7]]},"
        "{\"attempt_1\":[[9]],\"attempt_2\":[[9]]}]}\n");
  CHECK(support::read_file(folder.path("pictures/abc.svg")).rfind("<svg ", 0) == 0);
}

TEST_CASE("hrm-arc: many tasks, their identifiers, the score") {
  const support::TemporaryFolder folder;
  cli::write_copying_model(folder, hrm::arc_vocab, 8);
  const std::string tasks = "{\"a\":" + copy_task + ",\"b\":" + half_task + ",\"c\":" + other_task +
                            ",\"d\":" + secret_task + ",\"e\":" + copy_task + "}";
  support::write_file(folder.path("tasks.json"), tasks);
  support::write_file(folder.path("identifiers.json"),
                      R"(["<blank>","a","a_t3_0213456789","a_t7_0987654321","b","c_t1_0123456789","d","x_t0_0"])");
  const auto outcome = run("hrm-arc", {folder.path(), folder.path("tasks.json"), "--out", folder.path("out.json")});
  CHECK(outcome.code == 3);
  CHECK(outcome.out ==
        "a\tsolved\t2/2\t6\n"
        "b\tunsolved\t1/2\t2\n"
        "c\tunsolved\t0/1\t1\n"
        "d\tunknown\t-/1\t1\n"
        "e\tunsolved\t0/2\t0\n");
  CHECK(outcome.err.find("1 names are no task") != std::string::npos);
  CHECK(outcome.err.find("embeddings") == std::string::npos);
  CHECK(outcome.err.find("e: has no trained embedding, so it cannot be solved") != std::string::npos);
  CHECK(outcome.err.find("1 of 4 tasks solved, score 37.5 %, 1 without an embedding") != std::string::npos);
  const std::string submission = support::read_file(folder.path("out.json"));
  CHECK(submission.find("\"d\":[{\"attempt_1\":[[5,6]],\"attempt_2\":[[5,6]]}]") != std::string::npos);
  CHECK(submission.find("\"e\":[{\"attempt_1\":[[0]],\"attempt_2\":[[0]]},{") != std::string::npos);

  const auto cut = run("hrm-arc", {folder.path(), folder.path("tasks.json"), "--identifiers",
                                   folder.write("cut.json", R"(["<blank>","a","c"])")});
  CHECK(cut.err.find("cut.json: 3 names, where the model has 8 embeddings") != std::string::npos);

  const auto fewer = run("hrm-arc", {folder.path(), folder.path("tasks.json"), "--augmentations", "1"});
  CHECK(fewer.out.find("a\tsolved\t2/2\t4\n") == 0);

  // A name that stands again is asked once, as the last of them.
  const auto again = run("hrm-arc", {folder.path(), folder.path("tasks.json"), "--identifiers",
                                     folder.write("again.json", R"(["<blank>","a","a","a_t3_0213456789","a"])")});
  CHECK(again.out.find("a\tsolved\t2/2\t4\n") == 0);

  const auto solved = run("hrm-arc", {folder.path(), folder.path("tasks.json"), "--solutions",
                                      support::TemporaryFolder().path(), "--batch", "2"});
  CHECK(solved.code == 1);
  support::write_file(folder.path("solutions.json"), R"({"d":[[[5,6]]]})");
  const auto known =
      run("hrm-arc", {folder.path(), folder.path("tasks.json"), "--solutions", folder.path("solutions.json")});
  CHECK(known.out.find("d\tsolved\t1/1\t1\n") != std::string::npos);
}

TEST_CASE("hrm-arc: interrupted, it hands in what it has") {
  const support::TemporaryFolder folder;
  cli::write_copying_model(folder, hrm::arc_vocab, 1);
  std::string tasks;
  for (int i = 0; i < 1000; ++i) tasks += (i == 0 ? "{\"" : ",\"") + std::to_string(i) + "\":" + copy_task;
  const std::string file = folder.write("tasks.json", tasks + "}");
  const std::string out = folder.path("out.json"), lines = cli::quoted(folder.path("lines"));
  const auto outcome =
      cli::shell(cli::line_of("hrm-arc", {folder.path(), file, "--augmentations", "50", "--out", out}) + " > " + lines +
                 " & pid=$!; until [ -s " + lines + " ]; do sleep 0.05; done; kill -INT $pid; wait $pid");
  CHECK(outcome.code == 3);
  const std::size_t finished = cli::lines_of(support::read_file(folder.path("lines"))).size();
  CHECK(finished >= 1);
  CHECK(outcome.err.find("interrupted after " + std::to_string(finished) + " of 1000 tasks") != std::string::npos);
  const auto handed_in = hrm::read_text(out).value();
  std::size_t answers = 0;
  hrm::JsonCursor json(handed_in);
  CHECK(json.object([&](std::string_view) {
    ++answers;
    return json.skip();
  }));
  CHECK(json.end());
  CHECK(answers == finished);
}

TEST_CASE("hrm-arc: a task's name does not steer a terminal, and makes no line or field of its own") {
  const support::TemporaryFolder folder;
  cli::write_copying_model(folder, hrm::arc_vocab, 1);
  const std::string name = R"(a\u001b[2J\tsolved\nb\u009bc/d\u0000)";
  support::write_file(folder.path("tasks.json"), "{\"" + name + "\":" + copy_task + "}");
  support::write_file(folder.path("none.json"), R"(["<blank>"])");
  const auto outcome = run(
      "hrm-arc", {folder.path(), folder.path("tasks.json"), "--augmentations", "0", "--svg", folder.path("pictures")});
  CHECK(outcome.out == "a [2J solved b  c/d \tsolved\t2/2\t2\n");
  CHECK(std::filesystem::exists(folder.path("pictures/a [2J solved b  c_d .svg")));
  const auto unknown =
      run("hrm-arc", {folder.path(), folder.path("tasks.json"), "--identifiers", folder.path("none.json")});
  CHECK(unknown.err.find("hrm-arc: a [2J solved b  c/d : has no trained embedding") == 0);
}

TEST_CASE("hrm-arc: a folder of tasks") {
  const support::TemporaryFolder folder;
  cli::write_copying_model(folder, hrm::arc_vocab, 1);
  std::filesystem::create_directories(folder.path("tasks"));
  support::write_file(folder.path("tasks/b.json"), other_task);
  support::write_file(folder.path("tasks/a.json"), copy_task);
  support::write_file(folder.path("tasks/readme.txt"), "x");
  const auto outcome = run("hrm-arc", {folder.path(), folder.path("tasks"), "--augmentations", "0"});
  CHECK(outcome.out == "a\tsolved\t2/2\t2\nb\tunsolved\t0/1\t1\n");
}

TEST_CASE("hrm-arc: a model without a puzzle embedding is asked with id 0, whatever identifiers say") {
  const support::TemporaryFolder folder;
  support::Shape shape = cli::small_shape(hrm::arc_vocab);
  shape.puzzle_emb_ndim = 0;
  cli::write_model(folder, shape, support::make_weights(shape));
  support::write_file(folder.path("identifiers.json"), R"(["<blank>","t"])");
  support::write_file(folder.path("t.json"), other_task);
  const auto outcome = run("hrm-arc", {folder.path(), folder.path("t.json")});
  CAPTURE(outcome.err);
  CHECK(outcome.code == 3);
  CHECK(outcome.out.find("t\tunsolved\t0/1\t") == 0);
}

TEST_CASE("hrm-arc: names of tasks with underscores, and bars between a task and its augmentation") {
  const support::TemporaryFolder folder;
  cli::write_copying_model(folder, hrm::arc_vocab, 8);
  support::write_file(folder.path("tasks.json"), "{\"my_task\":" + copy_task + ",\"b\":" + copy_task + "}");
  support::write_file(folder.path("identifiers.json"),
                      R"(["<blank>","my_task","my_task_t3_0213456789","my_task|||t1|||0213456789",)"
                      R"("b","b|||t3|||0213456789","other_task"])");
  const auto outcome = run("hrm-arc", {folder.path(), folder.path("tasks.json")});
  CHECK(outcome.code == 0);
  CHECK(outcome.out == "my_task\tsolved\t2/2\t6\nb\tsolved\t2/2\t4\n");
  CHECK(outcome.err.find("1 names are no task") != std::string::npos);
}

TEST_CASE("hrm-arc: what is wrong") {
  const support::TemporaryFolder folder;
  cli::write_copying_model(folder, hrm::arc_vocab, 1);
  const auto fault = [&](const std::string& text, const std::vector<std::string>& say) {
    support::write_file(folder.path("t.json"), text);
    return cli::fault_of(run("hrm-arc", {folder.path(), folder.path("t.json")}), 1, "hrm-arc", say);
  };
  CHECK(fault("", {"t.json: json: byte 0"}) == "");
  CHECK(fault("{\"a\":" + copy_task + ",\"b\":" + copy_task + ",\"a\":" + copy_task + "}",
              {"t.json: task a: expected once, found twice"}) == "");
  support::write_file(folder.path("t.json"), other_task);
  const std::string nowhere = folder.path("no folder/out.json");
  CHECK(cli::fault_of(run("hrm-arc", {folder.path(), folder.path("t.json"), "--out", nowhere}), 1, "hrm-arc",
                      {nowhere + ": cannot be written"}) == "");
  CHECK(fault("{}", {"expected a task"}) == "");
  CHECK(fault("{\"a\":{\"train\":[]}}", {"t.json: json:", "train and test pairs"}) == "");
  CHECK(fault("{\"train\":[],\"test\":[{\"input\":[[10]]}]}", {"t.json: json:", "a colour from 0 to 9"}) == "");
  CHECK(fault("{\"train\":[],\"test\":[{\"input\":[[1,2],[3]]}]}", {"rows of equal length"}) == "");
  support::write_file(folder.path("t.json"), other_task);
  CHECK(cli::fault_of(run("hrm-arc", {support::weights("sudoku6"), folder.path("t.json"), "--identifiers",
                                      folder.write("i.json", "[\"<blank>\"]")}),
                      1, "hrm-arc", {"vocabulary", "expected 12, found 8"}) == "");
  CHECK(cli::fault_of(
            run("hrm-arc", {folder.path(), folder.path("t.json"), "--identifiers", folder.write("i.json", "{}")}), 1,
            "hrm-arc", {"i.json", "json: byte 0"}) == "");
  // without identifiers, too, what is wrong is one line
  CHECK(cli::fault_of(run("hrm-arc", {support::weights("sudoku6"), folder.path("t.json")}), 1, "hrm-arc",
                      {"vocabulary", "expected 12, found 8"}) == "");
  CHECK(cli::fault_of(run("hrm-arc", {folder.path("none"), folder.path("t.json")}), 1, "hrm-arc", {"none: "}) == "");
  // identifiers.json of another model: it has one row, so there is no puzzle 2
  CHECK(cli::fault_of(run("hrm-arc", {folder.path(), folder.path("t.json"), "--identifiers",
                                      folder.write("i.json", "[\"<blank>\",\"x\",\"t\"]")}),
                      1, "hrm-arc", {"puzzle", "expected", "below 1, found 2"}) == "");
  CHECK(cli::fault_of(run("hrm-arc", {folder.path(), folder.path("none")}), 1, "hrm-arc", {"none"}) == "");
  CHECK(cli::fault_of(run("hrm-arc", {folder.path()}), 2, "hrm-arc", {"MODEL TASKS"}) == "");
}
