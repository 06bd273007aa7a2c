/// hrm-arc: ARC-AGI tasks, asked under many augmentations, voted on, scored and handed in.

#include <hrm/puzzles/draw.hpp>
#include <hrm/puzzles/file.hpp>

#include "common/interrupt.hpp"
#include "common/program.hpp"
#include "common/progress.hpp"

#include <map>

namespace {

using example::Arguments;
using example::fail;
using hrm::ArcTask;
using hrm::Error;
using hrm::ErrorCode;

/// A way to ask about a task: the puzzle embedding to ask with, and how the grids are changed.
struct Question {
  std::size_t puzzle_id = 0;
  hrm::ArcAugmentation augmentation;
};

/// Tasks from a file of one or many, or from a folder of files of one.
hrm::Result<std::vector<ArcTask>> read_tasks(const std::string& path) {
  namespace fs = std::filesystem;
  std::error_code ignored;
  std::vector<ArcTask> tasks;
  if (!fs::is_directory(path, ignored)) {
    const auto text = hrm::read_text(path);
    if (!text) return text.error();
    bool single = false;  // a task's own keys stand outermost
    hrm::JsonCursor json(*text);
    json.object([&](std::string_view key) {
      single = single || key == "train" || key == "test";
      return json.skip();
    });
    if (!single) {
      auto many = hrm::parse_arc_tasks(*text);
      if (!many) return many.error().in(path);
      return many;
    }
    auto one = hrm::parse_arc_task(fs::path(path).stem().string(), *text);
    if (!one) return one.error().in(path);
    tasks.push_back(std::move(*one));
    return tasks;
  }
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(path, ignored)) {
    if (entry.path().extension() == ".json") files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  for (const fs::path& file : files) {
    const auto text = hrm::read_text(file.string(), std::size_t{16} << 20);
    if (!text) return text.error();
    auto task = hrm::parse_arc_task(file.stem().string(), *text);
    if (!task) return task.error().in(file.string());
    tasks.push_back(std::move(*task));
  }
  return tasks;
}

/// What identifiers.json has for the tasks, the task's own name first, at most `most` augmentations of each. `names`:
/// how many it has in all.
hrm::Result<std::map<std::string, std::vector<Question>, std::less<>>> read_questions(const std::string& path,
                                                                                      const std::vector<ArcTask>& tasks,
                                                                                      std::size_t most,
                                                                                      std::size_t& names) {
  const auto text = hrm::read_text(path, std::size_t{1} << 30);
  if (!text) return text.error();
  std::map<std::string, std::vector<Question>, std::less<>> questions;
  for (const ArcTask& task : tasks) questions[task.id];
  std::map<std::string_view, Question> firsts;  // put in front at the end: a name may come any number of times
  std::size_t strange = 0;
  const auto read = hrm::read_arc_identifiers(*text, [&](std::size_t id, std::string_view name) {
    ++names;
    // A task's own name may look like an augmentation's, or like nothing at all.
    const auto own = questions.find(name);
    const auto identifier = own != questions.end() ? hrm::ArcIdentifier{name, {}} : hrm::parse_arc_identifier(name);
    if (!identifier) ++strange;
    if (!identifier) return;
    const auto found = own != questions.end() ? own : questions.find(identifier->task);
    if (found == questions.end()) return;
    const Question question{id, identifier->augmentation};
    if (own != questions.end()) {
      firsts.insert_or_assign(own->first, question);
    } else if (found->second.size() <= most) {
      found->second.push_back(question);
    }
  });
  if (!read) return read.error().in(path);
  for (auto& [task, list] : questions) {
    if (const auto first = firsts.find(task); first != firsts.end()) list.insert(list.begin(), first->second);
    if (list.size() > most + 1) list.resize(most + 1);
  }
  if (strange > 0) {
    std::fprintf(stderr, "hrm-arc: %s: %zu names are no task and no TASK_tN_COLOURS; they are left out\n", path.c_str(),
                 strange);
  }
  return questions;
}

/// Asks a model about every test input of a task in every way; the votes for each test input. Error: the model does not
/// take the question (it has no such puzzle id, or not as many positions). Without an `embedding` there is id 0 alone.
/// Calls `tell(share)` after each answer; ends early where go_on() says no.
template <class Tell>
hrm::Result<std::vector<hrm::ArcVote>> ask(hrm::BatchSolver& solver, const ArcTask& task,
                                           const std::vector<Question>& questions, bool embedding, const Tell& tell) {
  std::vector<hrm::ArcVote> votes(task.test.size());
  std::optional<Error> error;
  std::vector<hrm::Token> canvas;
  std::size_t next = 0;
  std::size_t answers = 0;
  const auto source = [&](hrm::Job& job) noexcept {
    if (next == task.test.size() * questions.size()) return false;
    const Question& question = questions[next % questions.size()];
    canvas = hrm::arc_canvas(question.augmentation.apply(task.test[next / questions.size()].input));
    job = hrm::Job{canvas, embedding ? question.puzzle_id : 0, next, 0};
    ++next;
    return true;
  };
  const auto sink = [&](const hrm::Outcome& outcome) noexcept {
    if (outcome.error != nullptr) {
      if (!error) error = *outcome.error;
      return false;
    }
    const Question& question = questions[outcome.id % questions.size()];
    votes[outcome.id / questions.size()].add(question.augmentation.undo(hrm::arc_crop(outcome.tokens)), outcome.q_halt);
    tell(static_cast<double>(++answers) / static_cast<double>(task.test.size() * questions.size()));
    return true;
  };
  static_cast<void>(solver.run(source, sink, example::go_on));
  if (error) return error->in(task.id);
  return votes;
}

}  // namespace

