// Where a segment's time goes, by kind of operation: stages [sudoku|maze|MODEL FOLDER] [f32|bf16|int8] [repeats]
// [batch]. One thread; every tile is timed, and the median and the least over the repeats are taken tile by tile. The
// share is the least's, of the float32 FMA peak.

#include "peak.hpp"
#include "words.hpp"

#include <hrm/solve/mind.hpp>

#include <support/random_model.hpp>

#include <cstdio>

int main(int argc, char** argv) {
  bench::Words words(argc, argv, 4, "stages [sudoku|maze|MODEL FOLDER] [f32|bf16|int8] [repeats] [batch]");
  const std::string which = words.text(0, "sudoku");
  const hrm::Precision precision = words.precision(1);
  const std::size_t repeats = words.number(2, 9, 1'000'000);
  const std::size_t batch = words.number(3, 1, 1'000);
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

  hrm::Mind mind(model, hrm::Capacity{tokens, batch});
  mind.set_tokens(tokens);
  for (std::size_t slot = 0; slot < batch; ++slot)
    if (!mind.begin(slot, std::vector<hrm::Token>(tokens, 1), 0)) return 1;
  mind.set_active(batch);
  const hrm::Workspace& w = mind.workspace();
  hrm::Arena measure;
  static_cast<void>(hrm::Schedule(measure, model.config().sizes, model->table().operand_by_row));
  hrm::Buffer memory(measure.used());
  hrm::Arena arena(memory.data());
  hrm::Schedule schedule(arena, model.config().sizes, model->table().operand_by_row);
  if (!schedule.count([&](const hrm::Stage& stage) { return model->tiles(stage, w); })) return 1;
  const std::uint32_t tiles = schedule.tickets(1).first;

  constexpr const char* names[] = {
      "inject",  "qkv",           "pack_kv", "attend",   "attended_operand", "project", "norm_attention",
      "gate_up", "inner_operand", "down",    "norm_mlp", "norm_last",        "lm_head", "q_head"};
  std::vector<std::vector<double>> times(tiles);
  const double before = bench::peak_here();
  for (std::size_t r = 0; r < repeats + 1; ++r) {
    std::size_t stage = 0;
    for (std::uint32_t ticket = 0; ticket < tiles; ++ticket) {
      stage = schedule.stage_of(ticket, stage);
      const auto begin = bench::Clock::now();
      model->run(schedule[stage], ticket - schedule.first(stage), hrm::Lane::both, w);
      if (r > 0) times[ticket].push_back(bench::seconds_since(begin));
    }
  }
  const hrm::Sizes& sizes = model.config().sizes;
  const double width = static_cast<double>(sizes.hidden), inner = static_cast<double>(sizes.inner);
  const hrm::SegmentWork work = hrm::segment_work(sizes, w.positions);
  const double rows = static_cast<double>(w.positions * batch), keys = static_cast<double>(w.positions);
  const auto flop = [&](hrm::Op op) {  // of a whole segment; 0 for what is next to nothing beside these
    const double each = 2.0 * work.blocks * rows * width;
    switch (op) {
      case hrm::Op::qkv:
        return each * 3.0 * width;
      case hrm::Op::attend:
        return each * 2.0 * keys;
      case hrm::Op::project:
        return each * width;
      case hrm::Op::gate_up:
        return each * 2.0 * inner;
      case hrm::Op::down:
        return each * inner;
      default:
        return 0.0;
    }
  };
  struct Time {
    double median = 0.0, least = 0.0;
  };
  Time by_op[14], all;
  std::size_t stage = 0;
  for (std::uint32_t ticket = 0; ticket < tiles; ++ticket) {
    stage = schedule.stage_of(ticket, stage);
    std::sort(times[ticket].begin(), times[ticket].end());
    for (Time* sum : {&by_op[static_cast<std::size_t>(schedule[stage].op)], &all}) {
      sum->median += times[ticket][times[ticket].size() / 2];
      sum->least += times[ticket].front();
    }
  }
  const double peak = std::max(before, bench::peak_here());
  std::printf("%s, %zu x %zu positions, %s, %u tiles, peak %.1f GFLOP/s\n", which.c_str(), batch, w.positions,
              model->table().name, tiles, peak);
  const auto line = [&](const char* name, const Time& time, double operations) {
    std::printf("  %-18s median %9.3f ms %5.1f %%   least %9.3f ms %5.1f %%", name, time.median * 1e3,
                100.0 * time.median / all.median, time.least * 1e3, 100.0 * time.least / all.least);
    if (operations > 0.0) std::printf("   share %5.1f %%", 100e-9 * operations / time.least / peak);
    std::printf("\n");
  };
  for (std::size_t op = 0; op < 14; ++op) {
    if (by_op[op].median > 0.0) line(names[op], by_op[op], flop(static_cast<hrm::Op>(op)));
  }
  line("all", all, 2.0 * static_cast<double>(batch) * work.blocks * work.block);
  return 0;
}
