#pragma once
/// The native archive, model.hrm: read without cereal, exceptions or RTTI. FORMAT.md beside this file has every byte.

#include <hrm/io/config.hpp>
#include <hrm/io/source.hpp>
#include <hrm/model/self_test.hpp>

#include <memory>

namespace hrm {

/// One tensor of an archive. Offsets count from the file's beginning.
struct ArchiveTensor {
  std::string name;
  std::uint8_t dtype = 0;            ///< as enum DType
  std::vector<std::uint64_t> shape;  ///< at most 4 dimensions
  std::uint64_t offset = 0;          ///< a multiple of 64
  std::uint64_t bytes = 0;
  std::uint64_t checksum = 0;
  std::uint64_t scales_offset = 0;  ///< int8: where one float32 a row stands, a multiple of 64; otherwise 0
  std::uint64_t scales_checksum = 0;

  bool operator==(const ArchiveTensor&) const = default;
};

/// The weights as one build's kernels want them, ready to be used where they lie.
struct ArchivePanels {
  std::string kernels;            ///< which kernels, which layout: detail::packed_key()
  std::uint64_t fingerprint = 0;  ///< Model::fingerprint()
  std::uint64_t offset = 0;       ///< a multiple of 4096
  std::uint64_t bytes = 0;
  std::uint64_t checksum = 0;

  bool operator==(const ArchivePanels&) const = default;
};

/// All that stands before the tensors.
struct ArchiveHeader {
  static constexpr std::uint16_t current_major = 1;
  static constexpr std::uint16_t current_minor = 0;

  std::uint16_t major = current_major;
  std::uint16_t minor = current_minor;
  std::uint64_t header_bytes = 0;  ///< with its checksum
  std::uint64_t file_bytes = 0;
  Config config;
  std::uint8_t precision = 0;  ///< as enum Precision: what the archive was made for
  std::string name;            ///< the model's
  std::string task;            ///< "sudoku 9x9", ..
  std::string vocabulary;      ///< what the tokens mean, one a line
  std::string licence;
  std::string provenance;                 ///< where the weights come from
  std::vector<std::uint64_t> puzzle_ids;  ///< ids of the puzzle embedding's rows, ascending; empty: 0, 1, ..
  std::vector<ArchiveTensor> tensors;     ///< in the file's order
  std::vector<SelfTest> tests;
  std::vector<ArchivePanels> panels;
  std::string extension;  ///< what newer minor versions add; older readers step over it

  bool operator==(const ArchiveHeader&) const = default;
};

/// An open archive: the header, and views of the tensors.
struct Archive {
  ArchiveHeader header;
  std::vector<TensorView> tensors;  ///< names are views of the header's: keep it where it is
};

namespace detail {

inline constexpr std::string_view archive_magic = "HRMmodel";
inline constexpr std::uint64_t max_archive_header = std::uint64_t{16} << 20;
inline constexpr std::uint64_t archive_gap = 4096;  // a blob begins less than that after the one before

/// How many of a list's elements a header may have, with the words for it. Those are larger in memory than in the file:
/// without a limit a header of 16 MiB could ask for several times as much.
struct ArchiveLimit {
  std::uint64_t most = ~std::uint64_t{0};
  std::string_view words{};
};
template <class T>
inline constexpr ArchiveLimit archive_limit{};
template <>
inline constexpr ArchiveLimit archive_limit<ArchiveTensor>{max_tensors, "at most 65536 tensors"};
template <>
inline constexpr ArchiveLimit archive_limit<SelfTest>{1024, "at most 1024 self-tests"};
template <>
inline constexpr ArchiveLimit archive_limit<ArchivePanels>{64, "panels for at most 64 kinds of kernels"};

/// The checksum of archives, of bytes that may come in pieces: four interleaved lanes of 64 bits. A change within
/// one word of eight bytes is always seen.
class ArchiveChecksum {
 public:
  // Not inlined: gcc 16 warns falsely of blocks where the bytes are known to be few.
  HRM_NOINLINE void add(std::span<const std::byte> bytes) noexcept {
    size_ += bytes.size();
    if (held_ > 0) {
      const std::size_t count = bytes.size() < block - held_ ? bytes.size() : block - held_;
      if (count > 0) std::memcpy(open_.data() + held_, bytes.data(), count);
      held_ += count;
      bytes = bytes.subspan(count);
      if (held_ < block) return;
      mix_block(open_.data());
      held_ = 0;
    }
    std::size_t at = 0;
    for (; at + block <= bytes.size(); at += block) mix_block(bytes.data() + at);
    held_ = bytes.size() - at;
    if (held_ > 0) std::memcpy(open_.data(), bytes.data() + at, held_);
  }
  /// Of all that was added.
  [[nodiscard]] std::uint64_t value() const noexcept {
    ArchiveChecksum last = *this;
    if (held_ > 0) {
      std::memset(last.open_.data() + held_, 0, block - held_);
      last.mix_block(last.open_.data());
    }
    std::uint64_t sum = mix(0, size_);
    for (const std::uint64_t lane : last.lanes_) sum = mix(sum, lane);
    return sum;
  }

