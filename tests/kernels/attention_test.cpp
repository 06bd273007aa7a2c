#include "harness.hpp"

using namespace test;

namespace {

/// One head out of qkv rows [positions, 3 * head_dim], written to column 2 of the output rows. Keys and values are
/// packed up to `border` after the rest.
template <class Weight>
std::vector<float> attend(const std::vector<float>& qkv, std::size_t positions, std::size_t head_dim, std::size_t step,
                          std::size_t border = 0) {
  const Table& t = kernels<Weight>();
  const std::size_t stride = 3 * head_dim;
  const auto packed = aligned<std::byte>(t.kv_bytes(positions, head_dim));
  std::memset(packed.get(), 0xff, t.kv_bytes(positions, head_dim));  // what is not packed is not a number
  hrm::kernels::PackKvArgs pack;
  pack.k = qkv.data() + head_dim;
  pack.v = qkv.data() + 2 * head_dim;
  pack.stride = stride;
  pack.positions = positions;
  pack.head_dim = head_dim;
  pack.packed = packed.get();
  pack.begin = border;
  pack.end = positions;
  t.pack_kv_tile(pack);
  pack.begin = 0;
  pack.end = border;
  if (border > 0) t.pack_kv_tile(pack);

  const std::size_t width = head_dim + 6;  // two other columns before and four behind
  const Activations<Weight> operand(positions, width);
  std::memset(operand.data.get(), 0, positions * operand.operand.stride);
  std::vector<float> rows(positions * width, 5.0F);
  hrm::kernels::AttendArgs args;
  args.q = qkv.data();
  args.q_stride = stride;
  args.packed = packed.get();
  args.positions = positions;
  args.head_dim = head_dim;
  if (t.operand_by_row) {
    args.rows = rows.data();
    args.row_stride = width;
  } else {
    args.out = operand.operand;
  }
  args.column = 2;
  for (std::size_t q = 0; q < positions; q += step) {
    args.begin = q;
    args.end = std::min(positions, q + step);
    t.attend_tile(args);
  }
  std::vector<float> out(positions * head_dim);
  for (std::size_t p = 0; p < positions; ++p) {
    for (std::size_t d = 0; d < head_dim; ++d) {
      if constexpr (hrm::kernels::Gemm<Arch, Weight>::quantised) {
        out[p * head_dim + d] = rows[p * width + 2 + d];
      } else {
        typename hrm::kernels::Dot<Arch, Weight>::Operand stored;
        std::memcpy(&stored, operand.operand.data + p * operand.operand.stride + (2 + d) * sizeof stored,
                    sizeof stored);
        if constexpr (sizeof stored == 2) {
          out[p * head_dim + d] = hrm::to_float(stored);
        } else {
          out[p * head_dim + d] = stored;
        }
      }
    }
    if (t.operand_by_row) {
      for (const std::size_t c : {std::size_t{0}, std::size_t{1}, head_dim + 2, head_dim + 5})
        REQUIRE(rows[p * width + c] == 5.0F);
    }
  }
  return out;
}

enum class Kind : std::uint8_t { floats, halves, levels };
template <class Weight>
constexpr float key_levels = sizeof(Weight) == 1 ? 127.0F : 4095.0F;
template <class Weight>
Kind kind(std::size_t positions, std::size_t head_dim) {
  using Operands = hrm::kernels::OperandWeight<Arch, Weight>;
  return hrm::kernels::Attention<Arch, Operands>::choose(positions, head_dim, [](auto it) {
    return decltype(it)::levels ? Kind::levels : decltype(it)::narrow ? Kind::halves : Kind::floats;
  });
}

/// Where products are narrow, softmax's weights are rounded, and with bfloat16 the results of 1.5 at most too.
template <class Weight>
double tolerance(std::size_t positions, std::size_t head_dim) {
  if (sizeof(Weight) == 2 && Arch::bf16) return 9e-3;
  const Kind which = kind<Weight>(positions, head_dim);
  return which == Kind::halves ? 9e-3 : which == Kind::levels ? 3e-3 : 3e-5;
}

/// Queries, keys and values as the products see them.
template <class Weight>
std::vector<float> rounded(const std::vector<float>& qkv, std::size_t positions, std::size_t head_dim) {
  const Kind which = kind<Weight>(positions, head_dim);
  if (which == Kind::floats) return qkv;
  if (which == Kind::halves) return as_bfloat16(qkv);
  std::vector<float> to(qkv);
  std::vector<std::int32_t> levels(head_dim);
  for (std::size_t row = 0; row < 3 * positions; ++row) {
    float* const at = to.data() + row * head_dim;
    const float top = row % 3 == 2 ? 1023.0F : key_levels<Weight>;
    const float scale = plain::quantise(at, head_dim, levels.data(), top);
    for (std::size_t d = 0; d < head_dim; ++d) at[d] = static_cast<float>(levels[d]) * scale;
  }
  return to;
}

}  // namespace

