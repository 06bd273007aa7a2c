/// A program as a user of the library writes it: load a model, solve a puzzle. Its argument is a model's file or
/// folder.

#include <hrm/hrm.hpp>

#include <cstdio>
#include <string_view>
#include <vector>

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  const auto model = hrm::load(argv[1]);
  if (!model) {
    const std::string_view message = model.error().message();
    std::fprintf(stderr, "%.*s\n", static_cast<int>(message.size()), message.data());
    return 1;
  }
  const std::vector<hrm::Token> tokens{1, 2, 3, 4, 5, 6, 1, 2, 3, 4, 5, 6, 1, 2, 3, 4};
  const auto answer = hrm::solve(*model, tokens);
  if (!answer || answer->tokens.size() != tokens.size() || answer->segments == 0) return 1;
  std::printf("%zu tokens\n", answer->tokens.size());
  return 0;
}
