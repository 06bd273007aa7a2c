/// hrm-convert: what goes in comes out, in any format; what it says about a model; what it refuses. And the programs'
/// own test of an archive.

#include <doctest/doctest.h>

#include <cli/models.hpp>
#include <cli/small_run.hpp>
#include <hrm/io/load.hpp>
#include <support/archives.hpp>
#include <support/memory.hpp>

namespace {

const std::string golden = support::data("golden/");

cli::Outcome convert(const std::vector<std::string>& words) { return cli::run("hrm-convert", words); }

/// Converts, and gives what it printed; the file must have passed its checks.
std::string converted(const std::vector<std::string>& words) {
  const auto outcome = convert(words);
  INFO(outcome.err);
  CHECK(outcome.code == 0);
  CHECK(outcome.err == "");
  CHECK(outcome.out.find(": opened in ") != std::string::npos);
  CHECK(outcome.out.find(", loaded in ") != std::string::npos);
  return outcome.out;
}

/// The tensors and the configuration of two files are the same, bit for bit.
void check_same(const std::string& one, const std::string& other) {
  CAPTURE(one);
  CAPTURE(other);
  const auto a = hrm::open_checkpoint(one);
  const auto b = hrm::open_checkpoint(other);
  REQUIRE(support::message_of(a) == "");
  REQUIRE(support::message_of(b) == "");
  CHECK(a->config == b->config);
  REQUIRE(a->tensors.size() == b->tensors.size());
  for (const hrm::TensorView& want : a->tensors) {
    CAPTURE(want.name);
    const hrm::TensorView* got = b->find(want.name);
    REQUIRE(got != nullptr);
    CHECK(got->dtype == want.dtype);
    CHECK(got->rank == want.rank);
    CHECK(got->shape == want.shape);
    CHECK(std::memcmp(got->data, want.data, want.bytes()) == 0);
  }
}

/// What hrm-run answers, without the time it took.
std::string answer(const std::vector<std::string>& words, const std::string& puzzle) {
  const auto outcome = cli::run("hrm-run", words, puzzle);
  CHECK(outcome.code == 0);
  const std::size_t time = outcome.out.find(",\"ms\":");
  REQUIRE(time != std::string::npos);
  return outcome.out.substr(0, time);
}

/// Where a tensor's bytes begin in a file.
std::size_t place_of(const std::string& path, std::string_view tensor) {
  const auto opened = hrm::open_checkpoint(path);
  return static_cast<std::size_t>(opened->find(tensor)->data - opened->source.bytes().data());
}

}  // namespace

TEST_CASE("hrm-convert: checkpoint, archive, safetensors and archive again hold the same bits") {
  for (const std::string name : {"bfloat16_weights", "learned", "rope", "sudoku_like", "two_puzzle_tokens"}) {
    const support::TemporaryFolder folder;
    const std::string from = golden + name + "/checkpoint";
    const std::string first = folder.path("first.hrm");
    const std::string second = folder.path("second.hrm");
    const std::string middle = folder.path("model.safetensors");
    const std::string said = converted({from, first, "--name", name, "--task", "a test"});
    CHECK(said.find(", checksums right in ") != std::string::npos);
    CHECK(said.find(", self-test passed in ") != std::string::npos);
    CHECK(converted({first, middle}).find(", no checksums in this format") != std::string::npos);
    converted({middle, second, "--name", name, "--task", "a test"});
    check_same(from, first);
    check_same(from, middle);
    check_same(from, second);
    // From a file that says all that the first one was told, the same archive is made, byte for byte.
    converted({first, folder.path("third.hrm")});
    CHECK(support::read_file(first) == support::read_file(folder.path("third.hrm")));
    CHECK(!std::filesystem::exists(first + ".part"));
  }
}

TEST_CASE("hrm-convert: onto its own input") {
  const support::TemporaryFolder folder;
  const std::string file = folder.path("model.hrm");
  converted({golden + "rope", file});
  const std::string before = support::read_file(file);
  converted({file, file});
  CHECK(support::read_file(file) == before);
}

