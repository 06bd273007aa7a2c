#pragma once
/// Writes the native archive with cereal, and reads its header back with it. The only header that includes cereal,
/// which needs exceptions and RTTI; programs that only load models do not need it.

#include <hrm/io/archive.hpp>
#include <hrm/model/weights.hpp>

#include <cereal/archives/portable_binary.hpp>
#include <cereal/types/string.hpp>
#include <cereal/types/vector.hpp>

#include <cmath>
#include <sstream>

namespace hrm {

template <class Archive>
void serialize(Archive& archive, Config& c) {
  for (std::size_t* number : detail::config_numbers(c)) {
    std::uint64_t wide = *number;
    archive(wide);
    *number = saturating_size(wide);
  }
  auto positions = static_cast<std::uint8_t>(c.positions);
  archive(positions, c.rms_norm_eps, c.rope_theta);
  c.positions = static_cast<PositionEncoding>(positions);
}
template <class Archive>
void serialize(Archive& archive, ArchiveTensor& t) {
  archive(t.name, t.dtype, t.shape, t.offset, t.bytes, t.checksum, t.scales_offset, t.scales_checksum);
}
template <class Archive>
void serialize(Archive& archive, SelfTest& t) {
  archive(t.tokens, t.puzzle_id, t.segments, t.tolerance, t.logits, t.q);
}
template <class Archive>
void serialize(Archive& archive, ArchivePanels& p) {
  archive(p.kernels, p.fingerprint, p.offset, p.bytes, p.checksum);
}
template <class Archive>
void serialize(Archive& archive, ArchiveHeader& h) {
  archive(h.major, h.minor, h.header_bytes, h.file_bytes, h.config, h.precision, h.name, h.task, h.vocabulary,
          h.licence, h.provenance, h.puzzle_ids, h.tensors, h.tests, h.panels, h.extension);
}

namespace detail {

/// The header's bytes: the mark, what cereal writes, the checksum.
[[nodiscard]] inline std::string archive_header_bytes(ArchiveHeader& header) {
  std::ostringstream out;
  out << archive_magic;
  {
    cereal::PortableBinaryOutputArchive archive(out, cereal::PortableBinaryOutputArchive::Options::LittleEndian());
    archive(header);
  }
  std::string bytes = out.str();
  const std::uint64_t sum = archive_checksum(std::as_bytes(std::span(bytes)));
  for (int i = 0; i < 8; ++i) bytes.push_back(static_cast<char>(sum >> (8 * i) & 0xff));
  return bytes;
}

}  // namespace detail

/// Reads an archive's header with cereal. It believes the lengths it reads: for files of one's own alone;
/// read_archive() is for all others. The checksum is not looked at.
[[nodiscard]] inline Result<ArchiveHeader> read_archive_header_cereal(std::span<const std::byte> file) {
  const std::string_view text = detail::as_text(file);
  if (!text.starts_with(detail::archive_magic)) return detail::archive_damage("the mark HRMmodel, found another");
  try {
    std::istringstream in(std::string(text.substr(detail::archive_magic.size())));
    cereal::PortableBinaryInputArchive archive(in);
    ArchiveHeader header;
    archive(header);
    return header;
  } catch (const std::exception& fault) {
    return Error(ErrorCode::format, "archive: header: expected what cereal reads, found ", fault.what());
  }
}

/// What goes into an archive beside the header's texts. The tensors' data is read row by row, twice, and never held
/// whole.
struct ArchiveContents {
  ArchiveHeader header;                 ///< config, texts, puzzle_ids, tests; the rest is filled in
  std::vector<std::uint64_t> rows;      ///< of the puzzle embedding, ascending, those to keep; empty: all
  std::span<const TensorView> tensors;  ///< prefixes stripped; float32, float16, bfloat16, scaled int8
  Precision precision = Precision::f32;
  std::span<const std::byte> packed{};  ///< Model::packed(), to be stored beside the tensors; empty: none
  std::string packed_key;
  std::uint64_t packed_fingerprint = 0;
  void (*release)(void* context, const std::byte* data, std::size_t size) noexcept = nullptr;  ///< rows that are done
  void* release_context = nullptr;
};

/// Writes archives. It refers to the contents, which must outlive it and are looked at anew by every write().
class ArchiveWriter {
 public:
  explicit ArchiveWriter(const ArchiveContents& contents) : in_(contents), header_(contents.header) {}
  ArchiveWriter(const ArchiveContents&&) = delete;

