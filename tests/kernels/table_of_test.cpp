#include "harness.hpp"

#include <string_view>

using namespace test;

TEST_CASE_TEMPLATE("a table is complete and names its instruction set and weight", Weight, HRM_EVERY_WEIGHT) {
  const Table& t = kernels<Weight>();
  const std::string_view name = t.name;
  CHECK(name.ends_with(sizeof(Weight) == 4 ? " float32" : sizeof(Weight) == 2 ? " bfloat16" : " int8"));
#if defined(HRM_TEST_SET)  // built separately for this instruction set
  CHECK(name.substr(0, name.find(' ')) == HRM_TEST_SET);
#endif
  CHECK(t.row_block > 0);
  CHECK(t.panel_cols % 2 == 0);
  CHECK(t.operand_by_row == (sizeof(Weight) == 1 || hrm::kernels::as_levels<Arch, Weight>));
  CHECK((t.value_run == 0 || t.value_run == t.panel_cols));
  if (sizeof(Weight) == 4) CHECK(t.value_run != 0);
  CHECK((t.pack_panel != nullptr));
  CHECK((t.store_tile != nullptr));
  CHECK((t.qkv_tile != nullptr));
  CHECK((t.swiglu_tile != nullptr));
  CHECK((t.row_tile != nullptr));
  CHECK((t.pack_kv_tile != nullptr));
  CHECK((t.attend_tile != nullptr));
  CHECK(&t == &kernels<Weight>());
}