TEST_CASE("hrm-convert: in a lower precision a model answers as the one it was made from does in that precision") {
  const std::string from = golden + "rope";
  for (const std::string precision : {"f32", "bf16", "int8"}) {
    CAPTURE(precision);
    const support::TemporaryFolder folder;
    const std::string file = folder.path("m.hrm");
    converted({from, file, "--precision", precision});
    CHECK(hrm::name_of(hrm::load(file)->precision()) == precision);
    CHECK(answer({file}, "1 2 3 4 5\n") == answer({from, "--precision", precision}, "1 2 3 4 5\n"));
    const auto info = convert({file, "--info"});
    CHECK(info.out.find("made for " + precision) != std::string::npos);
    // Not asked for a precision, a conversion leaves it as it is.
    converted({file, folder.path("again.hrm")});
    CHECK(support::read_file(folder.path("again.hrm")) == support::read_file(file));
  }
  const support::TemporaryFolder folder;
  converted({from, folder.path("model.safetensors"), "--precision", "bf16"});
  const auto half = hrm::open_checkpoint(folder.path("model.safetensors"));
  CHECK(half->find("H_level.layers.0.mlp.down_proj.weight")->dtype == hrm::DType::bf16);
  CHECK(half->find("lm_head.weight")->dtype == hrm::DType::f32);
  CHECK(cli::fault_of(convert({from, folder.path("n.safetensors"), "--precision", "int8"}), 1, "hrm-convert",
                      {"expected f32 or bf16 for safetensors, found int8"}) == "");
}

TEST_CASE("hrm-convert: stored panels change nothing but the time it takes to load") {
  const support::TemporaryFolder folder;
  const std::string plain = folder.path("plain.hrm");
  const std::string panels = folder.path("panels.hrm");
  converted({golden + "rope", plain});
  converted({golden + "rope", panels, "--panels"});
  check_same(plain, panels);
  CHECK(hrm::open_checkpoint(panels)->archive->header.panels.size() == 1);
  CHECK(hrm::load(panels)->fingerprint() == hrm::load(plain)->fingerprint());
  CHECK(convert({panels, "--info"}).out.find("packed for") != std::string::npos);
  CHECK(answer({panels}, "1 2 3\n") == answer({plain}, "1 2 3\n"));
  CHECK(convert({golden + "rope", folder.path("m.safetensors"), "--panels"}).code == 2);
}

TEST_CASE("hrm-convert: --info says what is in a file, and what a file says steers no terminal") {
  const support::TemporaryFolder folder;
  const std::string file = folder.path("m.hrm");
  converted({golden + "two_puzzle_tokens", file, "--name", "tiny\x1b[2J", "--task", "puzzles\nof two lines",
             "--licence", "MIT", "--vocabulary", "a b c", "--provenance", "made up"});
  const auto info = convert({file, "--info"});
  CHECK(info.code == 0);
  for (const char* text :
       {": archive, ", "format version     1.0, made for f32", "name               tiny [2J",
        "task               puzzles of two lines", "vocabulary         a b c", "licence            MIT",
        "provenance         made up", "self-tests         1", "hidden ", "layers ", "cycles ", "puzzle embedding "}) {
    CAPTURE(text);
    CHECK(info.out.find(text) != std::string::npos);
  }
  CHECK(info.out.find('\x1b') == std::string::npos);
  const auto tensors = support::make_weights(support::archive_shape);
  const hrm::Model model =
      hrm::load(hrm::Source::memory(support::bytes_of(support::archive_of(tensors, hrm::Precision::f32, {})))).value();
  const std::string hostile = folder.write("hostile.hrm", support::archive_of(tensors, hrm::Precision::f32,
                                                                              {.model = &model,
                                                                               .key = "a\x1b[2J\xc2\x9b"
                                                                                      "2J"}));
  const auto panels = convert({hostile, "--info"});
  CHECK(panels.code == 0);
  CHECK(panels.out.find("packed for         a [2J  2J (") != std::string::npos);
  const auto torch = convert({golden + "rope/checkpoint", "--info", "--verify"});
  CHECK(torch.out.find(": torch, ") != std::string::npos);
  CHECK(torch.out.find("checksums right in ") != std::string::npos);
  CHECK(torch.out.find("no self-test in this file") != std::string::npos);
}

