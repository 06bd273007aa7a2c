#pragma once
// One table of the kernels' operations. Each entry can check itself against the plain reference and be timed.

#include <hrm/base/arena.hpp>
#include <hrm/kernels/plain.hpp>
#include <hrm/kernels/table_of.hpp>

#include <cmath>
#include <functional>
#include <memory>
#include <random>
#include <string>
#include <vector>

namespace bench {

using hrm::kernels::Table;

/// An operation with its data. `run` may be called any number of times; `error` runs it once and gives its relative L2
/// distance from the plain reference, which must be at most `tolerance`.
struct Operation {
  double flop = 0.0;  ///< 2 x multiply-adds; 0 where bytes count
  double bytes = 0.0;
  double tolerance = 0.0;
  std::function<void()> run;
  std::function<double()> error;
};
struct Entry {
  std::string name;
  std::function<Operation()> make;
};

inline std::vector<float> random_floats(std::size_t count, std::uint32_t seed, float deviation) {
  std::mt19937 engine(seed);
  std::normal_distribution<float> normal(0.0F, deviation);
  std::vector<float> values(count);
  for (float& x : values) x = normal(engine);
  return values;
}

inline double relative(const std::vector<float>& found, const std::vector<double>& wanted) {
  double off = 0.0;
  double all = 0.0;
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    off += (static_cast<double>(found[i]) - wanted[i]) * (static_cast<double>(found[i]) - wanted[i]);
    all += wanted[i] * wanted[i];
  }
  return std::sqrt(off / all);
}

/// What float32, bfloat16 (weights, perhaps activations) and int8 per row and column are off by.
template <class Weight>
constexpr double product_tolerance = sizeof(Weight) == 4   ? 1e-6
                                     : sizeof(Weight) == 2 ? 4e-3
                                                           : 2e-2;

/// Activations, `copies` packings of one weight matrix (so that weights stream from memory as they do in a model) and
/// room for the result.
template <class Weight>
struct ProductData {
  ProductData(const Table& table, std::size_t rows_, std::size_t cols_, std::size_t depth_, std::size_t copies)
      : t(table), rows(rows_), cols(cols_), depth(depth_) {
    x = random_floats(rows * depth, 1, 1.0F);
    w = random_floats(cols * depth, 2, 1.0F / std::sqrt(static_cast<float>(depth)));
    panels = hrm::ceil_div(cols, t.panel_cols);
    const std::size_t bytes = panels * t.panel_bytes(depth);
    storage = hrm::Buffer(copies * bytes + 64);
    columns = hrm::Buffer(panels * t.panel_cols * 8);
    activations = hrm::Buffer(rows * t.operand_stride(depth));
    row_scales.resize(rows);
    result = hrm::Buffer(rows * panels * t.panel_cols * sizeof(float));
    operand = {activations.data(), t.operand_by_row ? row_scales.data() : nullptr, t.operand_stride(depth)};
    for (std::size_t c = 0; c < copies; ++c) {
      hrm::kernels::PackedMatrix m;
      m.panels = storage.data() + c * bytes;
      if (t.operand_by_row) {
        m.scales = reinterpret_cast<float*>(columns.data());
        m.offsets = reinterpret_cast<std::int32_t*>(columns.data()) + panels * t.panel_cols;
      }
      m.cols = cols;
      m.depth = depth;
      packed.push_back(m);
      pack(c);
    }
    auto z = x;
    hrm::kernels::RowArgs row;
    row.z = z.data();
    row.width = row.stride = depth;
    row.out = operand;
    t.row_tile(row, 0, rows);
  }
  void pack(std::size_t copy) const {
    std::vector<const float*> rows_of(t.panel_cols);
    for (std::size_t p = 0; p < panels; ++p) {
      for (std::size_t j = 0; j < t.panel_cols; ++j) {
        const std::size_t col = p * t.panel_cols + j;
        rows_of[j] = col < cols ? w.data() + col * depth : nullptr;
      }
      t.pack_panel(packed[copy], p, rows_of.data());
    }
  }
  /// Row chunks that stay in cache, as the model cuts them.
  template <class Run>
  void tiles(const Run& run) const {
    const std::size_t fit = std::max((std::size_t{1} << 19) / operand.stride, t.row_block);
    for (std::size_t r = 0; r < rows; r += fit) run(hrm::kernels::Tile{r, std::min(rows, r + fit), 0, panels});
  }
  [[nodiscard]] std::vector<double> plain() const {
    std::vector<double> y(rows * cols);
    hrm::kernels::plain::product(x.data(), w.data(), rows, cols, depth, y.data());
    return y;
  }
  [[nodiscard]] const hrm::kernels::PackedMatrix& next() { return packed[turn++ % packed.size()]; }
  [[nodiscard]] double flop() const { return 2.0 * static_cast<double>(rows * cols * depth); }
  [[nodiscard]] float* out() { return reinterpret_cast<float*>(result.data()); }

