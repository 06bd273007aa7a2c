#include <cstdio>

#include <hrm_models/letters.hpp>

int main() {
  const auto bytes = hrm_models::letters();
  return std::fwrite(bytes.data(), 1, bytes.size(), stdout) == bytes.size() ? 0 : 1;
}
