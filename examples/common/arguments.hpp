#pragma once
/// Command lines: options with and without values, the rest, and one line for whatever is wrong.

#include <hrm/io/text.hpp>

#include <charconv>
#include <cstdint>
#include <cstdio>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace example {

/// Exit codes of all programs.
enum Exit : int { done = 0, bad_file = 1, bad_usage = 2, unsolved = 3 };

struct Option {
  std::string_view name;   ///< "--file"; empty: `help` is a heading of those that follow
  std::string_view value;  ///< what its value is called; empty: it takes none
  std::string_view help;
};

/// Calls visit(part) for what stands between commas, an empty text being one part; false as soon as one is.
template <class Visit>
bool each_part(std::string_view text, const Visit& visit) {
  for (;;) {
    const std::size_t comma = text.find(',');
    if (!visit(text.substr(0, comma))) return false;
    if (comma == std::string_view::npos) return true;
    text.remove_prefix(comma + 1);
  }
}

/// What may become of a program: a solver may also end with Exit::unsolved.
enum class Kind : std::uint8_t { tool, solver };

class Arguments {
 public:
  /// `rest` names what stands beside options, "MODEL" for instance.
  Arguments(std::string_view program, std::string_view rest, std::string_view about, std::vector<Option> options,
            Kind kind = Kind::tool)
      : program_(program), rest_name_(rest), about_(about), options_(std::move(options)), kind_(kind) {}

  /// Nothing, or the code to end with: after --help, and where an option is unknown, twice there or without its value.
  [[nodiscard]] std::optional<int> parse(int argc, char** argv) {
    bool options = true;
    for (int i = 1; i < argc; ++i) {
      const std::string_view word = argv[i];
      if (options && (word == "--help" || word == "-h")) {
        help();
        return finish(Exit::done);
      }
      if (!options || word.size() < 2 || word[0] != '-' || word[1] != '-') {
        if (options && word.size() > 1 && word[0] == '-' && word != "-") return usage(word, "no such option");
        rest_.emplace_back(word);
        continue;
      }
      if (word == "--") {
        options = false;
        continue;
      }
      const std::size_t equals = word.find('=');
      const std::string_view name = word.substr(0, equals);
      const Option* option = find(name);
      if (option == nullptr) return usage(name, "no such option");
      if (text(name)) return usage(name, "expected once, found twice");
      std::string value;
      if (option->value.empty()) {
        if (equals != std::string_view::npos) return usage(name, "takes no value");
      } else if (equals != std::string_view::npos) {
        value = word.substr(equals + 1);
      } else if (++i < argc) {
        value = argv[i];
      } else {
        return usage(name, "expected " + std::string(option->value) + " after it, found nothing");
      }
      given_.emplace_back(std::string(name), std::move(value));
    }
    return std::nullopt;
  }

