#pragma once
/// Makes the table of a weight type on an instruction set from the templates.

#include <hrm/kernels/attention.hpp>
#include <hrm/kernels/epilogue.hpp>
#if defined(HRM_DISPATCH)
#include <hrm/kernels/dispatch.hpp>
#endif

namespace hrm::kernels {

template <class Arch, class Weight>
inline constexpr Table table_of = {
    .name = Arch::names[sizeof(Weight) == 4 ? 0 : sizeof(Weight) == 2 ? 1 : 2],
    .panel_cols = Gemm<Arch, Weight>::panel_cols,
    .row_block = Gemm<Arch, Weight>::row_block,
    .swiglu_run = Gemm<Arch, Weight>::swiglu_run,
    .query_block = Attention<Arch>::query_block,
    .operand_by_row = Gemm<Arch, Weight>::quantised,
    .panel_bytes = &Gemm<Arch, Weight>::panel_bytes,
    .operand_stride = &Gemm<Arch, Weight>::operand_stride,
    .kv_bytes = &Attention<Arch>::kv_bytes,
    .pack_panel = &Gemm<Arch, Weight>::pack_panel,
    .store_tile = &store_tile<Arch, Weight>,
    .qkv_tile = &qkv_tile<Arch, Weight>,
    .swiglu_tile = &swiglu_tile<Arch, Weight>,
    .row_tile = &row_tile<Arch, Weight>,
    .pack_kv_tile = &Attention<Arch>::pack,
    .attend_tile = &Attention<Arch>::template attend<Weight>,
};

template <class Arch, class Weight>
[[nodiscard]] const Table& table() noexcept {
  static_assert(sizeof(Weight) == 4 || sizeof(Weight) == 2 || sizeof(Weight) == 1, "float, hrm::bfloat16 or std::int8_t");
  return table_of<Arch, Weight>;
}

/// What models are made for unless told otherwise: the including file's instruction set, or the running processor's
/// in a target of hrm_add_kernels().
#if defined(HRM_DISPATCH)
using DefaultArch = Dispatched;
#else
using DefaultArch = NativeArch;
#endif

}  // namespace hrm::kernels
