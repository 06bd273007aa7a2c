#pragma once
/// From a path to a model, in one call.

#include <hrm/io/checkpoint.hpp>
#include <hrm/model/model.hpp>

#include <algorithm>

namespace hrm {

/// What load() is told beside the path. `config` and `map` are for a path alone: what is open already (a Checkpoint, a
/// Source) has been mapped or not, and its configuration is given beside it.
struct LoadOptions {
  std::optional<Precision> precision{};       ///< empty: what an archive was made for, float32 for other files
  std::span<const std::size_t> puzzle_ids{};  ///< puzzle embedding rows to keep; empty: all
  std::string config{};                       ///< the configuration's path; empty: the one beside the file, or within
  /// Map files where the system can. Weights that an archive holds packed are then read from the disk by the first
  /// segments that need them, and by several processes only once.
  bool map = true;
};

namespace detail {

/// The first of the names that is a file in the folder ("" for the current one); empty if none is.
[[nodiscard]] inline std::string first_file(const std::string& folder, std::initializer_list<std::string_view> names) {
  for (const std::string_view name : names) {
    std::string path = folder;
    if (!path.empty() && path.back() != '/') path += '/';
    path += name;
    if (path_kind(path) == PathKind::file) return path;
  }
  return {};
}

[[nodiscard]] inline std::string folder_of(const std::string& path) {
#if defined(_WIN32)
  const std::size_t slash = path.find_last_of("/\\");
#else
  const std::size_t slash = path.rfind('/');
#endif
  return slash == std::string::npos ? std::string() : path.substr(0, slash + 1);
}

/// ModelOptions::release for a Source.
inline void release_pages(void* context, const std::byte* data, std::size_t size) noexcept {
  static_cast<const Source*>(context)->release(data, size);
}

}  // namespace detail

/// The file that a path means: the path itself, or in a folder model.hrm, checkpoint or model.safetensors, in this
/// order.
[[nodiscard]] HRM_COLD inline Result<std::string> find_model(const std::string& path) {
  if (detail::path_kind(path) != detail::PathKind::folder) return path;
  std::string found = detail::first_file(path, {"model.hrm", "checkpoint", "model.safetensors"});
  if (found.empty())
    return Error(ErrorCode::missing, path,
                 ": folder: expected model.hrm, checkpoint or model.safetensors in it, found none");
  return found;
}

/// Reads a configuration file, YAML or JSON.
[[nodiscard]] HRM_COLD inline Result<RawConfig> open_config(const std::string& path,
                                                            const Source::Options& options = {}) {
  auto source = Source::open(path, options);
  if (!source) return source.error();
  auto raw = read_config(detail::as_text(source->bytes()));
  if (!raw) return raw.error().in(path);
  if (auto keys = check_keys(*raw); !keys) return keys.error().in(path);
  return *raw;
}

/// Opens a model's file and holds its configuration and tensors against each other; nothing is packed yet, and only
/// headers are read. `config_path` empty: all_config.yaml or config.json beside the file. An archive has its own,
/// and does not go with another.
[[nodiscard]] HRM_COLD inline Result<Checkpoint> open_checkpoint(const std::string& path,
                                                                 const std::string& config_path = {},
                                                                 const Source::Options& options = {}) {
  const auto file = find_model(path);
  if (!file) return file.error();
  auto source = Source::open(*file, options);
  if (!source) return source.error();
  const FileFormat format = format_of(source->bytes());
  if (format == FileFormat::archive && !config_path.empty()) {
    return Error(ErrorCode::mismatch, *file, ": config: expected none beside an archive, which has its own, found ",
                 config_path);
  }
  if (format == FileFormat::archive) return make_checkpoint(*std::move(source));
  if (format == FileFormat::unknown) return read_tensors(source->bytes()).error().in(*file);
  const std::string config = config_path.empty()
                                 ? detail::first_file(detail::folder_of(*file), {"all_config.yaml", "config.json"})
                                 : config_path;
  if (config.empty()) {
    return Error(ErrorCode::missing, *file, ": config: expected all_config.yaml or config.json beside it, found none");
  }
  auto raw = open_config(config, options);
  if (!raw) return raw.error();
  return make_checkpoint(*std::move(source), *raw);
}

/// The same from any source: memory, a game's own file system. `config` is the text of a configuration, YAML or JSON;
/// an archive needs none.
[[nodiscard]] HRM_COLD inline Result<Checkpoint> open_checkpoint(Source source, std::string_view config = {}) {
  if (format_of(source.bytes()) == FileFormat::archive) return make_checkpoint(std::move(source));
  if (format_of(source.bytes()) == FileFormat::unknown) return read_tensors(source.bytes()).error().in(source.name());
  auto raw = read_config(config);
  if (raw) {
    if (auto keys = check_keys(*raw); !keys) raw = keys.error();
  }
  if (!raw) return raw.error().in(source.name() + ": config");
  return make_checkpoint(std::move(source), *raw);
}

/// A model from an open checkpoint. Packs the weights once; pages of a mapped file are let go as they are packed. The
/// checkpoint is used up, but where weights are used where they lie (stored panels, a puzzle embedding too large to
/// copy): then the model keeps it. Memory given to Source::memory() must outlive the model.
template <class Arch = kernels::DefaultArch>
[[nodiscard]] Result<Model> load(Checkpoint checkpoint, const LoadOptions& options = {}) {
  const auto shared = std::make_shared<const Checkpoint>(std::move(checkpoint));
  ModelOptions model;
  model.precision = options.precision.value_or(Precision::f32);
  model.puzzle_ids = options.puzzle_ids;
  if (shared->archive != nullptr) {
    const ArchiveHeader& header = shared->archive->header;
    if (!options.precision) model.precision = static_cast<Precision>(header.precision);
    model.row_ids = header.puzzle_ids;
    // Panels for this program's kernels are used where they lie; without any the tensors are packed.
    const std::string key = detail::packed_key<Arch>(model.precision);
    const auto panels = std::find_if(header.panels.begin(), header.panels.end(),
                                     [&key](const ArchivePanels& p) { return p.kernels == key; });
    if (panels != header.panels.end()) {
      model.packed = shared->source.bytes().subspan(static_cast<std::size_t>(panels->offset),
                                                    static_cast<std::size_t>(panels->bytes));
      model.packed_key = panels->kernels;
      model.packed_fingerprint = panels->fingerprint;
    }
  }
  model.owner = shared;
  model.release = &detail::release_pages;
  model.release_context = const_cast<Source*>(&shared->source);
  auto made = make_model<Arch>(shared->config, shared->tensors, model);
  if (!made) return made.error().in(shared->source.name());
  return made;
}

/// A model from a path: a published checkpoint, safetensors, an archive, or a folder with one of them. What a file is,
/// is told by its bytes. Errors are one line: file, tensor, what, expected, found. `Arch` is the kernels' instruction
/// set.
template <class Arch = kernels::DefaultArch>
[[nodiscard]] Result<Model> load(const std::string& path, const LoadOptions& options = {}) {
  auto checkpoint = open_checkpoint(path, options.config, Source::Options{options.map});
  if (!checkpoint) return checkpoint.error();
  return load<Arch>(*std::move(checkpoint), options);
}

/// A model from memory or a callback; see open_checkpoint(Source).
template <class Arch = kernels::DefaultArch>
[[nodiscard]] Result<Model> load(Source source, const LoadOptions& options = {}, std::string_view config = {}) {
  auto checkpoint = open_checkpoint(std::move(source), config);
  if (!checkpoint) return checkpoint.error();
  return load<Arch>(*std::move(checkpoint), options);
}

}  // namespace hrm
