/// game-loop: a Sudoku to play in a window, at 60 frames a second. Behind it a model thinks about the board as it is
/// now, a few milliseconds in every frame, and shows what it thinks so far: faint digits and how sure it is of each.

#define SDL_MAIN_HANDLED
#include <SDL.h>

#include <hrm/puzzles/picture.hpp>

#include <thread>

#include "common/canvas.hpp"
#include "common/sudoku_board.hpp"
#include "common/thinker.hpp"

namespace {

using example::Align;
using example::Box;
using example::Canvas;
using example::Colour;

constexpr int width = 1000;
constexpr int height = 690;
constexpr double frame_ms = 1000.0 / 60.0;
constexpr double least_budget = 1.0 / 64, most_budget = 100.0;  // milliseconds of thinking a frame

constexpr Colour night{17, 20, 28}, slab{27, 32, 44}, plain{38, 45, 61}, chosen{60, 78, 118}, line{58, 66, 86};
constexpr Colour white{236, 240, 247}, grey{134, 145, 166}, blue{108, 180, 255}, green{96, 211, 148};
constexpr Colour amber{255, 190, 92}, red{255, 107, 107};

/// "0.98" as "98 %", -1.234 as "-1.2".
std::string percent(float share) { return std::to_string(std::lround(100.0F * share)) + " %"; }
std::string tenths(double value) { return hrm::format_number(value, 1); }

/// The board, the model behind it and the window.
class Game {
 public:
  Game(Canvas& canvas, const hrm::Model& model, const hrm::SolverOptions& options, const hrm::SudokuShape& shape,
       std::uint64_t seed, double budget)
      : canvas_(canvas),
        board_(shape, seed),
        thinker_(model, options, shape),
        budget_(budget),
        seen_(shape.cells()),
        glow_(shape.cells()),
        cell_(board_box.w / static_cast<int>(shape.side)) {
    const int count = static_cast<int>(shape.side) + 3;
    for (int i = 0; i < count; ++i) {
      const int left = board_box.x + board_box.w * i / count;
      buttons_.push_back({left + 3, 628, board_box.x + board_box.w * (i + 1) / count - left - 6, 42});
    }
    thinker_.think_about(board_.digits(), false);
  }

  /// A frame: events, a slice of thinking, the picture. False: the player has left.
  bool frame() {
    for (SDL_Event event; SDL_PollEvent(&event) != 0;) {
      if (event.type == SDL_QUIT) return false;
      if (event.type == SDL_KEYDOWN && !key(event.key.keysym.sym)) return false;
      if (event.type == SDL_MOUSEBUTTONDOWN) click(event.button.x, event.button.y);
    }
    thinker_.tick(std::chrono::nanoseconds(static_cast<std::int64_t>(budget_ * 1e6)));
    draw();
    return true;
  }
  void time(double ms) { work_.add(ms); }

  /// A move as a player would make it: the surest cell by mouse and its digit by key, or the key for a hint in turn;
  /// once the puzzle is solved, the next.
  void play_by_itself() {
    const std::size_t cell = thinker_.hint(board_.digits());
    if (board_.solved()) return press(SDLK_n);
    if (!thinker_.finished()) return;
    if (cell == board_.digits().size()) return press(SDLK_n);  // full, and wrong
    if (board_.moves() % 2 == 0) return press(SDLK_h);
    SDL_Event event{};
    event.type = SDL_MOUSEBUTTONDOWN;
    event.button.x = cell_box(cell).x + cell_ / 2;
    event.button.y = cell_box(cell).y + cell_ / 2;
    SDL_PushEvent(&event);
    press(static_cast<SDL_Keycode>(SDLK_0 + static_cast<int>(thinker_.digit(cell))));
  }

  void report() const {
    thinker_.report(budget_);
    std::printf("moves       %zu, %zu of them hints; puzzles solved: %zu\n", board_.moves(), hints_,
                board_.games_solved());
  }

 private:
  static constexpr Box board_box{36, 76, 540, 540};
  static constexpr Box side_box{612, 76, 352, 594};

  static void press(SDL_Keycode code) {
    SDL_Event event{};
    event.type = SDL_KEYDOWN;
    event.key.keysym.sym = code;
    SDL_PushEvent(&event);
  }