TEST_CASE_TEMPLATE("attention equals the plain one", Weight, HRM_EVERY_WEIGHT) {
  for (const std::size_t head_dim : {2U, 6U, 16U, 32U, 64U, 128U, 144U}) {
    for (const std::size_t positions : {1U, 2U, 17U, 82U, 97U, 256U, 257U, 901U, 1030U, 2100U}) {  // up to three blocks
      if (positions > 257 && head_dim != 64 && head_dim != 16) continue;
      CAPTURE(head_dim);
      CAPTURE(positions);
      const auto qkv = random_floats(positions * 3 * head_dim, static_cast<std::uint32_t>(head_dim + positions), 1.5F);
      const auto out = attend<Weight>(qkv, positions, head_dim, positions);
      const auto seen = rounded<Weight>(qkv, positions, head_dim);
      std::vector<double> weights(positions);
      std::vector<double> expected(head_dim);
      const std::size_t every = positions > 100 ? 31 : 1;
      double worst = 0.0;
      for (std::size_t p = 0; p < positions; p += every) {
        plain::attend(seen.data() + p * 3 * head_dim, seen.data() + head_dim, seen.data() + 2 * head_dim, 3 * head_dim,
                      positions, head_dim, weights.data(), expected.data());
        for (std::size_t d = 0; d < head_dim; ++d) {
          worst = std::max(worst, std::fabs(static_cast<double>(out[p * head_dim + d]) - expected[d]));
        }
      }
      REQUIRE(worst < tolerance<Weight>(positions, head_dim));
    }
  }
}

TEST_CASE_TEMPLATE("attention equals the plain one however large the scores are", Weight, HRM_EVERY_WEIGHT) {
  constexpr std::size_t head_dim = 16;
  for (const std::size_t positions : {5U, 82U, 901U, 1030U}) {
    for (int power = 4; power <= 60; ++power) {  // scores of 2^power and what a float there can be more by
      for (const float sign : {1.0F, -1.0F}) {
        CAPTURE(positions);
        CAPTURE(power);
        CAPTURE(sign);
        auto qkv = random_floats(positions * 3 * head_dim, static_cast<std::uint32_t>(power), 1.5F);
        for (std::size_t p = 0; p < positions; ++p) {
          float* const row = qkv.data() + p * 3 * head_dim;
          std::fill(row, row + 2 * head_dim, 0.0F);
          row[0] = std::ldexp(1.0F, power / 2);
          row[1] = std::ldexp(1.0F, std::max(power - 22, -1));  // one of it is two units in the last place, or 0.5
          row[head_dim] = sign * std::ldexp(1.0F, power - power / 2);
          row[head_dim + 1] =
              sign * static_cast<float>(p * 7 % 3) + static_cast<float>(p / 200);  // late ones are larger
        }
        const auto out = attend<Weight>(qkv, positions, head_dim, positions);
        std::vector<double> weights(positions);
        std::vector<double> expected(head_dim);
        const auto seen = rounded<Weight>(qkv, positions, head_dim);
        double worst = 0.0;
        for (std::size_t p = 0; p<positions; p += positions> 100 ? 300 : 1) {
          plain::attend(seen.data() + p * 3 * head_dim, seen.data() + head_dim, seen.data() + 2 * head_dim,
                        3 * head_dim, positions, head_dim, weights.data(), expected.data());
          for (std::size_t d = 0; d < head_dim; ++d) {
            const double distance = std::fabs(static_cast<double>(out[p * head_dim + d]) - expected[d]);
            worst = distance <= worst ? worst : distance;  // NaN stays
          }
        }
        // A score of levels is not exact where what adds up to it is of unequal size.
        if (kind<Weight>(positions, head_dim) == Kind::levels) {
          REQUIRE(worst < 4.0);
        } else {
          REQUIRE(worst < tolerance<Weight>(positions, head_dim));
        }
      }
    }
  }
}

TEST_CASE_TEMPLATE("the same bits however queries are split", Weight, HRM_EVERY_WEIGHT) {
  for (const std::size_t positions : {82U, 300U}) {
    const auto qkv = random_floats(positions * 3 * 32, 11, 2.0F);
    const auto whole = attend<Weight>(qkv, positions, 32, positions);
    for (const std::size_t step : {1U, 5U, 14U, 27U}) CHECK(attend<Weight>(qkv, positions, 32, step) == whole);
  }
}

TEST_CASE_TEMPLATE("the same bits however keys and values are packed", Weight, HRM_EVERY_WEIGHT) {
  constexpr std::size_t group = hrm::kernels::kv_group;
  for (const std::size_t positions : {17U, 31U, 82U, 97U, 300U}) {
    for (const std::size_t head_dim : {6U, 32U}) {
      const auto qkv = random_floats(positions * 3 * head_dim, 12, 2.0F);
      const auto whole = attend<Weight>(qkv, positions, head_dim, positions);
      for (const std::size_t border : {group, positions / 2 / group * group, (positions - 1) / group * group}) {
        CAPTURE(positions);
        CAPTURE(border);
        CHECK(attend<Weight>(qkv, positions, head_dim, positions, border) == whole);
      }
    }
  }
}

