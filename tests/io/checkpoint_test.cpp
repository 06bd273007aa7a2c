#include <doctest/doctest.h>

#include <hrm/io/checkpoint.hpp>
#include <support/files.hpp>
#include <support/make_weights.hpp>

namespace {

const support::Shape small{.hidden = 8, .heads = 2, .h_layers = 1, .l_layers = 2, .vocab = 5, .puzzle_emb_ndim = 8};

hrm::Result<hrm::Checkpoint> open(const std::string& file) {
  return hrm::make_checkpoint(hrm::Source::memory(support::bytes_of(file), "file"),
                              hrm::read_config(support::write_yaml(small)).value());
}

}  // namespace

TEST_CASE("format_of goes by the bytes") {
  const auto format = [](std::string_view text) { return hrm::format_of(support::bytes_of(text)); };
  CHECK(format(support::write_zip({{"a", "b"}})) == hrm::FileFormat::torch);
  CHECK(format(support::write_zip({})) == hrm::FileFormat::unknown);  // it begins with nothing a model begins with
  CHECK(format(std::string("\2\0\0\0\0\0\0\0{}", 10)) == hrm::FileFormat::safetensors);
  CHECK(format("HRMmodel") == hrm::FileFormat::archive);
  CHECK(format("") == hrm::FileFormat::unknown);
  CHECK(format("arch:\n  H_cycles: 2\n") == hrm::FileFormat::unknown);
}

TEST_CASE("every prefix is stripped") {
  for (const char* name : {"H_init", "inner.H_init", "model.inner.H_init", "_orig_mod.model.inner.H_init",
                           "module._orig_mod.model.inner.H_init"}) {
    CHECK(hrm::strip_prefixes(name) == "H_init");
  }
  for (const std::string prefix : {"", "inner.", "model.inner.", "_orig_mod.model.inner."}) {
    const std::string file = support::write_torch(support::make_weights(small), prefix);
    const auto checkpoint = open(file);
    REQUIRE(support::message_of(checkpoint) == "");
    CHECK(checkpoint->find("lm_head.weight") != nullptr);
    CHECK(checkpoint->find("model.inner.lm_head.weight") == nullptr);
    std::size_t bytes = 0;
    for (const auto& tensor : support::make_weights(small)) bytes += tensor.data.size();
    CHECK(checkpoint->bytes() == bytes);
  }
}

TEST_CASE("a checkpoint keeps the names that had to be decoded") {
  std::string file;
  REQUIRE(hrm::write_safetensors(support::views_of(support::make_weights(small)), support::append, &file).has_value());
  const std::string name = "lm_head.weight";
  file.replace(file.find(name), name.size(), "model.inner.lm\\u005fhead.weight");
  const std::size_t header = file.find("}}") + 2 - 8;
  file.replace(0, 8, std::string({static_cast<char>(header), static_cast<char>(header >> 8), 0, 0, 0, 0, 0, 0}));
  file.erase(8 + header, file.find_first_not_of(' ', 8 + header) - 8 - header);
  auto opened = open(file);
  REQUIRE(support::message_of(opened) == "");
  const hrm::Checkpoint moved = *std::move(opened);
  CHECK(moved.find(name) != nullptr);
}

TEST_CASE("moving a checkpoint keeps what it looks at") {
  auto weights = support::make_weights(small);
  const std::string file = support::write_torch(weights);
  auto opened = open(file);
  REQUIRE(opened.has_value());
  hrm::Checkpoint moved = *std::move(opened);
  CHECK(std::memcmp(moved.find("q_head.bias")->data, weights[5].data.data(), weights[5].data.size()) == 0);
}

TEST_CASE("files that are no checkpoint") {
  const auto error = [](const std::string& file) { return support::message_of(open(file)); };
  CHECK(error("") == "file: file: expected a model, found an empty file");
  CHECK(error("some text, long enough") ==
        "file: file: expected a torch.save zip, safetensors or an hrm archive, found none of them");
  CHECK(error("\x80\x02\x8a\x0al\xfc\x9c") ==
        "file: file: expected a zip from PyTorch 1.6 or later, found an older torch.save file");
  CHECK(error("HRMmodel") == "file: file: expected torch.save or safetensors, found an archive");
  CHECK(error(support::write_torch(support::make_weights(small)).substr(0, 5000))
            .starts_with("file: zip: expected an end of directory record"));
}

TEST_CASE("tensors of float64 are no weights, and do no harm beside them") {
  auto weights = support::make_weights(small);
  weights.push_back({"puzzle_emb.local_weights", hrm::DType::f64, {2, 8}, std::string(128, '\0')});
  const std::string beside = support::write_torch(weights);
  std::string file;
  REQUIRE(hrm::write_safetensors(support::views_of(weights), support::append, &file).has_value());
  for (const std::string& good : {beside, file}) CHECK(support::message_of(open(good)) == "");
  for (auto& weight : weights) {
    if (weight.name != "q_head.bias") continue;
    weight.dtype = hrm::DType::f64;
    weight.data.resize(16);
  }
  const std::string words = "file: q_head.bias: expected float32, float16 or bfloat16, found float64";
  CHECK(support::message_of(open(support::write_torch(weights))) == words);
  file.clear();
  REQUIRE(hrm::write_safetensors(support::views_of(weights), support::append, &file).has_value());
  CHECK(support::message_of(open(file)) == words);
}

TEST_CASE("one name under two prefixes is one name twice") {
  auto weights = support::make_weights(small);
  weights.push_back(weights[0]);
  weights.back().name = "inner.H_init";
  const std::string file = support::write_torch(weights);
  CHECK(support::message_of(open(file)) == "file: H_init: expected every name once, found it twice");
}
