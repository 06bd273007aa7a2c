#include <hrm/kernels/table_of.hpp>

template const hrm::kernels::Table& hrm::kernels::table<hrm::kernels::DefaultArch, std::int8_t>() noexcept;
