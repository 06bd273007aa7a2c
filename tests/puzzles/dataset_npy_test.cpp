#include <doctest/doctest.h>
#include <hrm/puzzles/dataset.hpp>
#include <hrm/puzzles/dataset_writer.hpp>

#include <support/files.hpp>

using hrm::NpyDataset;
using hrm::PuzzleExample;
using hrm::Token;

namespace {

constexpr const char* json =
    R"({"pad_id": 0, "ignore_label_id": 0, "blank_identifier_id": 0, "vocab_size": 6, "seq_len": 4,
        "num_puzzle_identifiers": 5, "total_groups": 2, "mean_puzzle_examples": 2.5, "sets": ["all"]})";

void write_array(const std::string& path, const std::vector<std::int32_t>& values, std::size_t cols) {
  auto file = hrm::NpyWriter::create(path, cols, 4).value();
  const std::size_t step = cols == 0 ? 1 : cols;
  for (std::size_t i = 0; i < values.size(); i += step) REQUIRE(file.add(std::span(values).subspan(i, step)));
  REQUIRE(file.finish());
}

/// Five examples of three puzzles (of 2, 0 and 3 examples) in two groups.
struct Case {
  std::vector<std::int32_t> inputs, labels;
  std::vector<std::int32_t> identifiers{3, 4, 1}, puzzles{0, 2, 2, 5}, groups{0, 1, 3};
  std::string info = json;
  std::size_t cols = 4;
  Case() {
    for (int i = 0; i < 5; ++i) {
      for (int c = 0; c < 4; ++c) {
        inputs.push_back((i + c) % 6);
        labels.push_back((i + 2 * c) % 6);
      }
    }
  }
  void write(const support::TemporaryFolder& folder) const {
    std::filesystem::create_directories(folder.path("test"));
    support::write_file(folder.path("test/dataset.json"), info);
    write_array(folder.path("test/all__inputs.npy"), inputs, cols);
    write_array(folder.path("test/all__labels.npy"), labels, cols);
    write_array(folder.path("test/all__puzzle_identifiers.npy"), identifiers, 0);
    write_array(folder.path("test/all__puzzle_indices.npy"), puzzles, 0);
    write_array(folder.path("test/all__group_indices.npy"), groups, 0);
  }
};

/// The error of opening or reading it all, without the folder's path.
std::string message(const Case& wrong) {
  const support::TemporaryFolder folder;
  wrong.write(folder);
  auto dataset = NpyDataset::open(folder.path());
  hrm::Error error;
  if (!dataset) {
    error = dataset.error();
  } else {
    PuzzleExample example;
    for (std::size_t i = 0; i < dataset->size(); ++i) {
      if (const auto read = dataset->read(i, example); !read) {
        error = read.error();
        break;
      }
    }
  }
  const std::string line(error.message());
  const std::string prefix = folder.path() + "/test/";
  REQUIRE(line.substr(0, prefix.size()) == prefix);
  return line.substr(prefix.size());
}

template <class Change>
std::string with(Change change) {
  Case wrong;
  change(wrong);
  return message(wrong);
}

}  // namespace

TEST_CASE("kinds of puzzles") {
  CHECK(hrm::puzzle_kind(11, 81) == hrm::PuzzleKind::sudoku);
  CHECK(hrm::puzzle_kind(8, 36) == hrm::PuzzleKind::sudoku);
  CHECK(hrm::puzzle_kind(6, 900) == hrm::PuzzleKind::maze);
  CHECK(hrm::puzzle_kind(6, 49) == hrm::PuzzleKind::maze);
  CHECK(hrm::puzzle_kind(12, 900) == hrm::PuzzleKind::arc);
  CHECK(hrm::puzzle_kind(12, 899) == hrm::PuzzleKind::other);
  CHECK(hrm::puzzle_kind(6, 0) == hrm::PuzzleKind::other);
}

