#include <doctest/doctest.h>

#include <hrm/io/load.hpp>
#include <hrm/solve/solve.hpp>
#include <support/files.hpp>
#include <support/make_weights.hpp>
#include <support/memory.hpp>
#include <support/places.hpp>

namespace {

const support::Shape small{.hidden = 8, .heads = 2, .h_layers = 1, .l_layers = 2, .vocab = 5, .puzzle_emb_ndim = 8};
const std::string golden = support::data("golden/");

std::string load_error(const std::string& path, const hrm::LoadOptions& options = {}) {
  return support::message_of(hrm::load(path, options));
}

std::string safetensors_of(const std::vector<support::Tensor>& tensors) {
  std::string out;
  REQUIRE(hrm::write_safetensors(support::views_of(tensors), support::append, &out).has_value());
  return out;
}

}  // namespace

TEST_CASE("load: a folder, each of its files, mapped or read, give the same model") {
  for (const std::string name : {"bfloat16_weights", "learned", "rope", "sudoku_like", "two_puzzle_tokens"}) {
    CAPTURE(name);
    const auto model = hrm::load(golden + name);
    REQUIRE(support::message_of(model) == "");
    for (const std::string file : {"/checkpoint", "/model.safetensors", "/published_checkpoint"}) {
      if (file == "/published_checkpoint" && name != "rope") continue;
      for (const bool map : {true, false}) {
        const auto other = hrm::load(golden + name + file, {.map = map});
        REQUIRE(support::message_of(other) == "");
        CHECK(other->fingerprint() == model->fingerprint());
        CHECK(other->config() == model->config());
      }
    }
  }
}

TEST_CASE("load: in a folder model.hrm comes before checkpoint before model.safetensors, whatever is in it") {
  const support::TemporaryFolder folder;
  CHECK(load_error(folder.path()) ==
        folder.path() + ": folder: expected model.hrm, checkpoint or model.safetensors in it, found none");
  static_cast<void>(folder.write("all_config.yaml", support::write_yaml(small)));
  static_cast<void>(folder.write("model.safetensors", safetensors_of(support::make_weights(small, 3))));
  const auto third = hrm::load(folder.path());
  static_cast<void>(
      folder.write("checkpoint", safetensors_of(support::make_weights(small, 2))));  // the name says nothing
  const auto second = hrm::load(folder.path() + "/");
  static_cast<void>(folder.write("model.hrm", support::write_torch(support::make_weights(small, 1))));
  const auto first = hrm::load(folder.path());
  REQUIRE(support::message_of(first) == "");
  REQUIRE(support::message_of(second) == "");
  REQUIRE(support::message_of(third) == "");
  CHECK(first->fingerprint() != second->fingerprint());
  CHECK(second->fingerprint() != third->fingerprint());
}

TEST_CASE("load: the configuration beside the file, or the one that is named") {
  const support::TemporaryFolder folder;
  const std::string model = folder.write("weights.bin", support::write_torch(support::make_weights(small)));
  CHECK(load_error(model) == model + ": config: expected all_config.yaml or config.json beside it, found none");
  const std::string json =
      folder.write("config.json", R"({"num_heads": 2, "H_cycles": 3, "L_cycles": 1, "pos_encodings": "rope"})");
  CHECK(hrm::load(model)->config().sizes.h_cycles == 3);
  static_cast<void>(folder.write("all_config.yaml", support::write_yaml(small)));
  CHECK(hrm::load(model)->config().sizes.h_cycles == 2);
  CHECK(hrm::load(model, {.config = json})->config().sizes.h_cycles == 3);
  CHECK(load_error(model, {.config = folder.path("no")}) ==
        folder.path("no") + ": file: expected a file that can be read, found none");
  const std::string poor = folder.write("poor.yaml", "arch:\n  H_cycles: 2\n");
  CHECK(load_error(model, {.config = poor}) == poor + ": num_heads: expected this key in the config, found none");
  CHECK(support::message_of(hrm::open_checkpoint(hrm::Source::open(model).value(), "arch:\n  H_cycles: 2\n")) ==
        model + ": config: num_heads: expected this key in the config, found none");
}