TEST_CASE("hrm-convert: chosen rows of a puzzle embedding keep their ids in an archive") {
  const support::TemporaryFolder folder;
  const support::Shape shape = cli::small_shape(7, 100);
  cli::write_model(folder, shape, support::make_weights(shape));
  const std::string file = folder.path("m.hrm");
  converted({folder.path("model.safetensors"), file, "--puzzle-ids", "42,7,99,7"});
  CHECK(hrm::open_checkpoint(file)->archive->header.puzzle_ids == std::vector<std::uint64_t>{7, 42, 99});
  CHECK(convert({file, "--info"}).out.find("puzzle ids         3, from 7 to 99") != std::string::npos);
  const std::string puzzle = "@42 1 2 3 4\n";
  const std::string want = answer({folder.path("model.safetensors")}, puzzle);
  CHECK(answer({file}, puzzle) == want);
  CHECK(cli::fault_of(cli::run("hrm-run", {file}, "@8 1 2\n"), 1, "hrm-run", {"puzzle id", "8"}) == "");

  const std::string fewer = folder.path("fewer.hrm");
  converted({file, fewer, "--puzzle-ids", "42"});
  CHECK(answer({fewer}, puzzle) == want);
  const auto fault = [&](const std::string& in, const std::string& ids, const char* words) {
    return cli::fault_of(convert({in, folder.path("none.hrm"), "--puzzle-ids", ids}), 1, "hrm-convert", {words});
  };
  CHECK(fault(file, "8", "expected one of the 3 in the file, found 8") == "");
  CHECK(fault(folder.path("model.safetensors"), "3,100", "expected below 100, found 100") == "");
  CHECK(!std::filesystem::exists(folder.path("none.hrm")));
  for (const char* ids : {"", "1,", ",1", "1,,2", "x", "-1", "1 2"})
    CHECK(convert({file, folder.path("none.hrm"), "--puzzle-ids", ids}).code == 2);

  // safetensors have no place for ids: rows are numbered anew, but not unasked.
  std::filesystem::create_directory(folder.path("rows"));
  CHECK(cli::fault_of(convert({file, folder.path("rows/model.safetensors")}), 1, "hrm-convert",
                      {"m.hrm: puzzle ids: expected 0 to 2", "--puzzle-ids", "found 7"}) == "");
  CHECK(!std::filesystem::exists(folder.path("rows/model.safetensors")));
  converted({file, folder.path("rows/model.safetensors"), "--puzzle-ids", "7,42,99"});
  const auto rows = hrm::open_checkpoint(folder.path("rows/model.safetensors"));
  const auto all = hrm::open_checkpoint(folder.path("model.safetensors"));
  REQUIRE(rows->find("puzzle_emb.weights")->shape[0] == 3);
  const std::size_t width = 4 * shape.puzzle_emb_ndim;
  CHECK(std::memcmp(rows->find("puzzle_emb.weights")->data + width, all->find("puzzle_emb.weights")->data + 42 * width,
                    width) == 0);
}

TEST_CASE("hrm-convert: what hrm-train wrote is converted beside it, though its configuration has no seq_len") {
  const support::TemporaryFolder folder;
  const std::string out = folder.path("run");
  REQUIRE(
      cli::run("hrm-train", cli::small_run(out, {"--archive", "--quiet", "--steps", "1", "--evaluate", "0"})).code ==
      0);
  const std::string before = support::read_file(out + "/all_config.yaml");
  converted({out + "/model.hrm", out + "/back.safetensors"});
  CHECK(support::read_file(out + "/all_config.yaml") == before);
  CHECK(!std::filesystem::exists(out + "/config.json"));
}

