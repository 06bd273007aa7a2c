#pragma once
/// From named tensors to packed, immutable weights: finding, checking and packing them.

#include <hrm/base/arena.hpp>
#include <hrm/base/error.hpp>
#include <hrm/base/shape.hpp>
#include <hrm/base/sort.hpp>
#include <hrm/kernels/table.hpp>

#include <algorithm>
#include <array>
#include <memory>
#include <vector>

namespace hrm {

/// How weights are kept in memory: as they are, rounded to bfloat16, or as int8 levels with a scale for each output.
/// bfloat16 ones are multiplied as what the processor is quickest with and nothing coarser: pairs of bfloat16, 16-bit
/// levels, or float32. Sums are float32, of levels int32.
enum class Precision : std::uint8_t { f32, bf16, int8 };

[[nodiscard]] constexpr std::string_view name_of(Precision precision) noexcept {
  constexpr std::array<std::string_view, 3> names{"f32", "bf16", "int8"};
  return names[static_cast<std::size_t>(precision)];
}

template <class Weight>
inline constexpr Precision precision_of = Precision::f32;
template <>
inline constexpr Precision precision_of<bfloat16> = Precision::bf16;
template <>
inline constexpr Precision precision_of<std::int8_t> = Precision::int8;

/// What make_model() is told beside the tensors.
struct ModelOptions {
  Precision precision = Precision::f32;

  /// Puzzle ids whose embedding rows are kept; empty: all of them. Others are then out of range for start().
  std::span<const std::size_t> puzzle_ids{};

  /// Ids of the rows of `puzzle_emb.weights`, ascending, where a file holds some of them; empty: 0, 1, 2, ..
  std::span<const std::uint64_t> row_ids{};

  /// Model::packed() of an earlier load, 64-byte aligned, used where it lies if `packed_key` names these kernels and
  /// this layout, the size fits and all puzzle ids are kept; otherwise the tensors are packed. Needs `owner`.
  std::span<const std::byte> packed{};
  std::string_view packed_key{};
  std::uint64_t packed_fingerprint = 0;

  /// Keeps the tensors' bytes alive. With it, a puzzle embedding of more than 64 MiB whose rows were not chosen by
  /// puzzle_ids is read where it lies instead of being copied.
  std::shared_ptr<const void> owner{};

  /// Called after a tensor has been packed: its bytes are not read again. For letting a mapped file's pages go.
  void (*release)(void* context, const std::byte* data, std::size_t size) noexcept = nullptr;
  void* release_context = nullptr;
};

namespace detail {

/// An order-dependent hash of what was read; with the config it tells models apart (Model::fingerprint). It is the same
/// on every instruction set.
class Fingerprint {
 public:
  /// False where a value is NaN or infinite; then the hash means nothing.
  [[nodiscard]] bool add(const float* values, std::size_t count) noexcept {
    constexpr std::uint64_t exponents = 0x7f8000007f800000U;  // of two values: adding one to each shows which was full
    constexpr std::uint64_t ones = 0x0080000000800000U;
    constexpr std::uint64_t carries = 0x8000000080000000U;
    std::array<std::uint64_t, 4> lanes{state_, state_ + 1, state_ + 2, state_ + 3};
    std::uint64_t full = 0;
    std::size_t i = 0;
    for (; i + 8 <= count; i += 8) {
      std::array<std::uint64_t, 4> words{};
      std::memcpy(words.data(), values + i, 32);
#if defined(__GNUC__)
      // Pages of a mapped file lie anywhere: the processor itself does not look beyond the one it is in.
      __builtin_prefetch(values + i + 2048);
#endif
      for (std::size_t k = 0; k < 4; ++k) {
        lanes[k] = mix(lanes[k], words[k]);
        full |= (words[k] & exponents) + ones;
      }
    }
    for (; i < count; ++i) {
      const std::uint64_t word = bit_cast<std::uint32_t>(values[i]);
      lanes[0] = mix(lanes[0], word);
      full |= (word & exponents) + ones;
    }
    for (const std::uint64_t lane : lanes) state_ = mix(state_, lane);
    return (full & carries) == 0;
  }
  void add(std::uint64_t word) noexcept { state_ = mix(state_, word); }
  [[nodiscard]] std::uint64_t value() const noexcept { return state_; }

 private:
  static constexpr std::uint64_t mix(std::uint64_t state, std::uint64_t word) noexcept {
    state = (state ^ word) * 0x9e3779b97f4a7c15U;
    return state ^ (state >> 29);
  }
  std::uint64_t state_ = 0x68726d2076312e30U;
};

/// The tensors of a checkpoint and what has been packed from them so far; the first error sticks.
class WeightReader {
 public:
  WeightReader(std::span<const TensorView> tensors, const ModelOptions& options)
      : tensors_(tensors), options_(options) {
    by_name_.reserve(tensors.size());
    for (const TensorView& tensor : tensors) by_name_.push_back({0, tensor.name, by_name_.size()});
    sort_keys(by_name_);
  }

