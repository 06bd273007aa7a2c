// A program of hrm_add_kernels(): its own files are compiled for the baseline, its kernels are the processor's best.
#include <hrm/kernels/amx_ready.hpp>
#include <hrm/kernels/plain.hpp>
#include <hrm/kernels/table_of.hpp>

#include <cstdlib>
#include <string_view>
#include <type_traits>
#include <vector>

#include <doctest/doctest.h>

#if defined(__x86_64__)
#include <cpuid.h>
#endif

using hrm::kernels::Dispatched;
using hrm::kernels::Table;

static_assert(std::is_same_v<hrm::kernels::DefaultArch, Dispatched>);

TEST_CASE("the kernels are the best this processor has") {
  std::string_view best = "baseline";
#if defined(__x86_64__)
  __builtin_cpu_init();
  best = "sse2";
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) {
    unsigned a = 0, b = 0, c = 0, d = 0;
    const bool second_page = __get_cpuid_count(7, 0, &a, &b, &c, &d) != 0 && a >= 1;
    const bool vnni = second_page && __get_cpuid_count(7, 1, &a, &b, &c, &d) != 0 && (a >> 4 & 1U) != 0;
    best = vnni ? "avxvnni" : "avx2";
    if (__builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl")) {
      best = "avx512";
      const bool bf16 = __builtin_cpu_supports("avx512bf16");
      if (__builtin_cpu_supports("avx512vnni"))
        best = bf16 && !__builtin_cpu_is("intel") ? "avx512bf16" : "avx512vnni";  // Intel's are slow
#if defined(__linux__)
      // No processor has tiles without the rest, and a system that lends them knows of them.
      if (bf16 && hrm::kernels::amx_ready<Dispatched>()) best = "amx";
#endif
    }
  }
#endif
  if (const char* const told = std::getenv("HRM_TEST_SET")) best = told;  // whoever runs this knows the processor
  for (int weight = 0; weight < 3; ++weight) {
    const std::string_view name = hrm_kernels_pick(weight)->name;
    if (best != "baseline") CHECK(name.substr(0, name.find(' ')) == best);
  }
  CHECK(&hrm::kernels::table<Dispatched, float>() == hrm_kernels_pick(0));
  CHECK(&hrm::kernels::table<Dispatched, hrm::bfloat16>() == hrm_kernels_pick(1));
  CHECK(&hrm::kernels::table<Dispatched, std::int8_t>() == hrm_kernels_pick(2));
}

TEST_CASE("and they multiply") {
  constexpr std::size_t rows = 5;
  constexpr std::size_t cols = 7;
  constexpr std::size_t depth = 12;
  std::vector<float> x(rows * depth);
  std::vector<float> w(cols * depth);
  for (std::size_t i = 0; i < x.size(); ++i)
    x[i] = static_cast<float>(i % 7) - 3.0F;  // small integers: exact in bfloat16
  for (std::size_t i = 0; i < w.size(); ++i) w[i] = static_cast<float>(i % 5) - 2.0F;
  std::vector<double> expected(rows * cols);
  hrm::kernels::plain::product(x.data(), w.data(), rows, cols, depth, expected.data());
  for (int weight = 0; weight < 3; ++weight) {
    const Table& t = *hrm_kernels_pick(weight);
    const std::size_t panels = (cols + t.panel_cols - 1) / t.panel_cols;
    // Raw storage with room to align.
    std::vector<std::byte> memory(panels * t.panel_bytes(depth) + rows * t.operand_stride(depth) + 4096 +
                                  panels * t.panel_cols * 8);
    auto* at = memory.data() + (64 - reinterpret_cast<std::uintptr_t>(memory.data()) % 64);
    const auto take = [&](std::size_t bytes) {
      auto* p = at;
      at += (bytes + 63) / 64 * 64;
      return p;
    };
    hrm::kernels::PackedMatrix m;
    m.panels = take(panels * t.panel_bytes(depth));
    m.scales = reinterpret_cast<float*>(take(panels * t.panel_cols * 4));
    m.offsets = reinterpret_cast<std::int32_t*>(take(panels * t.panel_cols * 4));
    m.cols = cols;
    m.depth = depth;
    for (std::size_t p = 0; p < panels; ++p) {
      std::vector<const float*> pointers(t.panel_cols, nullptr);
      for (std::size_t j = 0; j < t.panel_cols && p * t.panel_cols + j < cols; ++j)
        pointers[j] = &w[(p * t.panel_cols + j) * depth];
      t.pack_panel(m, p, pointers.data());
    }
    hrm::kernels::Operand operand;
    operand.stride = t.operand_stride(depth);
    operand.data = take(rows * operand.stride);
    operand.scales = reinterpret_cast<float*>(take(rows * 4));
    auto z = x;
    hrm::kernels::RowArgs row;
    row.z = z.data();
    row.width = row.stride = depth;
    row.out = operand;
    t.row_tile(row, 0, rows);
    std::vector<float> c(rows * cols);
    hrm::kernels::StoreArgs store;
    store.x = operand;
    store.w = m;
    store.c = c.data();
    store.c_stride = cols;
    t.store_tile(store, {0, rows, 0, panels});
    for (std::size_t i = 0; i < c.size(); ++i) {
      const double off = weight == 2 ? 0.03 : t.operand_by_row ? 1e-3 : 1e-6;  // int8, levels of 16 bits, exact
      CHECK(static_cast<double>(c[i]) == doctest::Approx(expected[i]).epsilon(off).scale(20.0));
    }
  }
}
