/// game-loop, with SDL's dummy video driver: it plays a puzzle to its end by its own mouse and keys.

#include <doctest/doctest.h>
#include <support/skip.hpp>

#include <cli/command.hpp>
#include <cli/models.hpp>

namespace {

/// Whether the program was built: it is left out where there is no SDL2.
bool there() {
  const bool built = std::filesystem::exists(support::example("game-loop"));
  if (!built) support::skip("there is no SDL2");
  return built;
}

cli::Outcome play(const std::vector<std::string>& words) {
  std::string line = "SDL_VIDEODRIVER=dummy " + cli::quoted(support::example("game-loop"));
  for (const std::string& word : words) line += " " + cli::quoted(word);
  return cli::shell(line);
}

/// The line that begins with a word.
std::string line_of(const cli::Outcome& outcome, const std::string& word) {
  for (const std::string& line : cli::lines_of(outcome.out)) {
    if (line.rfind(word, 0) == 0) return line;
  }
  return {};
}

}  // namespace

TEST_CASE("game-loop: plays a puzzle to its end, says what frames took, and leaves a picture") {
  if (!there()) return;
  const support::TemporaryFolder folder;
  const std::string frames = cli::slow ? "20" : "150";
  const auto outcome =
      play({"--frames", frames, "--demo", "4", "--seed", "3", "--screenshot", folder.path("last.bmp")});
  CHECK(outcome.code == 0);
  CHECK(outcome.err == "");
  CHECK(line_of(outcome, "frames").find("frames      " + frames + " in ") == 0);
  for (const char* line : {"frame work", "frame gap", "thinking"}) {
    CHECK(line_of(outcome, line).find("p50 ") != std::string::npos);
    CHECK(line_of(outcome, line).find("p99 ") != std::string::npos);
    CHECK(line_of(outcome, line).find("max ") != std::string::npos);
  }
  CHECK(line_of(outcome, "frame work").find("over 16.7 ms: ") != std::string::npos);
  CHECK(line_of(outcome, "thoughts").find("halted by themselves") != std::string::npos);
  const std::string picture = support::read_file(folder.path("last.bmp"));
  CHECK(picture.substr(0, 2) == "BM");
  REQUIRE(picture.size() >= 3U * 1000U * 690U);
  std::array<std::size_t, 256> shades{};
  for (std::size_t i = 54; i < picture.size(); ++i) ++shades[static_cast<unsigned char>(picture[i])];
  CHECK(std::count_if(shades.begin(), shades.end(), [](std::size_t n) { return n > 0; }) > 100);
  if (cli::slow) return;
  CHECK(line_of(outcome, "moves").find("puzzles solved: 0") == std::string::npos);
  CHECK(line_of(outcome, "moves").find(" 0 of them") == std::string::npos);
}

TEST_CASE("game-loop: what it cannot play, and wrong words") {
  if (!there()) return;
  const support::TemporaryFolder folder;
  cli::write_random_model(folder, 12);
  CHECK(cli::fault_of(play({"--frames", "1", "--model", folder.path()}), 1, "game-loop", {"expected", "found 12"}) ==
        "");
  CHECK(cli::fault_of(play({"--frames", "1", "--model", "/no/model"}), 1, "game-loop", {"/no/model"}) == "");
  CHECK(cli::fault_of(play({"--screenshot", "a.bmp"}), 2, "game-loop", {"--screenshot", "--frames"}) == "");
  CHECK(cli::fault_of(play({"--frames", "1", "--budget", "0"}), 2, "game-loop", {"--budget"}) == "");
  CHECK(play({"--frames", "1", "--screenshot", "/no/folder/a.bmp"}).code == 1);
}
