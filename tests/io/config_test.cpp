#include <doctest/doctest.h>

#include <hrm/io/config.hpp>
#include <support/files.hpp>
#include <support/make_weights.hpp>

namespace {

const support::Shape small{
    .hidden = 8, .heads = 2, .h_layers = 1, .l_layers = 2, .vocab = 5, .puzzle_emb_ndim = 12, .puzzle_ids = 3};

hrm::RawConfig raw_of(const support::Shape& shape) { return hrm::read_config(support::write_yaml(shape)).value(); }

/// The error of completing `shape`'s own configuration after both have been changed.
template <class Change>
std::string changed(const Change& change, const support::Shape& shape = small) {
  auto raw = raw_of(shape);
  auto tensors = support::make_weights(shape);
  change(raw, tensors);
  return support::message_of(hrm::complete(raw, support::views_of(tensors)));
}
using Raw = hrm::RawConfig;
using Tensors = std::vector<support::Tensor>;

support::Tensor& find(Tensors& tensors, std::string_view name) {
  return *std::find_if(tensors.begin(), tensors.end(), [&](const auto& t) { return t.name == name; });
}

}  // namespace

TEST_CASE("config: yaml under arch and flat, json") {
  const auto nested = hrm::read_config(
      "arch:\n  hidden_size: 32\n  expansion: 4\n  rms_norm_eps: 1e-6\n  pos_encodings: learned\n  loss:\n    "
      "num_heads: 9\nnum_heads: 7\n");
  REQUIRE(nested.has_value());
  CHECK(nested->hidden_size == 32);
  CHECK(nested->expansion == 4.0);
  CHECK(nested->rms_norm_eps == 1e-6);
  CHECK(nested->pos_encodings == hrm::PositionEncoding::learned);
  CHECK(!nested->num_heads);
  CHECK(hrm::read_config("num_heads: 7\nother: x\n")->num_heads == 7);
  const auto json = hrm::read_config(
      R"( {"num_heads": 3, "rope_theta": 10000.0, "pos_encodings": "rope", "x": {"num_heads": 4}, "seq_len": null})");
  REQUIRE(json.has_value());
  CHECK(json->num_heads == 3);
  CHECK(json->rope_theta == 10000.0);
  CHECK(!json->seq_len);
}

TEST_CASE("config: what other programs and editors write") {
  const auto heads = [](std::string_view text) -> std::size_t {
    const auto raw = hrm::read_config(text);
    INFO(support::message_of(raw));
    CHECK(raw.has_value());
    return raw ? raw->num_heads.value_or(0) : 0;
  };
  CHECK(heads("arch: hrm_v1\nnum_heads: 8\n") == 8);
  CHECK(heads("arch:\nnum_heads: 8\n") == 8);
  CHECK(heads("arch: {}\nnum_heads: 8\n") == 8);
  CHECK(heads("\xEF\xBB\xBF"
              "arch:\n  num_heads: 8\n") == 8);
  CHECK(heads("\xEF\xBB\xBF{\"num_heads\": 8}") == 8);
  CHECK(heads("num_heads: 8\t# eight\n...\n") == 8);
  CHECK(heads("num_heads:\t8\n") == 8);
  CHECK(heads("arch:\n  num_heads: 8\n  loss:\n    <<: *l\nother: {x: 1}\n") == 8);
  CHECK(heads("num_heads: Null\nseq_len: NULL\n") == 0);
  CHECK(heads(R"({"arch": {"num_heads": 8, "loss": {"num_heads": 9}}, "num_heads": 7})") == 8);
  CHECK(heads(R"({"arch": "hrm_v1", "num_heads": 7})") == 7);
}

TEST_CASE("config: YAML that would lose keys is an error") {
  const auto error = [](std::string_view text) { return support::message_of(hrm::read_config(text)); };
  CHECK(error("arch: {num_heads: 8}\n") == "arch: expected keys indented below it, found {num_heads: 8}");
  CHECK(error("arch: &a\n  num_heads: 8\n") == "arch: expected keys indented below it, found &a");
  CHECK(error("arch: *a\n") == "arch: expected keys indented below it, found *a");
  CHECK(error("<<: *a\n") == "<<: expected keys indented below it, found *a");
  CHECK(error("arch:\n  <<: *a\n") == "<<: expected keys indented below it, found *a");
  CHECK(error("num_heads: &h 8\n") == "num_heads: expected a whole number from 0 on, found &h 8");
}

