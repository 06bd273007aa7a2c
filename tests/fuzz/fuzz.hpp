#pragma once
/// What the targets share. A target hands bytes to one reader and looks at everything that it gives back; sanitizers
/// and the checks here say whether that was right.

#include <hrm/base/error.hpp>
#include <hrm/base/types.hpp>

#include <cstdlib>

namespace fuzz {

/// A claim about what a reader gives back.
inline void require(bool claim) {
  if (!claim) std::abort();
}

/// Reads every byte of the tensors, which must lie within the file.
inline void look_at(std::span<const hrm::TensorView> tensors, std::span<const std::byte> file) {
  volatile unsigned char sum = 0;
  for (const hrm::TensorView& tensor : tensors) {
    require(tensor.rank <= hrm::TensorView::max_rank);
    for (const char c : tensor.name) sum = static_cast<unsigned char>(sum + static_cast<unsigned char>(c));
    if (tensor.bytes() == 0) continue;
    require(tensor.data >= file.data() && tensor.data + tensor.bytes() <= file.data() + file.size());
    for (std::size_t i = 0; i < tensor.bytes(); i += 64)
      sum = static_cast<unsigned char>(sum + std::to_integer<unsigned char>(tensor.data[i]));
    sum = static_cast<unsigned char>(sum + std::to_integer<unsigned char>(tensor.data[tensor.bytes() - 1]));
  }
}

/// An error is one line of text.
inline void look_at(const hrm::Error& error) {
  require(!error.message().empty());
  for (const char c : error.message()) require(static_cast<unsigned char>(c) >= 0x20);
}

}  // namespace fuzz

/// The target of one program: any bytes.
void fuzz_one(std::span<const std::byte> bytes);

/// libFuzzer's entry; this file is included once a program.
extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  fuzz_one(std::as_bytes(std::span(data, size)));
  return 0;
}
