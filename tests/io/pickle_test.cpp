#include <doctest/doctest.h>

#include <hrm/io/pickle.hpp>
#include <support/files.hpp>
#include <support/write_torch.hpp>

namespace {

using support::Pickle;

hrm::Result<std::vector<hrm::PickledTensor>> read(const std::string& bytes) {
  return hrm::read_pickle(support::bytes_of(bytes));
}
std::string error_of(const std::string& bytes) { return support::message_of(read(bytes)); }
bool says(const std::string& bytes, std::string_view text) {
  const std::string error = error_of(bytes);
  INFO(error);
  CHECK(error.find(text) != std::string::npos);
  return error.find(text) != std::string::npos;
}
Pickle dictionary() { return std::move(Pickle().op("}")); }

}  // namespace

TEST_CASE("pickle: a dictionary of tensors") {
  const std::string bytes = Pickle()
                                .op("}(")
                                .str("a")
                                .tensor("FloatStorage", "0", {2, 3})
                                .str("b")
                                .tensor("BFloat16Storage", "k", 10, 4, {2, 1}, {1, 7}, "cuda:0")
                                .op("u")
                                .done();
  const auto tensors = read(bytes);
  REQUIRE(tensors.has_value());
  REQUIRE(tensors->size() == 2);
  const hrm::PickledTensor& a = (*tensors)[0];
  CHECK(a.name == "a");
  CHECK(a.storage == "0");
  CHECK(a.dtype == hrm::DType::f32);
  CHECK(a.storage_size == 6);
  CHECK(a.rank == 2);
  CHECK(a.shape[1] == 3);
  const hrm::PickledTensor& b = (*tensors)[1];
  CHECK(b.dtype == hrm::DType::bf16);
  CHECK(b.offset == 4);  // a view of a larger storage; the stride of a dimension of one says nothing
  CHECK(b.storage_size == 10);
}

TEST_CASE("pickle: what other protocols and a parameter look like") {
  std::string newer = "\x80\x04\x95" + std::string(8, '\0') +
                      "}\x94\x8c\x01"
                      "a\x94\x8c\x0ctorch._utils\x94\x8c\x12_rebuild_parameter\x94\x93\x94(";
  const std::string tensor = Pickle().tensor("HalfStorage", "0", {4}).done();
  newer += tensor.substr(2, tensor.size() - 3) + "\x88" + "N" + "t\x94R\x94s.";
  const auto tensors = read(newer);
  CHECK(support::message_of(tensors) == "");
  CHECK(tensors->at(0).dtype == hrm::DType::f16);
}

TEST_CASE("pickle: numbers of every width") {
  const auto offset = [](std::string_view number) {
    Pickle pickle = dictionary();
    pickle.str("a").global("torch._utils", "_rebuild_tensor_v2").op("((").str("storage");
    pickle.global("torch", "ByteStorage").str("0").str("cpu").number(std::size_t{1} << 62).op("tQ").op(number);
    pickle.tuple({1}).tuple({1}).op("\x89").global("collections", "OrderedDict").op(")RtRs");
    const auto tensors = read(pickle.done());
    return tensors ? std::to_string(tensors->at(0).offset) : support::message_of(tensors);
  };
  CHECK(offset("K\xff") == "255");
  CHECK(offset("M\xff\xfe") == "65279");
  CHECK(offset("J\xff\xff\xff\x7f") == "2147483647");
  CHECK(offset("J\xfe\xff\xff\xff").ends_with("offset: expected 0 or more, found -2"));
  CHECK(offset(std::string("\x8a\0", 2)) == "0");
  CHECK(offset("\x8a\1\x7f") == "127");
  CHECK(offset("\x8a\1\x80").ends_with("offset: expected 0 or more, found -128"));
  CHECK(offset(std::string("\x8a\2\xff\0", 4)) == "255");
  CHECK(offset("\x8a\2\1\x80").ends_with("offset: expected 0 or more, found -32767"));
  CHECK(offset("\x8a\7\1\2\3\4\5\6\7") == "1976943448883713");
  CHECK(offset("\x8a\x08\1\2\3\4\5\6\7\x08") == "578437695752307201");
  CHECK(offset("\x8a\x08\xff\xff\xff\xff\xff\xff\xff\xff").ends_with("offset: expected 0 or more, found -1"));
  CHECK(offset("\x8a\x09" + std::string(9, '\1')).ends_with("expected a number of at most 8 bytes, found 9"));
  for (const std::string other : {"G12345678", "\x88", "N"})
    CHECK(offset(other).ends_with("expected storage, offset, size and strides, found other arguments"));
}