TEST_CASE("load: float32, float16 and bfloat16 in any mix") {
  const support::TemporaryFolder folder;
  static_cast<void>(folder.write("all_config.yaml", support::write_yaml(small)));
  auto mixed = support::make_weights(small, 5, hrm::DType::f16);
  const auto others = support::make_weights(small, 5, hrm::DType::bf16);
  const auto wide = support::make_weights(small, 5, hrm::DType::f32);
  for (std::size_t i = 0; i < mixed.size(); ++i) {
    if (i % 3 == 1) mixed[i] = others[i];
    if (i % 3 == 2) mixed[i] = wide[i];
  }
  const auto torch = hrm::load(folder.write("a", support::write_torch(mixed, "", support::Flavour::newer)));
  const auto safetensors = hrm::load(folder.write("b", safetensors_of(mixed)));
  REQUIRE(support::message_of(torch) == "");
  REQUIRE(support::message_of(safetensors) == "");
  CHECK(torch->fingerprint() == safetensors->fingerprint());
}

TEST_CASE("load: weights that are no numbers, or of a type that weights do not have") {
  const support::TemporaryFolder folder;
  static_cast<void>(folder.write("all_config.yaml", support::write_yaml(small)));
  for (const auto& tensor : support::make_weights(small)) {
    for (const std::uint32_t bits : {0x7fc00000U, 0x7f800000U, 0xff800000U}) {
      auto weights = support::make_weights(small, 1, hrm::DType::f32);
      auto& bad = *std::find_if(weights.begin(), weights.end(), [&](const auto& t) { return t.name == tensor.name; });
      const std::size_t size = hrm::size_of(bad.dtype);
      std::memcpy(bad.data.data() + bad.data.size() - size, reinterpret_cast<const char*>(&bits) + 4 - size, size);
      const std::string path = folder.write("m", safetensors_of(weights));
      CHECK(load_error(path) == path + ": " + tensor.name + ": expected finite numbers, found NaN or infinity");
    }
  }
  auto weights = support::make_weights(small);
  weights[2].dtype = hrm::DType::i32;
  const std::string path = folder.write("m", safetensors_of(weights));
  CHECK(load_error(path) == path + ": " + weights[2].name + ": expected float32, float16 or bfloat16, found int32");
}

TEST_CASE("load: chosen rows of the puzzle embedding") {
  support::Shape shape = small;
  shape.puzzle_ids = 100;
  const support::TemporaryFolder folder;
  static_cast<void>(folder.write("all_config.yaml", support::write_yaml(shape)));
  const std::string path = folder.write("checkpoint", support::write_torch(support::make_weights(shape)));
  const std::array<std::size_t, 2> ids{7, 99};
  const auto model = hrm::load(path, {.puzzle_ids = ids});
  REQUIRE(support::message_of(model) == "");
  CHECK(model->weight_bytes() < hrm::load(path)->weight_bytes());
  const std::array<std::size_t, 2> beyond{7, 100};
  CHECK(load_error(path, {.puzzle_ids = beyond}) ==
        path + ": puzzle_emb.weights: expected puzzle ids below 100, found 100");
}

TEST_CASE("load: every cut of a file is an error, and nothing is half-loaded") {
  const support::TemporaryFolder folder;
  static_cast<void>(folder.write("all_config.yaml", support::write_yaml(small)));
  for (const std::string& whole :
       {support::write_torch(support::make_weights(small)), safetensors_of(support::make_weights(small))}) {
    for (std::size_t size = 0; size < whole.size(); size += size < 64 ? 1 : 997) {
      const std::string path = folder.write("m", std::string_view(whole).substr(0, size));
      CHECK(load_error(path).starts_with(path + ": "));
    }
  }
}

#if HRM_TEST_MEASURES_MEMORY
TEST_CASE(
    "load: a model as large as the published one, and a segment, take its packed weights and less than 64 MiB more") {
  const support::TemporaryFolder folder;
  static_cast<void>(folder.write("all_config.yaml", support::write_yaml({})));
  support::write_file(folder.path("checkpoint"), support::write_torch(support::make_weights({})));
  const std::size_t packed = hrm::load(folder.path())->weight_bytes();
  CHECK(packed > 100 * support::mebibyte);
  for (const std::size_t tokens : {81U, 900U}) {  // a Sudoku, and a maze of the published size
    CAPTURE(tokens);
    CHECK(support::memory_of([&] {
            const auto model = hrm::load(folder.path());
            if (!model) return false;
            const auto answer = hrm::solve(*model, std::vector<hrm::Token>(tokens, 1), {.max_segments = 1});
            return answer && answer->segments == 1;
          }) <= packed + 64 * support::mebibyte);
  }
}
#endif
