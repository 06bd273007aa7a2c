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