TEST_CASE("pickle: every storage class") {
  for (const auto& [name, type] : {std::pair("FloatStorage", hrm::DType::f32),
                                   {"HalfStorage", hrm::DType::f16},
                                   {"BFloat16Storage", hrm::DType::bf16},
                                   {"IntStorage", hrm::DType::i32},
                                   {"LongStorage", hrm::DType::i64},
                                   {"ByteStorage", hrm::DType::u8},
                                   {"CharStorage", hrm::DType::i8},
                                   {"BoolStorage", hrm::DType::u8},
                                   {"DoubleStorage", hrm::DType::f64}}) {
    CHECK(read(dictionary().str("a").tensor(name, "0", {1}).op("s").done())->at(0).dtype == type);
  }
  for (const char* other : {"ShortStorage", "Storage", "Float", "FloatStorageStorage"})
    CHECK(says(dictionary().str("a").tensor(other, "0", {1}).op("s").done(),
               std::string("found torch.") + other + ", which is not run"));
}

TEST_CASE("pickle: nothing else is known, and nothing is run") {
  CHECK(says(Pickle().global("os", "system").str("true").op("\x85R").done(),
             "expected a name that tensors need, found os.system, which is not run"));
  CHECK(says(Pickle().global("builtins", "eval").done(), "found builtins.eval, which is not run"));
  CHECK(says(Pickle().str("os").str("system").op("\x93").done(), "found os.system"));
  CHECK(says(Pickle().global("torch._utils", "_rebuild_tensor_v2x").done(), "which is not run"));
  for (const char* opcode : {"i", "o", "\x81", "\x92", "P0\n", "\x82\x01", "]", "l", "d", "0", "2", "1", "e", "a",
                             "I1\n", "S'a'\n", "\x97", "\xff"}) {
    CAPTURE(opcode);
    CHECK(says(Pickle().op(opcode).done(), "expected an opcode that tensors need, found"));
  }
  // As of a model's state beside its optimiser's, whose groups are lists.
  CHECK(says(dictionary().str("optimizer").op("]").done(),
             "expected an opcode that tensors need, found 93: save the model's state_dict alone"));
  CHECK(says("\x80\x06.", "expected protocol 2 to 5, found 6"));
  CHECK(says("\x80\x01.", "expected protocol 2 to 5, found 1"));
  CHECK(error_of("\x80\x05}.") == "");
}

TEST_CASE("pickle: memo loops") {
  CHECK(says(Pickle().op("}q").op(std::string(1, '\0')).str("a").op("h").op(std::string(1, '\0')).op("s").done(),
             "memo loop"));
  // an inner dictionary that holds the outer one, within a tuple
  CHECK(says(Pickle()
                 .op("}q")
                 .op(std::string(1, '\0'))
                 .str("a")
                 .op("}")
                 .str("b")
                 .op("h")
                 .op(std::string(1, '\0'))
                 .op("\x85ss")
                 .done(),
             "memo loop"));
  CHECK(says(Pickle().op("}q").op(std::string(1, '\0')).op("h").op(std::string(1, '\0')).op("b").done(), "memo loop"));
  CHECK(says(Pickle().op("h").op("\x05").done(), "memo: expected below 0, found 5"));
  CHECK(says(Pickle().op("Nq").op(std::string(1, '\0')).op("h\1").done(), "memo: expected below 1, found 1"));
  CHECK(says(Pickle().op("Nr\xff\xff\xff\x7f").done(), "memo: expected at most 0, found 2147483647"));
}

