/// Compiled with -fno-exceptions -fno-rtti: loads a model, runs it, and meets errors as values and by the handler.

#include <hrm/hrm.hpp>

#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

static_assert(HRM_EXCEPTIONS == 0);

namespace {

void fail(std::string_view what) {
  std::fprintf(stderr, "no_exceptions: %.*s\n", static_cast<int>(what.size()), what.data());
  std::exit(1);
}

/// value() on an error must come here; ending with 0 is this program's success.
void handler(const hrm::Error& error) noexcept {
  std::fprintf(stderr, "as expected: %.*s\n", static_cast<int>(error.message().size()), error.message().data());
  std::exit(error.code() == hrm::ErrorCode::value ? 0 : 1);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  const std::string folder = argv[1];
  if (hrm::load(folder + "/no such file")) fail("a file that is not there was loaded");
  const auto model = hrm::load(folder + "/model.safetensors");
  if (!model) fail(model.error().message());

  auto archive = hrm::open_checkpoint(folder + "/../../archive/version_1_0.hrm");
  if (!archive) fail(archive.error().message());
  if (auto checked = hrm::check(*archive); !checked) fail(checked.error().message());
  const hrm::SelfTest test = archive->archive->header.tests.front();
  const auto from_archive = hrm::load(*std::move(archive));
  if (!from_archive) fail(from_archive.error().message());
  if (auto same = hrm::verify(*from_archive, test); !same) fail(same.error().message());

  std::vector<hrm::Token> tokens(16, 3);
  hrm::Solver solver(*model);
  if (!solver.start(tokens)) fail("start");
  while (!solver.step()) {
  }
  const auto answer = hrm::solve(*model, tokens);
  if (!answer) fail(answer.error().message());
  if (answer->tokens != solver.answer().tokens) fail("solve and Solver differ");

  hrm::error_handler() = handler;
  tokens[3] = 1000;
  static_cast<void>(hrm::solve(*model, tokens).value());
  return 1;
}
