#pragma once
/// Makes the table of a weight type on an instruction set from the templates.

#include <hrm/kernels/amx_ready.hpp>
#include <hrm/kernels/attention.hpp>
#include <hrm/kernels/epilogue.hpp>
#if defined(HRM_DISPATCH)
#include <hrm/kernels/dispatch.hpp>
#endif

namespace hrm::kernels {

/// Whose kernels write the operands of a weight type: bfloat16 weights without a dot product of their own read float32
/// operands, and what only writes those need not be compiled twice.
template <class Arch, class Weight>
using OperandWeight = std::conditional_t<sizeof(Weight) == 2 && !Arch::bf16 && !as_levels<Arch, Weight>, float, Weight>;

template <class Arch, class Weight>
inline constexpr Table table_of = {
    .name = Arch::names[sizeof(Weight) == 4   ? 0
                        : sizeof(Weight) == 2 ? 1
                                              : 2],
    .panel_cols = Gemm<Arch, Weight>::panel_cols,
    .row_block = Gemm<Arch, Weight>::row_block,
    .swiglu_run = Gemm<Arch, Weight>::swiglu_run,
    .query_block = Attention<Arch, OperandWeight<Arch, Weight>>::query_block,
    .tile_work = uses_tiles<Arch, Weight>                                         ? 6'000'000 / sizeof(Weight) * 2
                 : Arch::dot8 && (sizeof(Weight) == 1 || as_levels<Arch, Weight>) ? 4'000'000
                 : Arch::bf16 && sizeof(Weight) == 2                              ? 3'000'000
                                                                                  : 1'500'000,
    // Below 64 rows, bfloat16 tiles are done with the weights sooner than two cores can both be sent all of them.
    .lane_rows = uses_tiles<Arch, Weight> && sizeof(Weight) == 2 ? 64 : Micro<Arch, Weight>::rows,
    .value_run = Attention<Arch, OperandWeight<Arch, Weight>>::value_run,
    .column_offsets = Gemm<Arch, Weight>::column_offsets,
    .operand_by_row = Gemm<Arch, Weight>::quantised,
    .panels_at_once = &Gemm<Arch, Weight>::panels_together,
    .panel_bytes = &Gemm<Arch, Weight>::panel_bytes,
    .operand_stride = &Gemm<Arch, Weight>::operand_stride,
    .kv_bytes = &Attention<Arch, OperandWeight<Arch, Weight>>::kv_bytes,
    .pack_panel = &Gemm<Arch, Weight>::pack_panel,
    .store_tile = &store_tile<Arch, Weight>,
    .qkv_tile = &qkv_tile<Arch, Weight>,
    .swiglu_tile = &swiglu_tile<Arch, Weight>,
    .row_tile = &row_tile<Arch, OperandWeight<Arch, Weight>>,
    .pack_kv_tile = &Attention<Arch, OperandWeight<Arch, Weight>>::pack,
    .attend_tile = &Attention<Arch, OperandWeight<Arch, Weight>>::attend,
};

template <class Arch, class Weight>
[[nodiscard]] const Table& table() noexcept {
  static_assert(sizeof(Weight) == 4 || sizeof(Weight) == 2 || sizeof(Weight) == 1,
                "float, hrm::bfloat16 or std::int8_t");
  if constexpr (uses_tiles<Arch, Weight>) {
    // Without tiles those processors multiply bfloat16 best as levels (arch.hpp).
    if (!amx_ready<Arch>()) return table_of<Avx512Vnni, Weight>;
  }
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
