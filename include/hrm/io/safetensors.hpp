#pragma once
/// safetensors: eight bytes of length, a JSON header, raw tensors. Reader and writer.

#include <hrm/io/json.hpp>

#include <array>
#include <deque>
#include <string>
#include <vector>

namespace hrm {

/// What a reader finds in a file: views into its bytes, and the names that had to be decoded.
struct TensorTable {
  std::vector<TensorView> tensors;
  std::deque<std::string> texts;  ///< what names point to where they are not in the file as they stand
};

namespace detail {

/// elements() * size_of(dtype) that cannot wrap round.
[[nodiscard]] constexpr bool checked_bytes(const TensorView& tensor, std::size_t& bytes) noexcept {
  bytes = size_of(tensor.dtype);
  for (std::size_t i = 0; i < tensor.rank; ++i) {
    if (!checked_mul(bytes, tensor.shape[i], bytes)) return false;
  }
  return true;
}

/// Refuses names that are too long, and two tensors of one name. O(n log n).
[[nodiscard]] HRM_COLD inline Result<void> check_names(std::span<const TensorView> tensors) {
  std::vector<SortKey> keys;
  keys.reserve(tensors.size());
  for (const TensorView& tensor : tensors) {
    if (tensor.name.size() > max_name) {
      return Error(ErrorCode::format, brief(tensor.name), "..: expected a name of at most ", max_name, " bytes, found ",
                   tensor.name.size());
    }
    keys.push_back({0, tensor.name});
  }
  if (const SortKey* twin = find_twin(keys); twin != nullptr) {
    return Error(ErrorCode::format, brief(twin->text), ": expected every name once, found it twice");
  }
  return {};
}

/// The same, and refuses two that share bytes.
[[nodiscard]] HRM_COLD inline Result<void> check_distinct(std::span<const TensorView> tensors) {
  if (auto names = check_names(tensors); !names) return names;
  std::vector<SortKey> keys;
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    if (tensors[i].bytes() != 0) keys.push_back({reinterpret_cast<std::uintptr_t>(tensors[i].data), {}, i});
  }
  sort_keys(keys);
  for (std::size_t i = 1; i < keys.size(); ++i) {
    const TensorView& before = tensors[keys[i - 1].index];
    if (keys[i].number < keys[i - 1].number + before.bytes()) {
      return Error(ErrorCode::format, brief(tensors[keys[i].index].name),
                   ": expected bytes of its own, found it overlapping ", brief(before.name));
    }
  }
  return {};
}

struct SafetensorsType {
  std::string_view name;
  DType dtype;
};
inline constexpr std::array<SafetensorsType, 8> safetensors_types{{{"F32", DType::f32},
                                                                   {"F16", DType::f16},
                                                                   {"BF16", DType::bf16},
                                                                   {"I32", DType::i32},
                                                                   {"I64", DType::i64},
                                                                   {"U8", DType::u8},
                                                                   {"I8", DType::i8},
                                                                   {"F64", DType::f64}}};

inline constexpr std::size_t max_safetensors_header = std::size_t{8} << 20;

/// One `{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]}`.
[[nodiscard]] HRM_COLD inline Result<TensorView> safetensors_entry(JsonReader& json, std::string_view name,
                                                                   std::span<const std::byte> data) {
  TensorView tensor;
  tensor.name = name;
  std::array<std::size_t, 2> offsets{};
  unsigned seen = 0;
  auto read = json.object([&](std::string_view key) -> Result<void> {
    if (key == "dtype") {
      auto text = json.string();
      if (!text) return text.error();
      for (const SafetensorsType& type : safetensors_types) {
        if (type.name != *text) continue;
        tensor.dtype = type.dtype;
        seen |= 1;
        return {};
      }
      return Error(ErrorCode::unsupported, "dtype: expected F64, F32, F16, BF16, I64, I32, I8 or U8, found ",
                   brief(*text));
    }
    if (key == "shape") {
      seen |= 2;
      return json.array([&](std::size_t i) -> Result<void> {
        auto size = json.size();
        if (!size) return size.error().in("shape");
        if (i >= TensorView::max_rank) {
          return Error(ErrorCode::unsupported, "shape: expected at most ", TensorView::max_rank,
                       " dimensions, found more");
        }
        tensor.shape[i] = *size;
        tensor.rank = i + 1;
        return {};
      });
    }
    if (key == "data_offsets") {
      seen |= 4;
      std::size_t count = 0;
      auto pair = json.array([&](std::size_t i) -> Result<void> {
        auto offset = json.size();
        if (!offset) return offset.error().in("data_offsets");
        if (i < 2) offsets[i] = *offset;
        count = i + 1;
        return {};
      });
      if (pair && count != 2) return Error(ErrorCode::format, "data_offsets: expected 2 numbers, found ", count);
      return pair;
    }
    return Error(ErrorCode::format, "expected dtype, shape and data_offsets, found ", brief(key));
  });
  if (!read) return read.error().in(brief(name));
  if (seen != 7)
    return Error(ErrorCode::format, brief(name), ": expected dtype, shape and data_offsets, found some missing");
  std::size_t bytes = 0;
  if (offsets[0] > offsets[1] || offsets[1] > data.size()) {
    return Error(ErrorCode::format, brief(name), ": data_offsets: expected a range within ", data.size(),
                 " bytes, found ", offsets[0], " to ", offsets[1]);
  }
  if (!checked_bytes(tensor, bytes) || bytes != offsets[1] - offsets[0]) {
    return Error(ErrorCode::shape, brief(name), ": bytes: expected ", offsets[1] - offsets[0],
                 " as data_offsets say, found shape ", shape_text(tensor.shape.data(), tensor.rank).message(), " of ",
                 name_of(tensor.dtype));
  }
  tensor.data = data.data() + offsets[0];
  return tensor;
}

}  // namespace detail

