#include <hrm/train/curve.hpp>

#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>

using namespace hrm;
using namespace hrm::train;

TEST_CASE("a log is written, read up to a step, and drawn") {
  const auto folder = (std::filesystem::temp_directory_path() / "hrm_curve").string();
  std::filesystem::remove_all(folder);
  std::filesystem::create_directories(folder);
  TrainingLog log(folder);
  CHECK(log.read(5));
  CHECK(log.rows().empty());
  for (std::uint64_t step = 10; step <= 40; step += 10) {
    LogRow row;
    row.step = step;
    row.seconds = 0.5 * double(step);
    row.loss = 2.0 / double(step);
    row.cells = 0.25;
    row.segments = 2.0;
    row.tested = step == 20;
    row.test_exact = 0.75;
    log.add(row);
  }
  log.write("task <1>").value();
  TrainingLog again(folder);
  again.read(30).value();
  REQUIRE(again.rows().size() == 3);
  CHECK(again.rows()[2].step == 30);
  CHECK(again.seconds() == 15.0);
  CHECK(again.rows()[1].tested);
  CHECK(again.rows()[1].test_exact == 0.75);
  CHECK_FALSE(again.rows()[2].tested);
  CHECK(again.rows()[0].loss == doctest::Approx(0.2));
  const std::string svg = log.svg("task <1>");
  CHECK(svg.find("<svg ") == 0);
  CHECK(svg.find("<1>") == std::string::npos);
  for (const char* part : {"d=\"M220 250L380 250L540 250L700 250\" fill=\"none\" stroke=\"#56b4e9\"",  // cells
                           "d=\"M380 110\" fill=\"none\" stroke=\"#d55e00\"", ">exact held out<",      // tested once
                           ">segments (of 2)<", ">loss (of 0.2)<", ">75%<", ">20<"}) {
    CHECK_MESSAGE(svg.find(part) != std::string::npos, part);
  }
  std::ofstream(folder + "/log.csv", std::ios::app) << "nonsense\n";
  const auto wrong = again.read(5);
  REQUIRE_FALSE(wrong);
  CHECK(wrong.error().code() == ErrorCode::format);
  CHECK(wrong.error().message().find("log.csv: row 5: ") != std::string_view::npos);
  std::filesystem::remove_all(folder);
}
