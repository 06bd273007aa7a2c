#pragma once
/// A torch.save file (PyTorch 1.6 and later): a stored zip with a pickle and one record a storage.

#include <hrm/io/pickle.hpp>
#include <hrm/io/safetensors.hpp>
#include <hrm/io/source.hpp>
#include <hrm/io/zip.hpp>

#include <algorithm>

namespace hrm {

namespace detail {

/// Finds one of the entries, which are sorted by name.
[[nodiscard]] inline const ZipEntry* find_entry(std::span<const ZipEntry> entries, std::string_view name) noexcept {
  const auto at = std::lower_bound(entries.begin(), entries.end(), name,
                                   [](const ZipEntry& entry, std::string_view wanted) { return entry.name < wanted; });
  return at != entries.end() && at->name == name ? &*at : nullptr;
}

/// "archive/", the folder that data.pkl stands in.
[[nodiscard]] HRM_COLD inline Result<std::string_view> torch_folder(std::span<const ZipEntry> entries) noexcept {
  constexpr std::string_view pickle = "data.pkl";
  const ZipEntry* found = nullptr;
  for (const ZipEntry& entry : entries) {
    const std::size_t slash = entry.name.find('/');
    if (slash == std::string_view::npos || entry.name.substr(slash + 1) != pickle) continue;
    if (found != nullptr)
      return Error(ErrorCode::format, "zip: expected one data.pkl, found ", brief(found->name), " and ",
                   brief(entry.name));
    found = &entry;
  }
  if (found == nullptr)
    return Error(ErrorCode::format, "zip: expected FOLDER/data.pkl, found none: this is no torch.save file");
  return found->name.substr(0, found->name.size() - pickle.size());
}

}  // namespace detail

/// The tensors of a torch.save file, as views into it. Total on any bytes: no code of the file is run, every size is
/// held against the bytes that are there, tensors that share bytes or a name are refused. Newer files' extra records
/// are fine.
[[nodiscard]] HRM_COLD inline Result<TensorTable> read_torch(std::span<const std::byte> file) {
  auto entries = read_zip(file);
  if (!entries) return entries.error();
  const auto folder = detail::torch_folder(*entries);
  if (!folder) return folder.error();
  std::string name(*folder);
  const std::size_t stem = name.size();
  const auto entry = [&](std::string_view record, std::string_view key = {}) {
    name.resize(stem);
    name.append(record).append(key);
    return detail::find_entry(*entries, name);
  };
  if (const ZipEntry* order = entry("byteorder"); order != nullptr && detail::as_text(order->data) != "little") {
    return Error(ErrorCode::unsupported, "byteorder: expected little, found ",
                 detail::as_text(order->data).substr(0, 20));
  }
  auto pickled = read_pickle(entry("data.pkl")->data);
  if (!pickled) return pickled.error();

  TensorTable table;
  table.tensors.reserve(pickled->size());
  for (const PickledTensor& from : *pickled) {
    const ZipEntry* record = entry("data/", from.storage);
    if (record == nullptr)
      return Error(ErrorCode::missing, detail::brief(from.name), ": expected the record ", detail::brief(name),
                   ", found none");
    std::size_t bytes = 0;
    if (!checked_mul(from.storage_size, size_of(from.dtype), bytes) || bytes != record->data.size()) {
      return Error(ErrorCode::format, detail::brief(from.name), ": record ", detail::brief(name), ": expected ",
                   from.storage_size, " elements of ", name_of(from.dtype), ", found ", record->data.size(), " bytes");
    }
    TensorView& tensor = table.tensors.emplace_back();
    tensor.name = from.name;
    tensor.dtype = from.dtype;
    tensor.rank = from.rank;
    tensor.shape = from.shape;
    tensor.data =
        record->data.data() + from.offset * size_of(from.dtype);  // the pickle's reader held it against the storage
  }
  if (auto distinct = detail::check_distinct(table.tensors); !distinct) return distinct.error();
  return table;
}

/// Holds every record of a torch.save file against its checksum: reads all of the file, and lets it go again.
[[nodiscard]] inline Result<void> check_torch(const Source& file) {
  auto entries = read_zip(file.bytes());
  if (!entries) return entries.error();
  for (const ZipEntry& entry : *entries) {
    std::uint32_t crc = 0;
    file.pass(entry.data, [&](std::span<const std::byte> piece) { crc = zip_crc(piece, crc); });
    if (crc != entry.crc)
      return Error(ErrorCode::value, detail::brief(entry.name), ": checksum: expected ", entry.crc, ", found ", crc);
  }
  return {};
}

}  // namespace hrm