TEST_CASE("config: tensors that hold no floats") {
  CHECK(changed([](Raw&, Tensors& all) { find(all, "lm_head.weight").dtype = hrm::DType::i32; }) ==
        "lm_head.weight: expected float32, float16 or bfloat16, found int32");
  CHECK(changed([](Raw&, Tensors& all) {
          find(all, "L_level.layers.0.mlp.down_proj.weight").dtype = hrm::DType::i8;
        }).ends_with("expected float32, float16 or bfloat16, found int8"));
}

TEST_CASE("config: values that are none") {
  const auto error = [](std::string_view text) { return support::message_of(hrm::read_config(text)); };
  CHECK(error("num_heads: two\n") == "num_heads: expected a whole number from 0 on, found two");
  CHECK(error("num_heads: 2.5\n") == "num_heads: expected a whole number from 0 on, found 2.5");
  CHECK(error("expansion: nan\n") == "expansion: expected a number, found nan");
  CHECK(error("pos_encodings: alibi\n") == "pos_encodings: expected rope or learned, found alibi");
  CHECK(error(R"({"num_heads": -1})") == "num_heads: expected a whole number from 0 on, found -1");
  CHECK(error(R"({"num_heads": 1} x)") == "byte 17: expected the end, found x");
  CHECK(error(R"({"num_heads": 1, "num_heads": 2})") == "num_heads: expected every name once, found it twice");
  CHECK(error(std::string((1 << 20) + 1, ' ')) == "config: expected at most 1048576 bytes, found 1048577");
}

TEST_CASE("config: everything the tensors say is taken from them") {
  const auto tensors = support::make_weights(small);
  const auto views = support::views_of(tensors);
  const auto config = hrm::complete(raw_of(small), views);
  REQUIRE(support::message_of(config) == "");
  const hrm::Sizes expected{.hidden = 8,
                            .heads = 2,
                            .inner = 256,
                            .vocab = 5,
                            .h_layers = 1,
                            .l_layers = 2,
                            .h_cycles = 2,
                            .l_cycles = 2,
                            .puzzle_tokens = 2};
  CHECK(config->sizes == expected);
  CHECK(config->puzzle_ids == 3);
  CHECK(config->puzzle_emb_ndim == 12);
  CHECK(config->seq_len == 0);
  CHECK(config->halt_max_steps == 16);

  Raw least;  // what no tensor can stand for
  least.num_heads = 2;
  least.H_cycles = least.L_cycles = 2;
  least.pos_encodings = hrm::PositionEncoding::rope;
  CHECK(*hrm::complete(least, views) == *config);
  least.rms_norm_eps = 1e-6;
  least.rope_theta = 5e5;
  least.halt_max_steps = 8;
  const auto own = hrm::complete(least, views);
  CHECK(own->rms_norm_eps == 1e-6F);
  CHECK(own->rope_theta == 5e5F);
  CHECK(own->halt_max_steps == 8);

  support::Shape learned = small;
  learned.learned = true;
  learned.seq_len = 9;
  const auto other = support::make_weights(learned);
  CHECK(hrm::complete(raw_of(learned), support::views_of(other))->seq_len == 9);
}

TEST_CASE("config: keys that must be there") {
  CHECK(changed([](Raw& raw, Tensors&) { raw.num_heads.reset(); }) ==
        "num_heads: expected this key in the config, found none");
  CHECK(changed([](Raw& raw, Tensors&) { raw.H_cycles.reset(); }) ==
        "H_cycles: expected this key in the config, found none");
  CHECK(changed([](Raw& raw, Tensors&) { raw.L_cycles.reset(); }) ==
        "L_cycles: expected this key in the config, found none");
  CHECK(changed([](Raw& raw, Tensors&) { raw.pos_encodings.reset(); }) ==
        "pos_encodings: expected this key in the config, found none");
}