 private:
  static constexpr std::size_t block = 32;
  static std::uint64_t mix(std::uint64_t state, std::uint64_t word) noexcept {
    state = (state ^ word) * 0x9e3779b97f4a7c15U;
    return state ^ (state >> 32);
  }
  void mix_block(const std::byte* bytes) noexcept {
    std::array<std::uint64_t, 4> words{};
    std::memcpy(words.data(), bytes, block);
    for (std::size_t i = 0; i < 4; ++i) lanes_[i] = mix(lanes_[i], words[i]);
  }
  std::array<std::uint64_t, 4> lanes_{1, 2, 3, 4};
  std::array<std::byte, block> open_{};  // the first bytes of a block that is not whole yet
  std::size_t held_ = 0;
  std::uint64_t size_ = 0;
};

[[nodiscard]] inline std::uint64_t archive_checksum(std::span<const std::byte> bytes) noexcept {
  ArchiveChecksum sum;
  sum.add(bytes);
  return sum.value();
}

/// The whole numbers of a configuration, in the file's order.
[[nodiscard]] inline std::array<std::size_t*, 13> config_numbers(Config& c) noexcept {
  return {&c.sizes.hidden,    &c.sizes.heads,    &c.sizes.inner,    &c.sizes.vocab,         &c.sizes.h_layers,
          &c.sizes.l_layers,  &c.sizes.h_cycles, &c.sizes.l_cycles, &c.sizes.puzzle_tokens, &c.puzzle_ids,
          &c.puzzle_emb_ndim, &c.seq_len,        &c.halt_max_steps};
}

/// Reads the fields in the order in which cereal writes them; the first thing that is wrong sticks.
class ArchiveReader {
 public:
  explicit ArchiveReader(std::span<const std::byte> bytes) noexcept : in_(bytes) {}

  [[nodiscard]] bool ok() const noexcept { return in_.ok(); }
  [[nodiscard]] std::size_t left() const noexcept { return in_.left(); }
  /// What should have been there, where a list was too long; otherwise empty.
  [[nodiscard]] std::string_view expected() const noexcept { return expected_; }

  template <class T>
    requires std::is_integral_v<T>
  void read(T& value) noexcept { value = in_.number<T>(); }
  void read(float& value) noexcept { value = bit_cast<float>(in_.number<std::uint32_t>()); }
  void read(std::string& value) { value = in_.text(in_.number<std::uint64_t>()); }
  void read(PositionEncoding& value) noexcept {
    const auto number = in_.number<std::uint8_t>();
    if (number > 1) static_cast<void>(in_.take(in_.left() + 1));  // no such encoding: from here on not ok
    value = static_cast<PositionEncoding>(number);
  }
  void read(Config& c) noexcept {
    for (std::size_t* number : config_numbers(c)) *number = saturating_size(in_.number<std::uint64_t>());
    all(c.positions, c.rms_norm_eps, c.rope_theta);
  }
  void read(ArchiveTensor& t) {
    all(t.name, t.dtype, t.shape, t.offset, t.bytes, t.checksum, t.scales_offset, t.scales_checksum);
  }
  void read(SelfTest& t) { all(t.tokens, t.puzzle_id, t.segments, t.tolerance, t.logits, t.q); }
  void read(ArchivePanels& p) { all(p.kernels, p.fingerprint, p.offset, p.bytes, p.checksum); }

