#include "harness.hpp"

using namespace test;

namespace {

/// Keys and values of one head, packed in pieces that end where groups do. Rows lie 3 * head_dim + 5 floats apart.
template <class Packed>
struct Head {
  Head(std::size_t p, std::size_t d, const std::vector<std::size_t>& borders)
      : positions(p),
        head_dim(d),
        stride(3 * d + 5),
        rows(random_floats(p * stride, static_cast<std::uint32_t>(p + d), 3.0F)),
        packed(aligned<std::byte>(Packed::bytes(p, d))) {
    const auto whole = [&](std::size_t border) {
      return border == p ? p : border / hrm::kernels::kv_group * hrm::kernels::kv_group;
    };
    for (std::size_t i = borders.size() - 1; i > 0; --i) {  // the last piece first
      Packed::pack(
          {rows.data(), rows.data() + d, stride, p, whole(borders[i - 1]), whole(borders[i]), d, packed.get()});
    }
  }
  [[nodiscard]] const float* key(std::size_t p) const { return rows.data() + p * stride; }
  [[nodiscard]] const float* value(std::size_t p) const { return key(p) + head_dim; }

  std::size_t positions, head_dim, stride;
  std::vector<float> rows;
  std::unique_ptr<std::byte[], AlignedDelete<std::byte>> packed;
};

template <class T>
T element(const std::byte* at) {
  T x;
  std::memcpy(&x, at, sizeof x);
  return x;
}

}  // namespace

TEST_CASE("keys and values of levels: each position's own scale, zeros where there is none, in any order") {
  using Packed = hrm::kernels::PackedKv<Arch, std::int8_t>;
  using GK = typename Packed::GK;
  using GV = typename Packed::GV;
  using K = typename Packed::K;
  constexpr std::size_t cols = Packed::cols;
  constexpr std::size_t lanes = cols / 2;
  for (const std::size_t positions : {1U, 37U, 82U, 96U, 130U}) {
    for (const std::size_t head_dim : {2U, 6U, 32U, 64U, 128U}) {
      CAPTURE(positions);
      CAPTURE(head_dim);
      const Head<Packed> head(positions, head_dim, {0, positions / 3, positions / 2, positions});
      const auto scales = Packed::scales(head.packed.get(), positions, head_dim);
      const std::byte* const values = Packed::values(head.packed.get(), positions, head_dim);
      std::vector<std::int32_t> levels(head_dim);
      for (std::size_t p = 0; p < hrm::round_up(positions, cols); ++p) {
        const bool any = p < positions;
        const float key_scale = any ? plain::quantise(head.key(p), head_dim, levels.data(), 127.0F) : 0.0F;
        REQUIRE(scales.keys[p] == doctest::Approx(key_scale));
        std::int32_t sum = 0;
        for (std::size_t d = 0; d < GK::steps(head_dim) * GK::D::group; ++d) {
          const std::byte* const step =
              head.packed.get() + p / cols * Packed::key_panel(head_dim) + d / GK::D::group * GK::step_bytes;
          const K level = element<K>(step + p % cols * 4 + d % GK::D::group * sizeof(K));
          const std::int32_t expected = any && d < head_dim ? levels[d] : 0;
          REQUIRE(std::abs(level - expected) <= 1);  // ties may fall either way
          sum += level;
        }
        const float offset = -key_scale * static_cast<float>(sum * GK::D::zero_point);
        REQUIRE(scales.offsets[p] == (any ? doctest::Approx(offset) : doctest::Approx(-1e36)));

        const float value_scale = any ? plain::quantise(head.value(p), head_dim, levels.data(), 1023.0F) : 0.0F;
        REQUIRE(scales.values[p] == doctest::Approx(value_scale));
        for (std::size_t d = 0; d < hrm::round_up(head_dim, cols); ++d) {
          const std::byte* const panel = values + d / cols * Packed::value_panel(positions);
          const std::byte* const step = panel + (p / cols * lanes + p % lanes) * GV::step_bytes;
          const auto level = element<std::int16_t>(step + d % cols * 4 + p / lanes % 2 * 2);
          REQUIRE(std::abs(level - (any && d < head_dim ? levels[d] : 0)) <= 1);
        }
      }
    }
  }
}

TEST_CASE("floats lie in panels as they are") {
  using Packed = hrm::kernels::PackedKv<Arch, float>;
  constexpr std::size_t cols = Packed::cols;
  for (const std::size_t positions : {1U, 37U, 82U}) {
    for (const std::size_t head_dim : {2U, 32U, 144U}) {
      const Head<Packed> head(positions, head_dim, {0, positions / 2, positions});
      const std::byte* const values = Packed::values(head.packed.get(), positions, head_dim);
      for (std::size_t p = 0; p < positions; ++p) {
        for (std::size_t d = 0; d < head_dim; ++d) {
          const std::byte* const keys = head.packed.get() + p / cols * Packed::key_panel(head_dim);
          REQUIRE(element<float>(keys + (d * cols + p % cols) * 4) == head.key(p)[d]);
          const std::byte* const panel = values + d / cols * Packed::value_panel(positions);
          REQUIRE(element<float>(panel + (p * cols + d % cols) * 4) == head.value(p)[d]);
        }
      }
    }
  }
}
