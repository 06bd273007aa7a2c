#include "harness.hpp"

using namespace test;

TEST_CASE_TEMPLATE("store: bias and residual", Weight, HRM_EVERY_WEIGHT) {
  for (const std::size_t cols : {2U, 37U, 64U}) {
    const std::size_t depth = 24;
    const std::size_t rows = 19;
    const std::size_t stride = cols + 3;
    const auto w = random_floats(cols * depth, 1);
    const auto x = random_floats(rows * depth, 2);
    const auto bias = random_floats(cols, 3);
    const Packed<Weight> packed(w, cols, depth);
    const Activations<Weight> operand(x, rows, depth);
    const auto y = expected_product<Weight>(x, w, rows, cols, depth);
    for (const bool with_bias : {false, true}) {
      for (const bool accumulate : {false, true}) {
        const auto before = random_floats(rows * stride, 4);
        auto c = before;
        hrm::kernels::StoreArgs args;
        args.x = operand.operand;
        args.w = packed.matrix;
        args.c = c.data();
        args.c_stride = stride;
        args.bias = with_bias ? bias.data() : nullptr;
        args.accumulate = accumulate;
        kernels<Weight>().store_tile(args, Tile{0, rows, 0, packed.panels_count});
        for (std::size_t i = 0; i < rows; ++i) {
          for (std::size_t j = 0; j < stride; ++j) {
            double expected = static_cast<double>(before[i * stride + j]);
            if (j < cols) {
              expected =
                  y[i * cols + j] + (with_bias ? static_cast<double>(bias[j]) : 0.0) + (accumulate ? expected : 0.0);
            }
            REQUIRE(static_cast<double>(c[i * stride + j]) == doctest::Approx(expected).epsilon(1e-5));
          }
        }
      }
    }
  }
}

TEST_CASE_TEMPLATE("qkv: rotation of q and k, scaling of q, heads of every width", Weight, HRM_EVERY_WEIGHT) {
  struct Case {
    std::size_t heads, head_dim;
  };
  for (const Case& shape : {Case{3, 2}, Case{5, 6}, Case{2, 16}, Case{3, 32}, Case{1, 24}, Case{2, 64}, Case{1, 128}}) {
    const std::size_t heads = shape.heads;
    const std::size_t head_dim = shape.head_dim;
    const std::size_t hidden = heads * head_dim;
    const std::size_t positions = 7;
    const std::size_t rows = 3 * positions;
    const auto w = random_floats(3 * hidden * hidden, 5, 0.2F);
    const auto x = random_floats(rows * hidden, 6);
    std::vector<double> angles(positions * head_dim / 2);
    std::vector<float> cos(positions * head_dim);
    std::vector<float> sin(positions * head_dim);
    for (std::size_t i = 0; i < angles.size(); ++i) {
      angles[i] = 0.37 * static_cast<double>(i) - 1.0;
      cos[2 * i] = cos[2 * i + 1] = static_cast<float>(std::cos(angles[i]));
      sin[2 * i + 1] = static_cast<float>(std::sin(angles[i]));
      sin[2 * i] = -sin[2 * i + 1];
    }
    const Packed<Weight> packed(w, 3 * hidden, hidden);
    const Activations<Weight> operand(x, rows, hidden);
    for (const bool rope : {false, true}) {
      auto y = expected_product<Weight>(x, w, rows, 3 * hidden, hidden);
      for (std::size_t r = 0; r < rows; ++r) {
        for (std::size_t part = 0; part < 2; ++part) {
          for (std::size_t h = 0; h < heads; ++h) {
            double* head = y.data() + r * 3 * hidden + part * hidden + h * head_dim;
            if (rope) plain::rotate(head, head_dim, angles.data() + r % positions * (head_dim / 2));
            for (std::size_t d = 0; part == 0 && d < head_dim; ++d) head[d] *= 0.25;
          }
        }
      }
      for (const std::size_t row_step : {rows, std::size_t{4}}) {
        const std::size_t stride = 3 * hidden + 16;
        std::vector<float> qkv(rows * stride, -9.0F);
        hrm::kernels::QkvArgs args;
        args.x = operand.operand;
        args.w = packed.matrix;
        args.qkv = qkv.data();
        args.stride = stride;
        args.hidden = hidden;
        args.head_dim = head_dim;
        args.positions = positions;
        args.cos = rope ? cos.data() : nullptr;
        args.sin = rope ? sin.data() : nullptr;
        args.q_scale = 0.25F;
        in_tiles(rows, packed.panels_count, row_step, 2,
                 [&](const Tile& tile) { kernels<Weight>().qkv_tile(args, tile); });
        CAPTURE(args.hidden);
        CAPTURE(args.head_dim);
        std::vector<float> found;
        for (std::size_t r = 0; r < rows; ++r) {
          const float* const row = qkv.data() + r * stride;
          found.insert(found.end(), row, row + 3 * hidden);
          REQUIRE(std::all_of(row + 3 * hidden, row + stride, [](float z) { return z == -9.0F; }));
        }
        REQUIRE(distance(found, y) < 2e-5);
      }
    }
  }
}