  /// A length and so many elements. What is reserved is bounded by the bytes that are there.
  template <class T>
  void read(std::vector<T>& values) {
    constexpr std::size_t least = std::is_arithmetic_v<T> ? sizeof(T) : 32;  // bytes of an element in the file
    const auto count = in_.number<std::uint64_t>();
    if (count > archive_limit<T>.most) expected_ = archive_limit<T>.words;
    if (count > in_.left() / least || count > archive_limit<T>.most) {
      static_cast<void>(in_.take(in_.left() + 1));
      return;
    }
    values.resize(static_cast<std::size_t>(count));
    for (T& value : values) read(value);
  }
  template <class... Fields>
  void all(Fields&... fields) {
    (read(fields), ...);
  }

 private:
  ByteReader in_;
  std::string_view expected_;
};

[[nodiscard]] inline Error archive_damage(std::string_view what) noexcept {
  return Error(ErrorCode::format, "archive: header: expected ", what);
}

/// The tensors' places, in order: each begins less than a page after the one before ends, and the file ends with the
/// last.
class ArchivePlaces {
 public:
  explicit ArchivePlaces(std::uint64_t header) noexcept : end_(header) {}
  [[nodiscard]] bool take(std::uint64_t offset, std::uint64_t bytes, std::uint64_t alignment,
                          std::uint64_t file) noexcept {
    if (offset % alignment != 0 || offset < end_ || offset - end_ >= archive_gap || offset > file ||
        bytes > file - offset)
      return false;
    end_ = offset + bytes;
    return true;
  }
  [[nodiscard]] std::uint64_t end() const noexcept { return end_; }

