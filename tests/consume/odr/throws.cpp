#include <hrm/base/error.hpp>

#include <odr/value.hpp>

#include <sys/wait.h>
#include <unistd.h>

namespace {

/// Whether value() throws, on all kinds of results.
bool throws() {
  int thrown = 0;
  hrm::Result<int> number = hrm::Error(hrm::ErrorCode::io, "thrown");
  const hrm::Result<int>& constant = number;
  const hrm::Result<void> nothing = hrm::Error(hrm::ErrorCode::io, "thrown");
  const auto count = [&](const auto& take) {
    try {
      take();
    } catch (const hrm::Exception& fault) {
      if (fault.error().message() == "thrown") ++thrown;
    }
  };
  count([&] { static_cast<void>(number.value()); });
  count([&] { static_cast<void>(constant.value()); });
  count([&] { static_cast<void>(std::move(number).value()); });
  count([&] { nothing.value(); });
  return thrown == 4;
}

}  // namespace

int main() {
  if (!throws()) return 1;
  const pid_t child = ::fork();
  if (child == 0) fail_without_exceptions();
  int status = 0;
  if (child < 0 || ::waitpid(child, &status, 0) != child) return 2;
  return WIFEXITED(status) && WEXITSTATUS(status) == handled ? 0 : 3;
}