TEST_CASE("pickle: stack errors") {
  for (const char* text :
       {"R", "b", "Q", "s", "\x85", "\x87", "q\x01", "\x93", "(\x85", "N(s", "N(Q", "}(b", "}(NNs"}) {
    CAPTURE(text);
    CHECK(error_of(Pickle().op(text).done()) != "");
  }
  // A mark is no value.
  for (const char* text : {"(\x85", "((\x86", "N(\x86", "(Q", "N(Q", "N(R", "}(b", "(q", "(\x94", "N(\x93"}) {
    CAPTURE(text);
    CHECK(says(Pickle().op(text).done(), "expected a value on the stack, found none"));
  }
  for (const char* text : {"NNs", "}N(s", "}(Ns", "}(NNs", "(u", "}((u", "}(N(Nu"})
    CHECK(says(Pickle().op(text).done(), "expected a dictionary and pairs, found other values"));
  for (const char* text : {"}Nb", "N}b", "})b"})
    CHECK(says(Pickle().op(text).done(), "expected a dictionary's attributes, found other values"));
  CHECK(error_of(Pickle().op("Nt").done()) == "pickle: byte 3: expected a mark on the stack, found none");
  CHECK(says(Pickle().op("N").str("x").op("\x93").done(), "expected a module and a name, found other values"));
  CHECK(says(Pickle().str("x").op("N\x93").done(), "expected a module and a name, found other values"));
  CHECK(says(Pickle().op("u").done(), "expected a mark"));
  CHECK(says(Pickle().op("}(Nu").done(), "expected a dictionary and pairs"));
  CHECK(says(Pickle().op("N(NNu").done(), "expected a dictionary, found None"));
  CHECK(says(Pickle().op("NR").done(), "expected a value on the stack, found none"));
  CHECK(says(Pickle().op("NNR").done(), "expected a name and its arguments"));
  CHECK(says(Pickle().global("torch", "FloatStorage").op(")R").done(), "found the class of a storage"));
  CHECK(says(Pickle().op("NN").done(), "expected one value, found 2"));
  CHECK(says(Pickle().op("N").done(), "expected a dictionary of tensors, found None"));
  CHECK(says(Pickle().op("}").done() + "x", "expected the end, found 1 more bytes"));
  CHECK(says(dictionary().str("epoch").number(3).op("s").done(), "epoch: expected a tensor, found a number"));
  CHECK(says(dictionary().number(1).number(3).op("s").done(), "expected a name as key, found a number"));
}

TEST_CASE("pickle: functions and storages with other arguments than theirs") {
  const auto part = [](const Pickle& pickle) {
    const std::string bytes = pickle.done();
    return bytes.substr(2, bytes.size() - 3);  // without the protocol and the end
  };
  const auto text = [&](std::string_view value) { return part(Pickle().str(value)); };
  const std::array<std::string, 5> five{text("storage"), part(Pickle().global("torch", "FloatStorage")), text("0"),
                                        text("cpu"), "K\6"};
  const auto described = [](const std::array<std::string, 5>& values) {
    std::string out = "(";
    for (const std::string& value : values) out += value;
    return out + "tQ";
  };
  const std::string storage = described(five);
  const std::string zero("K\0", 2);
  const std::string size = "(K\6t";
  const std::string stride = "(K\1t";
  const auto error = [&](const char* function, const std::string& arguments) {
    return error_of(dictionary().str("a").global("torch._utils", function).op("(").op(arguments).op("tRs").done());
  };
  const auto tensor = [&](const std::string& arguments) { return error("_rebuild_tensor_v2", arguments); };
  CHECK(tensor(storage + zero + size + stride + "NN") == "");
  CHECK(tensor(storage + zero + size + stride + "NNN") == "");  // as newer ones have
  CHECK(tensor(storage + zero + size + stride + "N").ends_with("expected 6 or 7 arguments, found 5"));
  CHECK(tensor("").ends_with("expected 6 or 7 arguments, found 0"));
  CHECK(tensor(storage + zero + size + stride + "NNNN").ends_with("expected 6 or 7 arguments, found 8"));
  for (const std::string& wrong : {"N" + zero + size + stride, storage + "N" + size + stride,
                                   storage + zero + "N" + stride, storage + zero + size + "N"})
    CHECK(tensor(wrong + "NN").ends_with("expected storage, offset, size and strides, found other arguments"));
  for (const std::string& wrong : {"(Nt" + stride, size + "(Nt"})
    CHECK(tensor(storage + zero + wrong + "NN").ends_with("expected sizes and strides, found other values"));

  const std::string whole =
      part(Pickle().global("torch._utils", "_rebuild_tensor_v2")) + "(" + storage + zero + size + stride + "NNtR";
  CHECK(error("_rebuild_parameter", whole + "NN") == "");
  for (const std::string& wrong : {whole + "N", whole + "NNN", std::string("NNN")})
    CHECK(error("_rebuild_parameter", wrong).ends_with("parameter: expected a tensor, found other arguments"));
  CHECK(says(Pickle().global("collections", "OrderedDict").op("(NtR").done(),
             "OrderedDict: expected no arguments, found 1"));

  for (const char* values : {"N", ")", "(NNNNt", "(NNNNNNt"})
    CHECK(says(Pickle().op(values).op("Q").done(), "storage: expected 5 values, found others"));
  const std::pair<std::size_t, std::string> others[] = {
      {0, "N"}, {0, text("stores")},
      {1, "N"}, {1, part(Pickle().global("collections", "OrderedDict"))},
      {2, "N"}, {3, "N"},
      {4, "N"}, {4, "J\xff\xff\xff\xff"}};
  for (const auto& [which, value] : others) {
    std::array<std::string, 5> values = five;
    values[which] = value;
    CHECK(tensor(described(values) + zero + size + stride + "NN")
              .ends_with("storage: expected a class, a key, a location and a size, found other values"));
  }
}

