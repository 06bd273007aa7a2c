#pragma once
/// Runs a program as a shell would, and keeps what it prints.

#include <support/files.hpp>
#include <support/places.hpp>
#include <support/sanitized.hpp>

#include <sys/resource.h>
#include <sys/wait.h>

#include <algorithm>

#include <cstdlib>
#include <vector>

namespace cli {

/// What a program did.
struct Outcome {
  int code = -1;  ///< exit code; -1 where it did not end by itself
  std::string out, err;
};

/// In single quotes for the shell.
[[nodiscard]] inline std::string quoted(const std::string& word) {
  std::string text = "'";
  for (const char c : word) text += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return text + "'";
}

/// Runs a line of shell with this standard input.
[[nodiscard]] inline Outcome shell(const std::string& line, const std::string& input = {}) {
  const support::TemporaryFolder folder;
  support::write_file(folder.path("in"), input);
  const std::string command = "{ " + line + "\n} < " + quoted(folder.path("in")) + " > " + quoted(folder.path("out")) +
                              " 2> " + quoted(folder.path("err"));
  const int status = std::system(command.c_str());
  Outcome outcome;
  if (WIFEXITED(status)) outcome.code = WEXITSTATUS(status);
  outcome.out = support::read_file(folder.path("out"));
  outcome.err = support::read_file(folder.path("err"));
  return outcome;
}

/// A program of the examples' folder with these words, as a line of shell.
[[nodiscard]] inline std::string line_of(const std::string& program, const std::vector<std::string>& words) {
  std::string line = cli::quoted(support::example(program));
  for (const std::string& word : words) line += " " + cli::quoted(word);
  return line;
}

/// Runs a program of the examples' folder with these words and this standard input.
[[nodiscard]] inline Outcome run(const std::string& program, const std::vector<std::string>& words,
                                 const std::string& input = {}) {
  return shell(line_of(program, words), input);
}

/// The most memory that a program of the examples' folder takes with these words, in bytes; all ones if it fails.
[[nodiscard]] inline std::size_t memory_of(const std::string& program, const std::vector<std::string>& words) {
  std::string path = support::example(program);
  std::vector<std::string> copies = words;
  std::vector<char*> arguments{path.data()};
  for (std::string& word : copies) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  const pid_t child = ::fork();
  if (child == 0) {
    ::execv(path.c_str(), arguments.data());
    ::_exit(127);
  }
  int status = 0;
  struct rusage used {};
  const bool ended = child > 0 && ::wait4(child, &status, 0, &used) == child;
  if (!ended || !WIFEXITED(status) || WEXITSTATUS(status) != 0) return ~std::size_t{0};
  return static_cast<std::size_t>(used.ru_maxrss) * 1024;
}

/// Lines without their ends.
[[nodiscard]] inline std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::size_t at = 0;
  while (at < text.size()) {
    const std::size_t end = text.find('\n', at);
    lines.push_back(text.substr(at, end - at));
    if (end == std::string::npos) break;
    at = end + 1;
  }
  return lines;
}

/// What stands between tabs (or another sign).
[[nodiscard]] inline std::vector<std::string> fields_of(const std::string& line, char sign = '\t') {
  std::vector<std::string> fields(1);
  for (const char c : line) {
    if (c == sign) {
      fields.emplace_back();
    } else {
      fields.back().push_back(c);
    }
  }
  return fields;
}

/// Whether a program said one line, beginning with its name and holding these words, ended with that code, and gave
/// nothing on standard output. Says what it found otherwise.
[[nodiscard]] inline std::string fault_of(const Outcome& outcome, int code, const std::string& program,
                                          const std::vector<std::string>& words) {
  std::string fault;
  if (outcome.code != code) fault += "exit code " + std::to_string(outcome.code) + "; ";
  if (!outcome.out.empty()) fault += "something on standard output; ";
  if (std::count(outcome.err.begin(), outcome.err.end(), '\n') != 1 || outcome.err.back() != '\n')
    fault += "not one line; ";
  if (outcome.err.rfind(program + ": ", 0) != 0) fault += "does not begin with the program's name; ";
  for (const std::string& word : words) {
    if (outcome.err.find(word) == std::string::npos) fault += "lacks '" + word + "'; ";
  }
  return fault.empty() ? fault : fault + outcome.err;
}

/// Under a sanitizer programs take a hundred times longer: tests then do less of the same.
inline constexpr bool slow = HRM_TEST_SANITIZED != 0;

}  // namespace cli
