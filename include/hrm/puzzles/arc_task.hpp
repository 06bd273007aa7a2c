#pragma once
/// ARC-AGI tasks as the public JSON holds them: one task a file, all tasks in one file with their solutions in another,
/// and the submission.

#include <hrm/base/sort.hpp>
#include <hrm/puzzles/arc.hpp>
#include <hrm/puzzles/json.hpp>

#include <utility>

namespace hrm {

/// A grid and what becomes of it.
struct ArcPair {
  ArcGrid input;
  ArcGrid output;  ///< empty where the file keeps it back
};

struct ArcTask {
  std::string id;
  std::vector<ArcPair> train;
  std::vector<ArcPair> test;
};

namespace detail {

inline bool read_arc_grid(JsonCursor& json, ArcGrid& grid) {
  grid = {};
  const bool read = json.array([&] {
    std::size_t cols = 0;
    const bool row = json.array([&] {
      std::int64_t colour = 0;
      if (!json.integer(colour)) return false;
      if (colour < 0 || colour >= static_cast<std::int64_t>(arc_colours)) return json.fail("a colour from 0 to 9");
      if (++cols > arc_side) return json.fail("at most 30 columns");
      grid.cells.push_back(static_cast<std::uint8_t>(colour));
      return true;
    });
    if (!row) return false;
    if (grid.rows > 0 && cols != grid.cols) return json.fail("rows of equal length");
    grid.cols = cols;
    return ++grid.rows <= arc_side || json.fail("at most 30 rows");
  });
  return read && (!grid.cells.empty() || json.fail("a grid with at least one cell"));
}

inline bool read_arc_pairs(JsonCursor& json, std::vector<ArcPair>& pairs, bool outputs) {
  pairs.clear();
  return json.array([&] {
    ArcPair pair;
    const bool read = json.object([&](std::string_view key) {
      if (key == "input") return read_arc_grid(json, pair.input);
      if (key == "output") return json.null() || read_arc_grid(json, pair.output);
      return json.skip();
    });
    if (!read) return false;
    if (pair.input.empty()) return json.fail("a pair with an input");
    if (outputs && pair.output.empty()) return json.fail("a training pair with an output");
    pairs.push_back(std::move(pair));
    return true;
  });
}

inline bool read_arc_task(JsonCursor& json, ArcTask& task) {
  const bool read = json.object([&](std::string_view key) {
    if (key == "train") return read_arc_pairs(json, task.train, true);
    if (key == "test") return read_arc_pairs(json, task.test, false);
    return json.skip();
  });
  return read && (!task.test.empty() || json.fail("a task with train and test pairs"));
}

}  // namespace detail

/// Reads one task, `{"train":[{"input":[[..]],"output":[[..]]},..],"test":[..]}`. Error: the text is not that.
[[nodiscard]] inline Result<ArcTask> parse_arc_task(std::string_view id, std::string_view text) {
  JsonCursor json(text);
  ArcTask task{std::string(id), {}, {}};
  if (!detail::read_arc_task(json, task) || !json.end()) return json.error();
  return task;
}

/// Reads a file of many tasks, `{"ID":{"train":..},..}`. Error: the text is not that, or has a task twice.
[[nodiscard]] inline Result<std::vector<ArcTask>> parse_arc_tasks(std::string_view text) {
  JsonCursor json(text);
  std::vector<ArcTask> tasks;
  const bool read = json.object([&](std::string_view id) {
    ArcTask task{std::string(id), {}, {}};
    if (!detail::read_arc_task(json, task)) return false;
    tasks.push_back(std::move(task));
    return true;
  });
  if (!read || !json.end()) return json.error();
  std::vector<detail::SortKey> ids;
  ids.reserve(tasks.size());
  for (const ArcTask& task : tasks) ids.push_back({0, task.id, ids.size()});
  if (const auto* twin = detail::find_twin(ids)) {
    return Error(ErrorCode::format, "task ", twin->text, ": expected once, found twice");
  }
  return tasks;
}

/// Puts the solutions, `{"ID":[[[..]],..],..}`, one for each test input, into the tasks. Error: the text is not that,
/// or has another number of solutions than the task has test inputs; all tasks stay as they are then. So do tasks
/// without solutions.
[[nodiscard]] inline Result<void> add_arc_solutions(std::vector<ArcTask>& tasks, std::string_view text) {
  JsonCursor json(text);
  std::vector<detail::SortKey> ids;
  ids.reserve(tasks.size());
  for (const ArcTask& task : tasks) ids.push_back({0, task.id, ids.size()});
  detail::sort_keys(ids);
  std::vector<std::pair<ArcGrid*, ArcGrid>> solutions;  // where each belongs
  const bool read = json.object([&](std::string_view id) {
    const auto* const found = detail::find_text(ids, id);
    if (found == nullptr) return json.skip();
    ArcTask& task = tasks[found->index];
    std::size_t count = 0;
    const bool grids = json.array([&] {
      if (count >= task.test.size()) return json.fail("as many solutions as test inputs");
      auto& solution = solutions.emplace_back(&task.test[count++].output, ArcGrid{});
      return detail::read_arc_grid(json, solution.second);
    });
    return grids && (count == task.test.size() || json.fail("as many solutions as test inputs"));
  });
  if (!read || !json.end()) return json.error();
  for (auto& [output, solution] : solutions) *output = std::move(solution);
  return {};
}

/// Calls `visit(puzzle id, name)` for each name of an identifiers.json, a list in the order of the ids. Error: the text
/// is no such list.
template <class Visit>
[[nodiscard]] Result<void> read_arc_identifiers(std::string_view text, Visit&& visit) {
  JsonCursor json(text);
  std::size_t id = 0;
  std::string name;
  const bool read = json.array([&] {
    if (!json.string(name)) return false;
    visit(id++, std::string_view(name));
    return true;
  });
  if (!read || !json.end()) return json.error();
  return {};
}

/// "[[0,1],[2,3]]"; the empty grid becomes "[[0]]", as a submission may hold no empty one.
[[nodiscard]] inline std::string arc_grid_json(const ArcGrid& grid) {
  if (grid.empty()) return "[[0]]";
  std::string text = "[";
  for (std::size_t r = 0; r < grid.rows; ++r) {
    text += r == 0 ? "[" : ",[";
    for (std::size_t c = 0; c < grid.cols; ++c) {
      if (c > 0) text.push_back(',');
      text.push_back(static_cast<char>('0' + grid.cells[r * grid.cols + c]));
    }
    text.push_back(']');
  }
  return text + "]";
}

}  // namespace hrm
