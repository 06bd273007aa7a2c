#include <doctest/doctest.h>
#include <hrm/puzzles/arc_vote.hpp>

#include <limits>

using hrm::ArcAttempts;
using hrm::ArcGrid;
using hrm::ArcTask;
using hrm::Token;

namespace {

ArcGrid cell(std::uint8_t colour) { return {1, 1, {colour}}; }

ArcTask task_of(std::vector<ArcGrid> truths) {
  ArcTask task{"t", {}, {}};
  for (auto& truth : truths) task.test.push_back({cell(0), std::move(truth)});
  return task;
}

}  // namespace

TEST_CASE("vote: by count, then by the mean of sigmoid(q_halt), then the first") {
  hrm::ArcVote vote;
  vote.add(cell(1), 5.0F);  // one vote, sure of itself
  vote.add(cell(2), -1.0F);
  vote.add(cell(2), -3.0F);
  vote.add(cell(3), 4.0F);
  CHECK(hrm::arc_attempts(vote).first == cell(2));
  CHECK(hrm::arc_attempts(vote).second == cell(1));
  vote.add(cell(3), -9.0F);  // half sure against hardly at all, though the mean of q_halt is lower
  CHECK(hrm::arc_attempts(vote).first == cell(3));
  vote.add(cell(3), 50.0F);
  CHECK(hrm::arc_attempts(vote).first == cell(3));
  CHECK(hrm::arc_attempts(vote).second == cell(2));
  const auto ranked = vote.ranked();
  REQUIRE(ranked.size() == 3);
  CHECK(ranked[1].mean_q() == doctest::Approx((0.268941421 + 0.0474258732) / 2));

  hrm::ArcVote ties;
  for (std::uint8_t colour = 5; colour-- > 1;) ties.add(cell(colour), 1.0F);
  CHECK(hrm::arc_attempts(ties).first == cell(4));
  CHECK(hrm::arc_attempts(ties).second == cell(3));
}

TEST_CASE("vote: grids of different sizes differ, empty ones do not count, odd q values do no harm") {
  hrm::ArcVote vote;
  vote.add({1, 2, {1, 1}}, 0.0F);
  vote.add({2, 1, {1, 1}}, 0.0F);
  vote.add({2, 1, {1, 1}}, 0.0F);
  for (int i = 0; i < 5; ++i) vote.add({}, 9.0F);
  CHECK(vote.ranked().size() == 2);
  CHECK(hrm::arc_attempts(vote).first == ArcGrid{2, 1, {1, 1}});
  CHECK(hrm::arc_attempts(vote).second == ArcGrid{1, 2, {1, 1}});

  hrm::ArcVote odd;
  odd.add(cell(1), std::numeric_limits<float>::quiet_NaN());
  odd.add(cell(2), std::numeric_limits<float>::infinity());
  odd.add(cell(3), 0.5F);
  odd.add(cell(4), -std::numeric_limits<float>::infinity());
  CHECK(hrm::arc_attempts(odd).first == cell(2));
  CHECK(hrm::arc_attempts(odd).second == cell(3));
  CHECK(odd.ranked()[2].mean_q() == 0);
}

TEST_CASE("vote: one candidate is tried twice, none gives empty attempts") {
  hrm::ArcVote vote;
  CHECK(hrm::arc_attempts(vote).first.empty());
  CHECK(hrm::arc_attempts(vote).second.empty());
  vote.add(cell(6), 0.0F);
  CHECK(hrm::arc_attempts(vote).first == cell(6));
  CHECK(hrm::arc_attempts(vote).second == cell(6));
}

