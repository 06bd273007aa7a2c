/// Hands every file of the folders named on the command line to a fuzz target: what was once found stays found, with
/// any compiler.

#include <filesystem>
#include <iostream>
#include <support/files.hpp>

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size);

int main(int count, char** values) {
  std::size_t files = 0;
  for (int i = 1; i < count; ++i) {
    for (const auto& entry : std::filesystem::directory_iterator(values[i])) {
      const std::string bytes = support::read_file(entry.path().string());
      LLVMFuzzerTestOneInput(reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size());
      ++files;
    }
  }
  std::cout << files << " inputs\n";
  return files > 0 ? 0 : 1;
}
