#pragma once
/// An open model file, whichever of the formats it has: its configuration and its tensors, with the bytes beneath.

#include <hrm/io/archive.hpp>
#include <hrm/io/torch.hpp>

#include <algorithm>

namespace hrm {

/// What the first bytes of a file say it is.
enum class FileFormat : std::uint8_t { unknown, torch, safetensors, archive };

[[nodiscard]] constexpr std::string_view name_of(FileFormat format) noexcept {
  constexpr std::array<std::string_view, 4> names{"unknown", "torch", "safetensors", "archive"};
  return names[static_cast<std::size_t>(format)];
}

/// Goes by the bytes; the name is not asked.
[[nodiscard]] inline FileFormat format_of(std::span<const std::byte> file) noexcept {
  const std::string_view text = detail::as_text(file.first(file.size() < 16 ? file.size() : 16));
  if (text.starts_with(detail::archive_magic)) return FileFormat::archive;
  if (text.starts_with("PK\x03\x04") || text.starts_with("PK\x05\x06")) return FileFormat::torch;
  const std::size_t brace = text.size() > 8 ? text.find_first_not_of(' ', 8) : std::string_view::npos;
  return brace != std::string_view::npos && text[brace] == '{' ? FileFormat::safetensors : FileFormat::unknown;
}

/// The name without what torch.compile, the loss head and parallel training put before it, in any order and number.
[[nodiscard]] constexpr std::string_view strip_prefixes(std::string_view name) noexcept {
  for (bool again = true; again;) {
    again = false;
    for (const std::string_view prefix : {"_orig_mod.", "module.", "model.", "inner."}) {
      if (!name.starts_with(prefix)) continue;
      name.remove_prefix(prefix.size());
      again = true;
    }
  }
  return name;
}

/// An open model. Move-only; it owns the bytes that the tensors look at, or keeps the mapping.
struct Checkpoint {
  Config config;
  std::vector<TensorView> tensors;  ///< prefixes stripped
  std::deque<std::string> texts;    ///< names that had to be decoded
  Source source;
  FileFormat format = FileFormat::unknown;
  std::shared_ptr<const Archive> archive;  ///< an archive's header; null for other files

  /// Bytes of all tensors.
  [[nodiscard]] std::size_t bytes() const noexcept {
    std::size_t sum = 0;
    for (const TensorView& tensor : tensors) sum += tensor.bytes();
    return sum;
  }
  /// The tensor of that name, or null.
  [[nodiscard]] const TensorView* find(std::string_view name) const noexcept { return find_tensor(tensors, name); }
};

/// Tensors of a torch.save or safetensors file, names as they stand. Errors lack the file's name.
[[nodiscard]] HRM_COLD inline Result<TensorTable> read_tensors(std::span<const std::byte> file) {
  switch (format_of(file)) {
    case FileFormat::torch:
      return read_torch(file);
    case FileFormat::safetensors:
      return read_safetensors(file);
    case FileFormat::archive:
      return Error(ErrorCode::unsupported, "file: expected torch.save or safetensors, found an archive");
    case FileFormat::unknown:
      break;
  }
  if (file.empty()) return Error(ErrorCode::format, "file: expected a model, found an empty file");
  if (file.size() > 1 && file[0] == std::byte{0x80}) {
    return Error(ErrorCode::unsupported,
                 "file: expected a zip from PyTorch 1.6 or later, found an older torch.save file");
  }
  return Error(ErrorCode::format, "file: expected a torch.save zip, safetensors or an hrm archive, found none of them");
}

/// A checkpoint from a torch.save or safetensors file and its configuration. The source goes in and is kept.
[[nodiscard]] HRM_COLD inline Result<Checkpoint> make_checkpoint(Source source, const RawConfig& raw) {
  auto table = read_tensors(source.bytes());
  if (!table) return table.error().in(source.name());
  Checkpoint out;
  out.format = format_of(source.bytes());
  out.texts = std::move(table->texts);
  out.tensors = std::move(table->tensors);
  out.source = std::move(source);
  for (TensorView& tensor : out.tensors) tensor.name = strip_prefixes(tensor.name);
  if (auto distinct = detail::check_distinct(out.tensors); !distinct) return distinct.error().in(out.source.name());
  auto config = complete(raw, out.tensors);
  if (!config) return config.error().in(out.source.name());
  out.config = *config;
  // Looking at the headers alone has mapped a large page (2 MiB where the system has such) around each of them.
  out.source.release(out.source.bytes().data(), out.source.size());
  return out;
}

/// A checkpoint from an archive, which has its configuration in it.
[[nodiscard]] HRM_COLD inline Result<Checkpoint> make_checkpoint(Source source) {
  auto archive = read_archive(source.bytes());
  if (!archive) return archive.error().in(source.name());
  Checkpoint out;
  out.format = FileFormat::archive;
  out.archive = *std::move(archive);
  out.tensors = out.archive->tensors;
  out.config = out.archive->header.config;
  out.source = std::move(source);
  return out;
}

/// Reads all of the file and holds it against its checksums: an archive's cover every byte, a torch.save file's every
/// record. safetensors files have none. Pages of a mapped file are let go as they are read, so that one of any size
/// passes through little memory.
[[nodiscard]] inline Result<void> check(const Checkpoint& checkpoint) {
  Result<void> checked;
  if (checkpoint.format == FileFormat::archive) checked = check_archive(*checkpoint.archive, checkpoint.source);
  if (checkpoint.format == FileFormat::torch) checked = check_torch(checkpoint.source);
  return checked ? checked : checked.error().in(checkpoint.source.name());
}

}  // namespace hrm
