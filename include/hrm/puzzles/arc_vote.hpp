#pragma once
/// ARC-AGI: one answer out of many. A model is asked about a test input under many augmentations; each answer, turned
/// back, is a vote. Two attempts are allowed for each test input.

#include <hrm/puzzles/arc_task.hpp>

#include <cmath>

namespace hrm {

/// The votes for one test input.
class ArcVote {
 public:
  struct Candidate {
    ArcGrid grid;
    std::size_t count = 0;
    double q_sum = 0;  ///< of sigmoid(q_halt) of the votes
    [[nodiscard]] double mean_q() const noexcept { return q_sum / static_cast<double>(count); }
  };

  /// One answer. An empty grid is no answer and does not count; where q_halt is no number its sigmoid counts as 0.
  void add(const ArcGrid& grid, float q_halt) {
    if (grid.empty()) return;
    auto known =
        std::find_if(candidates_.begin(), candidates_.end(), [&](const Candidate& c) { return c.grid == grid; });
    if (known == candidates_.end()) known = candidates_.insert(known, Candidate{grid, 0, 0});
    ++known->count;
    const bool number = (bit_cast<std::uint32_t>(q_halt) & 0x7fffffffU) <= 0x7f800000U;  // infinities are such
    if (number) known->q_sum += 1 / (1 + std::exp(-static_cast<double>(q_halt)));
  }

  /// Best first: by count, then by the mean of sigmoid(q_halt), as published (a mean of q_halt itself would let one
  /// answer's outweigh all others'), then the one that came first.
  [[nodiscard]] std::vector<Candidate> ranked() const {
    std::vector<Candidate> order = candidates_;
    std::stable_sort(order.begin(), order.end(), [](const Candidate& a, const Candidate& b) {
      return a.count != b.count ? a.count > b.count : a.mean_q() > b.mean_q();
    });
    return order;
  }

 private:
  std::vector<Candidate> candidates_;
};

/// What may be handed in for one test input. Empty grids where there was no answer.
struct ArcAttempts {
  ArcGrid first, second;
};

/// The two best; the best twice if there is only one.
[[nodiscard]] inline ArcAttempts arc_attempts(const ArcVote& vote) {
  const auto order = vote.ranked();
  if (order.empty()) return {};
  return {order[0].grid, order[order.size() > 1 ? 1 : 0].grid};
}

/// How ARC-AGI counts: a test input is right if one of its two attempts equals the solution, in size and in every cell.
struct ArcScore {
  std::size_t tasks = 0;   ///< with all solutions known
  std::size_t solved = 0;  ///< tasks with every test input right
  std::size_t inputs = 0;  ///< test inputs of those tasks
  std::size_t inputs_right = 0;
  double share_sum = 0;  ///< sum over tasks of the share of test inputs that are right

  /// Share of tasks solved whole.
  [[nodiscard]] double solved_share() const noexcept { return share(static_cast<double>(solved)); }
  /// Mean over tasks of the share of test inputs that are right (the competition's number).
  [[nodiscard]] double mean_share() const noexcept { return share(share_sum); }

  /// Adds a task with the attempts for its test inputs, in order (missing ones are wrong). A task without all solutions
  /// is not counted. True if every test input is right.
  bool add(const ArcTask& task, std::span<const ArcAttempts> attempts) {
    std::size_t right = 0;
    for (std::size_t i = 0; i < task.test.size(); ++i) {
      const ArcGrid& truth = task.test[i].output;
      if (truth.empty()) return false;
      right += i < attempts.size() && (attempts[i].first == truth || attempts[i].second == truth) ? 1 : 0;
    }
    if (task.test.empty()) return false;
    ++tasks;
    inputs += task.test.size();
    inputs_right += right;
    solved += right == task.test.size() ? 1 : 0;
    share_sum += static_cast<double>(right) / static_cast<double>(task.test.size());
    return right == task.test.size();
  }

 private:
  [[nodiscard]] double share(double part) const noexcept {
    return tasks == 0 ? 0.0 : part / static_cast<double>(tasks);
  }
};

/// One task's entry of the submission: `"ID":[{"attempt_1":[[..]],"attempt_2":[[..]]},..]`.
[[nodiscard]] inline std::string arc_submission_entry(std::string_view id, std::span<const ArcAttempts> attempts) {
  std::string text = json_quote(id) + ":[";
  for (std::size_t i = 0; i < attempts.size(); ++i) {
    text += i == 0 ? "{\"attempt_1\":" : ",{\"attempt_1\":";
    text += arc_grid_json(attempts[i].first) + ",\"attempt_2\":" + arc_grid_json(attempts[i].second) + "}";
  }
  return text + "]";
}

}  // namespace hrm