TEST_CASE_TEMPLATE("large scores neither overflow nor lose the winner", Weight, HRM_EVERY_WEIGHT) {
  const std::size_t positions = 600;
  const std::size_t head_dim = 16;
  std::vector<float> qkv(positions * 3 * head_dim);
  for (std::size_t p = 0; p < positions; ++p) {
    for (std::size_t d = 0; d < head_dim; ++d) {
      qkv[p * 48 + d] = 100.0F;
      qkv[p * 48 + 16 + d] = p == 577 ? 100.0F : p < 10 ? -100.0F : 0.5F;  // scores up to 160000, the best one last
      qkv[p * 48 + 32 + d] = static_cast<float>(p);
    }
  }
  const auto out = attend<Weight>(qkv, positions, head_dim, positions);
  for (const float x : out) REQUIRE(static_cast<double>(x) == doctest::Approx(577.0).epsilon(0.003));
}

TEST_CASE_TEMPLATE("equal keys give the mean however large their score is", Weight, HRM_EVERY_WEIGHT) {
  const std::size_t head_dim = 64;
  for (const std::size_t positions : {16U, 256U, 300U}) {
    for (const float score : {1.0F, 23000.0F, 30011.0F, 1e6F}) {
      CAPTURE(positions);
      CAPTURE(score);
      std::vector<float> qkv(positions * 3 * head_dim, 1.0F);
      for (std::size_t p = 0; p < positions; ++p)
        std::fill_n(qkv.begin() + static_cast<std::ptrdiff_t>(p * 3 * head_dim), head_dim, score / 64.0F);
      for (const float x : attend<Weight>(qkv, positions, head_dim, positions)) REQUIRE(std::fabs(x - 1.0F) < 0.005F);
    }
  }
}

TEST_CASE_TEMPLATE("what is next to no query gives the mean too, without what pads the keys", Weight,
                   HRM_EVERY_WEIGHT) {
  const std::size_t head_dim = 32;
  for (const std::size_t positions : {1U, 37U, 82U}) {
    for (const float size : {0.0F, 1e-37F, 1e-35F, 1e-30F, 1e-29F, 1e-27F, 1e-26F, 1e-20F}) {
      CAPTURE(positions);
      CAPTURE(size);
      std::vector<float> qkv(positions * 3 * head_dim, 1.0F);
      for (std::size_t p = 0; p < positions; ++p)
        std::fill_n(qkv.begin() + static_cast<std::ptrdiff_t>(p * 3 * head_dim), head_dim, size);
      for (const float x : attend<Weight>(qkv, positions, head_dim, positions)) REQUIRE(std::fabs(x - 1.0F) < 0.005F);
    }
  }
}

TEST_CASE_TEMPLATE("equal weights give the mean, also of the largest sums", Weight, HRM_EVERY_WEIGHT) {
  for (const std::size_t positions : {1U, 82U, 257U, 901U}) {
    for (const bool same : {false, true}) {
      CAPTURE(positions);
      CAPTURE(same);
      const std::size_t head_dim = 32;
      auto qkv = random_floats(positions * 3 * head_dim, 13, 2.0F);
      std::vector<double> mean(head_dim);
      for (std::size_t p = 0; p < positions; ++p) {
        for (std::size_t d = 0; d < head_dim; ++d) {
          float* const at = qkv.data() + p * 3 * head_dim + d;
          if (same) at[2 * head_dim] = d % 2 == 0 ? 3.0F : -3.0F;
          if (p % 2 == 0) at[0] = 0.0F;  // queries of zeros, or keys of zeros
          if (!same) at[head_dim] = at[0] = 0.0F;
          mean[d] += static_cast<double>(at[2 * head_dim]) / static_cast<double>(positions);
        }
      }
      const auto out = attend<Weight>(qkv, positions, head_dim, positions);
      for (std::size_t p = 0; p < positions; ++p) {
        for (std::size_t d = 0; d < head_dim; ++d)
          REQUIRE(std::fabs(static_cast<double>(out[p * head_dim + d]) - mean[d]) <
                  2 * tolerance<Weight>(positions, head_dim));
      }
    }
  }
}

TEST_CASE_TEMPLATE("values of very different sizes, none of them, and one position alone", Weight, HRM_EVERY_WEIGHT) {
  const std::size_t head_dim = 16;
  for (const std::size_t positions : {1U, 40U, 300U}) {
    for (const float size : {0.0F, 1e-35F, 1e25F}) {
      auto qkv = random_floats(positions * 3 * head_dim, 14, 1.0F);
      for (std::size_t p = 0; p < positions; ++p) {
        for (std::size_t d = 0; d < head_dim; ++d)
          qkv[p * 3 * head_dim + 2 * head_dim + d] *= p % 3 == 0 ? size : 1e-3F * size;
      }
      const auto out = attend<Weight>(qkv, positions, head_dim, positions);
      for (const float x : out) {
        REQUIRE(hrm::is_finite(x));
        REQUIRE(std::fabs(x) <= size * 1.01F);
      }
    }
  }
}
