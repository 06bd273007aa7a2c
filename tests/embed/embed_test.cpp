#include <doctest/doctest.h>

#include <hrm/io/load.hpp>
#include <hrm/solve/verify.hpp>
#include <hrm_models/rope.hpp>
#include <hrm_models/version_1_0.hpp>
#include <support/files.hpp>
#include <support/places.hpp>

TEST_CASE("a model within the program is the file, byte for byte") {
  const std::string file = support::read_file(support::data("archive/version_1_0.hrm"));
  const auto bytes = hrm_models::version_1_0();
  REQUIRE(bytes.size() == file.size());
  CHECK(std::memcmp(bytes.data(), file.data(), file.size()) == 0);
  CHECK(reinterpret_cast<std::uintptr_t>(bytes.data()) % 4096 == 0);
}

TEST_CASE("a model within the program loads and passes its own test") {
  auto opened = hrm::open_checkpoint(hrm::Source::memory(hrm_models::version_1_0(), "embedded"));
  REQUIRE(support::message_of(opened) == "");
  CHECK(support::message_of(hrm::check(*opened)) == "");
  const hrm::SelfTest test = opened->archive->header.tests.at(0);
  const auto model = hrm::load(*std::move(opened));
  REQUIRE(support::message_of(model) == "");
  CHECK(support::message_of(hrm::verify(*model, test)) == "");
}

TEST_CASE("files without a configuration of their own are given one") {
  const std::string config = support::read_file(support::data("golden/rope/all_config.yaml"));
  const auto model = hrm::load(hrm::Source::memory(hrm_models::rope(), "embedded"), {}, config);
  REQUIRE(support::message_of(model) == "");
  CHECK(model->fingerprint() == hrm::load(support::data("golden/rope"))->fingerprint());
  CHECK(support::message_of(hrm::load(hrm::Source::memory(hrm_models::rope(), "embedded"))) ==
        "embedded: config: num_heads: expected this key in the config, found none");
}
