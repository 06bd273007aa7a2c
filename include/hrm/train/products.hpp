#pragma once
/// The three products of a linear layer y = x W^T, all through the packed kernels of the forward pass:
/// y from x and W, dx = dy W from W packed the other way, dW = dy^T x from x packed for the occasion.

#include <hrm/base/arena.hpp>
#include <hrm/kernels/table_of.hpp>
#include <hrm/kernels/tiles.hpp>

#include <Eigen/Core>

#include <vector>

namespace hrm::train {

#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic \
    push  // a vector as a template's argument loses its alignment attribute, which nothing here needs
#pragma GCC diagnostic ignored "-Wignored-attributes"
#endif

/// Rows of floats, `stride` floats apart.
struct Rows {
  float* data = nullptr;
  std::size_t stride = 0;
  [[nodiscard]] float* row(std::size_t r) const noexcept { return data + r * stride; }
  [[nodiscard]] kernels::Operand operand() const noexcept {
    return {reinterpret_cast<std::byte*>(data), nullptr, stride * sizeof(float)};
  }
};

/// Products of one precision on one instruction set. `Weight` is what both factors are rounded to; sums are float32.
/// `room` is Products::room() bytes that a call may use as it likes; a Session must be in scope around the calls.
template <class Arch, class Weight>
struct Products;

/// float32.
template <class Arch>
struct Products<Arch, float> {
  using G = kernels::Gemm<Arch, float>;
  using Packed = kernels::PackedMatrix;
  static constexpr bool offered = true;
  static constexpr std::size_t panel_cols = G::panel_cols;
  struct Session {};

  [[nodiscard]] static const kernels::Table& table() noexcept { return kernels::table<Arch, float>(); }

  /// Floats from row to row that keep rows out of each other's cache sets.
  [[nodiscard]] static std::size_t stride(std::size_t width) noexcept {
    return G::operand_stride(width) / sizeof(float);
  }

  [[nodiscard]] static std::size_t packed_floats(std::size_t cols, std::size_t depth) noexcept {
    return ceil_div(cols, panel_cols) * G::panel_bytes(depth) / sizeof(float);
  }
  /// Bytes of room for factors of `rows` rows, at most `width` wide, either way round.
  [[nodiscard]] static std::size_t room(std::size_t rows, std::size_t width) noexcept {
    return width * stride(rows) * sizeof(float);
  }
  /// Memory for a packed matrix.
  [[nodiscard]] static Packed take(Arena& arena, std::size_t cols, std::size_t depth) noexcept {
    Packed w;
    w.cols = cols;
    w.depth = depth;
    w.panels = reinterpret_cast<std::byte*>(arena.take<float>(packed_floats(cols, depth)));
    return w;
  }

  /// Packs the matrix whose column j is `row(j)`, a pointer to w.depth floats: the weights of y = x W^T.
  template <class Row>
  static void pack(const Packed& w, const Row& row) noexcept {
    const float* rows[panel_cols];
    for (std::size_t panel = 0; panel * panel_cols < w.cols; ++panel) {
      for (std::size_t j = 0; j < panel_cols; ++j) {
        const std::size_t column = panel * panel_cols + j;
        rows[j] = column < w.cols ? row(column) : nullptr;
      }
      table().pack_panel(w, panel, rows);
    }
  }

  /// Packs the matrix whose element (k, j) is `row(k)[j]`, k below w.depth: float panels are [depth][panel_cols], so
  /// this is a copy. For dx = dy W (row(k) = row k of W) and for dW = dy^T x (row(k) = row k of x).
  template <class Row>
  static void pack_rows(const Packed& w, const Row& row) noexcept {
    const std::size_t panel_floats = G::panel_bytes(w.depth) / sizeof(float);
    for (std::size_t panel = 0; panel * panel_cols < w.cols; ++panel) {
      const std::size_t first = panel * panel_cols;
      const std::size_t count = w.cols - first < panel_cols ? w.cols - first : panel_cols;
      float* to = reinterpret_cast<float*>(w.panels) + panel * panel_floats;
      for (std::size_t k = 0; k < w.depth; ++k, to += panel_cols) {
        const float* const from = row(k) + first;
        if (count == panel_cols) {
          std::memcpy(to, from, panel_cols * sizeof(float));
        } else {
          std::memcpy(to, from, count * sizeof(float));
          std::memset(to + count, 0, (panel_cols - count) * sizeof(float));
        }
      }
    }
  }

