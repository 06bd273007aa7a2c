#pragma once
/// Letters and digits as a few strokes each, drawn at any size without a font file: what a small window needs.

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <string_view>
#include <vector>

namespace example {

/// How much of each pixel a shape covers, 0 to 255, row by row.
struct Mask {
  int width = 0;
  int height = 0;
  std::vector<std::uint8_t> cover;

  Mask(int w, int h)
      : width(std::max(w, 1)),
        height(std::max(h, 1)),
        cover(static_cast<std::size_t>(width) * static_cast<std::size_t>(height)) {}
  [[nodiscard]] std::uint8_t& at(int x, int y) {
    return cover[static_cast<std::size_t>(y) * static_cast<std::size_t>(width) + static_cast<std::size_t>(x)];
  }
  /// Sets a pixel whose middle lies `distance` inside of the shape's edge.
  void set(int x, int y, float distance) {
    at(x, y) = static_cast<std::uint8_t>(255.0F * std::clamp(distance + 0.5F, 0.0F, 1.0F));
  }
};

/// A disc, whose quarters are the corners of round rectangles.
[[nodiscard]] inline Mask disc_mask(int radius) {
  Mask mask(2 * radius, 2 * radius);
  const auto r = static_cast<float>(radius);
  for (int y = 0; y < mask.height; ++y) {
    for (int x = 0; x < mask.width; ++x) {
      const float dx = static_cast<float>(x) + 0.5F - r;
      const float dy = static_cast<float>(y) + 0.5F - r;
      mask.set(x, y, r - std::sqrt(dx * dx + dy * dy));
    }
  }
  return mask;
}

/// The strokes. A sign stands on a grid 4 wide and 6 high; small letters look like large ones.
class StrokeFont {
 public:
  /// How far the sign after this one stands to the right, for letters of that height.
  [[nodiscard]] static int advance(char sign, int height) {
    const float unit = static_cast<float>(height) / 6.0F;
    return static_cast<int>(std::lround((widest(sign) * narrow + gap) * unit));
  }
  /// Room around a mask for the stroke's own breadth.
  [[nodiscard]] static int margin(int height, float weight) {
    return static_cast<int>(std::ceil(breadth(height, weight) / 2.0F)) + 1;
  }

  /// A sign of that height, its strokes `weight` of the height broad; it stands margin() from the mask's top and left.
  [[nodiscard]] static Mask mask(char sign, int height, float weight) {
    const float unit = static_cast<float>(height) / 6.0F;
    const int space = margin(height, weight);
    const float radius = breadth(height, weight) / 2.0F;
    const auto extent = [&](float units) { return static_cast<int>(std::ceil(units * unit)) + 2 * space + 1; };
    Mask mask(extent(widest(sign) * narrow), extent(7.0F));
    std::vector<std::vector<Point>> lines = strokes(sign);
    for (auto& line : lines) {
      for (Point& p : line)
        p = {p.x * narrow * unit + static_cast<float>(space), p.y * unit + static_cast<float>(space)};
    }
    for (int y = 0; y < mask.height; ++y) {
      for (int x = 0; x < mask.width; ++x) {
        float nearest = 1e9F;
        const Point here{static_cast<float>(x) + 0.5F, static_cast<float>(y) + 0.5F};
        for (const auto& line : lines) {
          for (std::size_t i = 0; i < line.size(); ++i)
            nearest = std::min(nearest, distance(here, line[i], line[i + 1 < line.size() ? i + 1 : i]));
        }
        mask.set(x, y, radius - nearest);
      }
    }
    return mask;
  }

 private:
  struct Point {
    float x = 0.0F, y = 0.0F;
  };
  static constexpr float narrow = 0.9F;  // the grid's columns against its rows
  static constexpr float gap = 2.0F;     // between signs, in rows

  static float breadth(int height, float weight) { return std::max(1.1F, weight * static_cast<float>(height)); }

