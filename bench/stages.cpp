// Where a segment's time goes, by kind of operation: stages [sudoku|maze|MODEL FOLDER] [f32|bf16|int8] [repeats].
// One thread; every tile is timed and the median over the repeats is taken tile by tile.

#include "peak.hpp"
#include "words.hpp"

#include <hrm/solve/mind.hpp>

#include <support/random_model.hpp>

#include <cstdio>

int main(int argc, char** argv) {
  bench::Words words(argc, argv, 3, "stages [sudoku|maze|MODEL FOLDER] [f32|bf16|int8] [repeats]");
  const std::string which = words.text(0, "sudoku");
  const hrm::Precision precision = words.precision(1);
  const std::size_t repeats = words.number(2, 9, 1'000'000);
  if (const auto code = words.wrong()) return *code;
  hrm::Config c;
  c.sizes = hrm::Sizes{512, 8, 1536, which == "maze" ? std::size_t{6} : std::size_t{11}, 4, 4, 2, 2, 1};
  c.puzzle_ids = 1;
  c.puzzle_emb_ndim = 512;
  c.seq_len = which == "maze" ? 900 : 81;
  hrm::LoadOptions load;
  load.precision = precision;
  const bool random = which == "sudoku" || which == "maze";
  const auto loaded = random ? hrm::test::random_model(c, 1, precision) : hrm::load(which, load);
  if (!loaded) return bench::no_model(loaded.error());
  const hrm::Model& model = *loaded;
  const std::size_t tokens = model.config().seq_len != 0 ? model.config().seq_len : 36;

  hrm::Mind mind(model, hrm::Capacity{tokens, 1});
  mind.set_tokens(tokens);
  if (!mind.begin(0, std::vector<hrm::Token>(tokens, 1), 0)) return 1;
  mind.set_active(1);
  const hrm::Workspace& w = mind.workspace();
  hrm::Arena measure;
  static_cast<void>(hrm::Schedule(measure, model.config().sizes, model->table().operand_by_row));
  hrm::Buffer memory(measure.used());
  hrm::Arena arena(memory.data());
  hrm::Schedule schedule(arena, model.config().sizes, model->table().operand_by_row);
  schedule.count([&](const hrm::Stage& stage) { return model->tiles(stage, w); });
  const std::uint32_t tiles = schedule.tickets(1).first;

  constexpr const char* names[] = {
      "inject",  "qkv",           "pack_kv", "attend",   "attended_operand", "project", "norm_attention",
      "gate_up", "inner_operand", "down",    "norm_mlp", "norm_last",        "lm_head", "q_head"};
  std::vector<std::vector<double>> times(tiles);
  for (std::size_t r = 0; r < repeats + 1; ++r) {
    std::size_t stage = 0;
    for (std::uint32_t ticket = 0; ticket < tiles; ++ticket) {
      stage = schedule.stage_of(ticket, stage);
      const auto begin = bench::Clock::now();
      model->run(schedule[stage], ticket - schedule.first(stage), hrm::Lane::both, w);
      if (r > 0) times[ticket].push_back(bench::seconds_since(begin));
    }
  }
  double by_op[14] = {};
  double all = 0.0;
  std::size_t stage = 0;
  for (std::uint32_t ticket = 0; ticket < tiles; ++ticket) {
    stage = schedule.stage_of(ticket, stage);
    std::sort(times[ticket].begin(), times[ticket].end());
    const double median = times[ticket][times[ticket].size() / 2];
    by_op[static_cast<std::size_t>(schedule[stage].op)] += median;
    all += median;
  }
  std::printf("%s, %zu positions, %s: %.3f ms, %u tiles, peak %.0f GFLOP/s\n", which.c_str(), w.positions,
              model->table().name, all * 1e3, tiles, bench::peak_here());
  for (std::size_t op = 0; op < 14; ++op) {
    if (by_op[op] > 0.0)
      std::printf("  %-18s %8.3f ms %5.1f %%\n", names[op], by_op[op] * 1e3, 100.0 * by_op[op] / all);
  }
  return 0;
}
