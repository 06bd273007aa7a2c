/// The pickle machine alone: behind the zip its bytes would seldom be reached.

#include <fuzz/fuzz.hpp>
#include <hrm/io/pickle.hpp>

void fuzz_one(std::span<const std::byte> bytes) {
  auto tensors = hrm::read_pickle(bytes);
  if (!tensors) return fuzz::look_at(tensors.error());
  for (const hrm::PickledTensor& tensor : *tensors) {
    std::size_t elements = tensor.offset;
    std::size_t product = 1;
    fuzz::require(tensor.rank <= tensor.shape.size());
    for (std::size_t i = 0; i < tensor.rank; ++i) fuzz::require(hrm::checked_mul(product, tensor.shape[i], product));
    fuzz::require(hrm::checked_add(elements, product, elements) && elements <= tensor.storage_size);
  }
}
