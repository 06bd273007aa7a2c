// Loads a model once and says how long that took: load-once FILE [--config F] [--copy] [--cold]
// Prints, in milliseconds: opened (headers read, tensors found), loaded (weights packed), and the first and the third
// segment of a Sudoku on one thread (the first one meets pages that nobody has looked at). --copy reads the file
// instead of mapping it; --cold asks the system to forget the file's pages first. One load a process, as programs do
// it.

#include <hrm/hrm.hpp>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string_view>

#include <fcntl.h>
#include <unistd.h>

namespace {

using Clock = std::chrono::steady_clock;
double milliseconds_since(Clock::time_point begin) {
  return std::chrono::duration<double, std::milli>(Clock::now() - begin).count();
}

/// Has the file's pages written and forgotten, as far as the system does so.
bool forget(const char* path) {
  const int file = ::open(path, O_RDONLY);
  if (file < 0) return false;
  const bool done = ::fsync(file) == 0 && ::posix_fadvise(file, 0, 0, POSIX_FADV_DONTNEED) == 0;
  return ::close(file) == 0 && done;
}

}  // namespace

int main(int argc, char** argv) {
  std::string config;
  hrm::LoadOptions options;
  bool cold = false;
  for (int i = 2; i < argc; ++i) {
    const std::string_view word = argv[i];
    if (word == "--config" && i + 1 < argc) config = argv[++i];
    if (word == "--copy") options.map = false;
    if (word == "--cold") cold = true;
  }
  if (argc < 2 || (cold && !forget(argv[1]))) return 2;

  const auto start = Clock::now();
  auto opened = hrm::open_checkpoint(argv[1], config, hrm::Source::Options{options.map});
  const double open = milliseconds_since(start);
  auto model = opened ? hrm::load(*std::move(opened), options) : opened.error();
  const double ready = milliseconds_since(start);
  if (!model) {
    std::fprintf(stderr, "load-once: %s\n", std::string(model.error().message()).c_str());
    return 1;
  }
  hrm::SolverOptions solving;
  solving.max_tokens = 81;
  solving.max_segments = 3;
  solving.halting = hrm::Never{};
  hrm::Solver solver(*model, solving);
  const std::vector<hrm::Token> tokens(81, 1);
  if (!solver.start(tokens)) return 1;
  double segments[3] = {};
  for (double& segment : segments) {
    const auto begin = Clock::now();
    static_cast<void>(solver.step());
    segment = milliseconds_since(begin);
  }
  std::printf("%.3f %.3f %.3f %.3f\n", open, ready, segments[0], segments[2]);
}