TEST_CASE("config: what the file says is held against the tensors") {
  const auto error = [](std::optional<std::size_t> Raw::*member, std::size_t value) {
    return changed([&](Raw& raw, Tensors&) { raw.*member = value; });
  };
  CHECK(error(&Raw::hidden_size, 16) == "hidden_size: expected 16 as the config says, found 8 in the tensors");
  CHECK(error(&Raw::vocab_size, 6) == "vocab_size: expected 6 as the config says, found 5 in the tensors");
  CHECK(error(&Raw::H_layers, 2) == "H_layers: expected 2 as the config says, found 1 in the tensors");
  CHECK(error(&Raw::L_layers, 1) == "L_layers: expected 1 as the config says, found 2 in the tensors");
  CHECK(error(&Raw::puzzle_emb_ndim, 8) == "puzzle_emb_ndim: expected 8 as the config says, found 12 in the tensors");
  CHECK(error(&Raw::num_puzzle_identifiers, 4) ==
        "num_puzzle_identifiers: expected 4 as the config says, found 3 in the tensors");
  CHECK(error(&Raw::num_heads, 3) == "num_heads: expected a number that divides hidden 8 into even parts, found 3");
  CHECK(error(&Raw::num_heads, 8) == "num_heads: expected a number that divides hidden 8 into even parts, found 8");
  CHECK(error(&Raw::num_heads, 0) == "num_heads: expected a number that divides hidden 8 into even parts, found 0");
  CHECK(error(&Raw::H_cycles, 1024) == "");
  CHECK(error(&Raw::H_cycles, 0) == "H_cycles: expected 1 to 1024, found 0");
  CHECK(error(&Raw::L_cycles, 1025) == "L_cycles: expected 1 to 1024, found 1025");
  CHECK(error(&Raw::halt_max_steps, 0) == "halt_max_steps: expected 1 to 1048576, found 0");
  CHECK(error(&Raw::seq_len, hrm::max_seq_len) == "");
  CHECK(error(&Raw::seq_len, hrm::max_seq_len + 1) == "seq_len: expected 0 to 1048576, found 1048577");
  CHECK(error(&Raw::seq_len, std::size_t{1} << 62) == "seq_len: expected 0 to 1048576, found 4611686018427387904");
  CHECK(changed([](Raw& raw, Tensors&) { raw.expansion = 64; }) ==
        "expansion: expected an inner size of 512 as the config says, found 256 in the tensors");
  CHECK(changed([](Raw& raw, Tensors&) {
          raw.expansion = -1e300;
        }).starts_with("expansion: expected an inner size of 0"));
  CHECK(
      changed([](Raw& raw, Tensors&) { raw.expansion = 1e300; }).starts_with("expansion: expected an inner size of 0"));
  CHECK(changed([](Raw& raw, Tensors&) { raw.rms_norm_eps = 0; }) ==
        "rms_norm_eps: expected a number above 0 and within reason, found 0");
  CHECK(changed([](Raw& raw, Tensors&) { raw.rms_norm_eps = 1; }) == "");
  CHECK(changed([](Raw& raw, Tensors&) { raw.rms_norm_eps = 1.5; }).ends_with("within reason, found 1.5"));
  CHECK(changed([](Raw& raw, Tensors&) { raw.rope_theta = 1e12; }) == "");
  CHECK(changed([](Raw& raw, Tensors&) { raw.rope_theta = 1e300; }).ends_with("within reason, found 1e+300"));
  CHECK(changed([](Raw& raw, Tensors&) { raw.rope_theta = -1; }) ==
        "rope_theta: expected a number above 0 and within reason, found -1");
  CHECK(changed([](Raw& raw, Tensors&) { raw.pos_encodings = hrm::PositionEncoding::learned; }) ==
        "embed_pos.embedding_weight: expected a tensor, as pos_encodings says, found none");

  support::Shape learned = small;
  learned.learned = true;
  learned.seq_len = 9;
  CHECK(changed([](Raw& raw, Tensors&) { raw.pos_encodings = hrm::PositionEncoding::rope; }, learned) ==
        "embed_pos.embedding_weight: expected none, as pos_encodings says, found one");
  CHECK(changed([](Raw& raw, Tensors&) { raw.seq_len = 8; }, learned) ==
        "seq_len: expected 8 as the config says, found 9 in the tensors");
  CHECK(changed([](Raw& raw, Tensors&) { raw.seq_len.reset(); }, learned) == "");
  CHECK(changed(
            [](Raw&, Tensors& all) {
              find(all, "embed_pos.embedding_weight").shape = {2, 8};
            },
            learned) == "embed_pos.embedding_weight: expected more than 2 rows, found 2");
  support::Shape plain = small;  // without a puzzle embedding
  plain.puzzle_emb_ndim = 0;
  CHECK(changed([](Raw& raw, Tensors&) { raw.num_puzzle_identifiers = 7; }, plain) == "");
  CHECK(changed([](Raw& raw, Tensors&) { raw.puzzle_emb_ndim.reset(); }, plain) == "");
  CHECK(changed([](Raw& raw, Tensors&) { raw.puzzle_emb_ndim = 8; }, plain) ==
        "puzzle_emb.weights: expected a tensor, as puzzle_emb_ndim is 8, found none");
}

