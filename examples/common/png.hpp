#pragma once
/// Pictures as PNG files, through libpng. Shapes are drawn with hard edges; text with a small font of our own.

#include <hrm/base/error.hpp>
#include <hrm/puzzles/picture.hpp>

#include <png.h>

#include <array>
#include <cmath>
#include <cstdio>
#include <vector>

namespace example {

/// A picture's pixels, twice as many each way as the picture says, so that it stays sharp on today's screens.
class Raster {
 public:
  explicit Raster(const hrm::Picture& picture)
      : width_(static_cast<int>(std::ceil(scale * picture.width))),
        height_(static_cast<int>(std::ceil(scale * picture.height))) {
    pixels_.assign(3 * static_cast<std::size_t>(width_) * static_cast<std::size_t>(height_), 255);
    for (const hrm::Picture::Shape& shape : picture.shapes) {
      if (shape.kind == hrm::Picture::Kind::rectangle) {
        box(shape.x, shape.y, shape.x + shape.w, shape.y + shape.h, shape.fill);
      } else if (shape.kind == hrm::Picture::Kind::line) {
        line(shape);
      } else {
        text(shape);
      }
    }
  }

  [[nodiscard]] hrm::Result<void> write(const std::string& path) const {
    png_image image{};
    image.version = PNG_IMAGE_VERSION;
    image.width = static_cast<png_uint_32>(width_);
    image.height = static_cast<png_uint_32>(height_);
    image.format = PNG_FORMAT_RGB;
    if (png_image_write_to_file(&image, path.c_str(), 0, pixels_.data(), 0, nullptr) == 0) {
      return hrm::Error(hrm::ErrorCode::io, path, ": cannot be written: ", std::string_view(image.message));
    }
    return {};
  }

 private:
  static constexpr double scale = 2;

  void box(double x1, double y1, double x2, double y2, hrm::Colour fill) {
    const auto clamp = [](double at, int most) {
      return std::min(std::max(static_cast<int>(std::lround(at)), 0), most);
    };
    const int left = clamp(scale * x1, width_);
    const int right = std::max(clamp(scale * x2, width_), std::min(left + 1, width_));  // thin ones stay visible
    const int top = clamp(scale * y1, height_);
    const int bottom = std::max(clamp(scale * y2, height_), std::min(top + 1, height_));
    for (int y = top; y < bottom; ++y) {
      for (int x = left; x < right; ++x) {
        unsigned char* pixel = &pixels_[3 * (static_cast<std::size_t>(y) * static_cast<std::size_t>(width_) +
                                             static_cast<std::size_t>(x))];
        pixel[0] = fill.red;
        pixel[1] = fill.green;
        pixel[2] = fill.blue;
      }
    }
  }

  void line(const hrm::Picture::Shape& s) {
    const int steps = static_cast<int>(std::ceil(2 * std::max(std::abs(s.w - s.x), std::abs(s.h - s.y)))) + 1;
    const double half = s.width / 2;
    for (int i = 0; i <= steps; ++i) {
      const double x = s.x + (s.w - s.x) * i / steps;
      const double y = s.y + (s.h - s.y) * i / steps;
      box(x - half, y - half, x + half, y + half, s.fill);
    }
  }

