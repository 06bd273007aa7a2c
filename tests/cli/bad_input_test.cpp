/// Whatever is wrong with a file or a line: code 1, and one line that names file, tensor, what was expected and found.

#include <doctest/doctest.h>
#include <hrm/io/safetensors.hpp>

#include <support/places.hpp>

#include <cli/command.hpp>

namespace {

using support::read_file;

const std::string golden = support::data("golden/");

/// A folder with a model's files, one of which is spoilt.
class Spoilt {
 public:
  explicit Spoilt(const std::string& golden_case) : from_(golden + golden_case + "/") {
    support::write_file(folder_.path("all_config.yaml"), read_file(from_ + "all_config.yaml"));
  }
  /// Puts a file of the case there, changed.
  template <class Change>
  Spoilt& with(const std::string& file, Change change) {
    std::string bytes = read_file(from_ + file);
    REQUIRE(!bytes.empty());
    change(bytes);
    support::write_file(folder_.path(file), bytes);
    return *this;
  }
  Spoilt& with(const std::string& file) {
    return with(file, [](std::string&) {});
  }
  [[nodiscard]] std::string path(const std::string& file) const { return folder_.path(file); }

  /// Runs hrm-run on it; nothing if it says one line with the file's name and these words, and ends with code 1.
  [[nodiscard]] std::string fault(const std::string& file, const std::vector<std::string>& words,
                                  const std::string& line = "1 2 3\n") const {
    std::vector<std::string> say = words;
    say.push_back(folder_.path());
    return cli::fault_of(cli::run("hrm-run", {file.empty() ? folder_.path() : folder_.path(file)}, line), 1, "hrm-run",
                         say);
  }

 private:
  std::string from_;
  support::TemporaryFolder folder_;
};

/// Changes the first of a text to another one of the same length.
auto replaced(const std::string& from, const std::string& to) {
  REQUIRE(from.size() == to.size());
  return [from, to](std::string& bytes) {
    const std::size_t at = bytes.find(from);
    REQUIRE_MESSAGE(at != std::string::npos, from);
    bytes.replace(at, from.size(), to);
  };
}

/// A safetensors file without one of its tensors.
std::string without(const std::string& bytes, std::string_view name) {
  auto tensors = hrm::read_safetensors(support::bytes_of(bytes)).value().tensors;
  const auto removed = std::remove_if(tensors.begin(), tensors.end(),
                                      [&](const hrm::TensorView& tensor) { return tensor.name.ends_with(name); });
  REQUIRE(removed + 1 == tensors.end());
  tensors.erase(removed, tensors.end());
  std::string out;
  hrm::write_safetensors(tensors, support::append, &out).value();
  return out;
}

}  // namespace

TEST_CASE("bad input: files that are no model") {
  const support::TemporaryFolder folder;
  support::write_file(folder.path("all_config.yaml"), read_file(golden + "rope/all_config.yaml"));
  const auto fault = [&](const std::string& path, const std::vector<std::string>& words) {
    return cli::fault_of(cli::run("hrm-run", {path}, "1\n"), 1, "hrm-run", words);
  };
  CHECK(fault(folder.write("empty", ""), {"empty: ", "expected", "empty file"}) == "");
  CHECK(fault(folder.write("text", "this is not a model, but a text of some length\n"),
              {"text: ", "expected", "found"}) == "");
  CHECK(fault(folder.write("old", "\x80\x02}q"), {"old: ", "expected", "found"}) == "");
  CHECK(fault(folder.path("none"), {"none: ", "expected", "found"}) == "");
  CHECK(fault(folder.path(), {folder.path(), "expected model.hrm, checkpoint or model.safetensors"}) == "");
  CHECK(fault("/dev/null", {"/dev/null", "expected"}) == "");
}

TEST_CASE("bad input: files cut short") {
  for (const std::string file : {"checkpoint", "model.safetensors"}) {
    const std::string whole = read_file(golden + "rope/" + file);
    for (const std::size_t size :
         {std::size_t{1}, std::size_t{7}, std::size_t{100}, whole.size() / 2, whole.size() - 1}) {
      CAPTURE(file);
      CAPTURE(size);
      Spoilt spoilt("rope");
      spoilt.with(file, [&](std::string& bytes) { bytes.resize(size); });
      CHECK(spoilt.fault("", {file + ": ", "expected", "found"}) == "");
    }
  }
}

TEST_CASE("bad input: tensors") {
  const auto fault = [](auto change, const std::vector<std::string>& words) {
    Spoilt spoilt("rope");
    spoilt.with("model.safetensors", change);
    return spoilt.fault("", words);
  };
  for (const char* name : {"lm_head.weight", "H_init", "H_level.layers.1.mlp.down_proj.weight"}) {
    CHECK(fault([&](std::string& bytes) { bytes = without(bytes, name); }, {"model.safetensors: ", name, "expected"}) ==
          "");
  }
  CHECK(fault(replaced("lm_head.weight", "lm_heaX.weight"), {"lm_heaX.weight", "expected", "found"}) == "");
  CHECK(fault(replaced("\"F32\"", "\"C64\""), {"dtype", "C64"}) == "");
  CHECK(fault(replaced("[2, 32]", "[32, 2]"), {"q_head.weight", "expected", "found"}) == "");
  for (const char* number : {"\x00\x00\xc0\x7f", "\x00\x00\x80\x7f", "\x00\x00\x80\xff"}) {
    CHECK(fault([&](std::string& bytes) { bytes.replace(bytes.size() - 4, 4, std::string(number, 4)); },
                {"model.safetensors: ", ".weight", "NaN or infinity"}) == "");
  }
}