TEST_CASE_TEMPLATE("qkv: values packed at once lie where packing them afterwards puts them", Weight, HRM_EVERY_WEIGHT) {
  const Table& t = kernels<Weight>();
  if (t.value_run == 0) return;
  const std::size_t heads = 3;
  for (const std::size_t head_dim : {t.value_run, 2 * t.value_run, std::size_t{160}}) {
    REQUIRE(head_dim % t.value_run == 0);
    const std::size_t hidden = heads * head_dim;
    const std::size_t stride = 3 * hidden + 16;
    const std::size_t sequences = 3;
    const Packed<Weight> packed(random_floats(3 * hidden * hidden, 31, 0.2F), 3 * hidden, hidden);
    for (const std::size_t positions : {1U, 5U, 37U}) {
      const std::size_t rows = sequences * positions;
      const Activations<Weight> operand(random_floats(rows * hidden, 32), rows, hidden);
      const std::size_t bytes = hrm::round_up(t.kv_bytes(positions, head_dim), 64) + 64;  // something lies between
      // All heads' keys and values, and q and k of all rows.
      const auto made = [&](bool at_once, std::size_t row_step) {
        std::vector<float> qkv(rows * stride, -9.0F);
        const auto kv = aligned<std::byte>(sequences * heads * bytes);
        std::memset(kv.get(), 0xff, sequences * heads * bytes);
        hrm::kernels::QkvArgs args{operand.operand, packed.matrix, qkv.data(), stride, hidden, head_dim, positions};
        args.kv = at_once ? kv.get() : nullptr;
        args.kv_bytes = bytes;
        in_tiles(rows, packed.panels_count, row_step, 2, [&](const Tile& tile) { t.qkv_tile(args, tile); });
        for (std::size_t i = 0; i < sequences * heads; ++i) {
          const float* const k = qkv.data() + i / heads * positions * stride + hidden + i % heads * head_dim;
          t.pack_kv_tile(
              {k, at_once ? nullptr : k + hidden, stride, positions, 0, positions, head_dim, kv.get() + i * bytes});
        }
        for (std::size_t r = 0; r < rows; ++r) {
          float* const values = qkv.data() + r * stride + 2 * hidden;
          REQUIRE(std::all_of(values, values + hidden, [&](float v) { return (v == -9.0F) == at_once; }));
          std::fill(values, values + hidden, 0.0F);
        }
        std::vector<std::byte> all(kv.get(), kv.get() + sequences * heads * bytes);
        const auto* const rest = reinterpret_cast<const std::byte*>(qkv.data());
        all.insert(all.end(), rest, rest + qkv.size() * sizeof(float));
        return all;
      };
      CAPTURE(head_dim);
      CAPTURE(positions);
      const auto afterwards = made(false, rows);
      for (const std::size_t row_step : {rows, std::size_t{4}}) CHECK(made(true, row_step) == afterwards);
    }
  }
}

TEST_CASE_TEMPLATE("swiglu: runs of gate and up, written as the next product reads them", Weight, HRM_EVERY_WEIGHT) {
  const Table& t = kernels<Weight>();
  const std::size_t run = t.swiglu_run;
  for (const std::size_t inner : {run, 3 * run, std::size_t{256}}) {
    const std::size_t hidden = 31;
    const std::size_t rows = 23;
    const auto gate = random_floats(inner * hidden, 7);
    const auto up = random_floats(inner * hidden, 8);
    const auto x = random_floats(rows * hidden, 9, 3.0F);
    std::vector<float> w(2 * inner * hidden);
    for (std::size_t j = 0; j < inner; ++j) {
      const std::size_t at = j / run * 2 * run + j % run;
      std::copy_n(gate.begin() + static_cast<std::ptrdiff_t>(j * hidden), hidden,
                  w.begin() + static_cast<std::ptrdiff_t>(at * hidden));
      std::copy_n(up.begin() + static_cast<std::ptrdiff_t>(j * hidden), hidden,
                  w.begin() + static_cast<std::ptrdiff_t>((at + run) * hidden));
    }
    const Packed<Weight> packed(w, 2 * inner, hidden);
    const Activations<Weight> operand(x, rows, hidden);
    const auto g = expected_product<Weight>(x, gate, rows, inner, hidden);
    const auto u = expected_product<Weight>(x, up, rows, inner, hidden);
    std::vector<float> expected(rows * inner);
    for (std::size_t i = 0; i < expected.size(); ++i) expected[i] = static_cast<float>(plain::silu(g[i]) * u[i]);

    const Activations<Weight> out(rows, inner);
    const std::size_t stride = inner + 3;
    std::vector<float> out_rows(rows * stride);
    hrm::kernels::SwigluArgs args;
    args.x = operand.operand;
    args.w = packed.matrix;
    args.inner = inner;
    if (t.operand_by_row) {
      args.rows = out_rows.data();
      args.row_stride = stride;
    } else {
      args.out = out.operand;
    }
    in_tiles(rows, packed.panels_count, 10, 3, [&](const Tile& tile) { t.swiglu_tile(args, tile); });
    double worst = 0.0;
    for (std::size_t i = 0; i < rows; ++i) {
      for (std::size_t j = 0; j < inner; ++j) {
        float found = out_rows[i * stride + j];
        if constexpr (!hrm::kernels::Gemm<Arch, Weight>::quantised) {
          typename hrm::kernels::Dot<Arch, Weight>::Operand stored;
          std::memcpy(&stored, out.operand.data + i * out.operand.stride + j * sizeof stored, sizeof stored);
          if constexpr (sizeof stored == 2) {
            found = hrm::to_float(stored);
          } else {
            found = stored;
          }
        }
        const double rounding = sizeof(Weight) == 2 && Arch::bf16 ? 0.0041 : 2e-5;
        worst = std::max(worst, std::fabs(static_cast<double>(found - expected[i * inner + j])) /
                                    (rounding * (1.0 + std::fabs(static_cast<double>(expected[i * inner + j])))));
      }
    }
    CHECK(worst < 1.0);
  }
}

