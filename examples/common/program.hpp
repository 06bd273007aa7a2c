#pragma once
/// What all programs share: loading a model as the options say, bundled weights, lines of input, files of output.

#include <hrm/hrm.hpp>
#include <hrm/puzzles/file.hpp>

#include "arguments.hpp"
#include "threads.hpp"

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>

#if defined(__unix__) || defined(__APPLE__)
#include <unistd.h>
#endif

namespace example {

/// Says an error in one line and gives the code to end with.
inline int fail(const Arguments& arguments, const hrm::Error& error) {
  std::fflush(stdout);
  const std::string text(error.message());
  std::fprintf(stderr, "%s: %s\n", arguments.program().c_str(), text.c_str());
  return Exit::bad_file;
}

/// A file's text, which must not steer a terminal: control characters, those of UTF-8's second block too, are blanks.
inline std::string printable(std::string text) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto letter = static_cast<unsigned char>(text[i]);
    const auto next = static_cast<unsigned char>(i + 1 < text.size() ? text[i + 1] : 0);
    if (letter == 0xc2 && next >= 0x80 && next < 0xa0) text[i] = text[i + 1] = ' ';
    if (letter < 0x20 || letter == 0x7f) text[i] = ' ';
  }
  return text;
}

/// Options that choose how a model is loaded and run; for the list given to Arguments.
inline std::vector<Option> with_solver_options(std::vector<Option> own) {
  own.insert(own.end(),
             {{"--config", "F",
               "the model's configuration (otherwise all_config.yaml or config.json beside it; not for an archive)"},
              {"--max-segments", "M", "limit of segments (otherwise as trained)"},
              {"--halt", "q|never", "stop when q_halt > q_continue, or never before the limit"},
              {"--precision", "P", "f32, bf16 or int8: the weights in memory (otherwise an archive's own, or f32)"},
              {"--threads", "N", "threads that work on one puzzle (1)"}});
  return own;
}

/// What those options said.
struct Setup {
  std::string config;
  std::optional<hrm::Precision> precision;  // empty: an archive's own, float32 for other files
  std::size_t max_segments = 0;
  bool never = false;
  std::unique_ptr<hrm::ThreadPool> pool;

  /// What --threads means: helpers at one puzzle, or something the program sees to itself.
  enum class Threads : std::uint8_t { pool, none };

  explicit Setup(Arguments& arguments, Threads use = Threads::pool) {
    config = arguments.text("--config").value_or("");
    max_segments = arguments.number("--max-segments", 0, 1, 1000000);
    never = arguments.choice("--halt", {"q", "never"}) == 1;
    constexpr std::array<hrm::Precision, 3> precisions{hrm::Precision::f32, hrm::Precision::bf16, hrm::Precision::int8};
    const std::size_t chosen = arguments.choice("--precision", {"f32", "bf16", "int8"});
    if (arguments.has("--precision")) precision = precisions[chosen];
    const std::size_t threads = use == Threads::pool ? arguments.number("--threads", 1, 1, 1024) : 1;
    if (!arguments.wrong_noted()) pool = make_pool(threads);
  }

  [[nodiscard]] hrm::Halting halting() const noexcept {
    return never ? hrm::Halting(hrm::Never{}) : hrm::Halting(hrm::QHalt{});
  }
  [[nodiscard]] hrm::Executor executor() const noexcept { return pool ? hrm::Executor(*pool) : hrm::Executor(); }
  [[nodiscard]] hrm::SolverOptions solver(std::size_t tokens) const noexcept {
    hrm::SolverOptions options;
    options.max_tokens = tokens;
    options.max_segments = max_segments;
    options.halting = halting();
    options.executor = executor();
    return options;
  }
  /// Loads a model; of its puzzle embedding only the rows in `ids`, if any are named. An archive's self-test is run
  /// once, so that a model that computes wrongly on this machine is refused, not asked. (In another precision than its
  /// own an archive has no answer to compare with.)
  [[nodiscard]] hrm::Result<hrm::Model> load(const std::string& path, std::span<const std::size_t> ids = {}) const {
    auto opened = hrm::open_checkpoint(path, config);
    if (!opened) return opened.error();
    hrm::LoadOptions options;
    options.precision = precision;
    const auto archive = opened->archive;
    std::vector<std::size_t> rows(ids.begin(), ids.end());
    const bool tested = archive != nullptr && !archive->header.tests.empty();
    if (tested && !rows.empty()) rows.push_back(static_cast<std::size_t>(archive->header.tests.front().puzzle_id));
    options.puzzle_ids = rows;
    auto model = hrm::load(*std::move(opened), options);
    if (!model || !tested || model->precision() != static_cast<hrm::Precision>(archive->header.precision)) return model;
    if (auto same = hrm::verify(*model, archive->header.tests.front()); !same) return same.error().in(path);
    return model;
  }
};

