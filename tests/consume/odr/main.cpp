#include <cstdio>
#include <odr/part.hpp>

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  const bool same_flags = std::string(argv[2]) == "same";
#if defined(__x86_64__)
  if (!same_flags && !(__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))) return 77;  // skipped
#endif
  const Outcome first = solve_in_first_file(argv[1]);
  const Outcome second = solve_in_second_file(argv[1]);
  for (const Outcome& outcome : {first, second}) {
    std::printf("%s: %zu tokens %s\n", outcome.kernels.c_str(), outcome.tokens.size(), outcome.error.c_str());
  }
  if (first.tokens.empty() || first.tokens != second.tokens) return 1;
  // Each file must have its own instruction set's kernels, whichever copy of a function the linker kept.
  return (first.kernels == second.kernels) == same_flags ? 0 : 1;
}
