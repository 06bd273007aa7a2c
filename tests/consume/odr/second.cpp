#include <hrm/hrm.hpp>

#include <odr/part.hpp>
#include <odr/solve_here.hpp>

Outcome solve_in_second_file(const std::string& model) { return solve_here(model); }
