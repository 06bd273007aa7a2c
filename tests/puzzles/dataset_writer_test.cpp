#include <doctest/doctest.h>
#include <hrm/puzzles/dataset_npy.hpp>
#include <hrm/puzzles/dataset_writer.hpp>

#include <support/files.hpp>

using hrm::PuzzleExample;
using hrm::Token;

TEST_CASE("writer: what is written is read again, for small and large vocabularies") {
  const support::TemporaryFolder folder;
  for (const std::size_t vocab : {7U, 1000U}) {
    hrm::DatasetInfo info;
    info.seq_len = 9;
    info.vocab = vocab;
    info.puzzle_ids = 4;
    info.ignore_label_id = 0;
    const std::string path = folder.path("set" + std::to_string(vocab));
    std::filesystem::create_directories(path + "/train");
    auto writer = hrm::DatasetWriter::create(path + "/train", info).value();
    hrm::Random random(91);
    std::vector<PuzzleExample> examples(25);
    for (PuzzleExample& example : examples) {
      for (int i = 0; i < 9; ++i) {
        example.input.push_back(static_cast<Token>(random.below(vocab)));
        example.label.push_back(random.chance(0.2) ? hrm::any_token : static_cast<Token>(random.between(1, vocab - 1)));
      }
      example.puzzle_id = random.between(0, 3);
      REQUIRE(writer.add(example));
    }
    REQUIRE(writer.finish());
    auto reader = hrm::NpyDataset::open(path, "train").value();
    REQUIRE(reader.size() == 25);
    CHECK(reader.info().vocab == vocab);
    CHECK(reader.info().ignore_label_id == 0);
    PuzzleExample example;
    for (std::size_t i = 0; i < 25; ++i) {
      REQUIRE(reader.read(i, example));
      CHECK(example.input == examples[i].input);
      CHECK(example.label == examples[i].label);
      CHECK(example.puzzle_id == examples[i].puzzle_id);
    }
  }
  CHECK_FALSE(hrm::DatasetWriter::create(folder.write("file", "") + "/sub", {}));
}

TEST_CASE("writer: labels that do not count are such when they are read, whatever stands for them") {
  for (const std::optional<Token> ignored : {std::optional<Token>{}, std::optional<Token>{-100}, {0}, {255}, {256}}) {
    const support::TemporaryFolder folder;
    hrm::DatasetInfo info;
    info.seq_len = 3;
    info.vocab = 6;
    info.ignore_label_id = ignored;
    std::filesystem::create_directories(folder.path("train"));
    auto writer = hrm::DatasetWriter::create(folder.path("train"), info).value();
    REQUIRE(writer.add({{1, 2, 3}, {hrm::any_token, 2, hrm::any_token}, 0}));
    REQUIRE(writer.finish());
    auto reader = hrm::NpyDataset::open(folder.path(), "train").value();
    PuzzleExample example;
    REQUIRE(reader.read(0, example));
    CHECK(example.label == std::vector<Token>{hrm::any_token, 2, hrm::any_token});
  }
}

TEST_CASE("writer: an earlier set stays as it is until the new one is complete") {
  const support::TemporaryFolder folder;
  std::filesystem::create_directories(folder.path("train"));
  hrm::DatasetInfo info;
  info.seq_len = 2;
  info.vocab = 6;
  const auto write = [&](std::size_t count, bool finished) {
    auto writer = hrm::DatasetWriter::create(folder.path("train"), info).value();
    for (std::size_t i = 0; i < count; ++i) REQUIRE(writer.add({{1, 2}, {3, 4}, 0}));
    if (finished) REQUIRE(writer.finish());
  };
  const auto files = [&] {
    return std::distance(std::filesystem::directory_iterator(folder.path("train")),
                         std::filesystem::directory_iterator());
  };
  write(2, true);
  CHECK(files() == 6);
  write(1, false);
  CHECK(hrm::NpyDataset::open(folder.path(), "train").value().size() == 2);
  CHECK(files() == 6);
  write(3, true);
  CHECK(hrm::NpyDataset::open(folder.path(), "train").value().size() == 3);
  CHECK(files() == 6);
}
