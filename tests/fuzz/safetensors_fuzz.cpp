/// The safetensors header, its JSON, and all that follows from the tensors.

#include <fuzz/fuzz.hpp>
#include <hrm/io/checkpoint.hpp>

void fuzz_one(std::span<const std::byte> bytes) {
  auto table = hrm::read_safetensors(bytes);
  if (!table) return fuzz::look_at(table.error());
  fuzz::look_at(table->tensors, bytes);
  hrm::RawConfig raw;
  raw.num_heads = 2;
  raw.H_cycles = raw.L_cycles = 2;
  raw.pos_encodings = hrm::PositionEncoding::learned;
  if (auto checkpoint = hrm::make_checkpoint(hrm::Source::memory(bytes), raw); !checkpoint)
    fuzz::look_at(checkpoint.error());
}
