#pragma once
/// A model's configuration as files write it, and as it follows from the tensors: each is held against the other.

#include <hrm/base/shape.hpp>
#include <hrm/io/safetensors.hpp>
#include <hrm/io/yaml.hpp>

#include <algorithm>
#include <cstdio>
#include <optional>

namespace hrm {

/// What a configuration file says; whatever it does not say is empty. Keys are the reference's.
struct RawConfig {
  std::optional<std::size_t> hidden_size, num_heads, H_layers, L_layers, H_cycles, L_cycles;
  std::optional<std::size_t> vocab_size, puzzle_emb_ndim, num_puzzle_identifiers, seq_len, halt_max_steps;
  std::optional<double> expansion, rms_norm_eps, rope_theta;
  std::optional<PositionEncoding> pos_encodings;
};

namespace detail {

inline constexpr std::size_t max_config_bytes = std::size_t{1} << 20;

/// Takes one `key: text`; keys of other things (the loss, the optimiser) are left alone.
[[nodiscard]] HRM_COLD inline Result<void> take_setting(RawConfig& raw, std::string_view key,
                                                        std::string_view text) noexcept {
  struct Whole {
    std::string_view key;
    std::optional<std::size_t> RawConfig::*member;
  };
  struct Real {
    std::string_view key;
    std::optional<double> RawConfig::*member;
  };
  constexpr std::array<Whole, 11> wholes{{{"hidden_size", &RawConfig::hidden_size},
                                          {"num_heads", &RawConfig::num_heads},
                                          {"H_layers", &RawConfig::H_layers},
                                          {"L_layers", &RawConfig::L_layers},
                                          {"H_cycles", &RawConfig::H_cycles},
                                          {"L_cycles", &RawConfig::L_cycles},
                                          {"vocab_size", &RawConfig::vocab_size},
                                          {"puzzle_emb_ndim", &RawConfig::puzzle_emb_ndim},
                                          {"num_puzzle_identifiers", &RawConfig::num_puzzle_identifiers},
                                          {"seq_len", &RawConfig::seq_len},
                                          {"halt_max_steps", &RawConfig::halt_max_steps}}};
  constexpr std::array<Real, 3> reals{{{"expansion", &RawConfig::expansion},
                                       {"rms_norm_eps", &RawConfig::rms_norm_eps},
                                       {"rope_theta", &RawConfig::rope_theta}}};
  if (text == "null" || text == "Null" || text == "NULL" || text == "~") return {};
  for (const Whole& whole : wholes) {
    if (whole.key != key) continue;
    std::size_t value = 0;
    if (!parse_size(text, value))
      return Error(ErrorCode::value, key, ": expected a whole number from 0 on, found ", text.substr(0, 40));
    raw.*whole.member = value;
  }
  for (const Real& real : reals) {
    if (real.key != key) continue;
    double value = 0;
    if (!parse_number(text, value))
      return Error(ErrorCode::value, key, ": expected a number, found ", text.substr(0, 40));
    raw.*real.member = value;
  }
  if (key == "pos_encodings") {
    if (text != "rope" && text != "learned")
      return Error(ErrorCode::unsupported, key, ": expected rope or learned, found ", text.substr(0, 40));
    raw.pos_encodings = text == "rope" ? PositionEncoding::rope : PositionEncoding::learned;
  }
  return {};
}

/// How many layers a level has: the tensors `level`0., `level`1., .. say so, and none may be missing between.
[[nodiscard]] HRM_COLD inline Result<std::size_t> count_layers(std::span<const TensorView> tensors,
                                                               std::string_view level) {
  std::string seen;  // a letter a layer
  for (const TensorView& tensor : tensors) {
    std::string_view rest = tensor.name;
    if (!rest.starts_with(level)) continue;
    rest.remove_prefix(level.size());
    std::size_t layer = 0;
    const std::size_t dot = rest.find('.');
    if (dot == std::string_view::npos || !parse_size(rest.substr(0, dot), layer) || layer >= max_layers ||
        (dot > 1 && rest[0] == '0')) {
      return Error(ErrorCode::unsupported, brief(tensor.name), ": expected a layer from 0 to ", max_layers - 1,
                   ", found another name");
    }
    if (layer >= seen.size()) seen.resize(layer + 1, '-');
    seen[layer] = 'x';
  }
  for (std::size_t i = 0; i < seen.size(); ++i) {
    if (seen[i] != 'x')
      return Error(ErrorCode::missing, level, i, ": expected the tensors of ", seen.size(),
                   " layers, found none of this one");
  }
  return seen.size();
}

/// What a tensor of an HRM looks like: its shape, or rank 0 for a name that is none.
struct ExpectedTensor {
  std::size_t rank = 0;
  std::array<std::size_t, 2> shape{};
};

[[nodiscard]] inline ExpectedTensor expected_tensor(const Config& config, std::string_view name) noexcept {
  const Sizes& s = config.sizes;
  if (name == "H_init" || name == "L_init") return {1, {s.hidden, 0}};
  if (name == "embed_tokens.embedding_weight" || name == "lm_head.weight") return {2, {s.vocab, s.hidden}};
  if (name == "q_head.weight") return {2, {2, s.hidden}};
  if (name == "q_head.bias") return {1, {2, 0}};
  if (name == "puzzle_emb.weights") return {2, {config.puzzle_ids, config.puzzle_emb_ndim}};
  if (name == "embed_pos.embedding_weight") return {2, {config.seq_len + s.puzzle_tokens, s.hidden}};
  for (const std::string_view level : {"H_level.layers.", "L_level.layers."}) {
    if (!name.starts_with(level)) continue;
    std::string_view part = name.substr(level.size());  // count_layers() has seen that a number and a point follow
    part.remove_prefix(part.find('.') + 1);
    if (part == "self_attn.qkv_proj.weight") return {2, {3 * s.hidden, s.hidden}};
    if (part == "self_attn.o_proj.weight") return {2, {s.hidden, s.hidden}};
    if (part == "mlp.gate_up_proj.weight") return {2, {2 * s.inner, s.hidden}};
    if (part == "mlp.down_proj.weight") return {2, {s.hidden, s.inner}};
  }
  return {};
}

/// Buffers that some versions save and that follow from the rest.
[[nodiscard]] inline bool is_left_alone(std::string_view name) noexcept {
  return name.starts_with("rotary_emb.") || name == "puzzle_emb.local_weights" || name == "puzzle_emb.local_ids";
}

/// Every tensor that `config` calls for, in its shape and of numbers, and none beside: so the sizes are true to the
/// bytes that are there.
[[nodiscard]] HRM_COLD inline Result<void> check_tensors(const Config& config, std::span<const TensorView> tensors) {
  std::vector<SortKey> names;
  for (const TensorView& tensor : tensors) {
    if (is_left_alone(tensor.name)) continue;
    const ExpectedTensor expected = expected_tensor(config, tensor.name);
    if (expected.rank == 0)
      return Error(ErrorCode::unsupported, brief(tensor.name),
                   ": expected the tensors of an HRM alone, found this one");
    if (tensor.rank != expected.rank ||
        !std::equal(expected.shape.begin(), expected.shape.begin() + expected.rank, tensor.shape.begin())) {
      return Error(ErrorCode::shape, tensor.name, ": expected shape ",
                   shape_text(expected.shape.data(), expected.rank).message(), ", found ",
                   shape_text(tensor.shape.data(), tensor.rank).message());
    }
    if (!holds_floats(tensor))
      return Error(ErrorCode::unsupported, tensor.name, ": expected float32, float16 or bfloat16, found ",
                   name_of(tensor.dtype));
    names.push_back({0, tensor.name});
  }
  sort_keys(names);
  const auto need = [&](std::string_view name) -> Result<void> {
    if (find_text(names, name) != nullptr) return {};
    return Error(ErrorCode::missing, name, ": expected a tensor of that name, found none");
  };
  for (const auto name :
       {"H_init", "L_init", "embed_tokens.embedding_weight", "lm_head.weight", "q_head.weight", "q_head.bias"}) {
    if (auto there = need(name); !there) return there;
  }
  std::string name;
  for (const bool high : {true, false}) {
    for (std::size_t i = 0; i < (high ? config.sizes.h_layers : config.sizes.l_layers); ++i) {
      for (const auto part : {".self_attn.qkv_proj.weight", ".self_attn.o_proj.weight", ".mlp.gate_up_proj.weight",
                              ".mlp.down_proj.weight"}) {
        name.assign(high ? "H_level.layers." : "L_level.layers.").append(std::to_string(i)).append(part);
        if (auto there = need(name); !there) return there;
      }
    }
  }
  return {};
}

}  // namespace detail

/// Reads all_config.yaml: the settings under `arch:`, or at the top where there is no such map. What this reader of
/// YAML would lose, `arch` on one line or with an anchor and keys merged in, is an error.
[[nodiscard]] HRM_COLD inline Result<RawConfig> read_config_yaml(std::string_view text) {
  if (text.size() > detail::max_config_bytes)
    return Error(ErrorCode::format, "config: expected at most ", detail::max_config_bytes, " bytes, found ",
                 text.size());
  RawConfig nested;
  RawConfig flat;
  bool has_arch = false;
  auto read = read_yaml(text, [&](YamlPath path, std::string_view value) -> Result<void> {
    const bool settings = path.size() == 1 || (path.size() == 2 && path[0] == "arch");
    const bool lost = path.size() == 1 && path[0] == "arch" && value != "{}" && value.find_first_of("{&*!") == 0;
    if (lost || (settings && path.back() == "<<"))
      return Error(ErrorCode::unsupported, detail::brief(path.back()), ": expected keys indented below it, found ",
                   value.substr(0, 40));
    if (path.size() >= 2 && path[0] == "arch") has_arch = true;
    if (path.size() == 2 && path[0] == "arch") return detail::take_setting(nested, path[1], value);
    return path.size() == 1 ? detail::take_setting(flat, path[0], value) : Result<void>();
  });
  if (!read) return read.error();
  return has_arch ? nested : flat;
}

/// Reads config.json: the settings under "arch", or at the top where there is no such object.
[[nodiscard]] HRM_COLD inline Result<RawConfig> read_config_json(std::string_view text) {
  if (text.size() > detail::max_config_bytes)
    return Error(ErrorCode::format, "config: expected at most ", detail::max_config_bytes, " bytes, found ",
                 text.size());
  RawConfig nested;
  RawConfig flat;
  bool has_arch = false;
  std::deque<std::string> texts;
  JsonReader json(text, texts);
  const auto take = [&](RawConfig& raw, std::string_view key) -> Result<void> {
    const auto kind = json.peek();
    if (kind != JsonReader::Kind::number && kind != JsonReader::Kind::string) return json.skip();
    auto value = kind == JsonReader::Kind::number ? json.number() : json.string();
    if (!value) return value.error();
    return detail::take_setting(raw, key, *value);
  };
  auto read = json.object([&](std::string_view key) -> Result<void> {
    if (key != "arch" || json.peek() != JsonReader::Kind::object) return take(flat, key);
    return json.object([&](std::string_view inner) -> Result<void> {
      has_arch = true;
      return take(nested, inner);
    });
  });
  if (read) read = json.end();
  if (!read) return read.error();
  return has_arch ? nested : flat;
}

/// Either of them: JSON begins with a brace. A byte order mark, which some editors write, is no part of the text.
[[nodiscard]] HRM_COLD inline Result<RawConfig> read_config(std::string_view text) {
  if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
  const std::size_t first = text.find_first_not_of(" \t\r\n");
  return first != std::string_view::npos && text[first] == '{' ? read_config_json(text) : read_config_yaml(text);
}

/// Whether the keys are there that no tensor could stand for.
[[nodiscard]] HRM_COLD inline Result<void> check_keys(const RawConfig& raw) noexcept {
  const std::array<std::pair<std::string_view, bool>, 4> needed{{{"num_heads", raw.num_heads.has_value()},
                                                                 {"H_cycles", raw.H_cycles.has_value()},
                                                                 {"L_cycles", raw.L_cycles.has_value()},
                                                                 {"pos_encodings", raw.pos_encodings.has_value()}}};
  for (const auto& [key, there] : needed) {
    if (!there) return Error(ErrorCode::missing, key, ": expected this key in the config, found none");
  }
  return {};
}

/// The whole configuration: sizes from the tensors' shapes (prefixes stripped), the rest from `raw`; what both say must
/// agree. Errors name the tensor or the key. Only shapes are looked at.
[[nodiscard]] HRM_COLD inline Result<Config> complete(const RawConfig& raw, std::span<const TensorView> tensors) {
  const auto find = [&](std::string_view name) { return find_tensor(tensors, name); };
  const auto matrix = [&](std::string_view name) -> Result<const TensorView*> {
    const TensorView* tensor = find(name);
    if (tensor == nullptr) return Error(ErrorCode::missing, name, ": expected a tensor of that name, found none");
    if (tensor->rank != 2 || tensor->shape[0] == 0 || tensor->shape[1] == 0 || tensor->shape[1] > max_width) {
      return Error(ErrorCode::shape, name, ": expected a matrix of 1 to ", max_width, " columns, found shape ",
                   detail::shape_text(tensor->shape.data(), tensor->rank).message());
    }
    return tensor;
  };
  const auto holds = [](std::string_view key, const std::optional<std::size_t>& said,
                        std::size_t found) -> Result<void> {
    if (!said || *said == found) return {};
    return Error(ErrorCode::shape, key, ": expected ", *said, " as the config says, found ", found, " in the tensors");
  };
  const auto between = [](std::string_view key, std::size_t value, std::size_t most) -> Result<void> {
    if (value >= 1 && value <= most) return {};
    return Error(ErrorCode::value, key, ": expected 1 to ", most, ", found ", value);
  };

  Config config;
  Sizes& sizes = config.sizes;
  if (auto keys = check_keys(raw); !keys) return keys.error();
  const auto tokens = matrix("embed_tokens.embedding_weight");
  if (!tokens) return tokens.error();
  sizes.vocab = (*tokens)->shape[0];
  sizes.hidden = (*tokens)->shape[1];
  sizes.heads = *raw.num_heads;
  sizes.h_cycles = *raw.H_cycles;
  sizes.l_cycles = *raw.L_cycles;
  config.positions = *raw.pos_encodings;
  config.halt_max_steps = raw.halt_max_steps.value_or(config.halt_max_steps);

  const auto h_layers = detail::count_layers(tensors, "H_level.layers.");
  if (!h_layers) return h_layers.error();
  const auto l_layers = detail::count_layers(tensors, "L_level.layers.");
  if (!l_layers) return l_layers.error();
  sizes.h_layers = *h_layers;
  sizes.l_layers = *l_layers;
  if (sizes.h_layers == 0 || sizes.l_layers == 0) {
    const std::string_view level = sizes.h_layers == 0 ? "H_level.layers.0" : "L_level.layers.0";
    return Error(ErrorCode::missing, level, ": expected at least one layer, found none");
  }
  const auto down = matrix("H_level.layers.0.mlp.down_proj.weight");
  if (!down) return down.error();
  sizes.inner = (*down)->shape[1];

  const TensorView* puzzles = find("puzzle_emb.weights");
  if (puzzles != nullptr) {
    if (auto checked = matrix("puzzle_emb.weights"); !checked) return checked.error();
    config.puzzle_ids = puzzles->shape[0];
    config.puzzle_emb_ndim = puzzles->shape[1];
  } else if (raw.puzzle_emb_ndim.value_or(0) != 0) {
    return Error(ErrorCode::missing, "puzzle_emb.weights: expected a tensor, as puzzle_emb_ndim is ",
                 *raw.puzzle_emb_ndim, ", found none");
  }
  sizes.puzzle_tokens = ceil_div(config.puzzle_emb_ndim, sizes.hidden);

  const TensorView* learned = find("embed_pos.embedding_weight");
  if ((config.positions == PositionEncoding::learned) != (learned != nullptr)) {
    return Error(ErrorCode::shape, "embed_pos.embedding_weight: expected ", learned == nullptr ? "a tensor" : "none",
                 ", as pos_encodings says, found ", learned == nullptr ? "none" : "one");
  }
  config.seq_len = raw.seq_len.value_or(0);
  if (learned != nullptr) {
    if (auto checked = matrix("embed_pos.embedding_weight"); !checked) return checked.error();
    if (learned->shape[0] <= sizes.puzzle_tokens) {
      return Error(ErrorCode::shape, "embed_pos.embedding_weight: expected more than ", sizes.puzzle_tokens,
                   " rows, found ", learned->shape[0]);
    }
    config.seq_len = learned->shape[0] - sizes.puzzle_tokens;
  }

  if (config.seq_len > max_seq_len)
    return Error(ErrorCode::value, "seq_len: expected 0 to ", max_seq_len, ", found ", config.seq_len);

  for (auto check :
       {holds("hidden_size", raw.hidden_size, sizes.hidden), holds("vocab_size", raw.vocab_size, sizes.vocab),
        holds("H_layers", raw.H_layers, sizes.h_layers), holds("L_layers", raw.L_layers, sizes.l_layers),
        holds("puzzle_emb_ndim", raw.puzzle_emb_ndim, config.puzzle_emb_ndim),
        holds("seq_len", raw.seq_len, config.seq_len),
        // with puzzle_emb_ndim 0 the number of ids says nothing
        holds("num_puzzle_identifiers", puzzles == nullptr ? std::nullopt : raw.num_puzzle_identifiers,
              config.puzzle_ids),
        between("H_cycles", sizes.h_cycles, max_cycles), between("L_cycles", sizes.l_cycles, max_cycles),
        between("halt_max_steps", config.halt_max_steps, std::size_t{1} << 20)}) {
    if (!check) return check.error();
  }
  if (sizes.heads == 0 || sizes.hidden % sizes.heads != 0 || sizes.hidden / sizes.heads % 2 != 0) {
    return Error(ErrorCode::shape, "num_heads: expected a number that divides hidden ", sizes.hidden,
                 " into even parts, found ", sizes.heads);
  }
  if (raw.expansion) {
    const bool sane = *raw.expansion > 0.0 && *raw.expansion <= 1024.0;
    if (!sane || inner_size(sizes.hidden, *raw.expansion) != sizes.inner) {
      return Error(ErrorCode::shape, "expansion: expected an inner size of ",
                   sane ? inner_size(sizes.hidden, *raw.expansion) : 0, " as the config says, found ", sizes.inner,
                   " in the tensors");
    }
  }
  const auto real = [](std::string_view key, const std::optional<double>& said, double most,
                       float& out) -> Result<void> {
    if (!said) return {};
    if (!(*said > 1e-30) || *said > most) {
      std::array<char, 32> text{};
      static_cast<void>(std::snprintf(text.data(), text.size(), "%g", *said));
      return Error(ErrorCode::value, key, ": expected a number above 0 and within reason, found ", text.data());
    }
    out = static_cast<float>(*said);
    return {};
  };
  if (auto eps = real("rms_norm_eps", raw.rms_norm_eps, 1.0, config.rms_norm_eps); !eps) return eps.error();
  if (auto theta = real("rope_theta", raw.rope_theta, 1e12, config.rope_theta); !theta) return theta.error();
  if (auto whole = detail::check_tensors(config, tensors); !whole) return whole.error();
  return config;
}

}  // namespace hrm
