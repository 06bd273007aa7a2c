#pragma once
/// Two files include all of the library, compiled for two instruction sets, in one program.

#include <string>
#include <vector>

struct Outcome {
  std::string kernels;  ///< the name of the kernels that the file's model uses
  std::vector<int> tokens;
  std::string error;
};

Outcome solve_in_first_file(const std::string& model);
Outcome solve_in_second_file(const std::string& model);