  bool key(SDL_Keycode code) {
    const auto side = static_cast<SDL_Keycode>(board_.shape().side);
    if (code >= SDLK_0 && code <= SDLK_0 + side) put(board_.selected(), static_cast<std::size_t>(code - SDLK_0));
    if (code >= SDLK_KP_1 && code < SDLK_KP_1 + side)
      put(board_.selected(), static_cast<std::size_t>(code - SDLK_KP_1) + 1);
    switch (code) {
      case SDLK_ESCAPE:
      case SDLK_q:
        return false;
      case SDLK_LEFT:
      case SDLK_RIGHT:
        board_.move(code == SDLK_LEFT ? -1 : 1, 0);
        break;
      case SDLK_UP:
      case SDLK_DOWN:
        board_.move(0, code == SDLK_UP ? -1 : 1);
        break;
      case SDLK_DELETE:
      case SDLK_BACKSPACE:
        put(board_.selected(), 0);
        break;
      case SDLK_h:
        hint();
        break;
      case SDLK_n:
        deal();
        break;
      case SDLK_t:
        show_thought_ = !show_thought_;
        break;
      case SDLK_LEFTBRACKET:
      case SDLK_RIGHTBRACKET:
        budget_ = std::clamp(code == SDLK_LEFTBRACKET ? budget_ / 2 : budget_ * 2, least_budget, most_budget);
        thinker_.think_about(board_.digits(), false);
        break;
      default:
        break;
    }
    return true;
  }
  void click(int x, int y) {
    const std::size_t side = board_.shape().side;
    for (std::size_t i = 0; i < board_.shape().cells(); ++i) {
      if (cell_box(i).contains(x, y)) board_.select(i);
    }
    for (std::size_t i = 0; i < buttons_.size(); ++i) {
      if (!buttons_[i].contains(x, y)) continue;
      if (i <= side) put(board_.selected(), i < side ? i + 1 : 0);
      if (i == side + 1) hint();
      if (i == side + 2) deal();
    }
  }
  void put(std::size_t cell, std::size_t digit) {
    if (board_.put(cell, digit)) thinker_.think_about(board_.digits(), true);
  }
  void hint() {
    const std::size_t cell = thinker_.hint(board_.digits());
    if (cell == board_.digits().size()) return;
    ++hints_;
    board_.select(cell);
    put(cell, thinker_.digit(cell));
  }
  void deal() {
    board_.deal();
    thinker_.think_about(board_.digits(), false);
  }

  [[nodiscard]] Box cell_box(std::size_t cell) const {
    const int x = static_cast<int>(board_.shape().col(cell)) * cell_;
    const int y = static_cast<int>(board_.shape().row(cell)) * cell_;
    return {board_box.x + x, board_box.y + y, cell_, cell_};
  }

  void draw() {
    canvas_.clear(night);
    canvas_.text(board_box.x + 2, 30, 24, "SUDOKU", white, Align::left, 0.15F);
    canvas_.text(board_box.x + board_box.w - 2, 38, 12,
                 board_.solved() ? "SOLVED! N DEALS THE NEXT" : "THE MODEL THINKS WHILE YOU PLAY",
                 board_.solved() ? green : grey, Align::right);
    draw_board();
    draw_buttons();
    canvas_.round(side_box, 14, slab);
    draw_thought(side_box.y + 22);
    draw_marks(side_box.y + 226);
    draw_frames(side_box.y + 356);
    draw_keys(side_box.y + 486);
  }

