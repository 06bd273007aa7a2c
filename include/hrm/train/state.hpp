#pragma once
/// Files of a training run: its state, to go on bit for bit, and the model in the published layout.

#include <hrm/base/path.hpp>
#include <hrm/io/archive.hpp>
#include <hrm/io/safetensors.hpp>
#include <hrm/io/source.hpp>
#include <hrm/train/trainer.hpp>

#include <charconv>
#include <cstdio>
#include <memory>
#include <string>

namespace hrm::train {

/// Writes a file through `write(file)`; a reader finds the old one or the new one. Error: it cannot be written.
template <class Write>
[[nodiscard]] Result<void> replace_file(const std::string& path, const Write& write) {
  if (hrm::detail::replace_file(path, write)) return {};
  return Error(ErrorCode::io, path, ": expected a file that can be written and room for it, found an error");
}

[[nodiscard]] inline Result<void> write_tensors(const std::string& path, std::span<const TensorView> tensors) {
  Result<void> status;
  auto written = replace_file(path, [&](std::FILE* file) {
    status = write_safetensors(
        tensors,
        [](void* to, std::span<const std::byte> bytes) {
          return std::fwrite(bytes.data(), 1, bytes.size(), static_cast<std::FILE*>(to)) == bytes.size();
        },
        file);
    return status.has_value();
  });
  return status ? written : status.error().in(path);
}

[[nodiscard]] inline Result<void> write_text(const std::string& path, std::string_view text) {
  return replace_file(path,
                      [&](std::FILE* file) { return std::fwrite(text.data(), 1, text.size(), file) == text.size(); });
}

namespace detail {
[[nodiscard]] constexpr DType dtype_of(const float*) noexcept { return DType::f32; }
[[nodiscard]] constexpr DType dtype_of(const Token*) noexcept { return DType::i32; }
[[nodiscard]] constexpr DType dtype_of(const std::uint64_t*) noexcept { return DType::i64; }

/// Of all tensors before it; files of earlier versions have none.
inline constexpr std::string_view state_checksum = "checksum";

/// A hash of everything that must be the same for a run to go on bit for bit.
template <class Trainer>
[[nodiscard]] std::uint64_t run_fingerprint(const Trainer& trainer, std::uint64_t more) {
  const TrainerOptions& o = trainer.options();
  const OptimizerOptions& p = o.optimizer;
  std::uint64_t hash = Trainer::weight_bytes == sizeof(float) ? more : mixed(more, Trainer::weight_bytes);
  const auto add = [&](std::uint64_t word) { hash = mixed(hash, word); };
  for (const Parameter& t : trainer.layout().list()) add(t.rows), add(t.cols);
  const Config& c = trainer.layout().config();
  for (const std::size_t n :
       {c.sizes.h_cycles, c.sizes.l_cycles, c.sizes.heads, c.halt_max_steps, o.batch, o.lanes, o.rows})
    add(n);
  for (const std::uint64_t n :
       {o.seed, p.warm_up, p.steps, static_cast<std::uint64_t>(o.next_value), static_cast<std::uint64_t>(o.loss)})
    add(n);
  for (const double x : {o.exploration, o.halting, p.rate, p.lowest, p.beta1, p.beta2, p.decay, p.puzzle_rate,
                         p.puzzle_decay, p.average}) {
    add(bit_cast<std::uint64_t>(x));
  }
  for (const float x : o.label_weights) add(bit_cast<std::uint32_t>(x));
  // The usual ones are left out: runs of versions that had no others go on.
  if (c.rms_norm_eps != Config().rms_norm_eps) add(bit_cast<std::uint32_t>(c.rms_norm_eps));
  if (c.rope_theta != Config().rope_theta) add(1 + std::uint64_t{bit_cast<std::uint32_t>(c.rope_theta)});
  return hash;
}
}  // namespace detail

/// Writes what load_state() needs. `source` tells the examples' source apart (its seed and options, hashed). Error:
/// I/O.
template <class Trainer>
[[nodiscard]] Result<void> save_state(Trainer& trainer, const std::string& path, std::uint64_t source = 0) {
  std::vector<TensorView> tensors;
  hrm::detail::ArchiveChecksum sum;
  const auto add = [&](std::string_view name, const auto* data, std::size_t count) {
    TensorView t;
    t.name = name;
    t.dtype = detail::dtype_of(data);
    t.rank = 1;
    t.shape[0] = count;
    t.data = reinterpret_cast<const std::byte*>(data);
    tensors.push_back(t);
    sum.add({t.data, t.bytes()});
  };
  const std::uint64_t fingerprint = detail::run_fingerprint(trainer, source);
  add("run", &fingerprint, 1);
  trainer.state(add);
  const std::uint64_t checksum = sum.value();
  add(detail::state_checksum, &checksum, 1);
  return write_tensors(path, tensors);
}

/// Puts a trainer made with the same options where save_state() left another. Error: the file is wrong or of another
/// run; the trainer is then not to be used.
template <class Trainer>
[[nodiscard]] Result<void> load_state(Trainer& trainer, const std::string& path, std::uint64_t source = 0) {
  auto file = Source::open(path);
  if (!file) return file.error();
  auto table = read_safetensors(file->bytes());
  if (!table) return table.error().in(path);
  Result<void> status;
  hrm::detail::ArchiveChecksum sum;
  const auto read = [&](std::string_view name, auto* data, std::size_t count) {
    const TensorView* const found = find_tensor(table->tensors, name);
    if (!status) return;
    if (found == nullptr || found->dtype != detail::dtype_of(data) || found->elements() != count) {
      status = Error(ErrorCode::mismatch, path, ": ", name, ": expected ", count, " numbers, found ",
                     found == nullptr ? std::size_t{0} : found->elements());
      return;
    }
    std::memcpy(data, found->data, found->bytes());
    sum.add({found->data, found->bytes()});
  };
  std::uint64_t fingerprint = 0;
  read("run", &fingerprint, 1);
  if (status && fingerprint != detail::run_fingerprint(trainer, source)) {
    status = Error(ErrorCode::mismatch, path, ": expected a run with the same options and puzzles, found another");
  }
  if (status) trainer.state(read);
  const std::uint64_t checksum = sum.value();
  std::uint64_t written = checksum;
  if (find_tensor(table->tensors, detail::state_checksum) != nullptr) read(detail::state_checksum, &written, 1);
  if (status && written != checksum) {
    status = Error(ErrorCode::format, path, ": checksum: expected ", checksum, ", found ", written);
  }
  if (status && !trainer.begin_again())
    status = Error(ErrorCode::value, path, ": expected tokens and puzzle ids in range, found others");
  return status;
}

/// Writes model.safetensors (names as published, float32) and all_config.yaml into a folder that is there. Error: I/O.
[[nodiscard]] inline Result<void> save_model(const Layout& layout, std::span<const float> values,
                                             const TrainerOptions& options, double expansion,
                                             const std::string& folder) {
  std::vector<std::string> names;
  std::vector<TensorView> tensors = tensor_views(layout, values);
  names.reserve(tensors.size());
  for (TensorView& t : tensors) {
    names.push_back("_orig_mod.model.inner." + std::string(t.name));
    t.name = names.back();
  }
  if (auto written = write_tensors(folder + "/model.safetensors", tensors); !written) return written;
  const Config& c = layout.config();
  // All digits that tell it apart: a reader works out the inner size again. No exponent, which other readers take for a
  // word.
  const auto number = [](double x) {
    char text[400];
    return std::string(text, std::to_chars(text, text + sizeof text, x, std::chars_format::fixed).ptr);
  };
  std::string yaml = "arch:\n";
  const auto line = [&](const char* key, const std::string& value) {
    yaml += "  " + std::string(key) + ": " + value + "\n";
  };
  line("H_cycles", std::to_string(c.sizes.h_cycles));
  line("H_layers", std::to_string(c.sizes.h_layers));
  line("L_cycles", std::to_string(c.sizes.l_cycles));
  line("L_layers", std::to_string(c.sizes.l_layers));
  line("expansion", number(expansion));
  line("halt_exploration_prob", number(options.exploration));
  line("halt_max_steps", std::to_string(c.halt_max_steps));
  line("hidden_size", std::to_string(c.sizes.hidden));
  yaml += "  loss:\n    loss_type: ";
  yaml += options.loss == TaskLoss::stablemax ? "stablemax_cross_entropy\n" : "softmax_cross_entropy\n";
  yaml += "    name: losses@ACTLossHead\n";
  line("name", "hrm.hrm_act_v1@HierarchicalReasoningModel_ACTV1");
  line("num_heads", std::to_string(c.sizes.heads));
  line("pos_encodings", c.positions == PositionEncoding::learned ? "learned" : "rope");
  line("puzzle_emb_ndim", std::to_string(c.puzzle_emb_ndim));
  if (c.seq_len != 0) line("seq_len", std::to_string(c.seq_len));
  if (c.rms_norm_eps != Config().rms_norm_eps) line("rms_norm_eps", number(static_cast<double>(c.rms_norm_eps)));
  if (c.rope_theta != Config().rope_theta) line("rope_theta", number(static_cast<double>(c.rope_theta)));
  yaml += "lr: " + number(options.optimizer.rate) + "\nseed: " + std::to_string(options.seed) + "\n";
  return write_text(folder + "/all_config.yaml", yaml);
}

}  // namespace hrm::train
