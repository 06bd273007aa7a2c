#include <hrm/base/error.hpp>

#include <odr/value.hpp>

static_assert(HRM_EXCEPTIONS == 0);

void fail_without_exceptions() {
  hrm::error_handler() = [](const hrm::Error&) noexcept { std::_Exit(handled); };
  const hrm::Result<int> number = hrm::Error(hrm::ErrorCode::io, "handled");
  static_cast<void>(number.value());
  std::_Exit(1);
}
