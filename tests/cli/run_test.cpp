/// hrm-run: the contract of its command line, against the golden cases.

#include <doctest/doctest.h>
#include <hrm/io/safetensors.hpp>
#include <hrm/puzzles/json.hpp>

#include <support/places.hpp>

#include <cli/command.hpp>
#include <cli/small_run.hpp>
#include <cmath>

namespace {

using cli::run;

const std::string golden = support::data("golden/");

/// A tensor of a safetensors file.
struct Array {
  std::vector<std::size_t> shape;
  std::vector<float> floats;
  std::vector<std::int32_t> integers;
};

Array array_of(const std::string& bytes, std::string_view name) {
  Array out;
  const auto table = hrm::read_safetensors(support::bytes_of(bytes)).value();
  for (const hrm::TensorView& view : table.tensors) {
    if (view.name != name) continue;
    out.shape.assign(view.shape.begin(), view.shape.begin() + static_cast<std::ptrdiff_t>(view.rank));
    if (view.dtype == hrm::DType::i32) {
      out.integers.resize(view.elements());
      std::memcpy(out.integers.data(), view.data, view.bytes());
    } else {
      out.floats.resize(view.elements());
      REQUIRE(hrm::read_floats(view, 0, out.floats.size(), out.floats.data()));
    }
  }
  REQUIRE_MESSAGE(!out.shape.empty(), std::string(name));
  return out;
}

/// One case's puzzles as hrm-run reads them.
std::string lines_of_case(const std::string& bytes, bool with_ids) {
  const Array inputs = array_of(bytes, "inputs");
  const Array ids = array_of(bytes, "puzzle_identifiers");
  std::string text;
  for (std::size_t b = 0; b < inputs.shape[0]; ++b) {
    if (with_ids) text += "@" + std::to_string(ids.integers[b]) + " ";
    for (std::size_t s = 0; s < inputs.shape[1]; ++s) {
      text += std::to_string(inputs.integers[b * inputs.shape[1] + s]) + " ";
    }
    text += "\n";
  }
  return text;
}

/// A line of hrm-run's output.
struct Line {
  std::vector<std::int64_t> tokens;
  std::int64_t segments = 0;
  bool halted = false;
  double q_halt = 0, q_continue = 0, ms = -1;
};

/// Reads a line, whose keys stand in this order and in no other.
Line parse(const std::string& text) {
  Line line;
  std::string keys;
  std::size_t at = 0;
  const auto value = [&](std::string_view key) {
    const std::string mark = "\"" + std::string(key) + "\":";
    at = text.find(mark, at);
    REQUIRE_MESSAGE(at != std::string::npos, text);
    at += mark.size();
    return std::string_view(text).substr(at, text.find_first_of(",}", at) - at);
  };
  hrm::JsonCursor json(text);
  REQUIRE(json.object([&](std::string_view key) {
    keys += std::string(key) + " ";
    if (key == "tokens") return json.array([&] { return json.integer(line.tokens.emplace_back()); });
    if (key == "segments") return json.integer(line.segments);
    return json.skip();
  }));
  REQUIRE(json.end());
  REQUIRE(keys == "tokens segments halted q_halt q_continue ms ");
  line.halted = value("halted") == "true";
  line.q_halt = std::stod(std::string(value("q_halt")));
  line.q_continue = std::stod(std::string(value("q_continue")));
  line.ms = std::stod(std::string(value("ms")));
  return line;
}

/// The same but for the time.
std::string without_ms(const std::string& out) {
  std::string text;
  for (const std::string& line : cli::lines_of(out)) text += line.substr(0, line.find(",\"ms\"")) + "\n";
  return text;
}

}  // namespace

