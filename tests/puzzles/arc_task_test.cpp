#include <doctest/doctest.h>
#include <hrm/puzzles/arc_task.hpp>

using hrm::ArcGrid;

namespace {
constexpr std::string_view task_text = R"({
  "train": [{"input": [[0, 1], [2, 3]], "output": [[9]]}, {"output": [[1,1,1]], "input": [[5]], "note": {"a": [1.5e3, null]}}],
  "test": [{"input": [[7]], "output": [[8]]}, {"input": [[4, 4]]}], "name": "x"})";
}

TEST_CASE("arc task: one file") {
  const auto task = hrm::parse_arc_task("abc", task_text).value();
  CHECK(task.id == "abc");
  REQUIRE(task.train.size() == 2);
  CHECK(task.train[0].input == ArcGrid{2, 2, {0, 1, 2, 3}});
  CHECK(task.train[1].output == ArcGrid{1, 3, {1, 1, 1}});
  REQUIRE(task.test.size() == 2);
  CHECK(task.test[0].output == ArcGrid{1, 1, {8}});
  CHECK(task.test[1].output.empty());
}

TEST_CASE("arc task: many in a file, their solutions in another") {
  const std::string text = "{\"a\":" + std::string(task_text) + ",\"b\":" + std::string(task_text) + "}";
  auto tasks = hrm::parse_arc_tasks(text).value();
  REQUIRE(tasks.size() == 2);
  CHECK(tasks[1].id == "b");
  REQUIRE(hrm::add_arc_solutions(tasks, R"({"b": [[[1]], [[2, 2]]], "zzz": [[[0]]]})"));
  CHECK(tasks[1].test[0].output == ArcGrid{1, 1, {1}});  // in place of what stood there
  CHECK(tasks[1].test[1].output == ArcGrid{1, 2, {2, 2}});
  CHECK(tasks[0].test[1].output.empty());
  CHECK_FALSE(hrm::add_arc_solutions(tasks, R"({"b": [[[1]]]})"));
  CHECK_FALSE(hrm::add_arc_solutions(tasks, R"({"b": [[[1]], [[2]], [[3]]]})"));
  CHECK_FALSE(hrm::add_arc_solutions(tasks, R"([])"));
  CHECK_FALSE(hrm::add_arc_solutions(tasks, R"({"b": [[[7]], [[8]]], "a": 1})"));
  CHECK(tasks[1].test[0].output == ArcGrid{1, 1, {1}});  // as it stood before what failed
}

TEST_CASE("arc task: solutions of many tasks, or many of none, take no longer than reading them") {
  std::vector<hrm::ArcTask> tasks;
  std::string solutions = "{";
  constexpr std::size_t count = 40000;  // each looked up among all: some 800 million comparisons
  for (std::size_t i = 0; i < count; ++i) {
    const std::string id = "a common beginning " + std::to_string(i * 7919 % count);
    tasks.push_back({id, {}, {hrm::ArcPair{}}});
    solutions += (i == 0 ? "\"" : ",\"") + std::string("a common beginning ") + std::to_string(i) + "\":[[[" +
                 std::to_string(i % 10) + "]]]";
  }
  REQUIRE(hrm::add_arc_solutions(tasks, solutions + "}"));
  bool right = true;
  for (std::size_t i = 0; i < count; ++i)
    right = right && tasks[i].test[0].output == ArcGrid{1, 1, {static_cast<std::uint8_t>(i * 7919 % count % 10)}};
  CHECK(right);
}

TEST_CASE("arc task: one that stands twice in a file") {
  const std::string task(task_text);
  const auto twice = hrm::parse_arc_tasks("{\"b\":" + task + ",\"a\":" + task + ",\"b\":" + task + "}");
  REQUIRE_FALSE(twice);
  CHECK(twice.error().message() == "task b: expected once, found twice");
}

TEST_CASE("arc task: what is none") {
  const auto parse = [](std::string_view text) { return hrm::parse_arc_task("x", text); };
  const auto test_grid = [&](std::string_view grid) {
    return parse("{\"train\":[],\"test\":[{\"input\":" + std::string(grid) + "}]}");
  };
  CHECK(test_grid("[[1]]"));
  for (const std::string_view grid : {"[]", "[[]]", "[[1],[1,2]]", "[[10]]", "[[-1]]", "[[1.0]]", "[[\"1\"]]",
                                      "[[1],[]]", "[1]", "1", "null", "[[[1]]]", "[[1]", "[[1,]]"}) {
    CHECK_FALSE(test_grid(grid));
  }
  std::string wide = "[[0";
  for (int i = 0; i < 30; ++i) wide += ",0";
  CHECK_FALSE(test_grid(wide + "]]"));
  std::string high = "[[0]";
  for (int i = 0; i < 30; ++i) high += ",[0]";
  CHECK_FALSE(test_grid(high + "]"));
  for (const std::string_view text :
       {"", "{}", "[]", R"({"train":[]})", R"({"test":[]})", R"({"test":[{}],"train":[]})",
        R"({"test":[{"input":[[1]]}],"train":[{"input":[[1]]}]})", R"({"test":[{"input":[[1]],"output":[]}]})",
        R"({"test":[{"input":[[1]]}]} x)"}) {
    CHECK_FALSE(parse(text));
  }
  CHECK(parse(R"({"test":[{"input":[[11]]}]})").error().message() ==
        "json: byte 22, expected a colour from 0 to 9, found ]]}]}");
}

TEST_CASE("arc task: identifiers and grids as JSON") {
  std::vector<std::string> names;
  REQUIRE(
      hrm::read_arc_identifiers(R"(["<blank>", "a", "a_t1_0123456789"])", [&](std::size_t id, std::string_view name) {
        CHECK(id == names.size());
        names.emplace_back(name);
      }));
  CHECK(names == std::vector<std::string>{"<blank>", "a", "a_t1_0123456789"});
  CHECK_FALSE(hrm::read_arc_identifiers(R"({"a": 1})", [](std::size_t, std::string_view) {}));
  CHECK_FALSE(hrm::read_arc_identifiers(R"(["a", 1])", [](std::size_t, std::string_view) {}));
  CHECK(hrm::arc_grid_json(ArcGrid{2, 2, {0, 1, 2, 3}}) == "[[0,1],[2,3]]");
  CHECK(hrm::arc_grid_json(ArcGrid{}) == "[[0]]");
  hrm::Random random(64);
  for (int round = 0; round < 50; ++round) {  // what is written is read again
    ArcGrid grid{random.between(1, 30), random.between(1, 30), {}};
    for (std::size_t i = 0; i < grid.rows * grid.cols; ++i) {
      grid.cells.push_back(static_cast<std::uint8_t>(random.below(hrm::arc_colours)));
    }
    const std::string text = "{\"train\":[],\"test\":[{\"input\":" + hrm::arc_grid_json(grid) + "}]}";
    CHECK(hrm::parse_arc_task("x", text).value().test.at(0).input == grid);
  }
}
