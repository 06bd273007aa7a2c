#pragma once
/// A window with what a small game draws: rectangles, round corners, text. For programs that include <SDL.h>.

#include <hrm/base/error.hpp>

#include <SDL.h>

#include <algorithm>
#include <map>
#include <memory>
#include <string>
#include <tuple>

#include "colour.hpp"
#include "stroke_font.hpp"

namespace example {

struct Box {
  int x = 0, y = 0, w = 0, h = 0;
  [[nodiscard]] bool contains(int px, int py) const { return px >= x && py >= y && px < x + w && py < y + h; }
  [[nodiscard]] Box inner(int by) const { return {x + by, y + by, w - 2 * by, h - 2 * by}; }
};

enum class Align : std::uint8_t { left, middle, right };

class Canvas {
 public:
  /// Opens a window whose inside is `width` x `height`, however large it is made. Error: SDL says why.
  [[nodiscard]] static hrm::Result<std::unique_ptr<Canvas>> open(const char* title, int width, int height) {
    SDL_SetMainReady();
    if (SDL_Init(SDL_INIT_VIDEO) != 0) return failed("SDL");
    std::unique_ptr<Canvas> canvas(new Canvas);
    canvas->window_ = SDL_CreateWindow(title, SDL_WINDOWPOS_CENTERED, SDL_WINDOWPOS_CENTERED, width, height,
                                       SDL_WINDOW_RESIZABLE | SDL_WINDOW_ALLOW_HIGHDPI);
    if (canvas->window_ == nullptr) return failed("window");
    SDL_SetHint(SDL_HINT_RENDER_SCALE_QUALITY, "linear");
    canvas->renderer_ = SDL_CreateRenderer(canvas->window_, -1, 0);
    if (canvas->renderer_ == nullptr) return failed("renderer");
    SDL_RenderSetLogicalSize(canvas->renderer_, width, height);
    SDL_SetRenderDrawBlendMode(canvas->renderer_, SDL_BLENDMODE_BLEND);
    return canvas;
  }
  Canvas(const Canvas&) = delete;
  Canvas& operator=(const Canvas&) = delete;
  ~Canvas() {
    for (const auto& [key, texture] : textures_) SDL_DestroyTexture(texture);
    if (renderer_ != nullptr) SDL_DestroyRenderer(renderer_);
    if (window_ != nullptr) SDL_DestroyWindow(window_);
    SDL_Quit();
  }

  void clear(Colour colour) {
    use(colour);
    SDL_RenderClear(renderer_);
  }
  void fill(Box box, Colour colour) {
    if (box.w <= 0 || box.h <= 0) return;
    use(colour);
    const SDL_Rect rect{box.x, box.y, box.w, box.h};
    SDL_RenderFillRect(renderer_, &rect);
  }
  /// A rectangle with round corners, which alone cost more than filling.
  void round(Box box, int radius, Colour colour) {
    const int r = std::min({radius, box.w / 2, box.h / 2});
    if (r <= 0) return fill(box, colour);
    fill({box.x, box.y + r, box.w, box.h - 2 * r}, colour);
    fill({box.x + r, box.y, box.w - 2 * r, r}, colour);
    fill({box.x + r, box.y + box.h - r, box.w - 2 * r, r}, colour);
    SDL_Texture* disc = texture({0, r, 0.0F}, [r] { return disc_mask(r); });
    for (const bool down : {false, true}) {
      for (const bool right : {false, true}) {
        put(disc, {right ? r : 0, down ? r : 0, r, r}, right ? box.x + box.w - r : box.x,
            down ? box.y + box.h - r : box.y, colour);
      }
    }
  }
  /// Text whose capitals are `height` high, from `y` down; gives where it ends.
  int text(int x, int y, int height, std::string_view words, Colour colour, Align align = Align::left,
           float weight = 0.13F) {
    const int width = text_width(height, words);
    if (align != Align::left) x -= align == Align::middle ? width / 2 : width;
    const int margin = StrokeFont::margin(height, weight);
    for (const char sign : words) {
      if (sign != ' ') {
        SDL_Texture* drawn = texture({sign, height, weight}, [&] { return StrokeFont::mask(sign, height, weight); });
        Box all;
        SDL_QueryTexture(drawn, nullptr, nullptr, &all.w, &all.h);
        put(drawn, all, x - margin, y - margin, colour);
      }
      x += StrokeFont::advance(sign, height);
    }
    return x;
  }
  [[nodiscard]] static int text_width(int height, std::string_view words) {
    int width = 0;
    for (const char sign : words) width += StrokeFont::advance(sign, height);
    return words.empty() ? 0 : width - height / 3;  // the last sign's gap
  }

  void show() { SDL_RenderPresent(renderer_); }
  /// What is drawn, before it is shown, as a BMP file.
  [[nodiscard]] hrm::Result<void> save(const std::string& path) {
    int width = 0;
    int height = 0;
    SDL_GetRendererOutputSize(renderer_, &width, &height);
    SDL_Surface* surface = SDL_CreateRGBSurfaceWithFormat(0, width, height, 24, SDL_PIXELFORMAT_BGR24);
    if (surface == nullptr) return failed("picture");
    const bool done =
        SDL_RenderReadPixels(renderer_, nullptr, SDL_PIXELFORMAT_BGR24, surface->pixels, surface->pitch) == 0 &&
        SDL_SaveBMP(surface, path.c_str()) == 0;
    SDL_FreeSurface(surface);
    if (!done) return hrm::Error(hrm::ErrorCode::io, path, ": cannot be written");
    return {};
  }

 private:
  struct Key {
    int sign, size;  // a letter and its height, or 0 and a disc's radius
    float weight;
    bool operator<(const Key& other) const {
      return std::tie(sign, size, weight) < std::tie(other.sign, other.size, other.weight);
    }
  };

  Canvas() = default;
  static hrm::Error failed(const char* what) {
    return hrm::Error(hrm::ErrorCode::unsupported, what, ": cannot be had: ", SDL_GetError());
  }
  void use(Colour c) { SDL_SetRenderDrawColor(renderer_, c.r, c.g, c.b, c.a); }

  // Shapes are made once, white, and coloured when they are drawn.
  template <class Make>
  SDL_Texture* texture(const Key& key, const Make& make) {
    const auto at = textures_.find(key);
    if (at != textures_.end()) return at->second;
    const Mask mask = make();
    std::vector<std::uint8_t> pixels;
    for (const std::uint8_t cover : mask.cover) pixels.insert(pixels.end(), {255, 255, 255, cover});
    SDL_Texture* made =
        SDL_CreateTexture(renderer_, SDL_PIXELFORMAT_RGBA32, SDL_TEXTUREACCESS_STATIC, mask.width, mask.height);
    if (made != nullptr) {
      SDL_UpdateTexture(made, nullptr, pixels.data(), 4 * mask.width);
      SDL_SetTextureBlendMode(made, SDL_BLENDMODE_BLEND);
    }
    textures_.emplace(key, made);
    return made;
  }
  void put(SDL_Texture* texture, Box part, int x, int y, Colour colour) {
    if (texture == nullptr) return;
    const SDL_Rect from{part.x, part.y, part.w, part.h};
    const SDL_Rect to{x, y, part.w, part.h};
    SDL_SetTextureColorMod(texture, colour.r, colour.g, colour.b);
    SDL_SetTextureAlphaMod(texture, colour.a);
    SDL_RenderCopy(renderer_, texture, &from, &to);
  }

  SDL_Window* window_ = nullptr;
  SDL_Renderer* renderer_ = nullptr;
  std::map<Key, SDL_Texture*> textures_;
};

}  // namespace example
