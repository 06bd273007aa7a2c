#pragma once
/// The innermost loops of products: some rows, one panel or two, and all of the depth.

#include <hrm/kernels/micro.hpp>

#include <utility>

namespace hrm::kernels {

/// Sums of R rows and `Panels` panels, `apart` bytes from each other, whole depth, to `out` (rows out_stride apart).
/// `a` is the first operand row, `b` the first panel, `next` what to pull into the second-level cache meanwhile, `pace`
/// bytes a step.
template <class Arch, class Weight, std::size_t R, std::size_t Panels>
HRM_NOINLINE void micro_kernel(const std::byte* a, std::size_t a_stride, const std::byte* b, std::size_t apart,
                               std::size_t steps, typename Dot<Arch, Weight>::Result* out, std::size_t out_stride,
                               const std::byte* next, std::size_t pace) noexcept {
  using D = Dot<Arch, Weight>;
  using Operand_t = typename D::Operand;
  constexpr std::size_t in_panel = Micro<Arch, Weight>::vectors;
  constexpr std::size_t vectors = Panels * in_panel;
  constexpr std::size_t lanes = Simd<Arch>::lanes;
  constexpr std::size_t vector_bytes = lanes * D::lane_bytes;
  constexpr std::size_t step_bytes = in_panel * vector_bytes;
  constexpr std::size_t operand_step = D::group * sizeof(Operand_t);
  // Instructions that do not multiply are what a core lacks whose other hyperthread works: as few as possible. With
  // more steps at once and their requests, the loop outgrows what the processor keeps decoded.
  constexpr std::size_t unroll = Micro<Arch, Weight>::unroll;
  constexpr std::size_t asked_ahead = Arch::family == Family::avx512 ? 2048 : 1024;  // bytes of a panel

  typename D::Accumulator sum[R][vectors];
  HRM_UNROLL
  for (std::size_t i = 0; i < R; ++i) {
    HRM_UNROLL
    for (std::size_t v = 0; v < vectors; ++v) sum[i][v] = D::zero();
  }
  // Three rows a pointer: row addresses are then pointer, pointer + stride, pointer + 2 * stride, all one operand.
  constexpr std::size_t pointers = (R + 2) / 3;
  const std::byte* row[pointers];
  HRM_UNROLL
  for (std::size_t p = 0; p < pointers; ++p) row[p] = a + 3 * p * a_stride;
  const std::byte* second = b + apart;

  const auto phase = [&]<std::size_t Phase>(std::size_t at) __attribute__((always_inline)) {
    typename D::Lanes w[vectors];
    HRM_UNROLL
    for (std::size_t v = 0; v < vectors; ++v) {
      w[v] = D::template weights<Phase>((v < in_panel ? b : second) + at * step_bytes + v % in_panel * vector_bytes);
      hold<Arch>(w[v]);
    }
    // A panel of float32 does not stay in the first-level cache: what comes next is asked for some steps ahead.
    if constexpr (Phase == 0 && !Micro<Arch, Weight>::follows) {
      HRM_UNROLL
      for (std::size_t line = 0; line < step_bytes; line += 64) {
        __builtin_prefetch(b + at * step_bytes + asked_ahead + line, 0, 3);
        if constexpr (Panels == 2) __builtin_prefetch(second + at * step_bytes + asked_ahead + line, 0, 3);
      }
    }
    HRM_UNROLL
    for (std::size_t i = 0; i < R; ++i) {
      const auto x = D::template operand<Phase>(
          reinterpret_cast<const Operand_t*>(row[i / 3] + (i % 3) * a_stride + at * operand_step));
      HRM_UNROLL
      for (std::size_t v = 0; v < vectors; ++v) {
        sum[i][v] = D::dot(sum[i][v], x, w[v]);
        if constexpr (std::is_integral_v<typename D::Result> && Arch::family != Family::avx512) hold<Arch>(sum[i][v]);
      }
    }
  };
  const auto advance = [&]() __attribute__((always_inline)) {
    HRM_UNROLL
    for (std::size_t at = 0; at < unroll; ++at)
      __builtin_prefetch(next + at * pace, 0, Micro<Arch, Weight>::follows ? 3 : 2);
    next += unroll * pace;
    b += unroll * step_bytes;
    second += unroll * step_bytes;
    HRM_UNROLL
    for (std::size_t p = 0; p < pointers; ++p) row[p] += unroll * operand_step;
  };
  for (std::size_t s = unroll; s <= steps; s += unroll) {
    phase.template operator()<0>(0);
    if constexpr (D::phases == 2) phase.template operator()<1>(0);
    if constexpr (unroll == 2) phase.template operator()<0>(1);
    advance();
  }
  if constexpr (unroll == 2 && !std::is_integral_v<typename D::Result>) {  // see Gemm::steps()
    if (steps % 2 != 0) phase.template operator()<0>(0);
  }
  HRM_UNROLL
  for (std::size_t i = 0; i < R; ++i) {
    HRM_UNROLL
    for (std::size_t v = 0; v < vectors; ++v) Simd<Arch>::store(out + i * out_stride + v * lanes, sum[i][v]);
  }
}

#if defined(HRM_SIMD_NEON64)
/// The same of one panel where an instruction multiplies by one lane of a vector of a row's elements (dot_neon.hpp):
/// all rows meet a step before any meets the next, so that sums need not wait for each other.
template <class Arch, class Weight, std::size_t R>
HRM_NOINLINE void micro_kernel_by_lanes(const std::byte* a, std::size_t a_stride, const std::byte* b,
                                        std::size_t /*apart*/, std::size_t steps,
                                        typename Dot<Arch, Weight>::Result* out, std::size_t out_stride,
                                        const std::byte* next, std::size_t pace) noexcept {
  using D = Dot<Arch, Weight>;
  using Operand_t = typename D::Operand;
  constexpr std::size_t vectors = Micro<Arch, Weight>::vectors;
  constexpr std::size_t vector_bytes = Simd<Arch>::lanes * D::lane_bytes;
  constexpr std::size_t step_bytes = vectors * vector_bytes;
  constexpr std::size_t unroll = Micro<Arch, Weight>::unroll;

  typename D::Accumulator sum[R][vectors];
  HRM_UNROLL
  for (std::size_t i = 0; i < R; ++i) {
    HRM_UNROLL
    for (std::size_t v = 0; v < vectors; ++v) sum[i][v] = D::zero();
  }
  const auto row = [&](std::size_t i) __attribute__((always_inline)) {
    return reinterpret_cast<const Operand_t*>(a + i * a_stride);
  };
  std::size_t left = steps;
  for (; left >= unroll; left -= unroll) {
    typename D::Row x[R];
    HRM_UNROLL
    for (std::size_t i = 0; i < R; ++i) x[i] = D::row(row(i));
    const auto phase = [&]<std::size_t L>() __attribute__((always_inline)) {
      typename D::Lanes w[vectors];
      HRM_UNROLL
      for (std::size_t v = 0; v < vectors; ++v)
        w[v] = D::template weights<L % D::phases>(b + L / D::phases * step_bytes + v * vector_bytes);
      HRM_UNROLL
      for (std::size_t i = 0; i < R; ++i) {
        HRM_UNROLL
        for (std::size_t v = 0; v < vectors; ++v)
          sum[i][v] = D::template dot<static_cast<int>(L)>(sum[i][v], x[i], w[v]);
      }
    };
    [&]<std::size_t... L>(std::index_sequence<L...>) __attribute__((always_inline)) {
      (phase.template operator()<L>(), ...);
    }
    (std::make_index_sequence<unroll * D::phases>{});
    HRM_UNROLL
    for (std::size_t line = 0; line < unroll * step_bytes; line += 64) __builtin_prefetch(b + 1024 + line, 0, 3);
    HRM_UNROLL
    for (std::size_t at = 0; at < unroll; ++at) __builtin_prefetch(next + at * pace, 0, 2);
    next += unroll * pace;
    b += unroll * step_bytes;
    a += unroll * D::group * sizeof(Operand_t);
  }
  if constexpr (!std::is_integral_v<typename D::Result>) {  // see Gemm::steps()
    for (; left > 0; --left) {
      const auto phase = [&]<std::size_t Phase>() __attribute__((always_inline)) {
        HRM_UNROLL
        for (std::size_t i = 0; i < R; ++i) {
          const auto x = D::template operand<Phase>(row(i));
          HRM_UNROLL
          for (std::size_t v = 0; v < vectors; ++v)
            sum[i][v] = D::dot(sum[i][v], x, D::template weights<Phase>(b + v * vector_bytes));
        }
      };
      phase.template operator()<0>();
      if constexpr (D::phases == 2) phase.template operator()<1>();
      b += step_bytes;
      a += D::group * sizeof(Operand_t);
    }
  }
  HRM_UNROLL
  for (std::size_t i = 0; i < R; ++i) {
    HRM_UNROLL
    for (std::size_t v = 0; v < vectors; ++v)
      Simd<Arch>::store(out + i * out_stride + v * Simd<Arch>::lanes, sum[i][v]);
  }
}
#endif

template <class Arch, class Weight>
using MicroKernel = void (*)(const std::byte*, std::size_t, const std::byte*, std::size_t, std::size_t,
                             typename Dot<Arch, Weight>::Result*, std::size_t, const std::byte*, std::size_t) noexcept;

/// The microkernels of one panel or two, by number of rows; [0] is not used.
template <class Arch, class Weight, std::size_t Panels>
struct MicroKernels {
  static constexpr std::size_t most = Panels == 2 ? Micro<Arch, Weight>::pair_rows : Micro<Arch, Weight>::rows;
  MicroKernel<Arch, Weight> of_rows[most + 1] = {};
  constexpr MicroKernels() noexcept { fill<1>(); }

 private:
  template <std::size_t R>
  constexpr void fill() noexcept {
#if defined(HRM_SIMD_NEON64)
    of_rows[R] = &micro_kernel_by_lanes<Arch, Weight, R>;
#else
    of_rows[R] = &micro_kernel<Arch, Weight, R, Panels>;
#endif
    if constexpr (R < most) fill<R + 1>();
  }
};
template <class Arch, class Weight, std::size_t Panels>
inline constexpr MicroKernels<Arch, Weight, Panels> micro_kernels{};

/// Whose microkernels multiply a weight type: 16-bit levels are the same, whatever they were.
template <class Arch, class Weight>
using MultipliedAs = std::conditional_t<as_levels<Arch, Weight>, std::int16_t, Weight>;

}  // namespace hrm::kernels
