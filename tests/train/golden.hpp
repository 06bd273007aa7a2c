#pragma once
/// Golden cases for the tests of training: the model, the inputs and what the reference computed from them.

#include <hrm/io/config.hpp>
#include <hrm/io/safetensors.hpp>
#include <hrm/io/source.hpp>
#include <hrm/train/parameters.hpp>

#include <doctest/doctest.h>

namespace hrm::train::test {

/// A safetensors file whose tensors can be asked for by name; the prefix of published names is left off.
class Tensors {
 public:
  explicit Tensors(const std::string& path)
      : source_(Source::open(path).value()), table_(read_safetensors(source_.bytes()).value()) {
    for (TensorView& t : table_.tensors) {
      constexpr std::string_view prefix = "_orig_mod.model.inner.";
      if (t.name.substr(0, prefix.size()) == prefix) t.name = t.name.substr(prefix.size());
    }
  }
  [[nodiscard]] const std::vector<TensorView>& list() const { return table_.tensors; }
  [[nodiscard]] const TensorView& operator[](const std::string& name) const {
    for (const TensorView& t : table_.tensors) {
      if (t.name == name) return t;
    }
    FAIL("no tensor " << name);
    return table_.tensors[0];
  }
  [[nodiscard]] std::vector<float> floats(const std::string& name) const {
    const TensorView& t = (*this)[name];
    std::vector<float> out(t.elements());
    REQUIRE(read_floats(t, 0, out.size(), out.data()));
    return out;
  }
  [[nodiscard]] std::vector<Token> tokens(const std::string& name) const {
    const TensorView& t = (*this)[name];
    REQUIRE(t.dtype == DType::i32);
    std::vector<Token> out(t.elements());
    std::memcpy(out.data(), t.data, t.bytes());
    return out;
  }

 private:
  Source source_;
  TensorTable table_;
};

/// The sizes that the golden cases were made with (make_golden.py).
inline Config golden_config(const std::string& name) {
  Config c;
  c.sizes = {32, 2, 256, 7, 2, 2, 2, 2, 1};
  c.puzzle_ids = 5;
  c.puzzle_emb_ndim = 32;
  c.seq_len = 16;
  c.halt_max_steps = 4;
  if (name == "learned") {
    c.positions = PositionEncoding::learned;
    c.puzzle_ids = c.puzzle_emb_ndim = c.sizes.puzzle_tokens = 0;
  }
  if (name == "two_puzzle_tokens") {
    c.puzzle_emb_ndim = 50;
    c.sizes.puzzle_tokens = 2;
    c.sizes.h_cycles = 3;
    c.sizes.l_cycles = 1;
    c.sizes.h_layers = 1;
    c.sizes.l_layers = 3;
  }
  return c;
}

}  // namespace hrm::train::test
