#pragma once
/// Writes torch.save files, as PyTorch 1.6 to 1.13 left them and as newer ones on a GPU do, and bad ones where a test
/// asks.

#include <hrm/io/zip.hpp>

#include <string>
#include <utility>
#include <vector>

namespace support {

/// A tensor with bytes of its own.
struct Tensor {
  std::string name;
  hrm::DType dtype = hrm::DType::f32;
  std::vector<std::size_t> shape;
  std::string data;

  [[nodiscard]] std::size_t elements() const {
    std::size_t n = 1;
    for (const std::size_t s : shape) n *= s;
    return n;
  }
};

/// Appends little-endian numbers.
template <class T>
void put(std::string& out, T value) {
  for (std::size_t i = 0; i < sizeof(T); ++i)
    out.push_back(static_cast<char>(static_cast<std::uint64_t>(value) >> (8 * i) & 0xff));
}

/// What a zip file may have wrong.
struct ZipFlaws {
  std::uint16_t flags = 0x0808;  ///< descriptors, UTF-8 names
  std::uint16_t method = 0;
  std::uint16_t disk = 0;
  std::uint32_t more_size = 0;   ///< added to the size in the directory
  std::uint64_t more_count = 0;  ///< added to the number of entries
  bool descriptor_lies = false;
  bool zip64_lies = false;
  bool local_name_lies = false;
};

/// A stored zip file with 64-byte aligned data, data descriptors and zip64 end records.
[[nodiscard]] inline std::string write_zip(const std::vector<std::pair<std::string, std::string>>& records,
                                           const ZipFlaws& flaws = {}) {
  std::string out;
  std::string directory;
  for (const auto& [name, data] : records) {
    const std::size_t header = out.size();
    const std::uint32_t crc = hrm::zip_crc(std::as_bytes(std::span(data)));
    const bool descriptor = (flaws.flags & 8) != 0;
    const auto size = static_cast<std::uint32_t>(data.size());
    put(out, std::uint32_t{0x04034b50});
    put(out, std::uint16_t{0});
    put(out, flaws.flags);
    put(out, flaws.method);
    put(out, std::uint32_t{0});
    put(out, descriptor ? std::uint32_t{0} : crc);
    put(out, descriptor ? std::uint32_t{0} : size);
    put(out, descriptor ? std::uint32_t{0} : size);
    put(out, static_cast<std::uint16_t>(name.size()));
    const std::size_t padding = (64 - (out.size() + 2 + name.size() + 4) % 64) % 64;
    put(out, static_cast<std::uint16_t>(4 + padding));
    out += flaws.local_name_lies ? std::string(name.size(), 'x') : name;
    out += "FB";
    put(out, static_cast<std::uint16_t>(padding));
    out.append(padding, 'Z');
    out += data;
    if (descriptor) {
      put(out, std::uint32_t{0x08074b50});
      put(out, crc);
      put(out, size);
      put(out, flaws.descriptor_lies ? size + 1 : size);
    }
    put(directory, std::uint32_t{0x02014b50});
    put(directory, std::uint32_t{0});
    put(directory, flaws.flags);
    put(directory, flaws.method);
    put(directory, std::uint32_t{0});
    put(directory, crc);
    put(directory, size + flaws.more_size);
    put(directory, size + flaws.more_size);
    put(directory, static_cast<std::uint16_t>(name.size()));
    put(directory, std::uint16_t{0});
    put(directory, std::uint16_t{0});
    put(directory, flaws.disk);
    directory.append(6, '\0');
    put(directory, static_cast<std::uint32_t>(header));
    directory += name;
  }
  const std::size_t at = out.size();
  out += directory;
  const std::size_t end = out.size();
  put(out, std::uint32_t{0x06064b50});
  put(out, std::uint64_t{44});
  put(out, std::uint32_t{0x002d031e});
  put(out, std::uint64_t{0});
  put(out, std::uint64_t{records.size() + flaws.more_count});
  put(out, std::uint64_t{records.size() + flaws.more_count});
  put(out, std::uint64_t{directory.size()});
  put(out, std::uint64_t{flaws.zip64_lies ? at + 1 : at});
  put(out, std::uint32_t{0x07064b50});
  put(out, std::uint32_t{0});
  put(out, std::uint64_t{end});
  put(out, std::uint32_t{1});
  put(out, std::uint32_t{0x06054b50});
  put(out, std::uint32_t{0});
  const std::uint64_t count = records.size() + flaws.more_count;
  for (int i = 0; i < 2; ++i) put(out, static_cast<std::uint16_t>(count < 0xffff ? count : 0xffff));
  put(out, static_cast<std::uint32_t>(directory.size()));
  put(out, static_cast<std::uint32_t>(at));
  put(out, std::uint16_t{0});
  return out;
}

/// Pickle opcodes, one after the other (protocol 2).
class Pickle {
 public:
  Pickle() { op("\x80\x02"); }
  Pickle& op(std::string_view bytes) {
    text_ += bytes;
    return *this;
  }
  Pickle& str(std::string_view value) {
    op("X");
    put(text_, static_cast<std::uint32_t>(value.size()));
    return op(value);
  }
  Pickle& number(std::size_t value) {
    if (value < 256) {
      op("K");
      put(text_, static_cast<std::uint8_t>(value));
    } else if (value < 0x80000000U) {
      op("J");
      put(text_, static_cast<std::int32_t>(value));
    } else {
      op("\x8a\x08");
      put(text_, static_cast<std::uint64_t>(value));
    }
    return *this;
  }
  Pickle& global(std::string_view module, std::string_view name) {
    return op("c").op(module).op("\n").op(name).op("\n");
  }
  Pickle& tuple(const std::vector<std::size_t>& values) {
    op("(");
    for (const std::size_t value : values) number(value);
    return op("t");
  }
  /// The tensor stored under `key`.
  Pickle& tensor(std::string_view type, std::string_view key, std::size_t storage, std::size_t offset,
                 const std::vector<std::size_t>& shape, std::vector<std::size_t> strides,
                 std::string_view location = "cpu") {
    global("torch._utils", "_rebuild_tensor_v2")
        .op("((")
        .str("storage")
        .global("torch", type)
        .str(key)
        .str(location)
        .number(storage);
    op("tQ").number(offset).tuple(shape).tuple(strides).op("\x89").global("collections", "OrderedDict").op(")RtR");
    return *this;
  }
  Pickle& tensor(std::string_view type, std::string_view key, const std::vector<std::size_t>& shape) {
    std::vector<std::size_t> strides(shape.size(), 1);
    std::size_t elements = 1;
    for (std::size_t i = shape.size(); i-- > 0;) {
      strides[i] = elements;
      elements *= shape[i];
    }
    return tensor(type, key, elements, 0, shape, strides);
  }
  [[nodiscard]] std::string done() const { return text_ + "."; }