TEST_CASE("hrm-run: tokens, segments and q of every golden case, from every kind of file") {
  for (const std::string name : {"rope", "learned", "two_puzzle_tokens", "sudoku_like", "bfloat16_weights"}) {
    const std::string bytes = support::read_file(golden + name + "/golden.safetensors");
    const Array logits = array_of(bytes, "logits");
    const Array q = array_of(bytes, "q");
    const std::size_t batch = logits.shape[1];
    const std::size_t tokens = logits.shape[2];
    const std::size_t vocab = logits.shape[3];
    std::vector<std::string> files{"", "/checkpoint", "/model.safetensors"};
    if (name == "rope") files.emplace_back("/published_checkpoint");
    for (const std::string& file : files) {
      CAPTURE(name + file);
      const auto outcome = run("hrm-run", {golden + name + file}, lines_of_case(bytes, true));
      REQUIRE(outcome.code == 0);
      CHECK(outcome.err.empty());
      const auto lines = cli::lines_of(outcome.out);
      REQUIRE(lines.size() == batch);
      for (std::size_t b = 0; b < batch; ++b) {
        const Line line = parse(lines[b]);
        std::size_t segment = 0;
        while (segment + 1 < q.shape[0] &&
               q.floats[2 * (segment * batch + b)] <= q.floats[2 * (segment * batch + b) + 1]) {
          ++segment;
        }
        const float halt = q.floats[2 * (segment * batch + b)];
        const float go_on = q.floats[2 * (segment * batch + b) + 1];
        CHECK(static_cast<std::size_t>(line.segments) == segment + 1);
        CHECK(line.halted == (halt > go_on));
        const double tolerance = segment < 4 ? 1e-4 : 1e-3;
        CHECK(std::abs(line.q_halt - static_cast<double>(halt)) < tolerance);
        CHECK(std::abs(line.q_continue - static_cast<double>(go_on)) < tolerance);
        CHECK(line.ms >= 0);
        REQUIRE(line.tokens.size() == tokens);
        for (std::size_t s = 0; s < tokens; ++s) {
          const float* row = logits.floats.data() + ((segment * batch + b) * tokens + s) * vocab;
          std::size_t best = 0;
          float second = -INFINITY;
          for (std::size_t v = 1; v < vocab; ++v) {
            if (row[v] > row[best]) {
              second = row[best];
              best = v;
            } else {
              second = std::max(second, row[v]);
            }
          }
          if (static_cast<double>(row[best] - second) > 2 * tolerance) {
            CHECK(static_cast<std::size_t>(line.tokens[s]) == best);
          }
        }
      }
    }
  }
}

TEST_CASE("hrm-run: --save writes what the golden files hold") {
  const support::TemporaryFolder folder;
  for (const std::string name : {"rope", "learned", "two_puzzle_tokens", "bfloat16_weights"}) {
    CAPTURE(name);
    const std::string bytes = support::read_file(golden + name + "/golden.safetensors");
    const std::string path = folder.path(name + ".safetensors");
    const auto outcome = run("hrm-run", {golden + name, "--halt", "never", "--save", path}, lines_of_case(bytes, true));
    REQUIRE(outcome.code == 0);
    const std::string saved = support::read_file(path);
    CHECK(array_of(saved, "inputs").integers == array_of(bytes, "inputs").integers);
    CHECK(array_of(saved, "puzzle_identifiers").integers == array_of(bytes, "puzzle_identifiers").integers);
    for (const std::string_view tensor : {"logits", "q", "z_H", "z_L"}) {
      const Array ours = array_of(saved, tensor);
      const Array theirs = array_of(bytes, tensor);
      REQUIRE(ours.shape == theirs.shape);
      double worst = 0;
      for (std::size_t i = 0; i < ours.floats.size(); ++i) {
        worst = std::max(worst, std::abs(static_cast<double>(ours.floats[i] - theirs.floats[i])));
      }
      CHECK(worst < (tensor[0] == 'z' ? 2e-3 : 1e-4));
    }
    for (const std::string& line : cli::lines_of(outcome.out)) CHECK_FALSE(parse(line).halted);
  }
}