  /// Writes the whole file. Matrices of the blocks take the precision's type (bfloat16: rounded to nearest; int8:
  /// levels of -127 to 127 with a scale a row, as the kernels quantise); all other tensors, and those already in it,
  /// stay as they are. header.puzzle_ids, if any, are the ids of the rows that are kept. Contents that read_archive()
  /// would refuse are an error, before anything is written.
  [[nodiscard]] Result<void> write(WriteCallback sink, void* context) {
    if (auto prepared = prepare(); !prepared) return prepared;
    at_ = 0;
    const auto put = [&](std::span<const std::byte> bytes) {
      at_ += bytes.size();
      return sink(context, bytes);
    };
    const auto pad = [&](std::uint64_t to) {
      constexpr std::array<std::byte, detail::archive_gap> zeros{};
      return at_ >= to || put(std::span(zeros).first(static_cast<std::size_t>(to - at_)));
    };
    bool good = false;
    try {
      const std::string bytes = detail::archive_header_bytes(header_);
      good = put(std::as_bytes(std::span(bytes)));
    } catch (const std::exception& fault) {
      return Error(ErrorCode::io, "archive: header: expected cereal to write it, found ", fault.what());
    }
    for (std::size_t i = 0; i < header_.tensors.size() && good; ++i) {
      const ArchiveTensor& t = header_.tensors[i];
      std::vector<float> scales;
      good = pad(t.offset) && each_row(i, [&](std::span<const std::byte> row, float scale) {
               if (t.scales_offset != 0) scales.push_back(scale);
               return put(row);
             });
      if (t.scales_offset != 0) good = good && pad(t.scales_offset) && put(std::as_bytes(std::span(scales)));
    }
    if (good && !header_.panels.empty()) good = pad(header_.panels[0].offset) && put(in_.packed);
    if (!good)
      return Error(ErrorCode::io, "archive: cannot be written: expected room for ", header_.file_bytes,
                   " bytes, found an error");
    return {};
  }

  /// As it was written.
  [[nodiscard]] const ArchiveHeader& header() const noexcept { return header_; }

 private:
  /// Matrices whose type follows the precision; the heads and embeddings stay as exact as they are.
  [[nodiscard]] static bool in_block(std::string_view name) { return name.find("_level.layers.") == 1; }

  [[nodiscard]] DType type_of(const TensorView& t) const {
    if (!in_block(t.name) || in_.precision == Precision::f32) return t.dtype;
    return in_.precision == Precision::bf16 ? (t.dtype == DType::i8 ? t.dtype : DType::bf16) : DType::i8;
  }

  /// Fills in the header: places, checksums, sizes.
  [[nodiscard]] Result<void> prepare() {
    header_ = in_.header;  // anew: a writer may be asked twice
    sources_.clear();
    header_.major = ArchiveHeader::current_major;
    header_.minor = ArchiveHeader::current_minor;
    header_.precision = static_cast<std::uint8_t>(in_.precision);
    header_.tensors.clear();
    header_.panels.clear();
    if (!in_.rows.empty()) header_.config.puzzle_ids = in_.rows.size();
    for (const TensorView& t : in_.tensors) {
      if (detail::is_left_alone(t.name)) continue;
      if (!holds_floats(t))
        return Error(ErrorCode::unsupported, detail::brief(t.name), ": expected float32, float16 or bfloat16, found ",
                     name_of(t.dtype));
      sources_.push_back(&t);
      ArchiveTensor& to = header_.tensors.emplace_back();
      to.name = t.name;
      to.dtype = static_cast<std::uint8_t>(type_of(t));
      to.shape.assign(t.shape.begin(), t.shape.begin() + static_cast<std::ptrdiff_t>(t.rank));
      if (chosen(t)) {
        to.shape[0] = in_.rows.size();
        for (const std::uint64_t row : in_.rows) {
          if (row >= t.shape[0])
            return Error(ErrorCode::value, t.name, ": expected rows below ", t.shape[0], ", found ", row);
        }
      }
      to.bytes = size_of(type_of(t));
      for (const std::uint64_t n : to.shape) to.bytes *= n;
    }
    if (auto readable = check_readable(); !readable) return readable;
    for (std::size_t i = 0; i < sources_.size(); ++i) {
      detail::ArchiveChecksum values;
      detail::ArchiveChecksum scales;
      const bool done = each_row(i, [&](std::span<const std::byte> row, float scale) {
        values.add(row);
        scales.add(std::as_bytes(std::span(&scale, 1)));
        return true;
      });
      if (!done) {
        const bool rounded = type_of(*sources_[i]) == DType::bf16 && sources_[i]->dtype != DType::bf16;
        return Error(ErrorCode::value, sources_[i]->name, ": expected finite numbers", rounded ? " in bfloat16" : "",
                     ", found NaN or infinity");
      }
      header_.tensors[i].checksum = values.value();
      if (type_of(*sources_[i]) == DType::i8) header_.tensors[i].scales_checksum = scales.value();
    }
    if (!in_.packed.empty())
      header_.panels.push_back(
          {in_.packed_key, in_.packed_fingerprint, 0, in_.packed.size(), detail::archive_checksum(in_.packed)});
    try {
      header_.header_bytes =
          detail::archive_header_bytes(header_).size();  // fixed-width numbers: the places do not change it
    } catch (const std::exception& fault) {
      return Error(ErrorCode::io, "archive: header: expected cereal to write it, found ", fault.what());
    }
    if (header_.header_bytes > detail::max_archive_header) {
      return Error(ErrorCode::value, "archive: header: expected at most ", detail::max_archive_header,
                   " bytes of texts, ids and tests, found ", header_.header_bytes);
    }
    std::uint64_t end = header_.header_bytes;
    for (std::size_t i = 0; i < sources_.size(); ++i) {
      ArchiveTensor& t = header_.tensors[i];
      t.offset = round_up(end, alignment);
      end = t.offset + t.bytes;
      if (type_of(*sources_[i]) != DType::i8) continue;
      t.scales_offset = round_up(end, alignment);
      end = t.scales_offset + t.shape[0] * sizeof(float);
    }
    if (!header_.panels.empty()) {
      header_.panels[0].offset = round_up(end, detail::archive_gap);
      end = header_.panels[0].offset + header_.panels[0].bytes;
    }
    header_.file_bytes = end;
    return {};
  }