TEST_CASE("pickle: tensors that lie") {
  const auto tensor = [](std::size_t storage, std::size_t offset, const std::vector<std::size_t>& shape,
                         const std::vector<std::size_t>& strides) {
    return dictionary().str("a").tensor("FloatStorage", "0", storage, offset, shape, strides).op("s").done();
  };
  CHECK(error_of(tensor(6, 0, {2, 3}, {3, 1})) == "");
  // As PyTorch writes tensors without elements; there is nothing that strides could lead to.
  CHECK(error_of(tensor(0, 0, {3, 0}, {1, 1})) == "");
  CHECK(error_of(tensor(0, 0, {2, 3, 0}, {3, 1, 1})) == "");
  CHECK(error_of(tensor(0, 0, {0, 3}, {3, 1})) == "");
  CHECK(says(tensor(6, 0, {2, 3}, {1, 2}),
             ": a: expected contiguous strides, found 2 where 1 is contiguous: save x.contiguous()"));
  CHECK(says(tensor(6, 0, {2, 3}, {0, 1}), "expected contiguous strides, found 0"));
  CHECK(says(tensor(5, 0, {2, 3}, {3, 1}), "expected elements within its storage's 5, found 6 from 0 on"));
  CHECK(says(tensor(6, 1, {2, 3}, {3, 1}), "expected elements within its storage's 6, found 6 from 1 on"));
  CHECK(says(tensor(6, 0, {1, 1, 1, 2, 3}, {6, 6, 6, 3, 1}), "expected at most 4 dimensions"));
  CHECK(says(tensor(6, 0, {2, 3}, {1}), "expected at most 4 dimensions with a stride each"));
  CHECK(says(tensor(6, 0, {2, 3}, {~std::size_t{2}, 1}), "expected contiguous strides, found -3 where 3"));
  CHECK(says(tensor(6, 0, {~std::size_t{0}}, {1}), "expected sizes and strides, found other values"));
  const std::size_t huge = std::size_t{1} << 62;
  CHECK(says(tensor(6, 0, {huge, 8}, {8, 1}), "expected a size that can be"));
  CHECK(says(tensor(huge, huge, {huge}, {1}), "expected elements within its storage's"));
  CHECK(says(tensor(6, ~std::size_t{0}, {6}, {1}), "offset: expected 0 or more, found -1"));
}

TEST_CASE("pickle: numbers that differ above 32 bits alone are others, where sizes have no more too") {
  const auto number = [](std::uint64_t value) {
    std::string out("\x8a\x08");
    support::put(out, value);
    return out;
  };
  const std::uint64_t above = std::uint64_t{1} << 32;
  const auto tensor = [&](std::uint64_t storage, std::uint64_t offset, std::uint64_t length) {
    Pickle pickle = dictionary();
    pickle.str("a").global("torch._utils", "_rebuild_tensor_v2").op("((").str("storage");
    pickle.global("torch", "ByteStorage").str("0").str("cpu").op(number(storage)).op("tQ").op(number(offset));
    pickle.op("(").op(number(length)).op("t").tuple({1}).op("\x89").global("collections", "OrderedDict").op(")RtRs");
    return pickle.done();
  };
  CHECK(error_of(tensor(6, 0, 6)) == "");
  CHECK(says(tensor(6, above, 6), "expected elements within its storage's 6"));
  CHECK(says(tensor(6, 0, above + 6), "expected elements within its storage's 6"));
  CHECK(read(tensor(above + 6, 0, 6)).value().at(0).storage_size > 6);
}

TEST_CASE("pickle: every cut is an error") {
  const std::string bytes = Pickle().op("}(").str("a").tensor("FloatStorage", "0", {2, 3}).op("u").done();
  for (std::size_t size = 0; size < bytes.size(); ++size) CHECK(error_of(bytes.substr(0, size)) != "");
}

TEST_CASE("pickle: a flood of values ends in an error, not in memory") {
  CHECK(says(Pickle().op(std::string(1'000'000, 'N')).done(), "expected values of at most 16777216 bytes, found more"));
  CHECK(says(Pickle().op(std::string(1'000'000, '(')).done(), "expected values of at most 16777216 bytes, found more"));
  CHECK(says(Pickle().op(std::string(1'000'000, ')')).done(), "expected values of at most 16777216 bytes, found more"));
  CHECK(says(std::string((std::size_t{4} << 20) + 1, 'N'), "pickle: expected at most 4194304 bytes"));
}