  void draw_board() {
    const hrm::SudokuShape& shape = board_.shape();
    const int box_w = cell_ * static_cast<int>(shape.box_cols);
    const int box_h = cell_ * static_cast<int>(shape.box_rows);
    for (int y = 0; y < cell_ * static_cast<int>(shape.side); y += box_h) {
      for (int x = 0; x < cell_ * static_cast<int>(shape.side); x += box_w)
        canvas_.round(Box{board_box.x + x, board_box.y + y, box_w, box_h}.inner(2), 12, line);
    }
    const std::size_t at = board_.selected();
    const std::size_t hint = thinker_.hint(board_.digits());
    for (std::size_t i = 0; i < shape.cells(); ++i) {
      const bool near = shape.row(i) == shape.row(at) || shape.col(i) == shape.col(at) || shape.box(i) == shape.box(at);
      const Box box = cell_box(i).inner(5);
      if (i == hint && show_thought_ && !board_.solved()) canvas_.round(cell_box(i).inner(3), 10, amber);
      canvas_.round(box, 8, i == at ? chosen : near ? Colour::between(plain, chosen, 0.28F) : plain);
      draw_cell(i, box);
    }
  }
  void draw_cell(std::size_t i, const Box& box) {
    const std::size_t mine = thinker_.digit(i);
    if (mine != seen_[i]) glow_[i] = 1.0F;  // it has changed its mind
    seen_[i] = mine;
    glow_[i] *= 0.94F;
    const int size = cell_ * 2 / 5;
    const auto digit = [&](std::size_t number, int high, Colour colour, float weight) {
      canvas_.text(box.x + box.w / 2, box.y + (box.h - high) / 2, high, std::to_string(number), colour, Align::middle,
                   weight);
    };
    if (const std::size_t placed = board_.digits()[i]; placed != 0) {
      const Colour own = board_.givens()[i] != 0 ? white : board_.solved() ? green : blue;
      return digit(placed, size, board_.conflicts()[i] != 0 ? red : own, 0.14F);
    }
    if (!show_thought_ || mine == 0) return;
    const float sure = thinker_.sure(i);
    if (glow_[i] > 0.02F) canvas_.round(box, 8, amber.faint(0.35F * glow_[i]));
    digit(mine, size * 3 / 4, Colour::between(amber, white, sure).faint(0.16F + 0.34F * sure * sure), 0.12F);
    const int wide = box.w - 24;
    canvas_.fill({box.x + 12, box.y + box.h - 9, wide, 3}, night.faint(0.5F));
    canvas_.fill({box.x + 12, box.y + box.h - 9, static_cast<int>(static_cast<float>(wide) * sure), 3},
                 Colour::between(amber, green, (sure - 0.5F) * 2.0F).faint(0.8F));
  }
  void draw_buttons() {
    const std::size_t side = board_.shape().side;
    for (std::size_t i = 0; i < buttons_.size(); ++i) {
      const std::string words = i < side ? std::to_string(i + 1) : i == side ? "CLEAR" : i == side + 1 ? "HINT" : "NEW";
      const int high = i < side ? 18 : 9;
      const Box& b = buttons_[i];
      canvas_.round(b, 9, i == side + 1 ? Colour::between(plain, amber, 0.35F) : plain);
      canvas_.text(b.x + b.w / 2, b.y + (b.h - high) / 2, high, words, white, Align::middle);
    }
  }

  /// What it thinks: how far it is, the values of halting and of thinking on, and the surest hint.
  void draw_thought(int y) {
    const hrm::Solver& solver = thinker_.solver();
    const int x = side_box.x + 22;
    const int right = side_box.x + side_box.w - 22;
    const bool lost = thinker_.finished() && !thinker_.solved();
    const Colour mood = thinker_.solved() ? green : lost ? red : amber;
    canvas_.round({x, y, 14, 14}, 7, mood);
    canvas_.text(x + 26, y, 14, thinker_.solved() ? "SURE" : lost ? "SEES NO WAY: A WRONG DIGIT?" : "THINKING", mood);
    const std::string view = thinker_.view() == 0 ? "" : "VIEW " + std::to_string(thinker_.view() + 1) + ", ";
    canvas_.text(
        x, y + 32, 10,
        view + "SEGMENT " + std::to_string(solver.segments()) + " OF AT MOST " + std::to_string(solver.max_segments()),
        grey);
    const int wide = right - x;
    canvas_.fill({x, y + 50, wide, 4}, plain);
    const float share = solver.finished() ? 1.0F : solver.segment_progress();
    canvas_.fill({x, y + 50, static_cast<int>(static_cast<float>(wide) * share), 4}, mood);

    const auto bar = [&](int top, const char* name, float value, Colour colour) {
      const int middle = x + 96 + (right - x - 96) / 2;
      const int half = (right - x - 96) / 2;
      canvas_.text(x, top + 2, 10, name, grey);
      canvas_.fill({middle - half, top, 2 * half, 14}, plain);
      const int reach = static_cast<int>(static_cast<float>(half) * std::clamp(value / 12.0F, -1.0F, 1.0F));
      canvas_.fill({reach < 0 ? middle + reach : middle, top, std::abs(reach), 14}, colour);
      canvas_.fill({middle - 1, top - 3, 2, 20}, grey);
      canvas_.text(right - 6, top + 2, 10, tenths(static_cast<double>(value)), white, Align::right);
    };
    bar(y + 76, "Q HALT", solver.q_halt(), solver.q_halt() > solver.q_continue() ? green : amber);
    bar(y + 102, "Q CONTINUE", solver.q_continue(), Colour::between(plain, blue, 0.7F));

    const std::size_t cell = thinker_.hint(board_.digits());
    canvas_.text(x, y + 146, 10, "SUREST HINT", grey);
    if (cell == board_.digits().size()) return;
    const float sure = thinker_.sure(cell);
    canvas_.text(x, y + 166, 14,
                 std::to_string(thinker_.digit(cell)) + " IN ROW " + std::to_string(board_.shape().row(cell) + 1) +
                     ", COLUMN " + std::to_string(board_.shape().col(cell) + 1),
                 white);
    canvas_.text(right, y + 166, 14, percent(sure), Colour::between(amber, green, (sure - 0.5F) * 2.0F), Align::right);
  }