  [[nodiscard]] const std::string& program() const noexcept { return program_; }
  [[nodiscard]] const std::vector<std::string>& rest() const noexcept { return rest_; }
  /// What one of them is called: "PUZZLE" where the help says "PUZZLE..".
  [[nodiscard]] std::string rest_name() const { return rest_name_.substr(0, rest_name_.find("..")); }
  [[nodiscard]] bool has(std::string_view name) const noexcept { return text(name).has_value(); }
  /// An option's value, if it was given.
  [[nodiscard]] std::optional<std::string> text(std::string_view name) const {
    for (const auto& [given, value] : given_) {
      if (given == name) return value;
    }
    return std::nullopt;
  }
  /// A whole number from `least` to `most`; `otherwise` where the option was not given. A wrong one shows in wrong().
  [[nodiscard]] std::size_t number(std::string_view name, std::size_t otherwise, std::size_t least, std::size_t most) {
    const auto value = text(name);
    if (!value) return otherwise;
    std::size_t result = 0;
    const auto [end, fault] = std::from_chars(value->data(), value->data() + value->size(), result);
    if (fault == std::errc() && end == value->data() + value->size() && result >= least && result <= most)
      return result;
    const std::string range = most == ~std::size_t{0} ? " up" : " to " + std::to_string(most);
    note(name, "expected a number from " + std::to_string(least) + range + ", found " + *value);
    return otherwise;
  }
  /// A number with a fraction, likewise.
  [[nodiscard]] double real(std::string_view name, double otherwise, double least, double most) {
    const auto value = text(name);
    if (!value) return otherwise;
    double result = 0;
    if (hrm::detail::parse_number(*value, result) && result >= least && result <= most) return result;
    note(name, "expected a number from " + shortest(least) + " to " + shortest(most) + ", found " + *value);
    return otherwise;
  }
  /// "12" or "10-14"; `least` and `most` where the option was not given. A wrong one shows in wrong().
  [[nodiscard]] std::pair<std::size_t, std::size_t> range(std::string_view name, std::size_t least, std::size_t most) {
    const auto value = text(name);
    if (!value) return {least, most};
    std::pair<std::size_t, std::size_t> out{0, 0};
    const char* const end = value->data() + value->size();
    auto [at, fault] = std::from_chars(value->data(), end, out.first);
    out.second = out.first;
    if (fault == std::errc() && at != end && *at == '-') {
      const auto second = std::from_chars(at + 1, end, out.second);
      at = second.ptr;
      fault = second.ec;
    }
    if (fault != std::errc() || at != end || out.first > out.second) {
      note(name, "expected a number or a range such as 10-14, found " + *value);
    }
    return out;
  }
  /// One of some words; the first of them where the option was not given.
  [[nodiscard]] std::size_t choice(std::string_view name, std::vector<std::string_view> words) {
    const auto value = text(name);
    if (!value) return 0;
    std::string all;
    for (std::size_t i = 0; i < words.size(); ++i) {
      if (*value == words[i]) return i;
      all.append(i == 0 ? "" : i + 1 == words.size() ? " or " : ", ").append(words[i]);
    }
    note(name, "expected " + all + ", found " + *value);
    return 0;
  }
  /// Remembers the first thing that is wrong with the command line, as one line whatever the words hold.
  void note(std::string_view where, std::string_view what) {
    if (!wrong_.empty()) return;
    wrong_.append(where).append(": ").append(what);
    for (char& c : wrong_) c = static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? '?' : c;
  }

  [[nodiscard]] bool wrong_noted() const noexcept { return !wrong_.empty(); }
  /// The code to end with if anything was wrong, which is then said.
  [[nodiscard]] std::optional<int> wrong() const {
    if (wrong_.empty()) return std::nullopt;
    std::fprintf(stderr, "%s: %s (%s --help says more)\n", program_.c_str(), wrong_.c_str(), program_.c_str());
    return Exit::bad_usage;
  }
  [[nodiscard]] int usage(std::string_view where, std::string_view what) {
    note(where, what);
    return *wrong();
  }
  /// The code to end with, once standard output has taken everything: a full disk must not look like success. (What
  /// went wrong before that has been said already.)
  [[nodiscard]] int finish(int code) const {
    if (code == Exit::bad_file || (std::fflush(stdout) == 0 && std::ferror(stdout) == 0)) return code;
    std::fprintf(stderr, "%s: standard output: cannot be written\n", program_.c_str());
    return Exit::bad_file;
  }

 private:
  [[nodiscard]] static std::string shortest(double value) {
    char text[32];
    return {text, std::to_chars(text, text + sizeof text, value).ptr};
  }
  [[nodiscard]] const Option* find(std::string_view name) const noexcept {
    for (const Option& option : options_) {
      if (option.name == name) return &option;
    }
    return nullptr;
  }
  void help() const {
    std::printf("%s %s [options]\n%s\n\n", program_.c_str(), rest_name_.c_str(), about_.c_str());
    for (const Option& option : options_) {
      if (option.name.empty()) {
        std::printf("\n%s\n", std::string(option.help).c_str());
        continue;
      }
      const std::string left = std::string(option.name) + " " + std::string(option.value);
      std::printf("  %-22s %s\n", left.c_str(), std::string(option.help).c_str());
    }
    std::printf("\nExit codes: 0 done, 1 a file or a model is wrong, 2 usage%s.\n",
                kind_ == Kind::solver ? ", 3 a puzzle stayed unsolved" : "");
  }

  std::string program_, rest_name_, about_;
  std::vector<Option> options_;
  Kind kind_;
  std::vector<std::pair<std::string, std::string>> given_;
  std::vector<std::string> rest_;
  std::string wrong_;
};

}  // namespace example