/// The folder of the bundled models in the source tree.
const char* bundled_weights() noexcept;

/// The folder of a bundled model, "sudoku6" for instance, in the source tree or beside the program; empty if there is
/// none.
inline std::string bundled_model(const std::string& name, const char* program) {
  std::error_code ignored;
  std::filesystem::path self = std::filesystem::read_symlink("/proc/self/exe", ignored);
  if (ignored) self = program;
  std::string folder = bundled_weights();
  for (const bool beside : {false, true}) {
    if (beside) folder = (self.parent_path() / "weights").string();
    folder.append("/").append(name);
    if (hrm::detail::path_kind(folder) == hrm::detail::PathKind::folder && hrm::find_model(folder)) return folder;
  }
  return {};
}

/// Whether standard output shows colours.
inline bool colours() {
#if defined(__unix__) || defined(__APPLE__)
  return isatty(STDOUT_FILENO) != 0 && std::getenv("NO_COLOR") == nullptr;
#else
  return false;
#endif
}

/// Milliseconds since a moment.
inline double milliseconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
}

/// A file, or standard input where the name is "-", line by line.
class Lines {
 public:
  /// Longest line that is read: more than any puzzle needs, and an input without line ends cannot fill the memory.
  static constexpr std::size_t longest = std::size_t{16} << 20;

  /// Error: the file cannot be opened.
  [[nodiscard]] hrm::Result<void> open(const std::string& path) {
    name_ = path == "-" ? "standard input" : path;
    if (path == "-") return {};
    if (hrm::detail::path_kind(path) != hrm::detail::PathKind::folder) file_.reset(std::fopen(path.c_str(), "rb"));
    if (file_) return {};
    return hrm::Error(hrm::ErrorCode::io, name_, ": file: expected a file that can be read, found none");
  }
  /// The next line without its end; false after the last. Error: a line that is too long, or reading fails.
  [[nodiscard]] hrm::Result<bool> next(std::string& line) {
    ++number_;
    return hrm::detail::read_line(file_ ? file_.get() : stdin, name_, number_, line, longest);
  }
  /// "FILE: line N", of the last line.
  [[nodiscard]] std::string where() const { return name_ + ": line " + std::to_string(number_); }
  [[nodiscard]] const std::string& name() const noexcept { return name_; }

 private:
  std::unique_ptr<std::FILE, hrm::detail::CloseFile> file_;
  std::string name_;
  std::size_t number_ = 0;
};

/// Error: no file can be written there, if anywhere. What is in one stays as it is. For asking before hours of work.
inline hrm::Result<void> can_be_written(const std::optional<std::string>& wanted) {
  if (!wanted) return {};
  const std::string& path = *wanted;
  using hrm::detail::PathKind;
  const PathKind kind = hrm::detail::path_kind(path);
  bool good = kind != PathKind::folder;
  if (kind == PathKind::none || kind == PathKind::file)
    good = std::ofstream(path, std::ios::binary | std::ios::app).good();
  if (kind == PathKind::none) hrm::detail::remove_file(path);
  if (good) return {};
  return hrm::Error(hrm::ErrorCode::io, path, ": cannot be written");
}

/// Writes a whole file.
inline hrm::Result<void> write_file(const std::string& path, std::string_view bytes) {
  std::ofstream file(path, std::ios::binary);
  file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  file.close();
  if (!file) return hrm::Error(hrm::ErrorCode::io, path, ": cannot be written");
  return {};
}

}  // namespace example