/// The tensors of a safetensors file, as views into it. Total on any bytes; errors name the tensor. Nothing may overlap
/// and no byte may be left over, as the format has it. Allocates some bytes per byte of the header, at most 8 MiB of
/// which are read. No exceptions, no RTTI.
[[nodiscard]] HRM_COLD inline Result<TensorTable> read_safetensors(std::span<const std::byte> file) {
  constexpr std::size_t max_header = detail::max_safetensors_header;
  detail::ByteReader reader(file);
  const auto length = reader.number<std::uint64_t>();
  if (!reader.ok()) return Error(ErrorCode::format, "header: expected at least 8 bytes, found ", file.size());
  if (length > max_header)
    return Error(ErrorCode::format, "header: expected at most ", max_header, " bytes, found a length of ", length);
  const std::string_view text = reader.text(length);
  if (!reader.ok())
    return Error(ErrorCode::format, "header: expected ", length, " bytes, found ", file.size() - 8,
                 ": the file is cut short");
  const auto data = file.subspan(reader.position());

  TensorTable table;
  JsonReader json(text, table.texts);
  auto read = json.object([&](std::string_view name) -> Result<void> {
    if (name == "__metadata__") return json.skip();
    if (table.tensors.size() == detail::max_tensors) {
      return Error(ErrorCode::format, "header: expected at most ", detail::max_tensors, " tensors, found more");
    }
    auto tensor = detail::safetensors_entry(json, name, data);
    if (!tensor) return tensor.error();
    table.tensors.push_back(*tensor);
    return {};
  });
  if (read) read = json.end();
  if (!read) return read.error().in("header");
  if (auto distinct = detail::check_distinct(table.tensors); !distinct) return distinct.error();
  std::size_t sum = 0;  // cannot wrap round: the ranges are distinct and within the file
  for (const TensorView& tensor : table.tensors) sum += tensor.bytes();
  if (sum != data.size())
    return Error(ErrorCode::format, "data: expected ", sum, " bytes as the header says, found ", data.size());
  return table;
}

/// Where a writer's bytes go; false stops it.
using WriteCallback = bool (*)(void* context, std::span<const std::byte> bytes);

/// Writes tensors as a safetensors file: the header padded to 8 bytes, then the data in the order given. Names are made
/// of printable ASCII; they and the header are such as the reader takes; shapes and data are the caller's word. Scales,
/// which an archive's int8 tensors have, are refused, as the format has no place for them.
[[nodiscard]] HRM_COLD inline Result<void> write_safetensors(std::span<const TensorView> tensors, WriteCallback write,
                                                             void* context) {
  if (auto names = detail::check_names(tensors); !names) return names;
  if (tensors.size() > detail::max_tensors) {
    return Error(ErrorCode::value, "header: expected at most ", detail::max_tensors, " tensors, found ",
                 tensors.size());
  }
  std::string header = "{";
  std::size_t at = 0;
  for (const TensorView& tensor : tensors) {
    if (tensor.scales != nullptr) {
      return Error(ErrorCode::unsupported, detail::brief(tensor.name), ": expected a tensor without scales, found ",
                   name_of(tensor.dtype), " with some");
    }
    if (tensor.name == "__metadata__") {
      return Error(ErrorCode::value, "__metadata__: expected another name, as the format keeps this one");
    }
    for (const char c : tensor.name) {
      if (c < 0x20 || c > 0x7e || c == '"' || c == '\\') {
        return Error(ErrorCode::value, detail::brief(tensor.name),
                     ": name: expected printable ASCII without quotes, found another character");
      }
    }
    header += header.size() > 1 ? ",\"" : "\"";
    header.append(tensor.name).append("\":{\"dtype\":\"");
    for (const auto& type : detail::safetensors_types) {
      if (type.dtype == tensor.dtype) header.append(type.name);
    }
    header += "\",\"shape\":[";
    for (std::size_t i = 0; i < tensor.rank; ++i)
      header.append(i == 0 ? "" : ",").append(std::to_string(tensor.shape[i]));
    header += "],\"data_offsets\":[" + std::to_string(at) + "," + std::to_string(at + tensor.bytes()) + "]}";
    at += tensor.bytes();
  }
  header += '}';
  header.resize(round_up(header.size(), 8), ' ');
  if (header.size() > detail::max_safetensors_header) {
    return Error(ErrorCode::value, "header: expected at most ", detail::max_safetensors_header, " bytes, found ",
                 header.size());
  }
  std::array<std::byte, 8> length{};
  for (std::size_t i = 0; i < 8; ++i)
    length[i] = static_cast<std::byte>(std::uint64_t{header.size()} >> (8 * i) & 0xff);
  bool good = write(context, length) && write(context, std::as_bytes(std::span(header)));
  for (const TensorView& tensor : tensors) good = good && write(context, {tensor.data, tensor.bytes()});
  if (!good)
    return Error(ErrorCode::io, "cannot be written: expected room for ", header.size() + 8 + at,
                 " bytes, found an error");
  return {};
}

}  // namespace hrm