TEST_CASE("hrm-convert: another model's configuration is neither written over nor left to speak for OUT") {
  const support::TemporaryFolder folder;
  const support::Shape shape = cli::small_shape(7, 4);
  cli::write_model(folder, shape, support::make_weights(shape));
  const std::string in = folder.path("model.safetensors");
  std::filesystem::create_directory(folder.path("json"));
  converted({in, folder.path("json/model.safetensors")});
  const std::string before = support::read_file(folder.path("json/config.json"));
  const auto refused = [&](const std::string& out, const char* config) {
    const std::string path = folder.path(out);
    CHECK(cli::fault_of(convert({in, path, "--puzzle-ids", "1"}), 1, "hrm-convert", {config, "expected", "found"}) ==
          "");
    CHECK(!std::filesystem::exists(path));
    CHECK(!std::filesystem::exists(path + ".part"));
  };
  refused("json/small.safetensors", "config.json");  // its four puzzle ids are one here
  CHECK(support::read_file(folder.path("json/config.json")) == before);
  converted({folder.path("json/model.safetensors"), folder.path("json/half.safetensors"), "--precision", "bf16"});
  CHECK(support::read_file(folder.path("json/config.json")) == before);

  support::Shape other = shape;
  other.halt_max_steps = 9;
  std::filesystem::create_directory(folder.path("yaml"));
  support::write_file(folder.path("yaml/all_config.yaml"), support::write_yaml(other));
  refused("yaml/model.safetensors", "all_config.yaml");
  CHECK(!std::filesystem::exists(folder.path("yaml/config.json")));
  // One that says the same serves.
  converted({in, folder.path("half.safetensors"), "--precision", "bf16"});
  CHECK(!std::filesystem::exists(folder.path("config.json")));
}

