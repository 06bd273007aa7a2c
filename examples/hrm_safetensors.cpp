/// hrm-safetensors: any model file that can be read as a safetensors file, with bfloat16 weights if wanted. The bundled
/// weights are made with it.

#include "common/program.hpp"

int main(int argc, char** argv) {
  using hrm::Error;
  using hrm::ErrorCode;
  example::Arguments arguments("hrm-safetensors", "MODEL OUT",
                               "Writes a model's tensors as a safetensors file. The configuration is not in it: copy\n"
                               "all_config.yaml beside it.",
                               {{"--dtype", "T", "f32 or bf16 (rounded to nearest)"},
                                {"--config", "F", "the model's configuration (otherwise the one beside it)"}});
  if (const auto code = arguments.parse(argc, argv)) return *code;
  const bool bf16 = arguments.choice("--dtype", {"f32", "bf16"}) == 1;
  if (arguments.rest().size() != 2) arguments.note("MODEL OUT", "expected two paths");
  if (const auto code = arguments.wrong()) return *code;

  const auto checkpoint = hrm::open_checkpoint(arguments.rest()[0], arguments.text("--config").value_or(""));
  if (!checkpoint) return example::fail(arguments, checkpoint.error());
  std::vector<std::vector<std::byte>> data;
  std::vector<hrm::TensorView> views;
  for (hrm::TensorView view : checkpoint->tensors) {
    std::vector<float> values(view.elements());
    if (!hrm::read_floats(view, 0, values.size(), values.data())) {
      return example::fail(arguments, Error(ErrorCode::value, arguments.rest()[0], ": ", view.name,
                                            ": expected finite numbers, found NaN or infinity"));
    }
    view.dtype = bf16 ? hrm::DType::bf16 : hrm::DType::f32;
    std::vector<std::byte>& bytes = data.emplace_back(view.bytes());
    for (std::size_t i = 0; i < values.size(); ++i) {
      const hrm::bfloat16 half = hrm::to_bfloat16(values[i]);
      if (bf16) {
        std::memcpy(&bytes[2 * i], &half, 2);
      } else {
        std::memcpy(&bytes[4 * i], &values[i], 4);
      }
    }
    view.data = bytes.data();
    views.push_back(view);
  }
  std::ofstream file(arguments.rest()[1], std::ios::binary);
  const auto write = [](void* context, std::span<const std::byte> bytes) {
    auto& out = *static_cast<std::ofstream*>(context);
    out.write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
    return out.good();
  };
  if (auto written = hrm::write_safetensors(views, write, &file); !written) {
    return example::fail(arguments, written.error().in(arguments.rest()[1]));
  }
  file.close();
  if (!file) return example::fail(arguments, Error(ErrorCode::io, arguments.rest()[1], ": cannot be written"));
  return example::done;
}
