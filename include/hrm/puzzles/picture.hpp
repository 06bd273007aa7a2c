#pragma once
/// Pictures as lists of shapes, and SVG made of them, still or moving. Other outputs (PNG, a window) walk the same
/// list.

#include <hrm/base/config.hpp>

#include <algorithm>
#include <charconv>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace hrm {

struct Colour {
  std::uint8_t red = 0, green = 0, blue = 0;
  bool operator==(const Colour&) const = default;
};

/// 0xRRGGBB.
[[nodiscard]] constexpr Colour colour(std::uint32_t rgb) noexcept {
  return {static_cast<std::uint8_t>(rgb >> 16), static_cast<std::uint8_t>(rgb >> 8), static_cast<std::uint8_t>(rgb)};
}

/// Shapes in the order they are drawn, in pixels from the upper left corner.
struct Picture {
  enum class Kind : std::uint8_t { rectangle, line, text };
  enum class Anchor : std::uint8_t { middle, start, end };
  struct Shape {
    Kind kind = Kind::rectangle;
    Colour fill;
    double x = 0, y = 0;             ///< upper left corner; a line's first end; a text's anchor, at half its height
    double w = 0, h = 0;             ///< size; a line's second end (as a place); a text's height in h
    double width = 0;                ///< of a line
    bool bold = false;               ///< of a text
    Anchor anchor = Anchor::middle;  ///< which part of a text stands at x
    std::string text;
  };

  double width = 0, height = 0;
  std::vector<Shape> shapes;

  void rectangle(double x, double y, double w, double h, Colour fill) {
    shapes.push_back({Kind::rectangle, fill, x, y, w, h, 0, false, Anchor::middle, {}});
  }
  void line(double x1, double y1, double x2, double y2, double thick, Colour fill) {
    shapes.push_back({Kind::line, fill, x1, y1, x2, y2, thick, false, Anchor::middle, {}});
  }
  void text(double x, double middle_y, double size, std::string_view words, Colour fill, bool bold = false,
            Anchor anchor = Anchor::middle) {
    shapes.push_back({Kind::text, fill, x, middle_y, 0, size, 0, bold, anchor, std::string(words)});
  }
  /// Puts another picture's shapes at a place.
  void add(const Picture& other, double dx, double dy) {
    for (Shape shape : other.shapes) {
      shape.x += dx;
      shape.y += dy;
      if (shape.kind == Kind::line) shape.w += dx, shape.h += dy;
      shapes.push_back(std::move(shape));
    }
  }
};

/// A number with at most `digits` places after the point, zeros at the end left off.
[[nodiscard]] inline std::string format_number(double value, int digits = 2) {
  std::array<char, 64> text{};
  const auto end = std::to_chars(text.data(), text.data() + text.size(), value, std::chars_format::fixed, digits);
  if (end.ec != std::errc()) return "0";
  std::string_view number(text.data(), static_cast<std::size_t>(end.ptr - text.data()));
  if (number.find('.') != std::string_view::npos) {
    while (number.back() == '0') number.remove_suffix(1);
    if (number.back() == '.') number.remove_suffix(1);
  }
  return std::string(number == "-0" ? "0" : number);
}

namespace detail {

inline std::string svg_colour(Colour c) {
  constexpr std::string_view hex = "0123456789abcdef";
  std::string text = "#";
  for (const std::uint8_t part : {c.red, c.green, c.blue}) {
    text.push_back(hex[part >> 4]);
    text.push_back(hex[part & 15]);
  }
  return text;
}

inline void svg_attribute(std::string& out, std::string_view name, std::string_view value) {
  out.append(" ").append(name).append("=\"").append(value).append("\"");
}

inline void svg_text(std::string& out, std::string_view text) {
  for (const char c : text) {
    if (c == '<') {
      out += "&lt;";
    } else if (c == '&') {
      out += "&amp;";
    } else {
      out.push_back(static_cast<unsigned char>(c) < 0x20 ? ' ' : c);
    }
  }
}

inline void svg_shapes(std::string& out, const Picture& picture) {
  for (const Picture::Shape& s : picture.shapes) {
    const auto number = [&](std::string_view name, double value) { svg_attribute(out, name, format_number(value)); };
    if (s.kind == Picture::Kind::rectangle) {
      out += "<rect";
      number("x", s.x), number("y", s.y), number("width", s.w), number("height", s.h);
      svg_attribute(out, "fill", svg_colour(s.fill));
      out += "/>\n";
    } else if (s.kind == Picture::Kind::line) {
      out += "<line";
      number("x1", s.x), number("y1", s.y), number("x2", s.w), number("y2", s.h);
      svg_attribute(out, "stroke", svg_colour(s.fill));
      number("stroke-width", s.width);
      out += " stroke-linecap=\"round\"/>\n";
    } else {
      out += "<text";
      number("x", s.x), number("y", s.y + s.h * 0.35), number("font-size", s.h);
      svg_attribute(out, "fill", svg_colour(s.fill));
      if (s.bold) svg_attribute(out, "font-weight", "bold");
      if (s.anchor != Picture::Anchor::middle) {
        svg_attribute(out, "text-anchor", s.anchor == Picture::Anchor::start ? "start" : "end");
      }
      out += ">";
      svg_text(out, s.text);
      out += "</text>\n";
    }
  }
}

inline std::string svg_head(double width, double height) {
  std::string out = "<svg xmlns=\"http://www.w3.org/2000/svg\"";
  svg_attribute(out, "width", format_number(width));
  svg_attribute(out, "height", format_number(height));
  svg_attribute(out, "viewBox", "0 0 " + format_number(width) + " " + format_number(height));
  return out + " font-family=\"sans-serif\" text-anchor=\"middle\">\n";
}

}  // namespace detail