  const Table& t;
  std::size_t rows, cols, depth, panels = 0, turn = 0;
  std::vector<float> x, w, row_scales;
  hrm::Buffer storage, columns, activations, result;
  hrm::kernels::Operand operand;
  std::vector<hrm::kernels::PackedMatrix> packed;
};

inline std::size_t streaming(std::size_t cols, std::size_t depth) {
  return std::max<std::size_t>(1, 13'000'000 / (cols * depth));
}

template <class Weight>
Operation product(const Table& t, std::size_t rows, std::size_t cols, std::size_t depth) {
  auto d = std::make_shared<ProductData<Weight>>(t, rows, cols, depth, streaming(cols, depth));
  Operation o;
  o.flop = d->flop();
  o.tolerance = product_tolerance<Weight>;
  o.run = [d] {
    hrm::kernels::StoreArgs args;
    args.x = d->operand;
    args.w = d->next();
    args.c = d->out();
    args.c_stride = d->cols;
    d->tiles([&](const hrm::kernels::Tile& tile) { d->t.store_tile(args, tile); });
  };
  o.error = [d, run = o.run] {
    run();
    return relative({d->out(), d->out() + d->rows * d->cols}, d->plain());
  };
  return o;
}

template <class Weight>
Operation swiglu(const Table& t, std::size_t rows, std::size_t inner, std::size_t hidden) {
  auto d = std::make_shared<ProductData<Weight>>(t, rows, 2 * inner, hidden, streaming(2 * inner, hidden));
  const std::size_t stride = t.operand_by_row ? inner * sizeof(float) : t.operand_stride(inner);
  auto out = std::make_shared<hrm::Buffer>(rows * stride);
  Operation o;
  o.flop = d->flop();
  o.tolerance = 2.0 * product_tolerance<Weight>;
  o.run = [d, out, stride, inner] {
    hrm::kernels::SwigluArgs args;
    args.x = d->operand;
    args.w = d->next();
    args.inner = args.row_stride = inner;
    args.out = {out->data(), nullptr, stride};
    args.rows = reinterpret_cast<float*>(out->data());
    d->tiles([&](const hrm::kernels::Tile& tile) { d->t.swiglu_tile(args, tile); });
  };
  o.error = [d, out, stride, inner, run = o.run] {
    run();
    const auto y = d->plain();
    std::vector<double> wanted(d->rows * inner);
    std::vector<float> found(wanted.size());
    const std::size_t half = d->t.swiglu_run;
    // An operand of two-byte elements is one of bfloat16; its rows are then at most half as wide.
    const bool narrow = !d->t.operand_by_row && stride < inner * sizeof(float);
    for (std::size_t r = 0; r < d->rows; ++r) {
      for (std::size_t j = 0; j < inner; ++j) {
        const double* gate = y.data() + r * 2 * inner + j / half * 2 * half + j % half;
        wanted[r * inner + j] = hrm::kernels::plain::silu(gate[0]) * gate[half];
        const std::byte* row = out->data() + r * stride;
        if (narrow) {
          hrm::bfloat16 stored;
          std::memcpy(&stored, row + 2 * j, 2);
          found[r * inner + j] = hrm::to_float(stored);
        } else {
          std::memcpy(&found[r * inner + j], row + 4 * j, 4);
        }
      }
    }
    return relative(found, wanted);
  };
  return o;
}