  /// The tensor of that name, held against a shape; null (and an error) where it does not fit.
  [[nodiscard]] HRM_COLD const TensorView* find(std::string_view name, std::initializer_list<std::size_t> shape) {
    const SortKey* const found = find_text(by_name_, name);
    if (found == nullptr) {
      fail(Error(ErrorCode::missing, name, ": expected a tensor of that name, found none"));
      return nullptr;
    }
    const TensorView* const at = &tensors_[found->index];
    if (at->rank != shape.size() || !std::equal(shape.begin(), shape.end(), at->shape.begin())) {
      fail(Error(ErrorCode::shape, name, ": expected shape ", shape_text(shape.begin(), shape.size()).message(),
                 ", found ", shape_text(at->shape.data(), at->rank).message()));
      return nullptr;
    }
    if (!holds_floats(*at) || (at->dtype == DType::i8 && at->rank != 2)) {
      fail(Error(ErrorCode::unsupported, name, ": expected float32, float16 or bfloat16, found ", name_of(at->dtype)));
      return nullptr;
    }
    return at;
  }

  /// Elements of a tensor as float32, checked for NaN and infinity.
  void read(const TensorView* tensor, std::size_t first, std::size_t count, float* out) {
    if (tensor == nullptr) return;
    if (!read_floats(*tensor, first, count, out) || !fingerprint_.add(out, count)) not_finite(*tensor);
  }

  /// Which row of a tensor stands at a column of the product; null: the same.
  using RowOf = std::size_t (*)(std::size_t column, const Sizes& sizes, std::size_t run) noexcept;

  /// Packs the rows of `tensor` [cols, depth], column j of the product taken from row row_of(j).
  void pack(const TensorView* tensor, const kernels::Table& table, const kernels::PackedMatrix& w,
            const Sizes& sizes = {}, RowOf row_of = nullptr) {
    if (tensor == nullptr) return;
    staged_.resize(table.panel_cols * w.depth);
    pointers_.resize(table.panel_cols);
    const bool direct =
        tensor->dtype == DType::f32 && reinterpret_cast<std::uintptr_t>(tensor->data) % alignof(float) == 0;
    std::uint64_t rows = 0;  // a sum, as instruction sets pack them in different orders
    for (std::size_t panel = 0; panel * table.panel_cols < w.cols; ++panel) {
      for (std::size_t j = 0; j < table.panel_cols; ++j) {
        const std::size_t column = panel * table.panel_cols + j;
        pointers_[j] = nullptr;
        if (column >= w.cols) continue;
        const std::size_t row = row_of == nullptr ? column : row_of(column, sizes, table.swiglu_run);
        if (direct) {
          pointers_[j] = reinterpret_cast<const float*>(tensor->data) + row * w.depth;
        } else {
          pointers_[j] = staged_.data() + j * w.depth;
          if (!read_floats(*tensor, row * w.depth, w.depth, staged_.data() + j * w.depth)) return not_finite(*tensor);
        }
        Fingerprint of_row;
        of_row.add(std::uint64_t{row});
        if (!of_row.add(pointers_[j], w.depth)) return not_finite(*tensor);
        rows += of_row.value();
      }
      table.pack_panel(w, panel, pointers_.data());
      if (direct && panel % 8 == 7) release_rows(table, w.depth, 8);
    }
    fingerprint_.add(rows);
    release(*tensor);
  }

  /// Lets go of what the last `panels` panels were packed from, where their rows lie side by side (as they do, in one
  /// run or in two, but for the rotary embedding's): the largest tensor need not be in memory beside its packed form.
  void release_rows(const kernels::Table& table, std::size_t depth, std::size_t panels) noexcept {
    const std::size_t half = table.swiglu_run;
    if (options_.release == nullptr || pointers_.back() == nullptr || pointers_[1] != pointers_[0] + depth) return;
    const bool one_run = pointers_[half] == pointers_[0] + half * depth;
    const std::size_t rows = one_run ? 2 * half : half;
    for (const float* last : {pointers_[0], pointers_[half]}) {
      options_.release(options_.release_context, reinterpret_cast<const std::byte*>(last - (panels - 1) * rows * depth),
                       panels * rows * depth * sizeof(float));
      if (one_run) break;
    }
  }

  void release(const TensorView& tensor) noexcept {
    if (options_.release != nullptr) options_.release(options_.release_context, tensor.data, tensor.bytes());
  }
  void not_finite(const TensorView& tensor) {
    fail(Error(ErrorCode::value, tensor.name, ": expected finite numbers, found NaN or infinity"));
  }
  void fail(const Error& error) {
    if (status_) status_ = error;
  }
  [[nodiscard]] const Result<void>& status() const noexcept { return status_; }
  [[nodiscard]] Fingerprint& fingerprint() noexcept { return fingerprint_; }
  [[nodiscard]] const ModelOptions& options() const noexcept { return options_; }
  [[nodiscard]] std::span<const TensorView> tensors() const noexcept { return tensors_; }

 private:
  std::span<const TensorView> tensors_;
  std::vector<SortKey> by_name_;  // a search over all of them for each would be quadratic
  const ModelOptions& options_;
  Result<void> status_;
  Fingerprint fingerprint_;
  std::vector<float> staged_;
  std::vector<const float*> pointers_;
};

/// Memory for W [cols, depth] packed by `table`.
[[nodiscard]] inline kernels::PackedMatrix take_matrix(Arena& arena, const kernels::Table& table, std::size_t cols,
                                                       std::size_t depth) noexcept {
  const std::size_t panels = ceil_div(cols, table.panel_cols);
  kernels::PackedMatrix w;
  w.cols = cols;
  w.depth = depth;
  w.panels = arena.take<std::byte>(panels * table.panel_bytes(depth));
  if (table.operand_by_row) w.scales = arena.take<float>(panels * table.panel_cols);
  if (table.column_offsets) w.offsets = arena.take<std::int32_t>(panels * table.panel_cols);
  return w;
}

}  // namespace detail
}  // namespace hrm