  /// c [rows, w.cols] (+)= x [rows, w.depth] times the packed matrix.
  static void multiply(const Rows& x, std::size_t rows, const Packed& w, const Rows& c, bool accumulate,
                       std::byte* /*room*/) noexcept {
    const kernels::StoreArgs args{x.operand(), w, c.data, c.stride, nullptr, accumulate};
    table().store_tile(args, kernels::Tile{0, rows, 0, ceil_div(w.cols, panel_cols)});
  }

  /// to row(source(j)) = column j of from [rows, cols].
  template <class Source>
  static void transpose(const Rows& from, std::size_t rows, std::size_t cols, const Rows& to,
                        const Source& source) noexcept {
    using Packet = Eigen::internal::packet_traits<float>::type;
    constexpr std::size_t side = Eigen::internal::unpacket_traits<Packet>::size;
    constexpr std::size_t block = side > 1 ? side : 4;
    for (std::size_t r = 0; r < rows; r += block) {
      const std::size_t height = rows - r < block ? rows - r : block;
      for (std::size_t c = 0; c < cols; c += block) {
        const std::size_t width = cols - c < block ? cols - c : block;
        if constexpr (side > 1) {
          if (height == block && width == block) {
            Eigen::internal::PacketBlock<Packet, side> square;
            for (std::size_t i = 0; i < block; ++i)
              square.packet[i] = Eigen::internal::ploadu<Packet>(from.row(r + i) + c);
            Eigen::internal::ptranspose(square);
            for (std::size_t j = 0; j < block; ++j)
              Eigen::internal::pstoreu(to.row(source(c + j)) + r, square.packet[j]);
            continue;
          }
        }
        for (std::size_t j = 0; j < width; ++j) {
          float* const line = to.row(source(c + j)) + r;
          for (std::size_t i = 0; i < height; ++i) line[i] = from.row(r + i)[c + j];
        }
      }
    }
  }

  /// c row(source(j)) (+)= column j of x [w.depth, cols] times the packed matrix: x^T W.
  template <class Source>
  static void multiply_turned(const Rows& x, std::size_t cols, const Packed& w, const Rows& c, bool accumulate,
                              std::byte* room, const Source& source) noexcept {
    const Rows t{reinterpret_cast<float*>(room), stride(w.depth)};
    transpose(x, w.depth, cols, t, source);
    multiply(t, cols, w, c, accumulate, nullptr);
  }
};

/// bfloat16: both factors are rounded, on whatever kernels::Tiles has.
template <class Arch>
struct Products<Arch, bfloat16> {
  using T = kernels::Tiles<Arch>;
  using Packed = kernels::TiledMatrix;
  static constexpr bool offered = T::offered;
  using Session = typename T::Session;

  [[nodiscard]] static std::size_t room(std::size_t rows, std::size_t width) noexcept {
    return std::max(T::operand_bytes(rows, width), T::operand_bytes(width, rows));
  }
  [[nodiscard]] static Packed take(Arena& arena, std::size_t cols, std::size_t depth) noexcept {
    return {arena.take<std::byte>(T::packed_bytes(cols, depth)), cols, depth};
  }
  template <class Row>
  static void pack(const Packed& w, const Row& row) noexcept {
    T::pack_columns(w, row);
  }
  template <class Row>
  static void pack_rows(const Packed& w, const Row& row) noexcept {
    T::pack_rows(w, row);
  }
  static void multiply(const Rows& x, std::size_t rows, const Packed& w, const Rows& c, bool accumulate,
                       std::byte* room) noexcept {
    T::write_operand(x.data, x.stride, rows, w.depth, room);
    T::product(room, rows, w, c.data, c.stride, accumulate);
  }
  template <class Source>
  static void multiply_turned(const Rows& x, std::size_t cols, const Packed& w, const Rows& c, bool accumulate,
                              std::byte* room, const Source& source) noexcept {
    T::write_turned(x.data, x.stride, w.depth, cols, room, source);
    T::product(room, cols, w, c.data, c.stride, accumulate);
  }
};

/// gradient [out, in] (+)= dy^T x for dy [rows, out], x [rows, in]; row source(j) of the gradient belongs to column j
/// of dy. `packed` is what take() gives for [rows, in].
template <class P, class Source>
void weight_gradient(const Rows& dy, const Rows& x, std::size_t rows, std::size_t out, std::size_t in, float* gradient,
                     bool accumulate, typename P::Packed packed, std::byte* room, const Source& source) noexcept {
  packed.cols = in;
  packed.depth = rows;
  P::pack_rows(packed, [&](std::size_t k) { return x.row(k); });
  P::multiply_turned(dy, out, packed, Rows{gradient, in}, accumulate, room, source);
}

#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic pop
#endif

}  // namespace hrm::train