/// All heads' work for one head: keys and values packed once, every query attended.
template <class Weight>
Operation attention(const Table& t, std::size_t positions, std::size_t head_dim) {
  struct Data {
    std::vector<float> qkv, rows;
    hrm::Buffer packed, operand;
  };
  auto d = std::make_shared<Data>();
  d->qkv = random_floats(positions * 3 * head_dim, 3, 0.6F);
  d->rows.resize(positions * head_dim);
  d->packed = hrm::Buffer(t.kv_bytes(positions, head_dim));
  d->operand = hrm::Buffer(positions * t.operand_stride(head_dim));
  Operation o;
  o.flop = 4.0 * static_cast<double>(positions * positions * head_dim);
  o.tolerance = sizeof(Weight) == 4 ? 2e-6 : 8e-3;
  o.run = [d, &t, positions, head_dim] {
    hrm::kernels::PackKvArgs pack;
    pack.k = d->qkv.data() + head_dim;
    pack.v = d->qkv.data() + 2 * head_dim;
    pack.stride = 3 * head_dim;
    pack.positions = pack.end = positions;
    pack.head_dim = head_dim;
    pack.packed = d->packed.data();
    t.pack_kv_tile(pack);
    hrm::kernels::AttendArgs args;
    args.q = d->qkv.data();
    args.q_stride = 3 * head_dim;
    args.packed = d->packed.data();
    args.positions = positions;
    args.head_dim = head_dim;
    args.end = positions;
    args.out = {d->operand.data(), nullptr, t.operand_stride(head_dim)};
    args.rows = d->rows.data();
    args.row_stride = head_dim;
    t.attend_tile(args);
  };
  o.error = [d, &t, positions, head_dim, run = o.run] {
    run();
    const std::size_t stride = t.operand_stride(head_dim);
    std::vector<double> wanted(positions * head_dim);
    std::vector<double> weights(positions);
    std::vector<float> found(wanted.size());
    for (std::size_t p = 0; p < positions; ++p) {
      hrm::kernels::plain::attend(d->qkv.data() + p * 3 * head_dim, d->qkv.data() + head_dim,
                                  d->qkv.data() + 2 * head_dim, 3 * head_dim, positions, head_dim, weights.data(),
                                  wanted.data() + p * head_dim);
      for (std::size_t k = 0; k < head_dim; ++k) {
        float& to = found[p * head_dim + k];
        const std::byte* row = d->operand.data() + p * stride;
        if (t.operand_by_row) {
          to = d->rows[p * head_dim + k];
        } else if (stride < head_dim * sizeof(float)) {
          hrm::bfloat16 stored;
          std::memcpy(&stored, row + 2 * k, 2);
          to = hrm::to_float(stored);
        } else {
          std::memcpy(&to, row + 4 * k, 4);
        }
      }
    }
    return relative(found, wanted);
  };
  return o;
}

/// Residual sum, RMSNorm and the row as operand.
template <class Weight>
Operation norm(const Table& t, std::size_t rows, std::size_t width) {
  struct Data {
    std::vector<float> before, a, z, scales;
    hrm::Buffer operand;
  };
  auto d = std::make_shared<Data>();
  d->before = random_floats(rows * width, 5, 1.0F);
  d->a = random_floats(rows * width, 6, 1.0F);
  d->z = d->before;
  d->scales.resize(rows);
  d->operand = hrm::Buffer(rows * t.operand_stride(width));
  Operation o;
  // Two rows are read, one is written, and the operand.
  o.bytes = static_cast<double>(rows * (width * 3 * sizeof(float) + t.operand_stride(width)));
  o.tolerance = 1e-6;
  o.run = [d, &t, rows, width] {
    hrm::kernels::RowArgs args;
    args.z = d->z.data();
    args.a = d->a.data();
    args.width = args.stride = width;
    args.norm = true;
    args.eps = 1e-5F;
    args.out = {d->operand.data(), d->scales.data(), t.operand_stride(width)};
    t.row_tile(args, 0, rows);
  };
  o.error = [d, rows, width, run = o.run] {
    d->z = d->before;
    run();
    std::vector<double> wanted(rows * width);
    for (std::size_t i = 0; i < wanted.size(); ++i) {
      wanted[i] = static_cast<double>(d->before[i]) + static_cast<double>(d->a[i]);
    }
    for (std::size_t r = 0; r < rows; ++r) hrm::kernels::plain::rms_norm(wanted.data() + r * width, width, 1e-5);
    return relative(d->z, wanted);
  };
  return o;
}

/// The table: the shapes of the published models' blocks (hidden 512, inner 1536, heads of 64) and of the small ones.
template <class Weight>
void add_operations(std::vector<Entry>& to, const Table& t) {
  const std::string name = t.name;
  const auto add = [&](const std::string& what, auto make) { to.push_back({name + "/" + what, make}); };
  for (const std::size_t rows : {std::size_t{17}, std::size_t{82}, std::size_t{901}}) {
    const std::string m = "/rows:" + std::to_string(rows);
    add("product_512x1536" + m, [&t, rows] { return product<Weight>(t, rows, 1536, 512); });
    add("product_512x512" + m, [&t, rows] { return product<Weight>(t, rows, 512, 512); });
    add("swiglu_512x3072" + m, [&t, rows] { return swiglu<Weight>(t, rows, 1536, 512); });
    add("product_1536x512" + m, [&t, rows] { return product<Weight>(t, rows, 512, 1536); });
    add("attention_64" + m, [&t, rows] { return attention<Weight>(t, rows, 64); });
    add("norm_512" + m, [&t, rows] { return norm<Weight>(t, rows, 512); });
  }
  for (const std::size_t rows : {std::size_t{37}, std::size_t{592}}) {
    const std::string m = "/rows:" + std::to_string(rows);
    add("product_96x288" + m, [&t, rows] { return product<Weight>(t, rows, 288, 96); });
    add("swiglu_96x512" + m, [&t, rows] { return swiglu<Weight>(t, rows, 256, 96); });
    add("product_256x96" + m, [&t, rows] { return product<Weight>(t, rows, 96, 256); });
  }
  add("attention_32/rows:37", [&t] { return attention<Weight>(t, 37, 32); });
}

}  // namespace bench