 private:
  std::string text_;
};

[[nodiscard]] inline std::string_view storage_of(hrm::DType type) {
  switch (type) {
    case hrm::DType::f16:
      return "HalfStorage";
    case hrm::DType::bf16:
      return "BFloat16Storage";
    case hrm::DType::i32:
      return "IntStorage";
    case hrm::DType::i64:
      return "LongStorage";
    case hrm::DType::u8:
      return "ByteStorage";
    case hrm::DType::i8:
      return "CharStorage";
    case hrm::DType::f64:
      return "DoubleStorage";
    case hrm::DType::f32:
      break;
  }
  return "FloatStorage";
}

enum class Flavour { old, newer };

/// torch.save of a state dictionary; `prefix` stands before every name.
[[nodiscard]] inline std::string write_torch(const std::vector<Tensor>& tensors,
                                             std::string_view prefix = "_orig_mod.model.inner.",
                                             Flavour flavour = Flavour::old) {
  Pickle pickle;
  const bool newer = flavour == Flavour::newer;
  if (newer) {
    pickle.global("collections", "OrderedDict").op("q").op(std::string(1, '\0')).op(")R");
  } else {
    pickle.op("}");
  }
  pickle.op("(");
  std::vector<std::pair<std::string, std::string>> records{{"archive/data.pkl", ""}};
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    const Tensor& t = tensors[i];
    pickle.str(std::string(prefix) + t.name);
    pickle.tensor(storage_of(t.dtype), std::to_string(i), t.shape);
    records.emplace_back("archive/data/" + std::to_string(i), t.data);
  }
  pickle.op("u");
  if (newer) {
    pickle.op("}")
        .str("_metadata")
        .global("collections", "OrderedDict")
        .op(")R")
        .str("")
        .op("}")
        .str("version")
        .number(1)
        .op("sssb");
    for (const auto& [record, text] :
         {std::pair("byteorder", "little"), {".format_version", "1"}, {".storage_alignment", "64"}}) {
      records.emplace_back(std::string("archive/") + record, text);
    }
  }
  records[0].second = pickle.done();
  records.emplace_back("archive/version", "3\n");
  return write_zip(records);
}

}  // namespace support
