#include <doctest/doctest.h>

#include <hrm/model/model.hpp>

#include <cstring>

#include "support/random_model.hpp"

using namespace hrm;

namespace {

/// A model's stages for the rows of `batch` puzzles, and all there is to run them.
class Run {
 public:
  Run(const Model& model, std::size_t positions, std::size_t batch) : model_(model) {
    const Config& config = model.config();
    const auto make = [&](Arena& arena) {
      schedule_ = Schedule(arena, config.sizes, model->table().operand_by_row);
      work_ = model->carve(arena, positions, batch);
    };
    Arena measure;
    make(measure);
    memory_ = Buffer(measure.used());
    std::memset(memory_.data(), 0, measure.used());  // what lies between the pieces too
    Arena arena(memory_.data());
    make(arena);
    model->prepare(work_);
    for (std::size_t i = 0; i < batch; ++i) {
      const auto tokens = test::random_tokens(config, positions - config.sizes.puzzle_tokens, i);
      REQUIRE(model->embed(work_, i, tokens, 0));
      model->reset(work_, i);
    }
    REQUIRE(schedule_.count([&](const Stage& stage) { return model->tiles(stage, work_); }));
  }

  /// Tiles one after the other, each of a lane that may run: where both may, `prefers(first, second)`, of how many
  /// tiles each has done, says whether it is the second. What the scratch holds before is of no account.
  template <class Prefers>
  [[nodiscard]] std::vector<std::byte> operator()(const Prefers& prefers) {
    std::memset(work_.scratch, 0xff, work_.scratch_bytes);
    std::uint32_t done[2] = {0, 0};
    std::size_t stages[2] = {0, 0};  // complete
    const std::uint32_t end = schedule_.tickets(1).first;
    const auto may = [&](std::size_t lane) {
      return done[lane] < end && schedule_[stages[lane]].after[lane] <= stages[1 - lane];
    };
    if (work_.lanes() == 1) stages[1] = schedule_.size();
    while (done[0] < end || (work_.lanes() == 2 && done[1] < end)) {
      const bool second = work_.lanes() == 2 && may(1) && (!may(0) || prefers(done[0], done[1]));
      REQUIRE((second || may(0)));
      const std::size_t lane = second ? 1 : 0;
      const std::size_t stage = stages[lane];
      model_->run(schedule_[stage], done[lane] - schedule_.first(stage), second ? Lane::second : Lane::first, work_);
      if (++done[lane] == schedule_.first(stage + 1)) ++stages[lane];
    }
    const auto* const state = reinterpret_cast<const std::byte*>(work_.x);
    return {state, static_cast<const std::byte*>(work_.scratch)};  // x, z_H, z_L, logits, q and the rotary tables
  }
  [[nodiscard]] std::size_t lanes() const { return work_.lanes(); }

 private:
  const Model& model_;
  Schedule schedule_;
  Workspace work_;
  Buffer memory_;
};

}  // namespace

TEST_CASE("one lane may be as far ahead of the other as the schedule allows: the bits are the same") {
  Config config = test::small_config();
  config.sizes.inner = 64;
  for (const Precision precision : {Precision::f32, Precision::bf16, Precision::int8}) {
    for (const std::size_t head_dim : {8U, 32U, 64U}) {  // values packed by qkv's tiles, and by those of keys
      config.sizes.hidden = 2 * head_dim;
      config.puzzle_emb_ndim = config.sizes.hidden;
      const Model model = test::random_model(config, 3, precision);
      struct Rows {
        std::size_t positions, batch;
      };
      for (const Rows rows : {Rows{90, 1}, Rows{37, 3}, Rows{300, 1}, Rows{1, 1}}) {
        CAPTURE(model.kernels());
        CAPTURE(head_dim);
        CAPTURE(rows.positions);
        const auto again = [&] { return Run(model, rows.positions, rows.batch); };
        const auto even = again()([](std::uint32_t first, std::uint32_t second) { return second < first; });
        CHECK((again().lanes() == 2) == (rows.positions > 1));
        CHECK(again()([](std::uint32_t, std::uint32_t) { return false; }) == even);
        CHECK(again()([](std::uint32_t, std::uint32_t) { return true; }) == even);
        std::mt19937_64 random(rows.positions);
        CHECK(again()([&](std::uint32_t, std::uint32_t) { return random() % 5 == 0; }) == even);
      }
    }
  }
}