 private:
  std::uint64_t end_;
};

[[nodiscard]] inline RawConfig raw_config(const Config& c) noexcept {
  RawConfig raw;
  raw.hidden_size = c.sizes.hidden;
  raw.num_heads = c.sizes.heads;
  raw.H_layers = c.sizes.h_layers;
  raw.L_layers = c.sizes.l_layers;
  raw.H_cycles = c.sizes.h_cycles;
  raw.L_cycles = c.sizes.l_cycles;
  raw.vocab_size = c.sizes.vocab;
  raw.puzzle_emb_ndim = c.puzzle_emb_ndim;
  raw.num_puzzle_identifiers = c.puzzle_ids;
  raw.seq_len = c.seq_len;
  raw.halt_max_steps = c.halt_max_steps;
  raw.rms_norm_eps = c.rms_norm_eps;
  raw.rope_theta = c.rope_theta;
  raw.pos_encodings = c.positions;
  return raw;
}

/// Views of an archive's tensors, each held against the file and its neighbours.
[[nodiscard]] HRM_COLD inline Result<std::vector<TensorView>> archive_views(const ArchiveHeader& header,
                                                                            std::span<const std::byte> file) {
  std::vector<TensorView> views;
  views.reserve(header.tensors.size());
  ArchivePlaces places(header.header_bytes);
  for (const ArchiveTensor& from : header.tensors) {
    const auto wrong = [&](std::string_view what) {
      return Error(ErrorCode::format, "archive: ", brief(from.name), ": expected ", what);
    };
    TensorView view;
    view.name = from.name;
    if (from.dtype > static_cast<std::uint8_t>(DType::i8))
      return Error(ErrorCode::unsupported, "archive: ", brief(from.name), ": dtype: expected 0 to 6, found ",
                   from.dtype);
    view.dtype = static_cast<DType>(from.dtype);
    if (from.shape.size() > TensorView::max_rank) return wrong("at most 4 dimensions, found more");
    view.rank = from.shape.size();
    for (std::size_t i = 0; i < view.rank; ++i) view.shape[i] = saturating_size(from.shape[i]);
    std::size_t bytes = 0;
    if (!checked_bytes(view, bytes) || bytes != from.bytes)
      return wrong("as many bytes as its shape takes, found another number");
    if (!places.take(from.offset, from.bytes, alignment, file.size()))
      return wrong("a place of its own behind the one before, found another");
    view.data = file.data() + from.offset;
    if (view.dtype == DType::i8) {
      if (view.rank != 2) return wrong("an int8 tensor to be a matrix, found another rank");
      if (!places.take(from.scales_offset, std::uint64_t{view.shape[0]} * sizeof(float), alignment, file.size()))
        return wrong("a place for its scales, found another");
      view.scales = file.data() + from.scales_offset;
    } else if (from.scales_offset != 0 || from.scales_checksum != 0) {
      return wrong("no scales, found some");
    }
    views.push_back(view);
  }
  for (const ArchivePanels& panels : header.panels) {
    if (!places.take(panels.offset, panels.bytes, 4096, file.size()))
      return Error(ErrorCode::format, "archive: panels: expected a place of their own, found another");
  }
  if (places.end() != file.size())
    return Error(ErrorCode::format, "archive: expected ", places.end(), " bytes, found ", file.size());
  return views;
}

/// What a header says, held against itself and against the tensors' names and shapes. For writers too: their tensors
/// may lie anywhere.
[[nodiscard]] HRM_COLD inline Result<void> check_contents(const ArchiveHeader& header,
                                                          std::span<const TensorView> tensors) {
  auto config = complete(raw_config(header.config), tensors);
  if (!config) return config.error();
  if (*config != header.config) return archive_damage("a configuration that fits the tensors, found another");
  if (!header.puzzle_ids.empty() && header.puzzle_ids.size() != config->puzzle_ids)
    return archive_damage("an id for every row of puzzle_emb.weights, found another number");
  for (std::size_t i = 1; i < header.puzzle_ids.size(); ++i) {
    if (header.puzzle_ids[i - 1] >= header.puzzle_ids[i])
      return archive_damage("puzzle ids in ascending order, found others");
  }
  if (header.precision > 2) return archive_damage("a precision from 0 to 2, found another");
  double work = 0;
  for (const SelfTest& test : header.tests) {
    std::size_t logits = 0;
    bool fits = checked_mul(test.tokens.size(), config->sizes.vocab, logits) && logits == test.logits.size() &&
                test.q.size() == 2;
    fits = fits && !test.tokens.empty() && test.segments >= 1 && test.segments <= 1024 && is_finite(test.tolerance);
    work += self_test_work(*config, test.tokens.size(), test.segments);
    if (work > max_self_test_work)
      return archive_damage("tests of some seconds, as whoever loads the model runs them, found longer ones");
    for (const float value : test.logits) fits = fits && is_finite(value);
    for (const float value : test.q) fits = fits && is_finite(value);
    if (!fits) return archive_damage("a test of tokens, logits and q values that fit the model, found another");
  }
  return {};
}

}  // namespace detail

/// Reads an archive's header and looks at its structure: sizes, places, shapes, configuration. Total on any bytes;
/// takes microseconds and touches none of the tensors. Allocates in proportion to the header, at most 16 MiB of which
/// are read. Another major version is refused; of a newer minor one, what it adds is stepped over.
[[nodiscard]] HRM_COLD inline Result<std::shared_ptr<const Archive>> read_archive(std::span<const std::byte> file) {
  const std::string_view text = detail::as_text(file);
  if (!text.starts_with(detail::archive_magic)) return detail::archive_damage("the mark HRMmodel, found another");
  if (text.size() <= detail::archive_magic.size()) return detail::archive_damage("a byte order, found the end");
  if (text[detail::archive_magic.size()] != 1) return detail::archive_damage("little endian, found another byte order");
  const std::size_t begin = detail::archive_magic.size() + 1;
  auto archive = std::make_shared<Archive>();
  ArchiveHeader& header = archive->header;
  detail::ArchiveReader first(file.subspan(begin));
  first.all(header.major, header.minor, header.header_bytes, header.file_bytes);
  if (!first.ok()) return detail::archive_damage("a version and sizes, found the end");
  if (header.major != ArchiveHeader::current_major) {
    return Error(ErrorCode::unsupported, "archive: version: expected ", ArchiveHeader::current_major, ".x, found ",
                 header.major, ".", header.minor);
  }
  if (header.file_bytes != file.size()) {
    return Error(ErrorCode::format, "archive: file: expected ", header.file_bytes, " bytes as its header says, found ",
                 file.size());
  }
  constexpr std::uint64_t fixed = detail::archive_magic.size() + 1 + 20;
  if (header.header_bytes > detail::max_archive_header || header.header_bytes > file.size() ||
      header.header_bytes < fixed + 8) {
    return Error(ErrorCode::format, "archive: header: expected a length within the file and ",
                 detail::max_archive_header, ", found ", header.header_bytes);
  }
  const auto all = file.first(static_cast<std::size_t>(header.header_bytes));
  const auto covered = all.first(all.size() - 8);
  if (detail::ByteReader(all.last(8)).number<std::uint64_t>() != detail::archive_checksum(covered)) {
    return Error(ErrorCode::format, "archive: header: checksum: expected that of its bytes, found another");
  }
  detail::ArchiveReader reader(covered.subspan(static_cast<std::size_t>(fixed)));
  reader.all(header.config, header.precision, header.name, header.task, header.vocabulary, header.licence,
             header.provenance, header.puzzle_ids, header.tensors, header.tests, header.panels, header.extension);
  if (!reader.expected().empty())
    return Error(ErrorCode::format, "archive: header: expected ", reader.expected(), ", found more");
  if (!reader.ok() || reader.left() != 0) return detail::archive_damage("fields that fill it, found others");
  auto views = detail::archive_views(header, file);
  if (!views) return views.error();
  archive->tensors = *std::move(views);
  if (auto distinct = detail::check_distinct(archive->tensors); !distinct) return distinct.error();
  if (auto contents = detail::check_contents(header, archive->tensors); !contents) return contents.error();
  return std::shared_ptr<const Archive>(std::move(archive));
}

/// Holds every byte of an archive against its checksums (what lies between tensors must be zero). `file` is the one
/// that `archive` was read from: all of it is read, and let go again.
[[nodiscard]] inline Result<void> check_archive(const Archive& archive, const Source& file) {
  const auto bytes = file.bytes();
  std::size_t end = static_cast<std::size_t>(archive.header.header_bytes);
  const auto blob = [&](std::string_view name, std::uint64_t offset, std::uint64_t size,
                        std::uint64_t expected) -> Result<void> {
    for (; end < offset; ++end) {
      if (bytes[end] != std::byte{0})
        return Error(ErrorCode::value, "archive: byte ", end, ": expected zero between tensors, found another");
    }
    detail::ArchiveChecksum sum;
    file.pass(bytes.subspan(end, static_cast<std::size_t>(size)),
              [&](std::span<const std::byte> piece) { sum.add(piece); });
    end += static_cast<std::size_t>(size);
    if (sum.value() == expected) return {};
    return Error(ErrorCode::value, "archive: ", name, ": checksum: expected ", expected, ", found ", sum.value());
  };
  for (std::size_t i = 0; i < archive.tensors.size(); ++i) {
    const ArchiveTensor& t = archive.header.tensors[i];
    if (auto same = blob(t.name, t.offset, t.bytes, t.checksum); !same) return same;
    if (t.scales_offset == 0) continue;
    if (auto same = blob(t.name, t.scales_offset, archive.tensors[i].shape[0] * sizeof(float), t.scales_checksum);
        !same)
      return same;
  }
  for (const ArchivePanels& panels : archive.header.panels) {
    if (auto same = blob("panels", panels.offset, panels.bytes, panels.checksum); !same) return same;
  }
  return {};
}

}  // namespace hrm
