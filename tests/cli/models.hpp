#pragma once
/// Small models for the programs to run.

#include <hrm/io/safetensors.hpp>
#include <support/make_weights.hpp>

#include <cli/command.hpp>

namespace cli {

/// Writes model.safetensors and all_config.yaml.
inline void write_model(const support::TemporaryFolder& folder, const support::Shape& shape,
                        const std::vector<support::Tensor>& tensors) {
  std::string bytes;
  hrm::write_safetensors(support::views_of(tensors), support::append, &bytes).value();
  support::write_file(folder.path("model.safetensors"), bytes);
  support::write_file(folder.path("all_config.yaml"), support::write_yaml(shape));
}

/// A shape that runs quickly even on large canvases.
[[nodiscard]] inline support::Shape small_shape(std::size_t vocab, std::size_t puzzle_ids = 1) {
  support::Shape shape;
  shape.hidden = 32;
  shape.heads = 2;
  shape.h_layers = shape.l_layers = 1;
  shape.h_cycles = shape.l_cycles = 1;
  shape.vocab = vocab;
  shape.puzzle_emb_ndim = 32;
  shape.puzzle_ids = puzzle_ids;
  shape.halt_max_steps = 3;
  return shape;
}

inline void write_random_model(const support::TemporaryFolder& folder, std::size_t vocab) {
  const support::Shape shape = small_shape(vocab);
  write_model(folder, shape, support::make_weights(shape));
}

/// A model that answers with its question: where attention and the feed-forward part add nothing, the state has the
/// input's direction, and with the embedding as output head the most likely token is the one that stands there.
inline void write_copying_model(const support::TemporaryFolder& folder, std::size_t vocab, std::size_t puzzle_ids) {
  const support::Shape shape = small_shape(vocab, puzzle_ids);
  auto tensors = support::make_weights(shape);
  std::string embedding;
  for (const auto& tensor : tensors) {
    if (tensor.name == "embed_tokens.embedding_weight") embedding = tensor.data;
  }
  for (auto& tensor : tensors) {
    const auto has = [&](const char* part) { return tensor.name.find(part) != std::string::npos; };
    if (has("o_proj") || has("down_proj") || has("_init")) std::fill(tensor.data.begin(), tensor.data.end(), '\0');
    if (tensor.name == "lm_head.weight") tensor.data = embedding;
  }
  write_model(folder, shape, tensors);
}

}  // namespace cli
