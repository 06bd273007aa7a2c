#include <doctest/doctest.h>

#include <hrm/io/safetensors.hpp>
#include <support/files.hpp>
#include <support/make_weights.hpp>

namespace {

std::string file_of(std::string_view header, std::size_t data) {
  std::string out;
  support::put(out, std::uint64_t{header.size()});
  return out + std::string(header) + std::string(data, 'd');
}

std::string error_of(const std::string& file) {
  return support::message_of(hrm::read_safetensors(support::bytes_of(file)));
}

}  // namespace

TEST_CASE("safetensors: names, types, shapes and bytes") {
  const std::string file = file_of(
      R"({"__metadata__":{"format":"pt"},"a":{"dtype":"F32","shape":[2,1],"data_offsets":[2,10]},)"
      R"("b\u0021":{"shape":[],"data_offsets":[0,2],"dtype":"BF16"},"none":{"dtype":"I8","shape":[3,0],"data_offsets":[0,0]}}  )",
      10);
  const auto table = hrm::read_safetensors(support::bytes_of(file));
  REQUIRE(table.has_value());
  REQUIRE(table->tensors.size() == 3);
  const auto& [a, b, none] = std::tie(table->tensors[0], table->tensors[1], table->tensors[2]);
  CHECK(a.name == "a");
  CHECK(a.dtype == hrm::DType::f32);
  CHECK(a.rank == 2);
  CHECK(a.shape[0] == 2);
  CHECK(a.bytes() == 8);
  CHECK(a.data == support::bytes_of(file).data() + file.size() - 8);
  CHECK(b.name == "b!");
  CHECK(b.dtype == hrm::DType::bf16);
  CHECK(b.rank == 0);
  CHECK(b.elements() == 1);
  CHECK(none.bytes() == 0);
}

TEST_CASE("safetensors: what the writer writes is read back the same") {
  support::Shape shape{
      .hidden = 8, .heads = 2, .h_layers = 1, .l_layers = 2, .vocab = 5, .puzzle_emb_ndim = 8, .inner = 64};
  for (const hrm::DType type : {hrm::DType::f32, hrm::DType::f16, hrm::DType::bf16}) {
    const auto tensors = support::make_weights(shape, 3, type);
    std::string file;
    REQUIRE(hrm::write_safetensors(support::views_of(tensors), support::append, &file).has_value());
    const auto table = hrm::read_safetensors(support::bytes_of(file));
    REQUIRE(table.has_value());
    REQUIRE(table->tensors.size() == tensors.size());
    for (std::size_t i = 0; i < tensors.size(); ++i) {
      const hrm::TensorView& read = table->tensors[i];
      CHECK(read.name == tensors[i].name);
      CHECK(read.dtype == tensors[i].dtype);
      CHECK(std::vector<std::size_t>(read.shape.begin(), read.shape.begin() + read.rank) == tensors[i].shape);
      CHECK(std::string_view(reinterpret_cast<const char*>(read.data), read.bytes()) == tensors[i].data);
    }
  }
  std::string file;
  const std::string long_name(1025, 'n');
  for (const std::string_view name : {"a\"b", "a\\b", "a\nb", "a\x7f", "\xc3\xa9", "__metadata__", long_name.c_str()}) {
    const hrm::TensorView bad{.name = name};
    CHECK(!hrm::write_safetensors({&bad, 1}, support::append, &file));
  }
  const std::array<hrm::TensorView, 2> twins{};
  CHECK(!hrm::write_safetensors(twins, support::append, &file));
  CHECK(file.empty());
  const hrm::TensorView named{.name = "a b~", .shape = {}, .data = reinterpret_cast<const std::byte*>("1234")};
  REQUIRE(hrm::write_safetensors({&named, 1}, support::append, &file).has_value());
  CHECK(file.size() % 8 == 4);  // the data begins at a multiple of 8
  CHECK(hrm::read_safetensors(support::bytes_of(file))->tensors.at(0).name == "a b~");
  CHECK(!hrm::write_safetensors(
      {}, [](void*, std::span<const std::byte>) { return false; }, nullptr));
  const std::array<std::byte, 4> levels{};
  const std::array<float, 2> scales{0.5F, 0.25F};
  hrm::TensorView scaled{.name = "s", .dtype = hrm::DType::i8, .rank = 2, .shape = {2, 2}, .data = levels.data()};
  CHECK(hrm::write_safetensors({&scaled, 1}, support::append, &file).has_value());
  scaled.scales = reinterpret_cast<const std::byte*>(scales.data());
  file.clear();
  const auto refused = hrm::write_safetensors({&scaled, 1}, support::append, &file);
  CHECK(support::message_of(refused) == "s: expected a tensor without scales, found int8 with some");
  CHECK(refused.error().code() == hrm::ErrorCode::unsupported);
  CHECK(file.empty());
}