TEST_CASE_TEMPLATE("the same bits however rows and panels are split, of whatever follows a product", Weight,
                   HRM_EVERY_WEIGHT) {
  const Table& t = kernels<Weight>();
  const std::size_t rows = 83;
  for (const std::size_t hidden : {42U, 96U, 120U}) {
    const std::size_t cols = 3 * hidden;
    const Packed<Weight> packed(random_floats(cols * hidden, 21, 0.3F), cols, hidden);
    const Activations<Weight> operand(random_floats(rows * hidden, 22), rows, hidden);
    const auto bias = random_floats(cols, 23);
    const auto turn = random_floats(2 * rows * hidden, 24);
    // Everything that comes out, in tiles of so many rows and panels.
    const auto all = [&](std::size_t row_step, std::size_t panel_step) {
      std::vector<float> out;
      const auto keep = [&](const std::vector<float>& more) { out.insert(out.end(), more.begin(), more.end()); };
      for (const bool with_bias : {false, true}) {
        for (const bool accumulate : {false, true}) {
          auto c = random_floats(rows * cols, 25);
          const hrm::kernels::StoreArgs args{
              operand.operand, packed.matrix, c.data(), cols, with_bias ? bias.data() : nullptr, accumulate};
          in_tiles(rows, packed.panels_count, row_step, panel_step,
                   [&](const Tile& tile) { t.store_tile(args, tile); });
          keep(c);
        }
      }
      for (const std::size_t head_dim : {std::size_t{2}, std::size_t{6}, hidden}) {
        std::vector<float> qkv(rows * cols);
        const hrm::kernels::QkvArgs args{operand.operand,
                                         packed.matrix,
                                         qkv.data(),
                                         cols,
                                         hidden,
                                         head_dim,
                                         rows,
                                         turn.data(),
                                         turn.data() + rows * head_dim,
                                         0.25F};
        in_tiles(rows, packed.panels_count, row_step, panel_step, [&](const Tile& tile) { t.qkv_tile(args, tile); });
        keep(qkv);
      }
      const std::size_t inner = cols / 2 / t.swiglu_run * t.swiglu_run;
      const Activations<Weight> activated(rows, inner);
      std::memset(activated.data.get(), 0, rows * activated.operand.stride);
      std::vector<float> activated_rows(rows * inner);
      const hrm::kernels::SwigluArgs args{operand.operand,       packed.matrix, activated.operand,
                                          activated_rows.data(), inner,         inner};
      in_tiles(rows, inner / t.swiglu_run, row_step, panel_step, [&](const Tile& tile) { t.swiglu_tile(args, tile); });
      if (!t.operand_by_row) {
        activated_rows.resize(rows * activated.operand.stride / sizeof(float));
        std::memcpy(activated_rows.data(), activated.data.get(), activated_rows.size() * sizeof(float));
      }
      keep(activated_rows);
      return out;
    };
    const auto whole = all(rows, packed.panels_count);
    for (const std::size_t row_step : {1U, 2U, 5U, 14U, 20U}) {
      for (const std::size_t panel_step : {std::size_t{1}, packed.panels_count}) {
        CAPTURE(hidden);
        CAPTURE(row_step);
        CAPTURE(panel_step);
        const auto split = all(row_step, panel_step);
        CHECK(std::memcmp(split.data(), whole.data(), whole.size() * sizeof(float)) == 0);
      }
    }
  }
}