  // Strokes are divided by '|', points are two digits, across and down; '~' before a stroke rounds its corners.
  static std::string_view code(char sign) {
    static constexpr std::array<std::string_view, 26> letters{"06 20 46|14 34",                   // A
                                                              "00 06|~00 40 43 03|~03 43 46 06",  //
                                                              "~41 40 00 06 46 45",               // C
                                                              "00 06|~00 40 46 06",               //
                                                              "40 00 06 46|03 33",                // E
                                                              "40 00 06|03 33",                   //
                                                              "~41 40 00 06 46 44|44 24",         // G
                                                              "00 06|40 46|03 43",                //
                                                              "00 06",                            // I
                                                              "~30 34 36 06 05",                  //
                                                              "00 06|40 03 46",                   // K
                                                              "00 06 36",                         //
                                                              "06 00 23 40 46",                   // M
                                                              "06 00 46 40",                      //
                                                              "~20 40 46 06 00 20",               // O
                                                              "00 06|~00 40 43 03",               //
                                                              "~20 40 46 06 00 20|34 46",         // Q
                                                              "00 06|~00 40 43 03|23 46",         //
                                                              "~41 40 00 03 43 46 06 05",         // S
                                                              "00 40|20 26",                      //
                                                              "00 03|~03 06 46 43|43 40",         // U
                                                              "00 26 40",                         //
                                                              "00 16 22 36 40",                   // W
                                                              "00 46|40 06",                      //
                                                              "00 23 40|23 26",                   // Y
                                                              "00 40 06 46"};
    static constexpr std::array<std::string_view, 10> digits{"~20 40 46 06 00 20",
                                                             "01 20 26",
                                                             "~01 00 40 43 06|06 46",
                                                             "~01 00 40 43 23|~23 43 46 06 05",
                                                             "30 04 44|30 36",
                                                             "40 00 03|~03 02 42 46 06 05",
                                                             "~41 40 00 06 46 42 02 04",
                                                             "00 40 16",
                                                             "~23 03 00 40 43 23|~23 03 06 46 43 23",
                                                             "~05 06 46 40 00 04 44 42"};
    if (sign >= 'a' && sign <= 'z') sign = static_cast<char>(sign - 'a' + 'A');
    if (sign >= 'A' && sign <= 'Z') return letters[static_cast<std::size_t>(sign - 'A')];
    if (sign >= '0' && sign <= '9') return digits[static_cast<std::size_t>(sign - '0')];
    switch (sign) {
      case '.':
        return "06 06";
      case ',':
        return "16 07";
      case ':':
        return "02 02|05 05";
      case '-':
        return "03 33";
      case '+':
        return "03 43|21 25";
      case '=':
        return "02 42|04 44";
      case '/':
        return "40 06";
      case '%':
        return "40 06|00 10 11 01 00|35 45 46 36 35";
      case '>':
        return "01 33 05";
      case '<':
        return "31 03 35";
      case '!':
        return "00 04|06 06";
      case '?':
        return "~01 00 40 43 23|23 24|26 26";
      case '[':
        return "20 00 06 26";
      case ']':
        return "00 20 26 06";
      default:
        return {};
    }
  }

  static float widest(char sign) {
    float most = 0.0F;
    for (const auto& line : strokes(sign)) {
      for (const Point& p : line) most = std::max(most, p.x);
    }
    return code(sign).empty() ? 1.0F : most;
  }

  static std::vector<std::vector<Point>> strokes(char sign) {
    std::vector<std::vector<Point>> lines;
    std::string_view rest = code(sign);
    while (!rest.empty()) {
      const std::string_view stroke = rest.substr(0, rest.find('|'));
      rest.remove_prefix(std::min(rest.size(), stroke.size() + 1));
      std::vector<Point> line;
      for (std::size_t i = stroke[0] == '~' ? 1 : 0; i + 1 < stroke.size(); i += 3)
        line.push_back({static_cast<float>(stroke[i] - '0'), static_cast<float>(stroke[i + 1] - '0')});
      for (int i = 0; stroke[0] == '~' && i < 4; ++i) line = rounder(line);
      lines.push_back(std::move(line));
    }
    return lines;
  }
  // Corners cut (Chaikin); the ends stay.
  static std::vector<Point> rounder(const std::vector<Point>& line) {
    std::vector<Point> out{line.front()};
    for (std::size_t i = 0; i + 1 < line.size(); ++i) {
      const Point a = line[i];
      const Point b = line[i + 1];
      if (i > 0) out.push_back({0.75F * a.x + 0.25F * b.x, 0.75F * a.y + 0.25F * b.y});
      if (i + 2 < line.size()) out.push_back({0.25F * a.x + 0.75F * b.x, 0.25F * a.y + 0.75F * b.y});
    }
    out.push_back(line.back());
    return out;
  }
  static float distance(Point p, Point a, Point b) {
    const Point along{b.x - a.x, b.y - a.y};
    const float length = along.x * along.x + along.y * along.y;
    float t = length > 0.0F ? ((p.x - a.x) * along.x + (p.y - a.y) * along.y) / length : 0.0F;
    t = std::clamp(t, 0.0F, 1.0F);
    const float dx = p.x - (a.x + t * along.x);
    const float dy = p.y - (a.y + t * along.y);
    return std::sqrt(dx * dx + dy * dy);
  }
};

}  // namespace example