  /// Whether a reader would take what the header says, by the reader's own rules.
  [[nodiscard]] Result<void> check_readable() const {
    const auto few = [](const auto& list) -> Result<void> {
      constexpr auto limit = detail::archive_limit<typename std::remove_cvref_t<decltype(list)>::value_type>;
      if (list.size() <= limit.most) return {};
      return Error(ErrorCode::value, "archive: header: expected ", limit.words, ", found more");
    };
    if (auto tensors = few(header_.tensors); !tensors) return tensors;
    if (auto tests = few(header_.tests); !tests) return tests;
    std::vector<TensorView> views;
    views.reserve(sources_.size());
    for (const TensorView* source : sources_) {
      TensorView& view = views.emplace_back(*source);
      if (chosen(view)) view.shape[0] = in_.rows.size();
      if (type_of(view) == DType::i8 && view.rank != 2) {
        return Error(ErrorCode::value, "archive: ", detail::brief(view.name),
                     ": expected an int8 tensor to be a matrix, found another rank");
      }
    }
    if (auto names = detail::check_names(views); !names) return names;
    return detail::check_contents(header_, views);
  }

  [[nodiscard]] bool chosen(const TensorView& t) const {
    return t.name == "puzzle_emb.weights" && t.rank == 2 && !in_.rows.empty();
  }

  /// Calls row(bytes, scale) for every row of a tensor in the type it is stored in; false if that says so, or where a
  /// number is not finite, be it in that type alone.
  template <class Row>
  [[nodiscard]] bool each_row(std::size_t index, const Row& row) {
    const TensorView& t = *sources_[index];
    const DType type = type_of(t);
    const std::size_t width = t.rank == 0 ? 1 : t.shape[t.rank - 1];
    const std::size_t rows = chosen(t) ? in_.rows.size() : width == 0 ? 0 : t.elements() / width;
    const std::size_t stride = width * size_of(t.dtype);
    floats_.resize(width);
    std::size_t released = 0;
    for (std::size_t i = 0; i < rows; ++i) {
      const std::size_t from = chosen(t) ? static_cast<std::size_t>(in_.rows[i]) : i;
      if (!read_floats(t, from * width, width, floats_.data())) return false;
      const std::byte* stored = t.data + from * stride;
      float scale = 0.0F;
      if (t.scales != nullptr) std::memcpy(&scale, t.scales + from * sizeof(float), sizeof(float));
      if (type != t.dtype) {
        stored_.resize(width * size_of(type));
        stored = stored_.data();
        if (type == DType::i8) {
          scale = quantise();
        } else {
          for (std::size_t k = 0; k < width; ++k) {
            const bfloat16 half = to_bfloat16(floats_[k]);
            if (!is_finite(to_float(half))) return false;  // the largest of float32 are rounded to infinity
            std::memcpy(stored_.data() + 2 * k, &half, 2);
          }
        }
      }
      if (!row({stored, width * size_of(type)}, scale)) return false;
      if (!chosen(t) && in_.release != nullptr && (i + 1 - released) * stride >= (std::size_t{4} << 20)) {
        in_.release(in_.release_context, t.data + released * stride, (i + 1 - released) * stride);
        released = i + 1;
      }
    }
    if (in_.release != nullptr) in_.release(in_.release_context, t.data, t.bytes());
    return true;
  }

  /// floats_ to levels in stored_; gives the scale. As the kernels do it: a row too small for the inverse is zeros.
  [[nodiscard]] float quantise() {
    float most = 0.0F;
    for (const float value : floats_) most = std::max(most, value < 0.0F ? -value : value);
    const float scale = most / 127.0F;
    const float inverse = most > 1e-30F ? 127.0F / most : 0.0F;
    for (std::size_t k = 0; k < floats_.size(); ++k) {
      const long nearest = std::lrintf(floats_[k] * inverse);  // at most 127: the largest is 127 to rounding
      stored_[k] = static_cast<std::byte>(static_cast<std::uint8_t>(nearest));
    }
    return scale;
  }

  const ArchiveContents& in_;
  ArchiveHeader header_;
  std::vector<const TensorView*> sources_;
  std::vector<float> floats_;
  std::vector<std::byte> stored_;
  std::uint64_t at_ = 0;
};

}  // namespace hrm
