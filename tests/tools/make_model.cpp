/// Writes a model with random weights in the published layout, of any shape.
///   make_model FOLDER [--format torch|newer|safetensors] [--dtype f32|f16|bf16] [--seed N] [--KEY VALUE ..]
/// KEY: hidden heads h_layers l_layers h_cycles l_cycles vocab puzzle_emb_ndim num_puzzle_identifiers seq_len
/// halt_max_steps expansion inner pos_encodings(rope|learned). The defaults are the published Sudoku model's:
/// 27,275,266 parameters.

#include <hrm/io/safetensors.hpp>
#include <iostream>
#include <support/files.hpp>
#include <support/make_weights.hpp>

int main(int count, char** values) {
  if (count < 2 || count % 2 != 0 || values[1][0] == '-') {
    std::cerr << "usage: make_model FOLDER [--format torch|newer|safetensors] [--dtype f32|f16|bf16] [--seed N] [--KEY "
                 "VALUE ..]\n";
    return 2;
  }
  support::Shape shape;
  std::string format = "torch";
  std::string dtype = "f32";
  std::size_t seed = 1;
  bool puzzle_width_given = false;
  for (int i = 2; i + 1 < count; i += 2) {
    const std::string key = values[i];
    const std::string value = values[i + 1];
    std::size_t* number = nullptr;
    if (key == "--hidden") number = &shape.hidden;
    if (key == "--heads") number = &shape.heads;
    if (key == "--h_layers") number = &shape.h_layers;
    if (key == "--l_layers") number = &shape.l_layers;
    if (key == "--h_cycles") number = &shape.h_cycles;
    if (key == "--l_cycles") number = &shape.l_cycles;
    if (key == "--vocab") number = &shape.vocab;
    if (key == "--puzzle_emb_ndim") number = &shape.puzzle_emb_ndim;
    if (key == "--num_puzzle_identifiers") number = &shape.puzzle_ids;
    if (key == "--seq_len") number = &shape.seq_len;
    if (key == "--halt_max_steps") number = &shape.halt_max_steps;
    if (key == "--inner") number = &shape.inner;
    if (key == "--seed") number = &seed;
    if (key == "--puzzle_emb_ndim") puzzle_width_given = true;
    if (number != nullptr) {
      if (!hrm::detail::parse_size(value, *number)) number = nullptr;
    } else if (key == "--expansion" && hrm::detail::parse_number(value, shape.expansion)) {
      number = &seed;
    } else if (key == "--pos_encodings" && (value == "rope" || value == "learned")) {
      shape.learned = value == "learned";
      number = &seed;
    } else if (key == "--format" && (value == "torch" || value == "newer" || value == "safetensors")) {
      format = value;
      number = &seed;
    } else if (key == "--dtype" && (value == "f32" || value == "f16" || value == "bf16")) {
      dtype = value;
      number = &seed;
    }
    if (number == nullptr) {
      std::cerr << "make_model: " << key << ": expected an option and its value, found " << value << "\n";
      return 2;
    }
  }
  if (!puzzle_width_given) shape.puzzle_emb_ndim = shape.hidden;
  const auto type = dtype == "f32" ? hrm::DType::f32 : dtype == "f16" ? hrm::DType::f16 : hrm::DType::bf16;
  auto tensors = support::make_weights(shape, seed, type);
  std::filesystem::create_directories(values[1]);
  const std::string folder = std::string(values[1]) + "/";
  support::write_file(folder + "all_config.yaml", support::write_yaml(shape));
  std::size_t parameters = 0;
  for (const auto& tensor : tensors) {  // the reference counts these three as buffers
    const bool buffer = tensor.name == "H_init" || tensor.name == "L_init" || tensor.name == "puzzle_emb.weights";
    parameters += buffer ? 0 : tensor.elements();
  }
  if (format == "safetensors") {
    std::ofstream out(folder + "model.safetensors", std::ios::binary);
    const auto write = [](void* stream, std::span<const std::byte> bytes) {
      auto& to = *static_cast<std::ofstream*>(stream);
      to.write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
      return to.good();
    };
    if (!hrm::write_safetensors(support::views_of(tensors), write, &out)) return 1;
  } else {
    support::write_file(folder + "checkpoint",
                        support::write_torch(tensors, "_orig_mod.model.inner.",
                                             format == "newer" ? support::Flavour::newer : support::Flavour::old));
  }
  std::cout << folder << ": " << parameters << " parameters in " << tensors.size() << " tensors\n";
}
