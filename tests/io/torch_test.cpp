#include <doctest/doctest.h>

#include <hrm/io/torch.hpp>
#include <support/files.hpp>
#include <support/make_weights.hpp>
#include <support/places.hpp>

namespace {

const char* const cases[] = {"bfloat16_weights", "learned", "rope", "sudoku_like", "two_puzzle_tokens"};
const support::Shape small{
    .hidden = 8, .heads = 2, .h_layers = 1, .l_layers = 2, .vocab = 5, .puzzle_emb_ndim = 8, .inner = 64};

std::string error_of(const std::string& file) { return support::message_of(hrm::read_torch(support::bytes_of(file))); }

/// A file around one pickle, with the records given.
std::string file_of(const std::string& pickle, std::vector<std::pair<std::string, std::string>> more) {
  more.insert(more.begin(), {"m/data.pkl", pickle});
  return support::write_zip(more);
}
std::string one(std::string_view type, const std::vector<std::size_t>& shape) {
  return support::Pickle().op("}").str("w").tensor(type, "0", shape).op("s").done();
}

}  // namespace

TEST_CASE("torch: every golden checkpoint holds the tensors of its safetensors twin") {
  for (const std::string name : cases) {
    CAPTURE(name);
    const std::string folder = support::data("golden/") + name + "/";
    const std::string twin = support::read_file(folder + "model.safetensors");
    const auto expected = hrm::read_safetensors(support::bytes_of(twin));
    REQUIRE(expected.has_value());
    for (const std::string file : {"checkpoint", "published_checkpoint"}) {
      if (file == "published_checkpoint" && name != "rope") continue;
      const std::string bytes = support::read_file(folder + file);
      const auto table = hrm::read_torch(support::bytes_of(bytes));
      REQUIRE(support::message_of(table) == "");
      REQUIRE(table->tensors.size() == 23);
      REQUIRE(table->tensors.size() == expected->tensors.size());
      for (const hrm::TensorView& want : expected->tensors) {
        CAPTURE(want.name);
        const auto got = std::find_if(table->tensors.begin(), table->tensors.end(),
                                      [&](const auto& t) { return t.name == want.name; });
        REQUIRE(got != table->tensors.end());
        CHECK(got->dtype == want.dtype);
        CHECK(got->rank == want.rank);
        CHECK(got->shape == want.shape);
        CHECK(std::memcmp(got->data, want.data, want.bytes()) == 0);
      }
      CHECK(support::message_of(hrm::check_torch(hrm::Source::memory(support::bytes_of(bytes)))) == "");
    }
  }
}

TEST_CASE("torch: both flavours of our own writer") {
  for (const auto flavour : {support::Flavour::old, support::Flavour::newer}) {
    const auto tensors = support::make_weights(small);
    const std::string file = support::write_torch(tensors, "p.", flavour);
    const auto table = hrm::read_torch(support::bytes_of(file));
    REQUIRE(support::message_of(table) == "");
    REQUIRE(table->tensors.size() == tensors.size());
    for (std::size_t i = 0; i < tensors.size(); ++i) {
      CHECK(table->tensors[i].name == "p." + tensors[i].name);
      CHECK(std::string_view(reinterpret_cast<const char*>(table->tensors[i].data), table->tensors[i].bytes()) ==
            tensors[i].data);
    }
  }
}

TEST_CASE("torch: tensors that share a storage lie where their offsets say") {
  const std::string pickle = support::Pickle()
                                 .op("}(")
                                 .str("a")
                                 .tensor("HalfStorage", "0", 5, 3, {2}, {1})
                                 .str("b")
                                 .tensor("HalfStorage", "0", 5, 0, {3}, {1})
                                 .op("u")
                                 .done();
  const std::string file = file_of(pickle, {{"m/data/0", "0123456789"}});
  const auto table = hrm::read_torch(support::bytes_of(file));
  REQUIRE(support::message_of(table) == "");
  const auto text = [](const hrm::TensorView& t) {
    return std::string(reinterpret_cast<const char*>(t.data), t.bytes());
  };
  CHECK(text(table->tensors[0]) == "6789");
  CHECK(text(table->tensors[1]) == "012345");
}