TEST_CASE("hrm-convert: the test of a model with a large vocabulary is one that readers take") {
  const support::TemporaryFolder folder;
  const support::Shape shape = cli::small_shape(40'000);
  cli::write_model(folder, shape, support::make_weights(shape));
  std::string yaml = support::write_yaml(shape);
  yaml.insert(yaml.find("  H_cycles"), "  seq_len: 128\n");
  support::write_file(folder.path("all_config.yaml"), yaml);
  converted({folder.path("model.safetensors"), folder.path("m.hrm")});
  const auto opened = hrm::open_checkpoint(folder.path("m.hrm"));
  REQUIRE(support::message_of(opened) == "");
  CHECK(opened->archive->header.tests.at(0).tokens.size() == 32);
}

TEST_CASE("hrm-convert: options that would do nothing are refused") {
  const support::TemporaryFolder folder;
  const std::string from = golden + "rope";
  const auto refused = [](const std::vector<std::string>& words, const std::string& option) {
    return cli::fault_of(convert(words), 2, "hrm-convert", {option + ": "});
  };
  for (const std::string option : {"--name", "--task", "--vocabulary", "--licence", "--provenance"}) {
    CHECK(refused({from, folder.path("m.safetensors"), option, "x"}, option) == "");
    CHECK(refused({from, "--info", option, "x"}, option) == "");
  }
  CHECK(refused({from, "--info", "--precision", "bf16"}, "--precision") == "");
  CHECK(refused({from, "--verify", "--puzzle-ids", "1"}, "--puzzle-ids") == "");
  CHECK(refused({from, "--info", "--panels"}, "--panels") == "");
  CHECK(!std::filesystem::exists(folder.path("m.safetensors")));
}

TEST_CASE("an archive does not go with a configuration of another file") {
  const support::TemporaryFolder folder;
  const std::string file = folder.path("m.hrm");
  converted({golden + "rope", file});
  const std::string config = golden + "rope/all_config.yaml";
  const std::vector<std::string> words{"m.hrm: config: expected none", "found"};
  CHECK(cli::fault_of(cli::run("hrm-run", {file, "--config", config}, "1 2\n"), 1, "hrm-run", words) == "");
  CHECK(cli::fault_of(convert({file, "--info", "--config", config}), 1, "hrm-convert", words) == "");
}

TEST_CASE("hrm-convert: what is wrong is said, and leaves no file behind") {
  const support::TemporaryFolder folder;
  const std::string out = folder.path("out.hrm");
  CHECK(convert({}).code == 2);
  CHECK(convert({golden + "rope"}).code == 2);
  CHECK(convert({golden + "rope", out, "and more"}).code == 2);
  CHECK(convert({golden + "rope", out, "--precision", "f64"}).code == 2);
  CHECK(cli::fault_of(convert({folder.path("none"), out}), 1, "hrm-convert", {"none: ", "expected", "found"}) == "");
  for (const std::string file : {"no/such/folder.hrm", "no/such/folder.safetensors"}) {
    CHECK(cli::fault_of(convert({golden + "rope", folder.path(file)}), 1, "hrm-convert",
                        {file + ": file: expected one that can be made"}) == "");
  }
  const support::Shape shape = cli::small_shape(7);
  auto tensors = support::make_weights(shape);
  const auto kept = tensors;
  const float largest = 3.4e38F;  // finite, but not in bfloat16; what it is multiplied with is made zero
  std::memcpy(tensors.back().data.data(), &largest, sizeof largest);
  std::memset((tensors.end() - 2)->data.data(), 0, shape.hidden * sizeof largest);
  cli::write_model(folder, shape, tensors);
  CHECK(
      cli::fault_of(convert({folder.path("model.safetensors"), folder.path("out.safetensors"), "--precision", "bf16"}),
                    1, "hrm-convert", {tensors.back().name, "finite numbers in bfloat16"}) == "");
  tensors = kept;
  for (auto& tensor : tensors) {  // finite numbers whose sums are not
    if (tensor.name != "lm_head.weight") continue;
    for (std::size_t i = 0; i < tensor.data.size(); i += sizeof largest)
      std::memcpy(tensor.data.data() + i, &largest, sizeof largest);
    cli::write_model(folder, shape, tensors);
    const std::vector<std::string> words{
        "model.safetensors: self-test: expected finite answers of the model, found NaN"};
    CHECK(cli::fault_of(convert({folder.path("model.safetensors"), out}), 1, "hrm-convert", words) == "");
    CHECK(cli::fault_of(convert({folder.path("model.safetensors"), "--verify"}), 1, "hrm-convert", words) == "");
    CHECK(!std::filesystem::exists(out));
  }
  const std::uint32_t infinite = 0x7f800000U;
  std::memcpy(tensors.back().data.data(), &infinite, sizeof infinite);
  cli::write_model(folder, shape, tensors);
  for (const std::string file : {"out.hrm", "out.safetensors"}) {
    CHECK(cli::fault_of(convert({folder.path("model.safetensors"), folder.path(file), "--precision", "bf16"}), 1,
                        "hrm-convert", {tensors.back().name, "NaN or infinity"}) == "");
    CHECK(!std::filesystem::exists(folder.path(file)));
    CHECK(!std::filesystem::exists(folder.path(file + ".part")));
  }
}

TEST_CASE("a damaged archive: --verify names the tensor, and every program refuses a model that fails its own test") {
  const support::TemporaryFolder folder;
  const std::string file = folder.path("m.hrm");
  converted({golden + "rope", file});
  std::string bytes = support::read_file(file);
  const std::size_t at = place_of(file, "lm_head.weight");
  for (std::size_t i = 0; i < 64; ++i) {  // other signs: other logits
    bytes[at + 4 * i + 3] = static_cast<char>(bytes[at + 4 * i + 3] ^ 0x80);
  }
  support::write_file(file, bytes);
  CHECK(cli::fault_of(convert({file, "--verify"}), 1, "hrm-convert", {"m.hrm: ", "lm_head.weight", "checksum"}) == "");
  const std::vector<std::string> words{"m.hrm: self-test: ", "expected it within the test's tolerance"};
  CHECK(cli::fault_of(cli::run("hrm-run", {file}, "1 2 3\n"), 1, "hrm-run", words) == "");
  // In another precision there is nothing to compare with.
  CHECK(cli::run("hrm-run", {file, "--precision", "bf16"}, "1 2 3\n").code == 0);
  // Nor does a conversion give damage a new checksum.
  CHECK(cli::fault_of(convert({file, folder.path("n.hrm")}), 1, "hrm-convert", {"lm_head.weight", "checksum"}) == "");
  CHECK(!std::filesystem::exists(folder.path("n.hrm")));
}

#if HRM_TEST_MEASURES_MEMORY
TEST_CASE("hrm-convert: of a puzzle embedding of 2.1 GB only the rows that are kept are read") {
  // As large as ARC-2's: 1,045,829 rows of 512. The file is sparse, so that it takes no room.
  const support::TemporaryFolder folder;
  support::Shape shape = cli::small_shape(7, 1);
  shape.puzzle_emb_ndim = 512;
  constexpr std::size_t rows = 1'045'829;
  auto tensors = support::make_weights(shape);
  std::string header;
  std::string data;
  std::size_t end = 0;
  for (const auto& t : tensors) {
    const bool puzzles = t.name == "puzzle_emb.weights";
    if (puzzles) continue;
    header += (header.empty() ? "{\"" : ",\"") + t.name + "\":{\"dtype\":\"" +
              (t.dtype == hrm::DType::f32 ? "F32" : "BF16") + "\",\"shape\":[" + std::to_string(t.shape[0]) +
              (t.shape.size() > 1 ? "," + std::to_string(t.shape[1]) : "") + "],\"data_offsets\":[" +
              std::to_string(end) + "," + std::to_string(end + t.data.size()) + "]}";
    data += t.data;
    end += t.data.size();
  }
  const std::size_t bytes = rows * shape.puzzle_emb_ndim * sizeof(float);
  header += ",\"puzzle_emb.weights\":{\"dtype\":\"F32\",\"shape\":[" + std::to_string(rows) +
            ",512],\"data_offsets\":[" + std::to_string(end) + "," + std::to_string(end + bytes) + "]}}";
  std::string file;
  support::put(file, std::uint64_t{header.size()});
  file += header + data;
  const std::string path = folder.write("model.safetensors", file);
  std::filesystem::resize_file(path, file.size() + bytes);
  support::write_file(folder.path("all_config.yaml"), support::write_yaml(shape));
  // One row that is not zero.
  const std::size_t chosen = 1'000'000;
  {
    std::fstream out(path, std::ios::binary | std::ios::in | std::ios::out);
    out.seekp(static_cast<std::streamoff>(file.size() + chosen * 512 * sizeof(float)));
    const std::vector<float> row(512, 0.5F);
    out.write(reinterpret_cast<const char*>(row.data()), 512 * sizeof(float));
  }
  for (const std::string out : {"m.hrm", "small.safetensors"}) {
    CHECK(cli::memory_of("hrm-convert", {path, folder.path(out), "--puzzle-ids", "5,1000000,1045828"}) <=
          64 * support::mebibyte);
  }
  const auto kept = hrm::open_checkpoint(folder.path("m.hrm"));
  REQUIRE(support::message_of(kept) == "");
  CHECK(kept->archive->header.puzzle_ids == std::vector<std::uint64_t>{5, 1'000'000, 1'045'828});
  float value = 0.0F;
  std::memcpy(&value, kept->find("puzzle_emb.weights")->data + 512 * sizeof(float), sizeof value);
  CHECK(value == 0.5F);
  CHECK(std::filesystem::file_size(folder.path("m.hrm")) < 4 * support::mebibyte);
  // Loading it whole reads none of the rows that no puzzle asks for.
  CHECK(support::memory_of([&] {
          const auto model = hrm::load(path);
          return model && (*model)->check(std::vector<hrm::Token>{1, 2}, chosen).has_value();
        }) <= 64 * support::mebibyte);
}
#endif
