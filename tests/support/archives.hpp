#pragma once
/// Small archives for tests.

#include <hrm/io/archive_cereal.hpp>
#include <hrm/io/config.hpp>
#include <hrm/solve/verify.hpp>
#include <support/files.hpp>
#include <support/make_weights.hpp>

namespace support {

inline const Shape archive_shape{.hidden = 8,
                                 .heads = 2,
                                 .h_layers = 1,
                                 .l_layers = 1,
                                 .vocab = 5,
                                 .puzzle_emb_ndim = 8,
                                 .puzzle_ids = 4,
                                 .inner = 64};

/// What an archive may have beside its tensors.
struct ArchiveExtras {
  std::vector<std::uint64_t> rows{};
  const hrm::Model* model = nullptr;  ///< whose panels are stored
  std::string key{};                  ///< under another name than theirs
  std::vector<hrm::SelfTest> tests{};
  std::string extension{};
};

[[nodiscard]] inline std::string archive_of(const std::vector<Tensor>& tensors, hrm::Precision precision,
                                            const ArchiveExtras& extras) {
  const auto views = views_of(tensors);
  hrm::ArchiveContents contents;
  contents.header.config = hrm::complete(hrm::read_config(write_yaml(archive_shape)).value(), views).value();
  contents.header.name = "random";
  contents.header.task = "test";
  contents.header.vocabulary = "pad\none\ntwo";
  contents.header.licence = "MIT";
  contents.header.tests = extras.tests;
  contents.header.extension = extras.extension;
  contents.header.puzzle_ids = contents.rows = extras.rows;
  contents.tensors = views;
  contents.precision = precision;
  if (extras.model != nullptr) {
    contents.packed = extras.model->packed();
    contents.packed_key = extras.key.empty() ? extras.model->packed_key() : extras.key;
    contents.packed_fingerprint = extras.model->fingerprint();
  }
  std::string out;
  hrm::ArchiveWriter(contents).write(append, &out).value();
  return out;
}

/// With a self-test of the model's own making.
[[nodiscard]] inline std::string small_archive(hrm::Precision precision) {
  const auto tensors = make_weights(archive_shape);
  const auto views = views_of(tensors);
  const auto config = hrm::complete(hrm::read_config(write_yaml(archive_shape)).value(), views).value();
  hrm::ModelOptions options;
  options.precision = precision;
  const auto model = hrm::make_model(config, views, options).value();
  const std::vector<hrm::Token> tokens{1, 2, 3};
  return archive_of(tensors, precision, {.tests = {hrm::make_self_test(model, tokens, 2, 2, 0.05F).value()}});
}

}  // namespace support