TEST_CASE("hrm-run: options") {
  const std::string bytes = support::read_file(golden + "rope/golden.safetensors");
  const std::string input = lines_of_case(bytes, true);
  const std::string folder = golden + "rope";
  const auto plain = run("hrm-run", {folder}, input);
  const support::TemporaryFolder files;

  SUBCASE("--input reads a file, with any line ends and separators") {
    std::string odd = input;
    for (std::size_t i = 0; i < odd.size(); ++i) {
      if (odd[i] == ' ' && i % 3 == 0) odd[i] = '\t';
      if (odd[i] == ' ' && i % 3 == 1) odd[i] = ',';
    }
    for (std::size_t at = odd.find('\n'); at != std::string::npos; at = odd.find('\n', at + 3))
      odd.replace(at, 1, "\r\n\n");
    const auto outcome = run("hrm-run", {folder, "--input", files.write("lines", odd)});
    CHECK(outcome.code == 0);
    CHECK(without_ms(outcome.out) == without_ms(plain.out));
  }
  SUBCASE("--puzzle-id is for lines that name none") {
    const std::string bare = lines_of_case(bytes, false);
    CHECK(without_ms(run("hrm-run", {folder, "--puzzle-id", "3"}, bare).out) !=
          without_ms(run("hrm-run", {folder}, bare).out));
    std::string named;
    for (const std::string& line : cli::lines_of(bare)) named += "@3 " + line + "\n";
    CHECK(without_ms(run("hrm-run", {folder, "--puzzle-id=3"}, bare).out) ==
          without_ms(run("hrm-run", {folder}, named).out));
    CHECK(without_ms(run("hrm-run", {folder, "--puzzle-id", "3"}, input).out) == without_ms(plain.out));
  }
  SUBCASE("--batch and --threads change no answer, and keep the order") {
    std::string many;
    for (int i = 0; i < 5; ++i) many += input;
    const std::string expected = without_ms(run("hrm-run", {folder}, many).out);
    for (const char* batch : {"2", "3", "16"}) {
      CHECK(without_ms(run("hrm-run", {folder, "--batch", batch}, many).out) == expected);
    }
    CHECK(without_ms(run("hrm-run", {folder, "--threads", "2"}, many).out) == expected);
    CHECK(without_ms(run("hrm-run", {folder, "--threads", "2", "--batch", "4"}, many).out) == expected);
    // lines of different lengths
    const std::string mixed = input + "1 2 3\n4 5 6\n" + input;
    CHECK(without_ms(run("hrm-run", {folder, "--batch", "4"}, mixed).out) ==
          without_ms(run("hrm-run", {folder}, mixed).out));
  }
  SUBCASE("--max-segments and --halt never") {
    for (const char* segments : {"1", "3", "11"}) {
      const auto outcome = run("hrm-run", {folder, "--halt", "never", "--max-segments", segments}, input);
      REQUIRE(outcome.code == 0);
      for (const std::string& line : cli::lines_of(outcome.out)) {
        CHECK(parse(line).segments == std::stoi(segments));
        CHECK_FALSE(parse(line).halted);
      }
    }
    CHECK(without_ms(run("hrm-run", {folder, "--halt", "q"}, input).out) == without_ms(plain.out));
  }
  SUBCASE("--precision") {
    CHECK(without_ms(run("hrm-run", {folder, "--precision", "f32"}, input).out) == without_ms(plain.out));
    const auto lines = cli::lines_of(plain.out);
    // How far q may be off after one segment of a model that was never trained: hidden is 32 here, so roundings count.
    for (const auto& bound : {std::pair{"bf16", 0.1}, {"int8", 0.3}}) {
      const char* const precision = bound.first;
      CAPTURE(precision);
      const auto outcome = run("hrm-run", {folder, "--precision", precision}, input);
      REQUIRE(outcome.code == 0);
      CHECK(without_ms(outcome.out) != without_ms(plain.out));
      const auto rough = cli::lines_of(outcome.out);
      REQUIRE(rough.size() == lines.size());
      CHECK(std::abs(parse(rough[2]).q_halt - parse(lines[2]).q_halt) < bound.second);
    }
  }
  SUBCASE("--config names another configuration") {
    std::string yaml = support::read_file(folder + "/all_config.yaml");
    const std::size_t at = yaml.find("halt_max_steps: 4");
    REQUIRE(at != std::string::npos);
    yaml.replace(at, 17, "halt_max_steps: 2");
    const auto outcome = run("hrm-run", {folder, "--halt", "never", "--config", files.write("c.yaml", yaml)}, input);
    REQUIRE(outcome.code == 0);
    CHECK(parse(cli::lines_of(outcome.out)[0]).segments == 2);
  }
}

