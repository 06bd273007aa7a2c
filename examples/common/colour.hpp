#pragma once
/// Colours and what lies between them.

#include <algorithm>
#include <cstdint>

namespace example {

struct Colour {
  std::uint8_t r = 0, g = 0, b = 0, a = 255;
  /// As strong as `share` of it.
  [[nodiscard]] constexpr Colour faint(float share) const {
    return {r, g, b, static_cast<std::uint8_t>(static_cast<float>(a) * std::clamp(share, 0.0F, 1.0F))};
  }
  /// On the way from one to another: at the first up to a share of 0, at the second from 1 on.
  [[nodiscard]] static constexpr Colour between(Colour from, Colour to, float share) {
    share = std::clamp(share, 0.0F, 1.0F);
    const auto mix = [share](std::uint8_t x, std::uint8_t y) {
      return static_cast<std::uint8_t>(static_cast<float>(x) + (static_cast<float>(y) - static_cast<float>(x)) * share);
    };
    return {mix(from.r, to.r), mix(from.g, to.g), mix(from.b, to.b), mix(from.a, to.a)};
  }
};

}  // namespace example