TEST_CASE("bad input: pickles") {
  const auto fault = [](auto change, const std::vector<std::string>& words) {
    Spoilt spoilt("rope");
    spoilt.with("checkpoint", change);
    return spoilt.fault("checkpoint", words);
  };
  // A global that is not on the list is not called, whatever it is.
  CHECK(fault(replaced("ctorch._utils\n_rebuild_tensor_v2\n", "cposix.......\nsystem............\n"),
              {"checkpoint: ", "posix......."}) == "");
  CHECK(fault(replaced("\x80\x02}q", std::string("\x80\x02\xff\x71", 4)), {"checkpoint: ", "opcode"}) == "");
}

TEST_CASE("bad input: configurations") {
  const auto fault = [](const std::string& from, const std::string& to, const std::vector<std::string>& words) {
    Spoilt spoilt("rope");
    spoilt.with("model.safetensors").with("all_config.yaml", [&](std::string& text) {
      const std::size_t at = text.find(from);
      REQUIRE(at != std::string::npos);
      text.replace(at, from.size(), to);
    });
    return spoilt.fault("", words);
  };
  CHECK(fault("num_heads: 2", "num_heads: 3", {"heads", "expected", "found 3"}) == "");
  CHECK(fault("num_heads: 2", "num_heads: 0", {"heads", "expected", "found 0"}) == "");
  CHECK(fault("  num_heads: 2\n", "", {"all_config.yaml: ", "num_heads", "expected"}) == "");
  CHECK(fault("  H_cycles: 2\n", "", {"all_config.yaml: ", "H_cycles", "expected"}) == "");
  CHECK(fault("L_cycles: 2", "L_cycles: x", {"all_config.yaml: ", "L_cycles"}) == "");
  CHECK(fault("H_layers: 2", "H_layers: 3", {"H_layers", "expected", "found"}) == "");
  CHECK(fault("hidden_size: 32", "hidden_size: 48", {"hidden", "expected", "found"}) == "");
  CHECK(fault("pos_encodings: rope", "pos_encodings: sine", {"pos_encodings"}) == "");
  Spoilt none("rope");
  none.with("model.safetensors");
  std::filesystem::remove(none.path("all_config.yaml"));
  CHECK(none.fault("", {"expected all_config.yaml or config.json"}) == "");
}

TEST_CASE("bad input: lines") {
  const auto fault = [](const std::string& name, const std::string& line, const std::vector<std::string>& words) {
    return cli::fault_of(cli::run("hrm-run", {golden + name}, line), 1, "hrm-run", words);
  };
  CHECK(fault("rope", "", {"standard input", "expected a puzzle", "empty input"}) == "");
  CHECK(fault("rope", "\n\n \n", {"standard input", "empty input"}) == "");
  CHECK(fault("rope", "1 2 three\n", {"standard input: line 1", "column 5", "expected a token id", "found three"}) ==
        "");
  CHECK(fault("rope", "\n1 2 3.5\n", {"line 2", "found 3.5"}) == "");
  CHECK(fault("rope", "{\"tokens\":[1]}\n", {"line 1", "expected a token id"}) == "");
  CHECK(fault("rope", "1 2 99999999999\n", {"line 1", "99999999999"}) == "");
  CHECK(fault("rope", "@ 1 2\n", {"line 1", "expected a puzzle id"}) == "");
  CHECK(fault("rope", "@1\n", {"line 1", "expected token ids"}) == "");
  CHECK(fault("rope", std::string("1 2 \0 3\n", 8), {"line 1"}) == "");
  CHECK(fault("rope", "1 2 7\n", {"line 1", "token 2: expected 0 to 6, found 7"}) == "");
  CHECK(fault("rope", "1 -2 3\n", {"line 1", "token 1: expected 0 to 6, found -2"}) == "");
  CHECK(fault("rope", "@5 1 2 3\n", {"line 1", "puzzle id", "5"}) == "");
  CHECK(fault("rope", "@99999999999999999999 1\n", {"line 1", "expected a puzzle id"}) == "");
  std::string seventeen;
  for (int i = 0; i < 17; ++i) seventeen += "1 ";
  CHECK(fault("learned", seventeen + "\n", {"line 1", "expected", "16", "found 17"}) == "");
  CHECK(cli::fault_of(cli::run("hrm-run", {golden + "rope", "--input", "/no/such/file"}), 1, "hrm-run",
                      {"/no/such/file", "expected", "found"}) == "");
  CHECK(cli::fault_of(cli::run("hrm-run", {golden + "rope", "--input", "/"}), 1, "hrm-run", {"/: "}) == "");
  // What comes before a bad line is answered.
  const auto half = cli::run("hrm-run", {golden + "rope"}, "1 2 3\nx\n");
  CHECK(half.code == 1);
  CHECK(cli::lines_of(half.out).size() == 1);
  for (const char* batch : {"2", "8"}) {
    const auto same = cli::run("hrm-run", {golden + "rope", "--batch", batch}, "1 2 3\nx\n");
    CHECK(same.code == 1);
    CHECK(cli::lines_of(same.out).size() == 1);
    CHECK(same.err == half.err);
  }
}