TEST_CASE("hrm-run: a file for --save that cannot be written is said before anything is computed") {
  const support::TemporaryFolder folder;
  const std::string model = golden + "rope";
  const auto save = [&](const std::string& path, const std::string& input) {
    return run("hrm-run", {model, "--halt", "never", "--save", path}, input);
  };
  for (const std::string& path : {folder.path("no/such/file"), folder.path()})
    CHECK(cli::fault_of(save(path, "1 2 3\n"), 1, "hrm-run", {path, "cannot be written"}) == "");  // and no answer
  // What goes wrong before there is anything to save leaves no file, and an old one as it was.
  CHECK(save(folder.path("new"), "x\n").code == 1);
  CHECK(!std::filesystem::exists(folder.path("new")));
  const std::string old = folder.write("old", "old");
  CHECK(save(old, "x\n").code == 1);
  CHECK(support::read_file(old) == "old");
}

TEST_CASE("hrm-run: a byte order mark before the first line") {
  const std::string model = golden + "rope";
  const auto plain = run("hrm-run", {model}, "1 2 3\n4 5 6\n");
  CHECK(without_ms(run("hrm-run", {model},
                       "\xEF\xBB\xBF"
                       "1 2 3\n4 5 6\n")
                       .out) == without_ms(plain.out));
  CHECK(run("hrm-run", {model},
            "1 2 3\n\xEF\xBB\xBF"
            "4 5 6\n")
            .code == 1);
}

TEST_CASE("hrm-run: a puzzle of another length than the model's is mentioned, once") {
  const support::TemporaryFolder folder;
  const std::string model = folder.path("model");  // an archive, which says how long its puzzles were
  REQUIRE(run("hrm-train", cli::small_run(model, {"--archive", "--evaluate", "0", "--steps", "1"})).code == 0);
  const std::string usual = "1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 2\n", shorter = usual.substr(2);
  for (const std::string batch : {"1", "2"}) {
    CHECK(run("hrm-run", {model, "--batch", batch}, usual).err == "");
    const auto said = run("hrm-run", {model, "--batch", batch}, usual + shorter + shorter);
    CHECK(said.code == 0);
    CHECK(cli::lines_of(said.out).size() == 3);
    CHECK(cli::lines_of(said.err).size() == 1);
    CHECK(said.err.find("line 2: 15 tokens, where the model was trained on 16") != std::string::npos);
  }
}

TEST_CASE("hrm-run: usage is code 2 and one line") {
  const std::string model = golden + "rope";
  const auto wrong = [&](const std::vector<std::string>& words, const std::vector<std::string>& say) {
    return cli::fault_of(run("hrm-run", words, "1\n"), 2, "hrm-run", say);
  };
  CHECK(wrong({}, {"MODEL"}) == "");
  CHECK(wrong({model, model}, {"MODEL"}) == "");
  CHECK(wrong({model, "--nothing"}, {"--nothing"}) == "");
  CHECK(wrong({model, "-x"}, {"-x"}) == "");
  CHECK(wrong({model, "--input"}, {"--input"}) == "");
  CHECK(wrong({model, "--threads", "0"}, {"--threads", "1 to 1024", "found 0"}) == "");
  CHECK(wrong({model, "--threads", "two"}, {"found two"}) == "");
  CHECK(wrong({model, "--batch", "-1"}, {"--batch"}) == "");
  CHECK(wrong({model, "--precision", "fp8"}, {"--precision", "f32, bf16 or int8", "fp8"}) == "");
  CHECK(wrong({model, "--halt", "soon"}, {"--halt", "q or never"}) == "");
  CHECK(wrong({model, "--max-segments", "0"}, {"--max-segments"}) == "");
  CHECK(wrong({model, "--max-segments", "1", "--max-segments", "2"}, {"--max-segments", "twice"}) == "");
  CHECK(wrong({model, "--save", "x"}, {"--save", "--halt never"}) == "");
  CHECK(wrong({model, "--save", "x", "--halt", "never", "--batch", "2"}, {"--save", "--batch"}) == "");
  const auto help = run("hrm-run", {"--help"});
  CHECK(help.code == 0);
  CHECK(help.err.empty());
  for (const char* option : {"--config", "--input", "--puzzle-id", "--max-segments", "--halt", "--precision",
                             "--threads", "--batch", "--save"}) {
    CHECK(help.out.find(option) != std::string::npos);
  }
}