TEST_CASE("score: either attempt, in size and cells, for every test input") {
  hrm::ArcScore score;
  CHECK(score.mean_share() == 0.0);
  CHECK(score.add(task_of({cell(1)}), std::vector<ArcAttempts>{{cell(1), cell(2)}}));
  CHECK(score.add(task_of({cell(1)}), std::vector<ArcAttempts>{{cell(2), cell(1)}}));
  CHECK_FALSE(score.add(task_of({cell(1)}), std::vector<ArcAttempts>{{cell(2), cell(3)}}));
  const ArcGrid wide{1, 2, {1, 1}};
  const ArcGrid tall{2, 1, {1, 1}};
  CHECK_FALSE(score.add(task_of({wide}), std::vector<ArcAttempts>{{tall, cell(1)}}));
  CHECK(score.tasks == 4);
  CHECK(score.solved == 2);
  // two test inputs: half of it right solves nothing, but counts half
  CHECK_FALSE(score.add(task_of({cell(1), cell(2)}), std::vector<ArcAttempts>{{cell(1), cell(1)}, {cell(1), cell(1)}}));
  CHECK(score.inputs == 6);
  CHECK(score.inputs_right == 3);
  CHECK(score.solved_share() == doctest::Approx(0.4));
  CHECK(score.mean_share() == doctest::Approx(0.5));
  CHECK(score.add(task_of({cell(1), cell(2)}), std::vector<ArcAttempts>{{cell(1), cell(3)}, {cell(3), cell(2)}}));
  CHECK(score.solved == 3);
}

TEST_CASE("score: missing attempts are wrong, missing truths are not counted") {
  hrm::ArcScore score;
  CHECK_FALSE(score.add(task_of({cell(1), cell(2)}), std::vector<ArcAttempts>{{cell(1), cell(1)}}));
  CHECK(score.inputs_right == 1);
  CHECK_FALSE(score.add(task_of({cell(1), cell(2)}), {}));
  CHECK(score.tasks == 2);
  CHECK_FALSE(score.add(task_of({cell(1), ArcGrid{}}), std::vector<ArcAttempts>{{cell(1), cell(1)}, {{}, {}}}));
  CHECK_FALSE(score.add(task_of({}), {}));
  CHECK(score.tasks == 2);
  CHECK(score.solved == 0);
}

TEST_CASE("a stub predictor through canvas, augmentation, vote and score") {
  // The made-up rule: every colour stays, the grid is mirrored left to right. The stub knows it, but its answers are
  // spoilt in the ways a model's are.
  hrm::Random random(71);
  const hrm::ArcAugmentation mirror{.kind = 4};
  for (int round = 0; round < 20; ++round) {
    ArcTask task{"m", {}, {}};
    std::vector<ArcAttempts> attempts;
    for (int t = 0; t < 3; ++t) {
      ArcGrid grid{random.between(1, 12), random.between(1, 12), {}};
      for (std::size_t i = 0; i < grid.rows * grid.cols; ++i) {
        grid.cells.push_back(static_cast<std::uint8_t>(random.below(10)));
      }
      task.test.push_back({grid, mirror.apply(grid)});
      hrm::ArcVote vote;
      for (int n = 0; n < 9; ++n) {
        const auto augmentation = hrm::random_arc_augmentation(random);
        const ArcGrid input = hrm::arc_crop(hrm::arc_canvas(augmentation.apply(grid)));
        // What a predictor of this rule answers in turned coordinates.
        auto canvas = hrm::arc_canvas(augmentation.apply(mirror.apply(augmentation.undo(input))));
        float q = 2.0F;
        if (n % 3 == 1) {  // the end markers are missing
          for (Token& token : canvas) token = token == hrm::arc_end ? 0 : token;
        } else if (n % 3 == 2) {  // all padding, and sure of it
          canvas.assign(canvas.size(), 0);
          q = 100.0F;
        }
        vote.add(augmentation.undo(hrm::arc_crop(canvas)), q);
      }
      CHECK(vote.ranked().size() == 1);
      CHECK(vote.ranked()[0].count == 6);
      attempts.push_back(hrm::arc_attempts(vote));
    }
    hrm::ArcScore score;
    CHECK(score.add(task, attempts));
    attempts[1] = {};
    CHECK_FALSE(score.add(task, attempts));
    CHECK(score.mean_share() == doctest::Approx((1 + 2.0 / 3) / 2));
  }
}

TEST_CASE("the submission") {
  const std::vector<ArcAttempts> attempts{{cell(1), cell(2)}, {{1, 2, {3, 4}}, {}}};
  CHECK(hrm::arc_submission_entry("a\"b", attempts) ==
        R"("a\"b":[{"attempt_1":[[1]],"attempt_2":[[2]]},{"attempt_1":[[3,4]],"attempt_2":[[0]]}])");
}