TEST_CASE("safetensors: what the reader would find too much is not written") {
  const auto error = [](std::size_t count, std::size_t bytes) {
    std::vector<std::string> names;
    std::vector<hrm::TensorView> views;
    for (std::size_t i = 0; i < count; ++i) {
      names.push_back(std::to_string(i));
      names.back().resize(std::max(bytes, names.back().size()), '.');
    }
    for (const std::string& name : names) views.push_back({.name = name, .rank = 1});  // empty
    std::string file;
    const std::string message = support::message_of(hrm::write_safetensors(views, support::append, &file));
    CHECK((message.empty() ? error_of(file) == "" : file.empty()));
    return message;
  };
  CHECK(error(65'536, 1) == "");
  CHECK(error(65'537, 1) == "header: expected at most 65536 tensors, found 65537");
  CHECK(error(7'790, 1'024) == "");
  CHECK(error(7'900, 1'024).starts_with("header: expected at most 8388608 bytes, found 85"));
}

TEST_CASE("safetensors: bad files, each by its error") {
  CHECK(error_of("") == "header: expected at least 8 bytes, found 0");
  CHECK(error_of("1234567") == "header: expected at least 8 bytes, found 7");
  CHECK(error_of(file_of("{}", 0).substr(0, 9)) == "header: expected 2 bytes, found 1: the file is cut short");
  CHECK(error_of(std::string(8, '\xff')) ==
        "header: expected at most 8388608 bytes, found a length of 18446744073709551615");
  CHECK(error_of(file_of("[]", 0)) == "header: byte 0: expected an object, found [");
  CHECK(error_of(file_of("{} x", 0)) == "header: byte 3: expected the end, found x");
  const auto one = [](std::string_view entry, std::size_t data) {
    return error_of(file_of("{\"t\":" + std::string(entry) + "}", data));
  };
  CHECK(one(R"({"dtype":"F32","shape":[2],"data_offsets":[0,8]})", 8) == "");
  CHECK(one(R"({"dtype":"F32","shape":[2],"data_offsets":[0,8]})", 7) ==
        "header: t: data_offsets: expected a range within 7 bytes, found 0 to 8");
  CHECK(one(R"({"dtype":"F32","shape":[2],"data_offsets":[0,8]})", 9) ==
        "data: expected 8 bytes as the header says, found 9");
  CHECK(one(R"({"dtype":"F32","shape":[2],"data_offsets":[1,9]})", 9) ==
        "data: expected 8 bytes as the header says, found 9");
  CHECK(one(R"({"dtype":"F32","shape":[2],"data_offsets":[8,0]})", 8) ==
        "header: t: data_offsets: expected a range within 8 bytes, found 8 to 0");
  CHECK(one(R"({"dtype":"F64","shape":[1],"data_offsets":[0,8]})", 8) == "");
  CHECK(one(R"({"dtype":"C64","shape":[1],"data_offsets":[0,8]})", 8) ==
        "header: t: dtype: expected F64, F32, F16, BF16, I64, I32, I8 or U8, found C64");
  CHECK(one(R"({"dtype":"F32","shape":[3],"data_offsets":[0,8]})", 8) ==
        "header: t: bytes: expected 8 as data_offsets say, found shape [3] of float32");
  CHECK(one(R"({"dtype":"F32","shape":[4294967296,4294967296,2],"data_offsets":[0,8]})", 8) ==
        "header: t: bytes: expected 8 as data_offsets say, found shape [4294967296, 4294967296, 2] of float32");
  CHECK(one(R"({"dtype":"F32","shape":[4611686018427387904],"data_offsets":[0,0]})", 0) ==
        "header: t: bytes: expected 0 as data_offsets say, found shape [4611686018427387904] of float32");
  CHECK(one(R"({"dtype":"F32","shape":[1,1,1,1,2],"data_offsets":[0,8]})", 8) ==
        "header: t: shape: expected at most 4 dimensions, found more");
  CHECK(one(R"({"dtype":"F32","shape":[-2],"data_offsets":[0,8]})", 8) ==
        "header: t: shape: expected a whole number from 0 on, found -2");
  CHECK(one(R"({"dtype":"F32","shape":[2]})", 8) ==
        "header: t: expected dtype, shape and data_offsets, found some missing");
  CHECK(one(R"({"dtype":"F32","shape":[2],"data_offsets":[0]})", 8) ==
        "header: t: data_offsets: expected 2 numbers, found 1");
  CHECK(one(R"({"dtype":"F32","shape":[2],"data_offsets":[0,8,8]})", 8) ==
        "header: t: data_offsets: expected 2 numbers, found 3");
  CHECK(one(R"({"dtype":"F32","shape":[2],"data_offsets":[0,8],"x":1})", 8) ==
        "header: t: expected dtype, shape and data_offsets, found x");
  CHECK(one(R"({"dtype":"F32","dtype":"F32","shape":[2],"data_offsets":[0,8]})", 8) ==
        "header: t: dtype: expected every name once, found it twice");
  const std::string entry = R"({"dtype":"U8","shape":[4],"data_offsets":[)";
  CHECK(error_of(file_of("{\"a\":" + entry + "0,4]},\"a\":" + entry + "4,8]}}", 8)) ==
        "header: a: expected every name once, found it twice");
  CHECK(error_of(file_of("{\"a\":" + entry + "0,4]},\"b\":" + entry + "3,7]}}", 7)) ==
        "b: expected bytes of its own, found it overlapping a");
  CHECK(error_of(file_of("{\"a\":" + std::string(100000, '['), 8)) == "header: a: byte 5: expected an object, found [");
  CHECK(error_of(file_of("{\"__metadata__\":" + std::string(100000, '['), 8)) ==
        "header: nesting: expected at most 32 levels, found more");
}
