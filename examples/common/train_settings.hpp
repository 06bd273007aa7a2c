#pragma once
/// What hrm-train is told: its options, held against each other before anything is made.

#include <hrm/io/text.hpp>
#include <hrm/puzzles/maze_generator.hpp>
#include <hrm/puzzles/sudoku.hpp>
#include <hrm/train/products.hpp>
#include <hrm/train/trainer.hpp>

#include <map>
#include <optional>
#include <utility>

#include "arguments.hpp"

namespace example {

struct TrainSettings {
  std::string task, out, command;                           ///< the command as one would type it again
  std::string test, from;                                   ///< paths; empty: not given
  std::optional<std::size_t> sudoku;                        ///< the side, where the task is freshly made Sudokus
  std::optional<std::pair<std::size_t, std::size_t>> maze;  ///< rows and columns, where it is freshly made mazes
  std::pair<std::size_t, std::size_t> clues{}, path{};      ///< zeros: not given
  std::size_t smallest = 0;
  double loops = 0.0;
  std::uint64_t grow = 0;
  std::optional<bool> symmetries;  ///< empty: as the data set is
  std::size_t hidden = 0, heads = 0, layers = 0, h_cycles = 0, l_cycles = 0, max_segments = 0, puzzle_width = 0;
  double expansion = 0.0;
  bool learned_positions = false, bfloat16 = false;
  std::map<std::size_t, float> weights;  ///< of labels, by token
  hrm::train::TrainerOptions trainer;
  std::size_t threads = 1, evaluate = 0, evaluate_every = 0, save_every = 0, log_every = 0;
  double minutes = 0.0;  ///< 0: no limit
  bool resume = false, quiet = false, archive = false;
};

inline Arguments train_arguments() {
  return {
      "hrm-train",
      "TASK --out FOLDER",
      "Trains a model. TASK is sudoku4, sudoku6, sudoku9, .. (sides from 4 to 25 that are no primes) or maze7,\n"
      "maze15, maze7x15, .. (odd sides from 5 to 1023), freshly made; or a data set: a folder as published\n"
      "(dataset.json, *.npy; README.md has how to make one of your own puzzles), or CSV (puzzle,solution) of Sudokus\n"
      "or square mazes. Writes FOLDER/model.safetensors and all_config.yaml (the averaged weights), log.csv,\n"
      "curve.svg, recipe.txt and train.state. Ctrl-C saves and ends; --resume goes on from there, bit for bit. A run\n"
      "that is in FOLDER already is not written over.",
      {{"--out", "FOLDER", "where everything goes"},
       {"--archive", "", "write FOLDER/model.hrm as well: one file, which programs prefer"},
       {"", "", "Puzzles"},
       {"--clues", "A-B", "sudoku: givens (6x6: 8-18, 9x9: 26-45)"},
       {"--path", "A-B", "maze: steps from S to G, an even number (any)"},
       {"--loops", "X", "maze: share of walls opened, 0 to 1 (0: one way only)"},
       {"--smallest", "N", "maze: sides from N up, in a canvas (the side)"},
       {"--grow", "N", "maze: dead ends of the first N mazes are one cell deep at most, of the next N two, .."},
       {"--symmetries", "yes|no",
        "data set: draw every example under a random symmetry of Sudokus or mazes, which its\n"
        "                         examples must be (CSV: where they are; folders: no, as published ones are "
        "augmented)"},
       {"--test", "PATH",
        "held-out puzzles: CSV or a folder's test split (otherwise freshly made ones, the data\n"
        "                         set's own test split, or every tenth puzzle of a CSV, every tenth group of a split "
        "by itself)"},
       {"", "", "Model"},
       {"--hidden", "N", "width (128)"},
       {"--heads", "N", "attention heads (4)"},
       {"--layers", "N", "of the H- and of the L-module (2)"},
       {"--expansion", "X", "of the SwiGLU (4)"},
       {"--h-cycles", "N", "cycles of the H-module in a segment (2)"},
       {"--l-cycles", "N", "cycles of the L-module in one of those (2)"},
       {"--positions", "P", "rope or learned"},
       {"--puzzle-width", "N", "of the puzzle embedding, 0 for none (the width)"},
       {"--max-segments", "M", "limit of segments (16)"},
       {"--from", "MODEL",
        "begin from a model's weights, rms_norm_eps and rope_theta: a folder or a file of the same\n"
        "                         sizes. Also how a run that has ended is trained on"},
       {"", "", "Training"},
       {"--steps", "N", "in all (10000)"},
       {"--batch", "N", "puzzles at once (64)"},
       {"--rate", "X", "learning rate at its highest (1e-3)"},
       {"--warm-up", "N", "steps of linear rise (200)"},
       {"--lowest", "X", "share of the rate that the cosine leaves at the end (0.1)"},
       {"--decay", "X", "weight decay (0.1)"},
       {"--average", "X", "share of the weights' moving average that stays at each step (0.999)"},
       {"--puzzle-rate", "X", "learning rate of the puzzle embedding (1e-2)"},
       {"--puzzle-decay", "X", "weight decay of the puzzle embedding (0.1)"},
       {"--explore", "X", "how likely a puzzle may not halt before a random segment (0.5)"},
       {"--loss", "L", "stablemax or softmax"},
       {"--weight", "T=X,..", "how much labels count, by token (1; maze: 1 is wall, 5 the path)"},
       {"--halting", "X", "how much each halting loss counts beside the answer's (0.5)"},
       {"--next", "N", "q_continue's target: step (from the batch's next step) or look-ahead (a further pass)"},
       {"--seed", "N", "of puzzles, first weights and exploration (0)"},
       {"", "", "Run"},
       {"--precision", "P", "f32 or bf16: what factors of products are rounded to"},
       {"--threads", "N", "in all (1)"},
       {"--lanes", "N", "parts of a batch that are worked out side by side (8)"},
       {"--resume", "",
        "go on with FOLDER/train.state: beside the whole command, which FOLDER/recipe.txt holds, from\n"
        "                         the same working folder"},
       {"--minutes", "M", "save and end after so many"},
       {"--evaluate", "N", "held-out puzzles to test on, spread evenly over a data set's (500; 0: none are needed)"},
       {"--evaluate-every", "N", "steps (1000)"},
       {"--save-every", "N", "steps (500)"},
       {"--log-every", "N", "steps (50)"},
       {"--quiet", "", "no progress on stderr"}}};
}

namespace detail {

/// "1=0.1,5=2"; a wrong one is noted.
inline std::map<std::size_t, float> label_weights(Arguments& arguments) {
  std::map<std::size_t, float> out;
  const std::string text = arguments.text("--weight").value_or("");
  const auto add = [&out](std::string_view part) {
    const std::size_t equals = part.find('=');
    std::size_t token = 0;
    double weight = 0;
    if (equals == std::string_view::npos || !hrm::detail::parse_size(part.substr(0, equals), token) ||
        !hrm::detail::parse_number(part.substr(equals + 1), weight) || !(static_cast<float>(weight) > 0) ||
        !hrm::is_finite(static_cast<float>(weight))) {
      return false;
    }
    out[token] = static_cast<float>(weight);
    return true;
  };
  if (text.empty() || each_part(text, add)) return out;
  arguments.note("--weight", "expected tokens and numbers above zero such as 1=0.1,5=2, found " + text);
  return {};
}

/// The side of "sudoku9"; nothing for other tasks, "sudoku.csv" for one.
inline std::optional<std::size_t> sudoku_side(std::string_view task) {
  std::size_t side = 0;
  if (task.substr(0, 6) != "sudoku" || !hrm::detail::parse_size(task.substr(6), side)) return std::nullopt;
  return side;
}

/// The rows and columns of "maze15" or "maze7x15"; nothing for other tasks.
inline std::optional<std::pair<std::size_t, std::size_t>> maze_sides(std::string_view task) {
  if (task.substr(0, 4) != "maze") return std::nullopt;
  task.remove_prefix(4);
  const std::size_t by = task.find('x');
  const std::string_view rows = task.substr(0, by);
  const std::string_view cols = by == std::string_view::npos ? rows : task.substr(by + 1);
  std::pair<std::size_t, std::size_t> sides;
  if (!hrm::detail::parse_size(rows, sides.first) || !hrm::detail::parse_size(cols, sides.second)) return std::nullopt;
  return sides;
}

/// Notes sizes that no puzzles are made of, and tokens that they do not have.
inline void check_task(Arguments& arguments, const TrainSettings& s) {
  std::size_t vocab = ~std::size_t{0};  // a data set's is not known yet
  if (s.sudoku) {
    const auto shape = hrm::SudokuShape::of_side(*s.sudoku);
    if (!shape) return arguments.note("TASK", shape.error().message());
    vocab = shape->vocab();
  }
  if (s.maze) {
    const std::size_t largest = std::max(s.maze->first, s.maze->second);
    for (const std::size_t side : {s.maze->first, s.maze->second}) {
      if (side % 2 == 0 || side < 5 || side > hrm::MazeOptions::max_side) {
        arguments.note("TASK", "maze: side, expected an odd number from 5 to " +
                                   std::to_string(hrm::MazeOptions::max_side) + ", found " + std::to_string(side));
      }
    }
    if (s.smallest != 0 && (s.smallest % 2 == 0 || s.smallest < 5 || s.smallest > largest)) {
      arguments.note("--smallest", "expected an odd number from 5 to " + std::to_string(largest) + ", found " +
                                       std::to_string(s.smallest));
    }
    vocab = hrm::maze_vocab;
  }
  for (const auto& [token, weight] : s.weights) {
    if (token >= vocab) {
      arguments.note("--weight", "expected tokens below " + std::to_string(vocab) + ", found " + std::to_string(token));
    }
  }
}

/// A word as a shell takes it.
inline std::string quoted(std::string_view word) {
  constexpr std::string_view plain = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789%+,-./:=@^_";
  if (!word.empty() && word.find_first_not_of(plain) == std::string_view::npos) return std::string(word);
  std::string out = "'";
  for (const char c : word) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + "'";
}

}  // namespace detail

/// The settings of a parsed command line; what is wrong is noted in `arguments`.
inline TrainSettings train_settings(Arguments& arguments, int argc, char** argv) {
  constexpr std::size_t any = ~std::size_t{0};
  constexpr double most = 1e9;
  TrainSettings s;
  const auto count = [&](std::string_view name, std::size_t otherwise) {
    return arguments.number(name, otherwise, 1, 1'000'000'000);
  };
  if (arguments.rest().size() == 1) s.task = arguments.rest().front();
  if (arguments.rest().empty()) arguments.note("TASK", "expected a task, found none");
  if (arguments.rest().size() > 1) arguments.note("TASK", "expected one, found another: " + arguments.rest()[1]);
  s.sudoku = detail::sudoku_side(s.task);
  s.maze = detail::maze_sides(s.task);
  s.out = arguments.text("--out").value_or("");
  if (s.out.empty()) arguments.note("--out", "expected a folder, found none");
  s.test = arguments.text("--test").value_or("");
  s.from = arguments.text("--from").value_or("");
  s.clues = arguments.range("--clues", 0, 0);
  s.path = arguments.range("--path", 0, 0);
  s.smallest = arguments.number("--smallest", 0, 0, any);
  s.loops = arguments.real("--loops", 0, 0, 1);
  s.grow = arguments.number("--grow", 0, 0, any);
  for (const auto& [name, range] : {std::pair("--clues", s.clues), {"--path", s.path}}) {
    if (arguments.has(name) && range.second == 0) arguments.note(name, "expected 1 or more as its upper end, found 0");
  }
  if (arguments.has("--clues") && !s.sudoku) arguments.note("--clues", "goes with freshly made Sudokus, as sudoku9 is");
  if (const bool no = arguments.choice("--symmetries", {"yes", "no"}) == 1; arguments.has("--symmetries")) {
    s.symmetries = !no;
    if (s.sudoku || s.maze) arguments.note("--symmetries", "goes with a data set, not with freshly made puzzles");
  }
  for (const char* own : {"--path", "--loops", "--smallest", "--grow"}) {
    if (arguments.has(own) && !s.maze) arguments.note(own, "goes with freshly made mazes, as maze15 is");
  }

  // Limits of a model that is loaded: nothing larger is trained for nothing.
  constexpr std::size_t widest = hrm::max_width;
  s.hidden = arguments.number("--hidden", 128, 1, widest);
  s.heads = arguments.number("--heads", 4, 1, widest);
  s.layers = arguments.number("--layers", 2, 1, hrm::max_layers);
  s.h_cycles = arguments.number("--h-cycles", 2, 1, hrm::max_cycles);
  s.l_cycles = arguments.number("--l-cycles", 2, 1, hrm::max_cycles);
  s.max_segments = arguments.number("--max-segments", 16, 1, std::size_t{1} << 20);
  s.expansion = arguments.real("--expansion", 4, 1e-3, 1e3);
  if (const std::size_t inner = hrm::inner_size(s.hidden, s.expansion); inner == 0 || inner > widest) {
    arguments.note("--expansion", "expected one that makes 1 to " + std::to_string(widest) + " of --hidden, found " +
                                      std::to_string(inner));
  }
  hrm::Sizes cycles;
  cycles.h_layers = cycles.l_layers = s.layers;
  cycles.h_cycles = s.h_cycles;
  cycles.l_cycles = s.l_cycles;
  if (!hrm::Schedule::fits(cycles)) {
    arguments.note("--h-cycles", "expected, with --l-cycles and --layers, at most " +
                                     std::to_string(hrm::Schedule::most_stages) + " steps in a segment, found more");
  }
  s.puzzle_width = arguments.number("--puzzle-width", s.hidden, 0, widest);
  s.learned_positions = arguments.choice("--positions", {"rope", "learned"}) == 1;
  if (s.hidden % (2 * s.heads) != 0)
    arguments.note("--heads", "expected a number that divides --hidden into even parts");

  hrm::train::TrainerOptions& t = s.trainer;
  hrm::train::OptimizerOptions& o = t.optimizer;
  o.steps = arguments.number("--steps", o.steps, 0, any);
  t.batch = arguments.number("--batch", t.batch, 1, hrm::train::max_batch);
  o.rate = arguments.real("--rate", o.rate, 0, most);
  o.warm_up = arguments.number("--warm-up", o.warm_up, 0, any);
  o.lowest = arguments.real("--lowest", o.lowest, 0, 1);
  o.decay = arguments.real("--decay", o.decay, 0, most);
  o.average = arguments.real("--average", o.average, 0, 1);
  o.puzzle_rate = arguments.real("--puzzle-rate", o.puzzle_rate, 0, most);
  o.puzzle_decay = arguments.real("--puzzle-decay", o.puzzle_decay, 0, most);
  t.exploration = arguments.real("--explore", 0.5, 0, 1);
  t.halting = arguments.real("--halting", t.halting, 0, most);
  using hrm::train::NextValue;
  using hrm::train::TaskLoss;
  t.loss = arguments.choice("--loss", {"stablemax", "softmax"}) == 1 ? TaskLoss::softmax : TaskLoss::stablemax;
  t.next_value = arguments.choice("--next", {"step", "look-ahead"}) == 1 ? NextValue::look_ahead : NextValue::next_step;
  t.seed = arguments.number("--seed", 0, 0, any);
  s.weights = detail::label_weights(arguments);
  detail::check_task(arguments, s);

  s.bfloat16 = arguments.choice("--precision", {"f32", "bf16"}) == 1;
  if (s.bfloat16 && !hrm::train::Products<hrm::kernels::DefaultArch, hrm::bfloat16>::offered)
    arguments.note("--precision", "expected f32, as this instruction set has no bfloat16 products, found bf16");
  s.threads = arguments.number("--threads", 1, 1, 1024);
  t.lanes = arguments.number("--lanes", t.lanes, 1, 1024);
  s.minutes = arguments.real("--minutes", 0, 0, most);
  s.evaluate = arguments.number("--evaluate", 500, 0, any);
  s.evaluate_every = count("--evaluate-every", 1000);
  s.save_every = count("--save-every", 500);
  s.log_every = count("--log-every", 50);
  s.resume = arguments.has("--resume");
  s.quiet = arguments.has("--quiet");
  s.archive = arguments.has("--archive");

  s.command = "hrm-train";
  for (int i = 1; i < argc; ++i) {
    const std::string_view word = argv[i];
    if (word != "--resume" && word != "--quiet") s.command.append(" ").append(detail::quoted(word));
  }
  return s;
}

}  // namespace example