int main(int argc, char** argv) {
  Arguments arguments(
      "hrm-arc", "MODEL TASKS",
      "Answers ARC-AGI tasks: a file of one task or of many, or a folder of files. A model answers only tasks whose\n"
      "puzzle embedding was trained with their examples; any other task cannot be solved (published: 0 % with the\n"
      "blank identifier). Prints TASK, solved, unsolved or unknown, right (- where that is unknown) and all test\n"
      "inputs, votes, with tabs between. Ctrl-C ends it; the submission then has the tasks that were finished.",
      example::with_solver_options({
          {"--identifiers", "F", "identifiers.json: which embedding is whose (otherwise looked for beside the model)"},
          {"--solutions", "F", "the solutions, where they are in a file of their own"},
          {"--augmentations", "N", "at most so many besides the task itself (1000; without identifiers 8)"},
          {"--batch", "B", "canvases thought about at once (4)"},
          {"--seed", "S", "of the random augmentations that are used without identifiers (1)"},
          {"--out", "F", "write the submission"},
          {"--svg", "DIR", "write a picture of each task, with attempts and truth"},
      }),
      example::Kind::solver);
  if (const auto code = arguments.parse(argc, argv)) return *code;
  const std::size_t slots = arguments.number("--batch", 4, 1, 4096);
  const std::size_t seed = arguments.number("--seed", 1, 0, ~std::size_t{0});
  const bool limited = arguments.has("--augmentations");
  const std::size_t augmentations = arguments.number("--augmentations", 1000, 0, 1000000);
  const example::Setup setup(arguments);
  if (arguments.rest().size() != 2) {
    arguments.note("MODEL TASKS", "expected both, found " + std::to_string(arguments.rest().size()) + " words");
  }
  if (const auto code = arguments.wrong()) return *code;
  const std::string& model_path = arguments.rest()[0];
  const auto out = arguments.text("--out");
  if (auto good = example::can_be_written(out); !good) return fail(arguments, good.error());

  auto tasks = read_tasks(arguments.rest()[1]);
  if (!tasks) return fail(arguments, tasks.error());
  if (tasks->empty())
    return fail(arguments, Error(ErrorCode::missing, arguments.rest()[1], ": expected a task, found none"));
  if (const auto path = arguments.text("--solutions")) {
    const auto text = hrm::read_text(*path);
    if (!text) return fail(arguments, text.error());
    if (auto added = hrm::add_arc_solutions(*tasks, *text); !added) return fail(arguments, added.error().in(*path));
  }

  std::string identifiers = arguments.text("--identifiers").value_or("");
  std::error_code ignored;
  if (identifiers.empty()) {
    const std::filesystem::path model(model_path);
    const auto beside =
        (std::filesystem::is_directory(model, ignored) ? model : model.parent_path()) / "identifiers.json";
    if (std::filesystem::exists(beside, ignored)) identifiers = beside.string();
  }
  std::map<std::string, std::vector<Question>, std::less<>> questions;
  std::size_t names = 0;
  if (!identifiers.empty()) {
    auto read = read_questions(identifiers, *tasks, augmentations, names);
    if (!read) return fail(arguments, read.error());
    questions = std::move(*read);
  } else {
    hrm::Random random(seed);
    for (const ArcTask& task : *tasks) {
      auto& list = questions[task.id];
      list.assign(1, {});
      for (std::size_t i = 0; i < (limited ? augmentations : 8); ++i)
        list.push_back({0, random_arc_augmentation(random)});
    }
  }

  std::vector<std::size_t> ids;
  for (const auto& [task, list] : questions) {
    for (const Question& question : list) ids.push_back(question.puzzle_id);
  }
  std::sort(ids.begin(), ids.end());
  ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
  const bool choose = !identifiers.empty() && !ids.empty();
  const auto model =
      setup.load(model_path, choose ? std::span<const std::size_t>(ids) : std::span<const std::size_t>());
  if (!model) return fail(arguments, model.error());
  if (model->config().sizes.vocab != hrm::arc_vocab) {
    return fail(arguments, Error(ErrorCode::shape, model_path, ": vocabulary for ARC, expected ", hrm::arc_vocab,
                                 ", found ", model->config().sizes.vocab));
  }
  hrm::BatchOptions options;
  options.slots = slots;
  options.tokens = hrm::arc_tokens;
  options.max_segments = setup.max_segments;
  options.halting = setup.halting();
  options.executor = setup.executor();
  hrm::BatchSolver solver(*model, options);
  if (!solver.status()) return fail(arguments, solver.status().error());

  if (const std::size_t rows = model->config().puzzle_ids; names > 0 && names < rows) {
    std::fprintf(stderr, "hrm-arc: %s: %zu names, where the model has %zu embeddings: is it of the same data set?\n",
                 identifiers.c_str(), names, rows);
  }
  if (identifiers.empty()) {
    std::fprintf(
        stderr,
        "hrm-arc: no identifiers.json: every task is asked with puzzle id 0; a task without a trained embedding "
        "cannot be solved\n");
  }
  const auto pictures = arguments.text("--svg");
  if (pictures) {
    std::filesystem::create_directories(*pictures, ignored);
    if (ignored) return fail(arguments, Error(ErrorCode::io, *pictures, ": the folder cannot be made"));
  }
  hrm::ArcScore score;
  std::string submission = "{";
  std::size_t without = 0;
  example::listen_for({SIGINT, SIGTERM});
  example::Progress progress(std::chrono::milliseconds(100));
  std::size_t finished = 0;
  for (const ArcTask& task : *tasks) {
    const auto& list = questions[task.id];
    const std::string shown = example::printable(task.id);
    if (list.empty()) {
      ++without;
      std::fprintf(stderr, "hrm-arc: %s: has no trained embedding, so it cannot be solved\n", shown.c_str());
    }
    const auto votes = ask(solver, task, list, model->config().puzzle_emb_ndim != 0, [&](double share) noexcept {
      if (!progress.due()) return;
      progress.show((static_cast<double>(finished) + share) / static_cast<double>(tasks->size()), "task %zu of %zu",
                    finished + 1, tasks->size());
    });
    progress.clear();
    if (!votes) return fail(arguments, votes.error().in(model_path));
    if (!example::go_on()) break;
    ++finished;
    std::vector<hrm::ArcAttempts> attempts;
    std::size_t counted = 0;
    for (const hrm::ArcVote& vote : *votes) {
      attempts.push_back(hrm::arc_attempts(vote));
      for (const auto& candidate : vote.ranked()) counted += candidate.count;
    }
    const hrm::ArcScore before = score;
    const bool solved = score.add(task, attempts);
    const bool known = score.tasks > before.tasks;
    const std::string right = known ? std::to_string(score.inputs_right - before.inputs_right) : "-";
    std::printf("%s\t%s\t%s/%zu\t%zu\n", shown.c_str(),
                !known   ? "unknown"
                : solved ? "solved"
                         : "unsolved",
                right.c_str(), task.test.size(), counted);
    std::fflush(stdout);
    submission += (finished == 1 ? "" : ",\n") + hrm::arc_submission_entry(task.id, attempts);
    if (pictures) {
      // A task's name comes from a file; as a file's name it must stay within the folder.
      std::string name = shown;
      for (char& c : name) c = c == '/' || c == '\\' ? '_' : c;
      const std::string path = *pictures + "/" + name + ".svg";
      if (auto written = example::write_file(path, hrm::svg(hrm::draw_arc_task(task, attempts))); !written) {
        return fail(arguments, written.error());
      }
    }
  }
  if (out) {
    if (auto written = example::write_file(*out, submission + "}\n"); !written) return fail(arguments, written.error());
  }
  const bool whole = finished == tasks->size();
  if (!whole) std::fprintf(stderr, "hrm-arc: interrupted after %zu of %zu tasks\n", finished, tasks->size());
  if (score.tasks > 0) {
    std::fprintf(stderr, "hrm-arc: %zu of %zu tasks solved, score %s %%%s\n", score.solved, score.tasks,
                 hrm::format_number(100 * score.mean_share()).c_str(),
                 without > 0 ? (", " + std::to_string(without) + " without an embedding").c_str() : "");
  }
  return arguments.finish(whole && score.solved == score.tasks ? example::done : example::unsolved);
}
