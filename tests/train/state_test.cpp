#include <hrm/io/load.hpp>
#include <hrm/solve/solver.hpp>
#include <hrm/train/state.hpp>

#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>

#include "small.hpp"

using namespace hrm;
using namespace hrm::train;

namespace {

// A folder of this test's own, removed at the end.
struct Folder {
  explicit Folder(const std::string& name)
      : path((std::filesystem::temp_directory_path() / ("hrm_train_" + name)).string()) {
    std::filesystem::remove_all(path);
    std::filesystem::create_directories(path);
  }
  ~Folder() { std::filesystem::remove_all(path); }
  std::string path;
};

}  // namespace

TEST_CASE("a run that was saved and loaded goes on bit for bit") {
  const Folder folder("resume");
  const auto source = test::small_sudokus();
  const Config config = test::small_config(*source);
  for (const NextValue next : {NextValue::next_step, NextValue::look_ahead}) {
    TrainerOptions options = test::small_options();
    options.next_value = next;
    Trainer<> straight(config, *source, options);
    for (int i = 0; i < 9; ++i) straight.step();
    {
      Trainer<> first(config, *source, options);
      for (int i = 0; i < 4; ++i) first.step();
      save_state(first, folder.path + "/state", 77).value();
    }
    Trainer<> second(config, *source, options);
    load_state(second, folder.path + "/state", 77).value();
    CHECK(second.steps() == 4);
    for (int i = 0; i < 5; ++i) second.step();
    CHECK(std::equal(straight.values().begin(), straight.values().end(), second.values().begin()));
    CHECK(std::equal(straight.average().begin(), straight.average().end(), second.average().begin()));
  }
}

TEST_CASE("a state of another run, a broken one and none are refused") {
  const Folder folder("refuse");
  const std::string path = folder.path + "/state";
  const auto source = test::small_sudokus();
  const Config config = test::small_config(*source);
  TrainerOptions options = test::small_options();
  Trainer<> trainer(config, *source, options);
  trainer.step();
  CHECK(load_state(trainer, path).error().code() == ErrorCode::io);
  save_state(trainer, path, 1).value();
  CHECK(load_state(trainer, path, 2).error().code() == ErrorCode::mismatch);  // other puzzles
  CHECK(load_state(trainer, path, 1));
  options.optimizer.rate *= 2;
  Trainer<> faster(config, *source, options);
  CHECK(load_state(faster, path, 1).error().code() == ErrorCode::mismatch);
  options = test::small_options();
  options.batch = 10;
  Trainer<> smaller(config, *source, options);
  CHECK(load_state(smaller, path, 1).error().code() == ErrorCode::mismatch);
  for (float Config::*number : {&Config::rms_norm_eps, &Config::rope_theta}) {
    Config other = config;
    other.*number *= 2;
    Trainer<> changed(other, *source, test::small_options());
    CHECK(load_state(changed, path, 1).error().code() == ErrorCode::mismatch);
  }
  // Every byte of the numbers counts; the middle of the file is some moment.
  const auto size = std::filesystem::file_size(path);
  for (const std::uintmax_t at : {size / 2, size - 9, size - 1}) {
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    file.seekg(static_cast<std::streamoff>(at));
    const char byte = static_cast<char>(file.get());
    const auto put = [&](char c) {
      file.seekp(static_cast<std::streamoff>(at));
      file.put(c).flush();
    };
    put(static_cast<char>(byte ^ 1));
    CHECK(load_state(trainer, path, 1).error().message().find(": checksum: expected ") != std::string::npos);
    put(byte);
    CHECK(load_state(trainer, path, 1));
  }
  std::filesystem::resize_file(path, 1000);
  CHECK_FALSE(load_state(trainer, path, 1));
  CHECK_FALSE(save_state(trainer, folder.path + "/none/state"));
}

TEST_CASE("a saved model is a published one: it loads, with the sizes and the answers of the trainer's") {
  const Folder folder("model");
  const auto source = test::small_sudokus();
  Config config = test::small_config(*source);
  config.sizes.inner = inner_size(config.sizes.hidden, 4);
  for (const bool learned : {false, true}) {
    config.positions = learned ? PositionEncoding::learned : PositionEncoding::rope;
    if (learned) config.rms_norm_eps = 3e-6F, config.rope_theta = 12345.7F;  // not those that a reader takes by itself
    Trainer<> trainer(config, *source, test::small_options());
    for (int i = 0; i < 3; ++i) trainer.step();
    save_model(trainer.layout(), trainer.average(), trainer.options(), 4.0, folder.path).value();
    const Model model = load(folder.path).value();
    CHECK(model.config().sizes == config.sizes);
    CHECK(model.config().halt_max_steps == config.halt_max_steps);
    CHECK(model.config().positions == config.positions);
    CHECK(model.config().rms_norm_eps == config.rms_norm_eps);
    CHECK(model.config().rope_theta == config.rope_theta);
    const Model direct = make_model(config, tensor_views(trainer.layout(), trainer.average())).value();
    CHECK(model.fingerprint() == direct.fingerprint());
  }
}

TEST_CASE("a saved model keeps every digit of its expansion, so that it loads") {
  const Folder folder("expansion");
  const auto source = test::small_sudokus();
  Config config = test::small_config(*source);
  const double expansion = 12.0234376;  // an inner size of 512, which six digits would make 256
  config.sizes.inner = inner_size(config.sizes.hidden, expansion);
  Trainer<> trainer(config, *source, test::small_options());
  save_model(trainer.layout(), trainer.average(), trainer.options(), expansion, folder.path).value();
  const auto model = load(folder.path);
  REQUIRE(model);
  CHECK(model->config().sizes.inner == config.sizes.inner);
}

TEST_CASE("a run that has come apart knows it") {
  const auto source = test::small_sudokus();
  Trainer<> trainer(test::small_config(*source), *source, test::small_options());
  trainer.step();
  CHECK(trainer.finite());
  std::vector<float> values(trainer.values().begin(), trainer.values().end());
  values[3] = std::numeric_limits<float>::quiet_NaN();
  trainer.start_from(values);
  CHECK_FALSE(trainer.finite());
}
