#include <hrm/puzzles/dataset_writer.hpp>
#include <hrm/train/stored_examples.hpp>

#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>

using namespace hrm;
using namespace hrm::train;

namespace {
// A folder of `sizes[g][p]` examples for puzzle p of group g, numbered through all of them by their first two tokens.
void write_groups(const std::filesystem::path& folder, const std::vector<std::vector<std::size_t>>& sizes) {
  std::filesystem::remove_all(folder);
  std::filesystem::create_directories(folder);
  DatasetInfo info;
  info.seq_len = 2;
  info.vocab = 300;
  info.ignore_label_id = 0;
  auto writer = DatasetWriter::create(folder.string(), info).value();
  std::vector<std::int32_t> puzzles{0}, groups{0};
  std::int32_t count = 0;
  for (const auto& group : sizes) {
    for (const std::size_t size : group) {
      for (std::size_t i = 0; i < size; ++i, ++count)
        writer.add({{count / 100, count % 100}, {299, any_token}, 0}).value();
      puzzles.push_back(count);
    }
    groups.push_back(static_cast<std::int32_t>(puzzles.size() - 1));
  }
  writer.finish().value();
  for (const bool whole : {true, false}) {
    auto file =
        NpyWriter::create((folder / (whole ? "all__group_indices.npy" : "all__puzzle_indices.npy")).string(), 0, 4)
            .value();
    for (const std::int32_t& index : whole ? groups : puzzles) file.add({&index, 1}).value();
    file.finish().value();
  }
  if (puzzles.size() == static_cast<std::size_t>(count) + 1) return;
  auto ids = NpyWriter::create((folder / "all__puzzle_identifiers.npy").string(), 0, 4).value();
  const std::int32_t id = 0;
  for (std::size_t p = 0; p + 1 < puzzles.size(); ++p) ids.add({&id, 1}).value();
  ids.finish().value();
}

// The numbers of the first `count` examples.
std::vector<std::size_t> numbers_of(const StoredSource& source, std::size_t count) {
  std::vector<std::size_t> numbers;
  std::vector<Token> tokens(2), labels(2);
  Example example{tokens, labels, 0};
  for (std::uint64_t i = 0; i < count; ++i) {
    source.make(i, example);
    CHECK(labels == std::vector<Token>{299, any_token});
    numbers.push_back(static_cast<std::size_t>(100 * tokens[0] + tokens[1]));
  }
  return numbers;
}
}  // namespace

TEST_CASE("groups: held out whole, and drawn as often as one another") {
  const auto folder = std::filesystem::temp_directory_path() / "hrm_stored_groups";
  std::vector<std::vector<std::size_t>> sizes(20, {3, 1});
  write_groups(folder, sizes);
  StoredSource::Options options;
  options.in_order = true;
  options.part = StoredSource::Part::held_out;
  const auto held_out = StoredSource::open(folder.string(), options).value();
  CHECK(numbers_of(*held_out, held_out->size()) == std::vector<std::size_t>{36, 37, 38, 39, 76, 77, 78, 79});
  options.part = StoredSource::Part::training;
  CHECK(StoredSource::open(folder.string(), options).value()->size() == 72);
  write_groups(folder, {{40}});  // nothing of it could be held out that is not trained on too
  options.part = StoredSource::Part::held_out;
  CHECK(StoredSource::open(folder.string(), options).error().code() == ErrorCode::missing);

  write_groups(folder, {{1}, {1, 98}});
  const auto drawn = StoredSource::open(folder.string(), {}).value();
  const std::vector<std::size_t> numbers = numbers_of(*drawn, 4000);
  CHECK(std::count(numbers.begin(), numbers.end(), 0) == doctest::Approx(2000).epsilon(0.05));
  CHECK(std::count(numbers.begin(), numbers.end(), 1) == doctest::Approx(1000).epsilon(0.08));
  CHECK(std::count(numbers.begin(), numbers.end(), 99) < 40);
  const std::uint64_t fingerprint = drawn->fingerprint();
  write_groups(folder, {{1}, {1}, {98}});
  CHECK(StoredSource::open(folder.string(), {}).value()->fingerprint() != fingerprint);
  std::filesystem::remove_all(folder);
}

TEST_CASE("some of a set are spread over it") {
  const auto folder = std::filesystem::temp_directory_path() / "hrm_stored_spread";
  write_groups(folder, std::vector<std::vector<std::size_t>>(100, {1}));
  StoredSource::Options options;
  options.in_order = true;
  options.most = 4;
  const auto four = StoredSource::open(folder.string(), options).value();
  CHECK(four->size() == 4);
  CHECK(numbers_of(*four, 4) == std::vector<std::size_t>{0, 25, 50, 75});
  options.part = StoredSource::Part::held_out;
  CHECK(numbers_of(*StoredSource::open(folder.string(), options).value(), 4) ==
        std::vector<std::size_t>{9, 29, 59, 79});
  options.most = 1000;
  CHECK(StoredSource::open(folder.string(), options).value()->size() == 10);
  std::filesystem::remove_all(folder);
  std::string rows;
  for (const char c : {'1', '2', '3', '4'}) rows += c + std::string(15, '.') + "," + std::string(16, c) + "\n";
  const std::string csv = folder.string() + ".csv";
  std::ofstream(csv) << rows;
  options.part = StoredSource::Part::all;
  options.most = 2;
  const auto two = StoredSource::open(csv, options).value();
  std::vector<Token> tokens(16), labels(16);
  Example example{tokens, labels, 0};
  two->make(1, example);
  CHECK(two->size() == 2);
  CHECK(tokens[0] == 4);
  std::filesystem::remove(csv);
}

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
  for (const std::string rows : {"..3.............,1234341221434321\n.2..............,1234341221434321\n",
                                 "1...............,1243341221434321\n.2..............,1234341221434321\n",
                                 "1...............,1234341221434321\n..3.............,1234341221434321\n"}) {
    std::ofstream(path) << rows;
    CHECK(ordered->fingerprint() != StoredSource::open(path, options).value()->fingerprint());
  }
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
      writer.add({{t, t, 1, 1, 0}, {t, any_token, 2, 2, any_token}, i % 4}).value();
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
    CHECK(tokens[4] == 0);  // padding is a token, not any_token
    others = others || example.puzzle_id != 0;
  }
  CHECK(others);
  options.split = "test";
  StoredSource::open(folder.string(), options).value()->make(0, example);
  CHECK(tokens[0] == 7);
  options.part = StoredSource::Part::held_out;
  CHECK(StoredSource::open(folder.string(), options).value()->size() == 2);
  {
    auto writer = DatasetWriter::create((folder / "test").string(), info).value();
    writer.add({{1, 1, 1, 1, 0}, std::vector<Token>(5, any_token), 0}).value();
    writer.finish().value();
  }
  options.part = StoredSource::Part::all;
  CHECK(StoredSource::open(folder.string(), options).error().message() ==
        folder.string() + ": expected a puzzle with an answer, found none");
  std::filesystem::remove_all(folder);
}
