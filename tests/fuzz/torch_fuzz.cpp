/// The zip and the pickle of a torch.save file, and all that follows from its tensors.

#include <fuzz/fuzz.hpp>
#include <hrm/io/checkpoint.hpp>

void fuzz_one(std::span<const std::byte> bytes) {
  if (auto table = hrm::read_torch(bytes)) {
    fuzz::look_at(table->tensors, bytes);
  } else {
    fuzz::look_at(table.error());
  }
  if (auto checked = hrm::check_torch(hrm::Source::memory(bytes)); !checked) fuzz::look_at(checked.error());
  hrm::RawConfig raw;
  raw.num_heads = 1;
  raw.H_cycles = raw.L_cycles = 2;
  raw.pos_encodings = hrm::PositionEncoding::rope;
  if (auto checkpoint = hrm::make_checkpoint(hrm::Source::memory(bytes), raw)) {
    fuzz::require(checkpoint->bytes() <= bytes.size());
  } else {
    fuzz::look_at(checkpoint.error());
  }
}
