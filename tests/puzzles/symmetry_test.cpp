#include <doctest/doctest.h>
#include <hrm/puzzles/symmetry.hpp>

#include <set>

using hrm::Symmetry;
using hrm::Token;

namespace {

Symmetry random_symmetry(std::size_t positions, std::size_t vocab, hrm::Random& random) {
  const auto tokens = random.permutation(vocab);
  return {random.permutation(positions), {tokens.begin(), tokens.end()}};
}

std::vector<Token> random_tokens(std::size_t count, std::size_t vocab, hrm::Random& random) {
  std::vector<Token> tokens(count);
  for (Token& token : tokens) token = static_cast<Token>(random.below(vocab));
  return tokens;
}

}  // namespace

TEST_CASE("symmetry: a small one by hand") {
  const Symmetry symmetry{{2, 0, 1}, {0, 2, 1}};
  CHECK(symmetry.apply(std::vector<Token>{1, 0, 2}) == std::vector<Token>{1, 2, 0});
}

TEST_CASE("symmetry: the inverse takes back, from both sides; composition is one after the other") {
  hrm::Random random(7);
  for (int round = 0; round < 50; ++round) {
    const std::size_t size = random.between(1, 40);
    const std::size_t vocab = random.between(1, 12);
    const Symmetry a = random_symmetry(size, vocab, random);
    const Symmetry b = random_symmetry(size, vocab, random);
    const Symmetry c = random_symmetry(size, vocab, random);
    const auto tokens = random_tokens(size, vocab, random);
    CHECK(a.inverse().apply(a.apply(tokens)) == tokens);
    CHECK(a.apply(a.inverse().apply(tokens)) == tokens);
    CHECK(a.then(b).apply(tokens) == b.apply(a.apply(tokens)));
    CHECK(a.then(b).then(c) == a.then(b.then(c)));
    CHECK(a.then(b).inverse() == b.inverse().then(a.inverse()));
    CHECK(a.then(a.inverse()) == Symmetry::identity(size, vocab));
  }
}

TEST_CASE("symmetry: tokens outside its vocabulary stay") {
  const Symmetry symmetry{{0, 1, 2}, {1, 0}};
  for (const Token outside : {2, 9, -1})
    CHECK(symmetry.apply(std::vector<Token>{0, outside, 1}) == std::vector<Token>{1, outside, 0});
}

TEST_CASE("symmetry: the eight of a rectangle by hand") {
  // 0 1 2
  // 3 4 5
  const auto of = [](std::size_t kind) { return hrm::square_positions(kind, 2, 3); };
  using Order = std::vector<std::uint32_t>;
  CHECK(of(0) == Order{0, 1, 2, 3, 4, 5});
  CHECK(of(1) == Order{2, 5, 1, 4, 0, 3});  // a quarter turn counter-clockwise: the last column becomes the first row
  CHECK(of(2) == Order{5, 4, 3, 2, 1, 0});
  CHECK(of(3) == Order{3, 0, 4, 1, 5, 2});
  CHECK(of(4) == Order{2, 1, 0, 5, 4, 3});
  CHECK(of(5) == Order{3, 4, 5, 0, 1, 2});
  CHECK(of(6) == Order{0, 3, 1, 4, 2, 5});
  CHECK(of(7) == Order{5, 2, 4, 1, 3, 0});
}

TEST_CASE("symmetry: the eight of the square are a group of eight") {
  for (const std::size_t side : {2U, 3U, 6U}) {
    std::set<std::vector<std::uint32_t>> all;
    for (std::size_t kind = 0; kind < hrm::square_symmetries; ++kind) {
      const Symmetry symmetry = hrm::square_symmetry(kind, side, 6);
      all.insert(symmetry.positions);
      CHECK(symmetry.inverse() == hrm::square_symmetry(hrm::square_inverse(kind), side, 6));
    }
    CHECK(all.size() == 8);
    for (std::size_t a = 0; a < 8; ++a) {
      for (std::size_t b = 0; b < 8; ++b) {
        CHECK(all.count(hrm::square_symmetry(a, side, 6).then(hrm::square_symmetry(b, side, 6)).positions) == 1);
      }
    }
  }
}
