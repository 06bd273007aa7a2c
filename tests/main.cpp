#define DOCTEST_CONFIG_IMPLEMENT
#include <doctest/doctest.h>

#include "support/skip.hpp"

int main(int argc, char** argv) {
  const int code = doctest::Context(argc, argv).run();
  return code == 0 && support::skipped() ? support::skipped_code : code;
}