TEST_CASE("torch: a flipped bit of the data is seen by the check alone") {
  std::string file = support::write_torch(support::make_weights(small));
  const auto table = hrm::read_torch(support::bytes_of(file));
  const auto at = static_cast<std::size_t>(table->tensors.back().data - support::bytes_of(file).data());
  file[at + 3] = static_cast<char>(file[at + 3] ^ 4);
  CHECK(error_of(file) == "");
  CHECK(
      support::message_of(hrm::check_torch(hrm::Source::memory(support::bytes_of(file)))).find("checksum: expected") !=
      std::string::npos);
}

TEST_CASE("torch: the checksum of a record that is read in pieces is that of the whole") {
  const support::TemporaryFolder folder;  // a mapped file is let go after every 4 MiB
  const std::size_t elements = (std::size_t{9} << 20) / 4;
  std::string data(4 * elements, '\0');
  for (std::size_t i = 0; i < data.size(); ++i) data[i] = static_cast<char>(i >> 3 ^ i >> 15);
  const std::string path = folder.write("model", file_of(one("FloatStorage", {elements}), {{"m/data/0", data}}));
  const auto source = hrm::Source::open(path);
  REQUIRE(support::message_of(source) == "");
  CHECK(support::message_of(hrm::check_torch(*source)) == "");
  std::string bytes = support::read_file(path);
  const std::size_t last = bytes.find(data.substr(data.size() - 64)) + 63;
  bytes[last] = static_cast<char>(bytes[last] ^ 1);
  const auto damaged = hrm::Source::open(folder.write("damaged", bytes));  // Windows locks a file that is mapped
  REQUIRE(support::message_of(damaged) == "");
  CHECK(support::message_of(hrm::check_torch(*damaged)).starts_with("m/data/0: checksum: expected "));
}

TEST_CASE("torch: bad files, each by its error") {
  const std::string four(16, '\0');
  CHECK(error_of(file_of(one("FloatStorage", {4}), {{"m/data/0", four}})) == "");
  CHECK(error_of(file_of(one("FloatStorage", {4}), {{"m/data/1", four}})) ==
        "w: expected the record m/data/0, found none");
  CHECK(error_of(file_of(one("FloatStorage", {5}), {{"m/data/0", four}})) ==
        "w: record m/data/0: expected 5 elements of float32, found 16 bytes");
  CHECK(error_of(file_of(one("HalfStorage", {4}), {{"m/data/0", four}})) ==
        "w: record m/data/0: expected 4 elements of float16, found 16 bytes");
  CHECK(error_of(file_of(one("FloatStorage", {std::size_t{1} << 62}), {{"m/data/0", four}}))
            .find("expected 4611686018427387904 elements") != std::string::npos);
  CHECK(error_of(file_of(one("FloatStorage", {4}), {{"m/data/0", four}, {"m/byteorder", "big"}})) ==
        "byteorder: expected little, found big");
  CHECK(error_of(file_of(one("FloatStorage", {4}), {{"m/data/0", four}, {"n/data.pkl", ""}})) ==
        "zip: expected one data.pkl, found m/data.pkl and n/data.pkl");
  CHECK(error_of(support::write_zip({{"m/x", ""}})) ==
        "zip: expected FOLDER/data.pkl, found none: this is no torch.save file");
  CHECK(error_of(support::write_zip({{"data.pkl", one("FloatStorage", {4})}, {"data/0", four}})) ==
        "zip: expected FOLDER/data.pkl, found none: this is no torch.save file");
  CHECK(error_of(support::write_zip({{"a/b/data.pkl", ""}})) ==
        "zip: expected FOLDER/data.pkl, found none: this is no torch.save file");
  const auto tied = support::Pickle()
                        .op("}(")
                        .str("a")
                        .tensor("FloatStorage", "0", {4})
                        .str("b")
                        .tensor("FloatStorage", "0", {4})
                        .op("u")
                        .done();
  CHECK(error_of(file_of(tied, {{"m/data/0", four}})) == "b: expected bytes of its own, found it overlapping a");
  const auto twice = support::Pickle()
                         .op("}(")
                         .str("a")
                         .tensor("FloatStorage", "0", {4})
                         .str("a")
                         .tensor("FloatStorage", "1", {4})
                         .op("u")
                         .done();
  CHECK(error_of(file_of(twice, {{"m/data/0", four}, {"m/data/1", four}})) ==
        "a: expected every name once, found it twice");
}

TEST_CASE("torch: every cut of a file is an error") {
  const std::string file = file_of(one("FloatStorage", {4}), {{"m/data/0", std::string(16, '\0')}});
  for (std::size_t size = 0; size < file.size(); ++size) CHECK(error_of(file.substr(0, size)) != "");
}
