/// What game-loop paints with.

#include <doctest/doctest.h>

#include "../../examples/common/colour.hpp"

namespace {

using example::Colour;

constexpr Colour amber{255, 190, 92}, green{96, 211, 148};

constexpr bool same(Colour a, Colour b) { return a.r == b.r && a.g == b.g && a.b == b.b && a.a == b.a; }

}  // namespace

TEST_CASE("a colour between two stays between them, whatever the share") {
  CHECK(same(Colour::between(amber, green, 0.0F), amber));
  CHECK(same(Colour::between(amber, green, 1.0F), green));
  CHECK(same(Colour::between(amber, green, 0.5F), Colour{175, 200, 120}));
  CHECK(same(Colour::between(amber, green, -0.1F), amber));  // what is less than half sure
  CHECK(same(Colour::between(amber, green, 7.0F), green));
}

TEST_CASE("a faint colour is no stronger than the colour and no weaker than none") {
  CHECK(amber.faint(0.5F).a == 127);
  CHECK(amber.faint(-1.0F).a == 0);
  CHECK(amber.faint(2.0F).a == 255);
}