/// The picture as an SVG file.
[[nodiscard]] inline std::string svg(const Picture& picture) {
  std::string out = detail::svg_head(picture.width, picture.height);
  detail::svg_shapes(out, picture);
  return out + "</svg>\n";
}

/// A moving SVG: one picture after another, `seconds` each, the last one three times as long, again and again. Any
/// browser plays it; a viewer that does not play shows the last picture.
[[nodiscard]] inline std::string animated_svg(std::span<const Picture> frames, double seconds = 1.0) {
  double width = 0;
  double height = 0;
  for (const Picture& frame : frames) {
    width = std::max(width, frame.width);
    height = std::max(height, frame.height);
  }
  std::string out = detail::svg_head(width, height);
  const double total = static_cast<double>(frames.size() + 2);
  for (std::size_t i = 0; i < frames.size(); ++i) {
    const bool last = i + 1 == frames.size();
    out += last ? "<g>\n" : "<g visibility=\"hidden\">\n";
    detail::svg_shapes(out, frames[i]);
    if (frames.size() > 1) {
      const std::string begin = format_number(static_cast<double>(i) / total, 6);
      const std::string end = format_number(static_cast<double>(i + 1) / total, 6);
      out += "<animate attributeName=\"visibility\" calcMode=\"discrete\" repeatCount=\"indefinite\"";
      detail::svg_attribute(out, "dur", format_number(seconds * total) + "s");
      detail::svg_attribute(out, "values",
                            i == 0 ? "visible;hidden"
                            : last ? "hidden;visible"
                                   : "hidden;visible;hidden");
      detail::svg_attribute(out, "keyTimes", i == 0 ? "0;" + end : last ? "0;" + begin : "0;" + begin + ";" + end);
      out += "/>\n";
    }
    out += "</g>\n";
  }
  return out + "</svg>\n";
}

/// One line of a chart.
struct ChartLine {
  std::string name;
  std::vector<double> values;  ///< at 1, 2, 3, ..
  Colour stroke;
  double thick = 2;  ///< a thick one below a thin one shows where they are equal
};

/// A chart of shares (0 to 1) over whole numbers from 1 on.
[[nodiscard]] inline Picture draw_chart(std::string_view title, std::string_view below,
                                        std::span<const ChartLine> lines) {
  constexpr double left = 60, top = 50, wide = 560, high = 300;
  constexpr Colour ink = colour(0x333333), faint = colour(0xdddddd);
  Picture picture{left + wide + 30, top + high + 60 + 20.0 * static_cast<double>(lines.size()), {}};
  picture.rectangle(0, 0, picture.width, picture.height, colour(0xffffff));
  picture.text(picture.width / 2, 24, 16, title, ink, true);
  for (int tenth = 0; tenth <= 10; tenth += 2) {
    const double y = top + high * (1 - tenth / 10.0);
    picture.line(left, y, left + wide, y, 1, faint);
    picture.text(left - 8, y, 12, std::to_string(tenth * 10) + " %", ink, false, Picture::Anchor::end);
  }
  std::size_t longest = 1;
  for (const ChartLine& line : lines) longest = std::max(longest, line.values.size());
  const auto place = [&](std::size_t i) {
    return left + (longest == 1 ? wide / 2 : wide * static_cast<double>(i) / static_cast<double>(longest - 1));
  };
  const std::size_t stride = (longest + 15) / 16;
  for (std::size_t i = 0; i < longest; i += stride) {
    picture.text(place(i), top + high + 14, 12, std::to_string(i + 1), ink);
  }
  picture.text(left + wide / 2, top + high + 34, 12, below, ink);
  double legend = top + high + 56;
  for (const ChartLine& line : lines) {
    for (std::size_t i = 0; i < line.values.size(); ++i) {
      const double y = top + high * (1 - line.values[i]);
      if (i > 0)
        picture.line(place(i - 1), top + high * (1 - line.values[i - 1]), place(i), y, line.thick, line.stroke);
      const double half = line.thick / 2 + 1;
      picture.rectangle(place(i) - half, y - half, 2 * half, 2 * half, line.stroke);
    }
    picture.rectangle(left, legend - line.thick / 2, 24, line.thick, line.stroke);
    picture.text(left + 32, legend, 12, line.name, ink, false, Picture::Anchor::start);
    legend += 20;
  }
  return picture;
}

}  // namespace hrm
