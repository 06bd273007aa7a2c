#include <hrm/puzzles/dataset_writer.hpp>
#include <hrm/train/stored_examples.hpp>

#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>

using namespace hrm;
using namespace hrm::train;

TEST_CASE("CSV: in order as it stands, or drawn under symmetries that keep the solution a solution") {
  const auto path = (std::filesystem::temp_directory_path() / "hrm_stored_examples.csv").string();
  std::ofstream(path) << "1...............,1234341221434321\n.2..............,1234341221434321\n";
  StoredSource::Options options;
  options.in_order = true;
  const auto ordered = StoredSource::open(path, options).value();
  CHECK(ordered->size() == 2);
  CHECK(ordered->tokens() == 16);
  std::vector<Token> tokens(16), labels(16);
  Example example{tokens, labels, 9};
  ordered->make(3, example);
  CHECK(example.puzzle_id == 0);
  CHECK(tokens[1] == 3);
  CHECK(tokens[0] == 1);
  CHECK(labels[15] == 2);
  CHECK(ordered->largest_id() == 0);
  CHECK(ordered->fingerprint() == StoredSource::open(path, options).value()->fingerprint());
  std::ofstream(path) << "1...............,1234341221434321\n.2..............,1234341221434321\n"
                         "1...............,1234341221434321\n";
  CHECK(ordered->fingerprint() != StoredSource::open(path, options).value()->fingerprint());
  std::ofstream(path) << "1...............,1234341221434321\n..3.............,1234341221434321\n";
  CHECK(ordered->fingerprint() != StoredSource::open(path, options).value()->fingerprint());
  options.in_order = false;
  const auto drawn = StoredSource::open(path, options).value();
  bool moved = false;
  for (std::uint64_t i = 0; i < 20; ++i) {
    drawn->make(i, example);
    const auto shape = SudokuShape::of_side(4).value();
    const std::vector<Token> first(labels);
    CHECK(sudoku_solved(shape, sudoku_grid(shape, tokens), sudoku_grid(shape, labels)));
    moved = moved || labels[0] != 2;
    drawn->make(i, example);
    CHECK(first == labels);
  }
  CHECK(moved);
  options.part = StoredSource::Part::training;
  CHECK(StoredSource::open(path, options).value()->size() == 2);
  options.part = StoredSource::Part::held_out;
  CHECK(StoredSource::open(path, options).error().code() == ErrorCode::missing);
  std::filesystem::remove(path);
  CHECK_FALSE(StoredSource::open(path, options));
}

TEST_CASE("symmetries: only of what is a Sudoku or a maze, and of a folder only if asked for") {
  const auto folder = std::filesystem::temp_directory_path() / "hrm_stored_symmetries";
  const auto write = [&](const std::vector<Token>& input, const std::vector<Token>& label) {
    std::filesystem::remove_all(folder);
    std::filesystem::create_directories(folder);
    DatasetInfo info;
    info.seq_len = input.size();
    info.vocab = 6;
    auto writer = DatasetWriter::create(folder.string(), info).value();
    for (int i = 0; i < 10; ++i) writer.add({input, label, 0}).value();
    writer.finish().value();
  };
  const auto symmetry = [&](std::optional<bool> wanted) {
    StoredSource::Options options;
    options.symmetries = wanted;
    const auto source = StoredSource::open(folder.string(), options);
    return source ? (*source)->symmetry() : StoredSymmetry{9};
  };
  // Cells that fall to the ground: as many tokens and cells as a maze has.
  const std::vector<Token> above{2, 3, 4, 1, 1, 1, 1, 1, 1}, below{1, 1, 1, 1, 1, 1, 2, 3, 4};
  write(above, below);
  CHECK(symmetry({}) == StoredSymmetry::none);
  CHECK(symmetry(true) == StoredSymmetry{9});
  StoredSource::Options options;
  const auto source = StoredSource::open(folder.string(), options).value();
  std::vector<Token> tokens(9), labels(9);
  Example example{tokens, labels, 0};
  for (std::uint64_t i = 0; i < 20; ++i) {
    source->make(i, example);
    CHECK(tokens == above);
    CHECK(labels == below);
  }
  const auto error = StoredSource::open(folder.string(), {.symmetries = true}).error();
  CHECK(error.message().find("symmetries, expected Sudokus") != std::string_view::npos);

  write({3, 2, 2, 1, 1, 2, 4, 2, 2}, {3, 5, 5, 1, 1, 5, 4, 5, 5});
  CHECK(symmetry({}) == StoredSymmetry::none);
  CHECK(symmetry(true) == StoredSymmetry::square);
  // 4 x 4 with 6 tokens could be either: what stands there says which.
  write({3, 2, 2, 2, 1, 1, 1, 2, 1, 1, 1, 2, 1, 1, 1, 4}, {3, 5, 5, 5, 1, 1, 1, 5, 1, 1, 1, 5, 1, 1, 1, 4});
  CHECK(symmetry(true) == StoredSymmetry::square);
  const std::vector<Token> solution{2, 3, 4, 5, 4, 5, 2, 3, 3, 2, 5, 4, 5, 4, 3, 2};
  write({2, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1}, solution);
  CHECK(symmetry(true) == StoredSymmetry::sudoku);
  CHECK(symmetry(false) == StoredSymmetry::none);
  const auto fingerprint = [&](bool wanted) {
    return StoredSource::open(folder.string(), {.symmetries = wanted}).value()->fingerprint();
  };
  CHECK(fingerprint(true) != fingerprint(false));
  std::filesystem::remove_all(folder);
}

TEST_CASE("a published folder: its split, its puzzle ids, and labels that do not count") {
  const auto folder = std::filesystem::temp_directory_path() / "hrm_stored_folder";
  std::filesystem::remove_all(folder);
  DatasetInfo info;
  info.seq_len = 5;
  info.vocab = 9;
  info.ignore_label_id = 0;
  info.puzzle_ids = 4;
  for (const std::string split : {"train", "test"}) {
    std::filesystem::create_directories(folder / split);
    auto writer = DatasetWriter::create((folder / split).string(), info).value();
    for (std::size_t i = 0; i < 20; ++i) {
      const auto t = static_cast<Token>(split == "train" ? 1 + i % 4 : 7);
      writer.add({{t, t, 1, 1, 1}, {t, any_token, 2, 2, any_token}, i % 4}).value();
    }
    writer.finish().value();
  }
  StoredSource::Options options;
  options.split = "train";
  const auto train = StoredSource::open(folder.string(), options).value();
  CHECK(train->size() == 20);
  CHECK(train->puzzle_ids() == 4);
  std::vector<Token> tokens(5), labels(5);
  Example example{tokens, labels, 0};
  bool others = false;
  for (std::uint64_t i = 0; i < 12; ++i) {
    train->make(i, example);
    CHECK(tokens[0] == static_cast<Token>(1 + example.puzzle_id));
    CHECK(labels[0] == tokens[0]);
    CHECK(labels[1] == -1);
    CHECK(labels[2] == 2);
    others = others || example.puzzle_id != 0;
  }
  CHECK(others);
  options.split = "test";
  StoredSource::open(folder.string(), options).value()->make(0, example);
  CHECK(tokens[0] == 7);
  options.part = StoredSource::Part::held_out;
  CHECK(StoredSource::open(folder.string(), options).value()->size() == 2);
  std::filesystem::remove_all(folder);
}
