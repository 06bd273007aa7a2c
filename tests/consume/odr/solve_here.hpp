#pragma once

#include <hrm/hrm.hpp>

#include <odr/part.hpp>

namespace {

inline Outcome solve_here(const std::string& path) {
  const auto model = hrm::load(path);
  if (!model) return {"", {}, std::string(model.error().message())};
  const std::vector<hrm::Token> tokens{1, 2, 3, 4, 5, 6, 1, 2, 3, 4, 5, 6, 1, 2, 3, 4};
  const auto answer = hrm::solve(*model, tokens);
  if (!answer) return {"", {}, std::string(answer.error().message())};
  return {std::string(model->kernels()), {answer->tokens.begin(), answer->tokens.end()}, ""};
}

}  // namespace
