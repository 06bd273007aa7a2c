#include <hrm/kernels/table_of.hpp>

template const hrm::kernels::Table& hrm::kernels::table<hrm::kernels::DefaultArch, float>() noexcept;