  /// Five columns a character, the lowest bit at the top.
  [[nodiscard]] static std::array<unsigned char, 5> glyph(char c) {
    static constexpr std::array<std::array<unsigned char, 5>, 59> font{{
        {0x00, 0x00, 0x00, 0x00, 0x00}, {0x00, 0x00, 0x5f, 0x00, 0x00}, {0x00, 0x07, 0x00, 0x07, 0x00},
        {0x14, 0x7f, 0x14, 0x7f, 0x14}, {0x24, 0x2a, 0x7f, 0x2a, 0x12}, {0x23, 0x13, 0x08, 0x64, 0x62},
        {0x36, 0x49, 0x56, 0x20, 0x50}, {0x00, 0x08, 0x07, 0x03, 0x00}, {0x00, 0x1c, 0x22, 0x41, 0x00},
        {0x00, 0x41, 0x22, 0x1c, 0x00}, {0x2a, 0x1c, 0x7f, 0x1c, 0x2a}, {0x08, 0x08, 0x3e, 0x08, 0x08},
        {0x00, 0x80, 0x70, 0x30, 0x00}, {0x08, 0x08, 0x08, 0x08, 0x08}, {0x00, 0x00, 0x60, 0x60, 0x00},
        {0x20, 0x10, 0x08, 0x04, 0x02}, {0x3e, 0x51, 0x49, 0x45, 0x3e}, {0x00, 0x42, 0x7f, 0x40, 0x00},
        {0x72, 0x49, 0x49, 0x49, 0x46}, {0x21, 0x41, 0x49, 0x4d, 0x33}, {0x18, 0x14, 0x12, 0x7f, 0x10},
        {0x27, 0x45, 0x45, 0x45, 0x39}, {0x3c, 0x4a, 0x49, 0x49, 0x31}, {0x41, 0x21, 0x11, 0x09, 0x07},
        {0x36, 0x49, 0x49, 0x49, 0x36}, {0x46, 0x49, 0x49, 0x29, 0x1e}, {0x00, 0x00, 0x14, 0x00, 0x00},
        {0x00, 0x40, 0x34, 0x00, 0x00}, {0x00, 0x08, 0x14, 0x22, 0x41}, {0x14, 0x14, 0x14, 0x14, 0x14},
        {0x00, 0x41, 0x22, 0x14, 0x08}, {0x02, 0x01, 0x59, 0x09, 0x06}, {0x3e, 0x41, 0x5d, 0x59, 0x4e},
        {0x7c, 0x12, 0x11, 0x12, 0x7c}, {0x7f, 0x49, 0x49, 0x49, 0x36}, {0x3e, 0x41, 0x41, 0x41, 0x22},
        {0x7f, 0x41, 0x41, 0x41, 0x3e}, {0x7f, 0x49, 0x49, 0x49, 0x41}, {0x7f, 0x09, 0x09, 0x09, 0x01},
        {0x3e, 0x41, 0x41, 0x51, 0x73}, {0x7f, 0x08, 0x08, 0x08, 0x7f}, {0x00, 0x41, 0x7f, 0x41, 0x00},
        {0x20, 0x40, 0x41, 0x3f, 0x01}, {0x7f, 0x08, 0x14, 0x22, 0x41}, {0x7f, 0x40, 0x40, 0x40, 0x40},
        {0x7f, 0x02, 0x1c, 0x02, 0x7f}, {0x7f, 0x04, 0x08, 0x10, 0x7f}, {0x3e, 0x41, 0x41, 0x41, 0x3e},
        {0x7f, 0x09, 0x09, 0x09, 0x06}, {0x3e, 0x41, 0x51, 0x21, 0x5e}, {0x7f, 0x09, 0x19, 0x29, 0x46},
        {0x26, 0x49, 0x49, 0x49, 0x32}, {0x03, 0x01, 0x7f, 0x01, 0x03}, {0x3f, 0x40, 0x40, 0x40, 0x3f},
        {0x1f, 0x20, 0x40, 0x20, 0x1f}, {0x3f, 0x40, 0x38, 0x40, 0x3f}, {0x63, 0x14, 0x08, 0x14, 0x63},
        {0x03, 0x04, 0x78, 0x04, 0x03}, {0x61, 0x59, 0x49, 0x4d, 0x43},
    }};
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');  // one case does
    if (c == '_') return {0x40, 0x40, 0x40, 0x40, 0x40};
    if (c < ' ' || c > 'Z') return font[0];
    return font[static_cast<std::size_t>(c - ' ')];
  }

  void text(const hrm::Picture::Shape& s) {
    // Capitals are seven dots high, and about 0.73 of a font's size; dots are whole pixels.
    const double dot = std::max(1.0, std::floor(scale * s.h / 9)) / scale;
    const double wide = dot * (6 * static_cast<double>(s.text.size()) - 1);
    const double left = s.anchor == hrm::Picture::Anchor::start ? s.x
                        : s.anchor == hrm::Picture::Anchor::end ? s.x - wide
                                                                : s.x - wide / 2;
    for (std::size_t i = 0; i < s.text.size(); ++i) {
      const auto columns = glyph(s.text[i]);
      for (int column = 0; column < 5; ++column) {
        for (int row = 0; row < 7; ++row) {
          if ((columns[static_cast<std::size_t>(column)] >> row & 1) == 0) continue;
          const double x = std::floor(scale * left) / scale + dot * (6 * static_cast<double>(i) + column);
          const double y = std::floor(scale * (s.y - 3.5 * dot)) / scale + dot * row;
          box(x, y, x + dot + (s.bold ? dot / 2 : 0), y + dot, s.fill);
        }
      }
    }
  }

  int width_, height_;
  std::vector<unsigned char> pixels_;
};

}  // namespace example