  /// A column for each segment: cells that changed, and whether it would have halted.
  void draw_marks(int y) {
    const int x = side_box.x + 22;
    const int wide = side_box.w - 44;
    canvas_.text(x, y, 10, "CELLS CHANGED IN EACH SEGMENT", grey);
    const int count = static_cast<int>(std::clamp<std::size_t>(thinker_.solver().max_segments(), 8, 64));
    int at = 0;
    for (const auto& mark : thinker_.marks()) {
      const int left = x + wide * at / count;
      const int broad = std::max(2, x + wide * (at + 1) / count - left - 3);
      const int high = 2 + static_cast<int>(70 * mark.changed / std::max<std::size_t>(board_.shape().cells(), 1));
      canvas_.fill({left, y + 92 - high, broad, high}, mark.q_halt > mark.q_continue ? green : amber);
      if (count <= 20)
        canvas_.text(left + broad / 2, y + 80 - high, 8, std::to_string(mark.changed), grey, Align::middle);
      ++at;
    }
    canvas_.fill({x, y + 93, wide, 2}, line);
  }

  /// The last frames: thinking, and all the work of a frame, against the time there is.
  void draw_frames(int y) {
    const int x = side_box.x + 22;
    const int wide = side_box.w - 44;
    canvas_.text(x, y, 10, "WORK IN A FRAME", grey);
    canvas_.text(x + wide, y, 10, "THINKING AT MOST " + hrm::format_number(budget_, budget_ < 1 ? 2 : 0) + " MS", blue,
                 Align::right);
    constexpr int high = 72;
    const auto scaled = [](float ms) { return static_cast<int>(high * std::min(ms / 16.7F, 1.0F)); };
    canvas_.fill({x, y + 22, wide, 1}, red.faint(0.6F));
    canvas_.text(x, y + 28, 8, "16.7 MS", red.faint(0.8F));
    for (int i = 0; i < wide / 2; ++i) {
      const auto back = static_cast<std::size_t>(i);
      const int left = x + wide - 2 * (i + 1);
      const int all = scaled(work_.ago(back));
      const int thinking = scaled(thinker_.spent().ago(back + 1));
      canvas_.fill({left, y + 22 + high - all, 2, all}, grey.faint(0.7F));
      canvas_.fill({left, y + 22 + high - thinking, 2, thinking}, blue);
    }
    canvas_.fill({x, y + 23 + high, wide, 2}, line);
  }

  void draw_keys(int y) {
    static constexpr std::array<std::pair<const char*, const char*>, 5> keys{{{"ARROWS, MOUSE", "CHOOSE A CELL"},
                                                                              {"1 - 9, 0", "PUT, CLEAR"},
                                                                              {"H, N", "HINT, NEW PUZZLE"},
                                                                              {"T", "SHOW THE THOUGHT OR NOT"},
                                                                              {"[ ]", "THINK SLOWER, FASTER"}}};
    for (const auto& [left, right] : keys) {
      canvas_.text(side_box.x + 22, y, 9, left, white);
      canvas_.text(side_box.x + 150, y, 9, right, grey);
      y += 20;
    }
  }

