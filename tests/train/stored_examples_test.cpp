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
  std::filesystem::remove(path);
  CHECK_FALSE(StoredSource::open(path, options));
}