TEST_CASE("config: tensors that are missing, of another shape, or too many") {
  for (const auto& tensor : support::make_weights(small)) {
    CAPTURE(tensor.name);
    const auto without = changed([&](Raw&, Tensors& all) {
      all.erase(std::find_if(all.begin(), all.end(), [&](const auto& t) { return t.name == tensor.name; }));
    });
    CHECK(without.starts_with(tensor.name + ": expected a tensor"));
    CHECK(without.ends_with(", found none"));
    if (tensor.name == "embed_tokens.embedding_weight" || tensor.name == "puzzle_emb.weights") continue;
    const auto other = changed([&](Raw&, Tensors& all) { find(all, tensor.name).shape.back() += 1; });
    CHECK(other.find("expected") != std::string::npos);
    CHECK(other.find("found") != std::string::npos);
  }
  CHECK(changed([](Raw&, Tensors& all) {
          find(all, "q_head.weight").shape = {3, 8};
        }) == "q_head.weight: expected shape [2, 8], found [3, 8]");
  CHECK(changed([](Raw&, Tensors& all) {
          find(all, "H_init").shape = {1, 8};
        }) == "H_init: expected shape [8], found [1, 8]");
  CHECK(changed([](Raw&, Tensors& all) {
          find(all, "L_level.layers.1.mlp.gate_up_proj.weight").shape = {256, 16};
        }) == "L_level.layers.1.mlp.gate_up_proj.weight: expected shape [512, 8], found [256, 16]");
  for (const char* name :
       {"embed_tokens.embedding_weight", "H_level.layers.0.mlp.down_proj.weight", "puzzle_emb.weights"}) {
    for (const std::vector<std::size_t>& shape :
         std::vector<std::vector<std::size_t>>{{}, {8}, {0, 8}, {8, 0}, {1, hrm::max_width + 1}, {1, 8, 8}}) {
      CHECK(changed([&](Raw&, Tensors& all) {
              find(all, name).shape = shape;
            }).starts_with(name + std::string(": expected a matrix of 1 to 1048576 columns, found shape [")));
    }
  }
  for (const std::string level : {"H_level.layers.0", "L_level.layers.0"}) {
    CHECK(changed([&](Raw&, Tensors& all) {
            std::erase_if(all, [&](const auto& t) { return t.name.starts_with(level.substr(0, 8)); });
          }) == level + ": expected at least one layer, found none");
  }
  const auto added = [](const std::string& name) {
    return changed([&](Raw&, Tensors& all) { all.push_back({name, hrm::DType::f32, {8}, std::string(32, '\0')}); });
  };
  CHECK(added("H_level.layers.0.self_attn.qkv_proj.bias")
            .ends_with(": expected the tensors of an HRM alone, found this one"));
  CHECK(added("other") == "other: expected the tensors of an HRM alone, found this one");
  CHECK(added("H_level.layers.2.mlp.down_proj.weight") ==
        "H_level.layers.1: expected the tensors of 3 layers, found none of this one");
  CHECK(added("H_level.layers.10.x") == "H_level.layers.1: expected the tensors of 11 layers, found none of this one");
  CHECK(added("H_level.layers.1024.x").ends_with("expected a layer from 0 to 1023, found another name"));
  CHECK(added("H_level.layers.99999999.x").ends_with("expected a layer from 0 to 1023, found another name"));
  CHECK(added("H_level.layers.00.x").ends_with("expected a layer from 0 to 1023, found another name"));
  CHECK(added("rotary_emb.cos_cached") == "");
  CHECK(added("puzzle_emb.local_ids") == "");
}