TEST_CASE("folder: examples with their puzzles, in any order") {
  const support::TemporaryFolder folder;
  const Case good;
  good.write(folder);
  auto dataset = NpyDataset::open(folder.path()).value();
  CHECK(dataset.size() == 5);
  CHECK(dataset.info().puzzle_ids == 5);
  hrm::Random random(81);
  const std::vector<std::size_t> ids{3, 3, 1, 1, 1};
  std::vector<std::size_t> order{0, 1, 2, 3, 4};
  for (int i = 0; i < 100; ++i) order.push_back(random.between(0, 4));
  PuzzleExample example;
  for (const std::size_t i : order) {
    REQUIRE(dataset.read(i, example));
    CHECK(example.puzzle_id == ids[i]);
    CHECK(example.puzzle == (i < 2 ? 0 : 2));
    CHECK(example.group == (i < 2 ? 0 : 1));
    for (std::size_t c = 0; c < 4; ++c) {
      CHECK(example.input[c] == good.inputs[4 * i + c]);
      const Token label = good.labels[4 * i + c];
      CHECK(example.label[c] == (label == 0 ? hrm::any_token : label));  // ignore_label_id is 0
    }
  }
  CHECK(NpyDataset::open(folder.path("test")));  // the split itself
  CHECK_FALSE(NpyDataset::open(folder.path(), "train"));
}

TEST_CASE("folder: a published one, byte for byte") {
  // As NumPy writes what the reference's builder gives: tokens as uint8, indices as int32, written down by hand.
  const support::TemporaryFolder folder;
  std::filesystem::create_directories(folder.path("test"));
  const auto npy = [&](const std::string& name, std::string header, const std::string& data) {
    header.resize(117, ' ');
    support::write_file(folder.path("test/all__" + name + ".npy"),
                        std::string("\x93NUMPY\x01\x00v\x00", 10) + header + "\n" + data);
  };
  const std::string tokens = "{'descr': '|u1', 'fortran_order': False, 'shape': (1, 16), }";
  npy("inputs", tokens, std::string("\x02\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x05", 16));
  npy("labels", tokens, std::string("\x02\x03\x04\x05\x04\x05\x02\x03\x03\x02\x05\x04\x05\x04\x03\x05", 16));
  npy("puzzle_identifiers", "{'descr': '<i4', 'fortran_order': False, 'shape': (1,), }", std::string(4, '\0'));
  const std::string indices = "{'descr': '<i4', 'fortran_order': False, 'shape': (2,), }";
  npy("puzzle_indices", indices, std::string("\0\0\0\0\1\0\0\0", 8));
  npy("group_indices", indices, std::string("\0\0\0\0\1\0\0\0", 8));
  support::write_file(
      folder.path("test/dataset.json"),
      R"({"pad_id": 0, "ignore_label_id": 0, "blank_identifier_id": 0, "vocab_size": 6, "seq_len": 16, )"
      R"("num_puzzle_identifiers": 1, "total_groups": 1, "mean_puzzle_examples": 1.0, "sets": ["all"]})");
  auto dataset = NpyDataset::open(folder.path()).value();
  REQUIRE(dataset.size() == 1);
  CHECK(dataset.info().kind() == hrm::PuzzleKind::sudoku);
  PuzzleExample example;
  REQUIRE(dataset.read(0, example));
  CHECK(example.input == hrm::sudoku_tokens(hrm::parse_sudoku("1..............4").value()));
  CHECK(example.label == hrm::sudoku_tokens(hrm::parse_sudoku("1234341221434324").value()));
  CHECK(example.puzzle_id == 0);
}

TEST_CASE("folder: without ignore_label_id every label counts but -100, which the published loader ignores") {
  const support::TemporaryFolder folder;
  Case all;
  all.info.replace(all.info.find("\"ignore_label_id\": 0"), 20, "\"ignore_label_id\": null");
  all.labels[1] = -100;
  all.write(folder);
  auto dataset = NpyDataset::open(folder.path()).value();
  PuzzleExample example;
  REQUIRE(dataset.read(0, example));
  CHECK(example.label == std::vector<Token>{0, hrm::any_token, 4, 0});
}