  Canvas& canvas_;
  example::SudokuBoard board_;
  example::Thinker thinker_;
  double budget_;                  // milliseconds of thinking a frame
  std::vector<std::size_t> seen_;  // the thought as drawn last
  std::vector<float> glow_;        // how lately each cell's thought changed, 1: now
  int cell_;
  std::vector<Box> buttons_;
  example::Times work_;
  std::size_t hints_ = 0;
  bool show_thought_ = true;
};

/// Runs frames until the player leaves or there were enough; keeps to 60 a second. `demo`: a move every so many frames.
hrm::Result<void> play(Canvas& canvas, Game& game, std::size_t frames, std::size_t demo,
                       const std::string& screenshot) {
  using Clock = std::chrono::steady_clock;
  const auto step = std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double, std::milli>(frame_ms));
  example::Times work;
  example::Times between;
  const auto first = Clock::now();
  auto next = first;
  auto last = first;
  std::size_t done = 0;
  for (; frames == 0 || done < frames; ++done) {
    const auto begin = Clock::now();
    if (done > 0) between.add(std::chrono::duration<double, std::milli>(begin - last).count());
    last = begin;
    if (demo != 0 && done % demo == demo - 1) game.play_by_itself();
    if (!game.frame()) break;
    if (!screenshot.empty() && done + 1 == frames) {
      if (auto saved = canvas.save(screenshot); !saved) return saved;
    }
    canvas.show();
    work.add(example::milliseconds_since(begin));
    game.time(static_cast<double>(work.ago(0)));
    next = std::max(next + step, Clock::now() - step);  // after a long frame no hurry to make up for it
    std::this_thread::sleep_until(next);
  }
  const double seconds = example::milliseconds_since(first) / 1000;
  std::printf("frames      %zu in %.2f s, %.1f a second\n", done, seconds, static_cast<double>(done) / seconds);
  std::printf("frame work  %s; over 16.7 ms: %.2f %%\n", work.summary().c_str(), work.percent_above(16.7F));
  std::printf("frame gap   %s\n", between.summary().c_str());
  return {};
}

}  // namespace

int main(int argc, char** argv) {
  example::Arguments arguments(
      "game-loop", "",
      "A Sudoku to play with mouse and keyboard, while a model thinks about the board in every frame. Prints how long\n"
      "frames and thinking took when the window is closed.",
      {
          {"--model", "M", "a Sudoku model of up to 9 digits (the bundled 6x6 one)"},
          {"--config", "F", "the model's configuration (otherwise beside it)"},
          {"--precision", "P", "f32, bf16 or int8: the weights in memory"},
          {"--max-segments", "M", "limit of segments of a thought (otherwise as trained)"},
          {"--budget", "MS", "thinking in each frame, in milliseconds (2)"},
          {"--seed", "N", "of the puzzles (1)"},
          {"--frames", "N", "end after so many"},
          {"--demo", "N", "it plays by itself, a move every N frames"},
          {"--screenshot", "F", "with --frames: the last frame as a BMP file"},
      });
  if (const auto code = arguments.parse(argc, argv)) return *code;
  const double budget = arguments.real("--budget", 2.0, least_budget, most_budget);
  const std::size_t seed = arguments.number("--seed", 1, 0, ~std::size_t{0});
  const std::size_t frames = arguments.number("--frames", 0, 1, 100000000);
  const std::size_t demo = arguments.number("--demo", 0, 1, 100000);
  if (arguments.has("--screenshot") && frames == 0) arguments.note("--screenshot", "goes with --frames");
  if (!arguments.rest().empty()) arguments.note(arguments.rest()[0], "expected options alone");
  const example::Setup setup(arguments, example::Setup::Threads::none);
  if (const auto code = arguments.wrong()) return *code;

  const std::string path = arguments.text("--model").value_or(example::bundled_model("sudoku6", argv[0]));
  const auto model = setup.load(path);
  if (!model) return example::fail(arguments, model.error());
  const std::size_t vocab = model->config().sizes.vocab;
  const auto shape = hrm::SudokuShape::of_side(vocab < 4 || vocab > 11 ? 0 : vocab - 2);
  if (!shape) {
    return example::fail(arguments,
                         hrm::Error(hrm::ErrorCode::shape, path, ": vocabulary for Sudokus of side 4, 6, 8 or 9, ",
                                    "expected 6, 8, 10 or 11, found ", vocab));
  }
  if (auto fits = (*model)->check(std::vector<hrm::Token>(shape->cells(), 1), 0); !fits) {
    return example::fail(arguments, fits.error().in(path));
  }
  auto canvas = Canvas::open("hrm: a Sudoku and a model that thinks about it", width, height);
  if (!canvas) return example::fail(arguments, canvas.error());
  Game game(**canvas, *model, setup.solver(shape->cells()), *shape, seed, budget);
  if (auto played = play(**canvas, game, frames, demo, arguments.text("--screenshot").value_or("")); !played) {
    return example::fail(arguments, played.error());
  }
  game.report();
  return arguments.finish(example::done);
}