TEST_CASE("folder: several sets follow one another") {
  const support::TemporaryFolder folder;
  Case both;
  both.info.replace(both.info.find("[\"all\"]"), 7, "[\"all\", \"more\"]");
  both.write(folder);
  for (const char* name : {"inputs", "labels", "puzzle_identifiers", "puzzle_indices", "group_indices"}) {
    std::filesystem::copy_file(folder.path(("test/all__" + std::string(name) + ".npy")),
                               folder.path(("test/more__" + std::string(name) + ".npy")));
  }
  auto dataset = NpyDataset::open(folder.path()).value();
  CHECK(dataset.size() == 10);
  PuzzleExample a;
  PuzzleExample b;
  REQUIRE(dataset.read(3, a));
  REQUIRE(dataset.read(8, b));
  CHECK(a.input == b.input);
  CHECK(a.puzzle_id == b.puzzle_id);
  CHECK(a.puzzle == 2);
  CHECK(b.puzzle == 5);
  CHECK(a.group == 1);
  CHECK(b.group == 3);
}

TEST_CASE("folder: many puzzles, found in order and by jumps") {
  const support::TemporaryFolder folder;
  hrm::Random random(82);
  Case many;
  many.inputs.clear();
  many.identifiers.clear();
  many.puzzles = {0};
  std::vector<std::size_t> ids;
  for (int p = 0; p < 3000; ++p) {
    const auto id = static_cast<std::int32_t>(random.below(5));
    many.identifiers.push_back(id);
    for (auto n = random.below(4); n > 0; --n) ids.push_back(static_cast<std::size_t>(id));
    many.puzzles.push_back(static_cast<std::int32_t>(ids.size()));
  }
  many.inputs.assign(4 * ids.size(), 1);
  many.labels = many.inputs;
  many.groups = {0, 3000};
  many.write(folder);
  auto dataset = NpyDataset::open(folder.path()).value();
  PuzzleExample example;
  for (std::size_t i = 0; i < 2 * ids.size(); ++i) {
    const std::size_t at = i < ids.size() ? i : random.between(0, ids.size() - 1);
    REQUIRE(dataset.read(at, example));
    REQUIRE(example.puzzle_id == ids[at]);
  }
}

TEST_CASE("folder: arrays that do not fit, tokens outside the vocabulary, each with its line") {
  CHECK(with([](Case& c) { c.labels[5] = 6; }) == "all__labels.npy: row 1: token, expected 0 to 5, found 6");
  CHECK(with([](Case& c) { c.labels[19] = -1; }) == "all__labels.npy: row 4: token, expected 0 to 5, found -1");
  CHECK(with([](Case& c) { c.inputs[0] = 1000000; }) ==
        "all__inputs.npy: row 0: token, expected 0 to 5, found 1000000");
  CHECK(with([](Case& c) { c.labels.resize(16); }) == "all__labels.npy: shape, expected 5 x 4, found 4 x 4");
  CHECK(with([](Case& c) { c.cols = 5; }) == "all__inputs.npy: shape, expected 4 x 4, found 4 x 5");
  CHECK(with([](Case& c) { c.cols = 0; }) == "all__inputs.npy: shape, expected 20 x 4, found 20 x 1");
  CHECK(with([](Case& c) { c.puzzles = {0, 2, 2, 6}; }) == "all__puzzle_indices.npy: last number, expected 5, found 6");
  CHECK(with([](Case& c) { c.puzzles = {0, 2, 5}; }) == "all__puzzle_indices.npy: numbers, expected 4, found 3");
  CHECK(with([](Case& c) {
          c.puzzles = {0, 3, 2, 5};
        }) == "all__puzzle_indices.npy: row 2, expected at least 3, found 2");
  CHECK(with([](Case& c) { c.puzzles = {1, 2, 2, 5}; }) == "all__puzzle_indices.npy: row 0, expected 0, found 1");
  CHECK(with([](Case& c) {
          c.puzzles = {0, -2, 2, 5};
        }) == "all__puzzle_indices.npy: row 1, expected at least 0, found -2");
  CHECK(with([](Case& c) { c.groups = {0, 1, 2}; }) == "all__group_indices.npy: last number, expected 3, found 2");
  CHECK(with([](Case& c) { c.groups = {}; }) == "all__group_indices.npy: numbers, expected at least 1, found 0");
  CHECK(with([](Case& c) {
          c.identifiers = {3, 5, 1};
        }) == "all__puzzle_identifiers.npy: row 1: identifier, expected 0 to 4, found 5");
  CHECK(with([](Case& c) {
          c.identifiers = {3, -1, 1};
        }) == "all__puzzle_identifiers.npy: row 1: identifier, expected 0 to 4, found -1");
}

TEST_CASE("folder: dataset.json, and files that are not there") {
  const auto info = [](const std::string& from, const std::string& to) {
    return with([&](Case& c) { c.info.replace(c.info.find(from), from.size(), to); });
  };
  CHECK(info("\"seq_len\": 4,", "").substr(0, 44) == "dataset.json: dataset.json, expected seq_len");
  CHECK(info("[\"all\"]", "[]").substr(0, 36) == "dataset.json: dataset.json, expected");
  CHECK(info("[\"all\"]", "[\"../x\"]").substr(0, 19) == "dataset.json: json:");
  CHECK(info("\"seq_len\": 4", "\"seq_len\": 0").substr(0, 19) == "dataset.json: json:");
  CHECK(info("\"seq_len\": 4", "\"seq_len\": 99999999").substr(0, 19) == "dataset.json: json:");
  CHECK(info("\"vocab_size\": 6", "\"vocab_size\": \"6\"").substr(0, 19) == "dataset.json: json:");
  CHECK(info("}", "").substr(0, 19) == "dataset.json: json:");
  CHECK(info("\"all\"", "\"other\"") == "other__inputs.npy: cannot be opened");
  const support::TemporaryFolder empty;
  CHECK(NpyDataset::open(empty.path()).error().message() == empty.path() + "/test/dataset.json: cannot be opened");
}

TEST_CASE("either form through one reader") {
  const support::TemporaryFolder folder;
  Case{}.write(folder);
  auto npy = hrm::PuzzleReader::open(folder.path()).value();
  PuzzleExample example;
  std::size_t examples = 0;
  while (npy.next(example).value()) ++examples;
  CHECK(examples == 5);
  CHECK(npy.progress() == 1.0);
  npy = hrm::PuzzleReader::open(folder.path()).value();
  for (std::size_t i = 0; i < 3; ++i) REQUIRE(npy.skip(example).value());
  CHECK(example.puzzle == 2);
  CHECK(npy.next(example).value());
  CHECK(example.input[0] == 3);
  CHECK(npy.skip(example).value());
  CHECK_FALSE(npy.skip(example).value());
  auto csv = hrm::PuzzleReader::open(folder.write("a.csv", "1...............,1234341221434321\n")).value();
  CHECK(csv.next(example).value());
  CHECK_FALSE(csv.next(example).value());
  csv = hrm::PuzzleReader::open(folder.write("b.csv",
                                             "1...............,1234341221434321\n"
                                             ".2..............,1234341221434321\n"))
            .value();
  CHECK(csv.skip(example).value());
  CHECK(csv.next(example).value());
  CHECK(example.input[1] == 3);
  CHECK(example.group == 1);
  CHECK_FALSE(csv.skip(example).value());
  CHECK_FALSE(hrm::PuzzleReader::open(folder.path("none")));
}
