#include <doctest/doctest.h>
#include <hrm/puzzles/picture.hpp>

#include <string>

namespace {

std::size_t count(std::string_view text, std::string_view word) {
  std::size_t n = 0;
  for (std::size_t at = text.find(word); at != std::string_view::npos; at = text.find(word, at + 1)) ++n;
  return n;
}

}  // namespace

TEST_CASE("picture: numbers") {
  CHECK(hrm::format_number(1) == "1");
  CHECK(hrm::format_number(1.5) == "1.5");
  CHECK(hrm::format_number(-0.001) == "0");
  CHECK(hrm::format_number(2.345, 1) == "2.3");
  CHECK(hrm::format_number(100) == "100");
  CHECK(hrm::format_number(0.125, 6) == "0.125");
  CHECK(hrm::format_number(1e300).size() < 64);
}

TEST_CASE("picture: svg by hand") {
  hrm::Picture picture{10, 20, {}};
  picture.rectangle(1, 2, 3.5, 4, hrm::colour(0x0a0bff));
  picture.line(0, 0, 5, 6, 0.5, hrm::colour(0));
  picture.text(5, 5, 10, "a<&b\n", hrm::colour(0xffffff), true);
  picture.text(0, 5, 10, "x", hrm::colour(0), false, hrm::Picture::Anchor::start);
  picture.text(9, 5, 10, "y", hrm::colour(0), false, hrm::Picture::Anchor::end);
  CHECK(hrm::svg(picture) ==
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"10\" height=\"20\" viewBox=\"0 0 10 20\" "
        "font-family=\"sans-serif\" text-anchor=\"middle\">\n"
        "<rect x=\"1\" y=\"2\" width=\"3.5\" height=\"4\" fill=\"#0a0bff\"/>\n"
        "<line x1=\"0\" y1=\"0\" x2=\"5\" y2=\"6\" stroke=\"#000000\" stroke-width=\"0.5\" stroke-linecap=\"round\"/>\n"
        "<text x=\"5\" y=\"8.5\" font-size=\"10\" fill=\"#ffffff\" font-weight=\"bold\">a&lt;&amp;b </text>\n"
        "<text x=\"0\" y=\"8.5\" font-size=\"10\" fill=\"#000000\" text-anchor=\"start\">x</text>\n"
        "<text x=\"9\" y=\"8.5\" font-size=\"10\" fill=\"#000000\" text-anchor=\"end\">y</text>\n"
        "</svg>\n");
}

TEST_CASE("picture: one put into another") {
  hrm::Picture inner{5, 5, {}};
  inner.rectangle(1, 1, 2, 2, {});
  inner.line(0, 0, 5, 5, 1, {});
  hrm::Picture outer{50, 50, {}};
  outer.add(inner, 10, 20);
  REQUIRE(outer.shapes.size() == 2);
  CHECK(outer.shapes[0].x == 11);
  CHECK(outer.shapes[0].w == 2);
  CHECK(outer.shapes[1].w == 15);
  CHECK(outer.shapes[1].h == 25);
}

TEST_CASE("picture: moving ones show each frame once, the last at the end") {
  std::vector<hrm::Picture> frames(3, hrm::Picture{10, 10, {}});
  frames[1].width = 30;
  const std::string text = hrm::animated_svg(frames, 0.5);
  CHECK(count(text, "<g") == 3);
  CHECK(count(text, "</g>") == 3);
  CHECK(count(text, "<animate") == 3);
  CHECK(count(text, "visibility=\"hidden\"") == 2);
  CHECK(count(text, "dur=\"2.5s\"") == 3);
  CHECK(text.find("width=\"30\"") != std::string::npos);
  CHECK(text.find("keyTimes=\"0;0.2;0.4\"") != std::string::npos);
  CHECK(text.find("keyTimes=\"0;0.4\"") != std::string::npos);
  CHECK(count(hrm::animated_svg(std::span(frames).first(1)), "<animate") == 0);
  CHECK(count(hrm::animated_svg({}), "<g") == 0);
}

TEST_CASE("picture: a chart has its lines") {
  const std::vector<hrm::ChartLine> lines{{"one", {0.0, 0.5, 1.0}, hrm::colour(0xff0000)}, {"two", {0.2}, {}}};
  const std::string text = hrm::svg(hrm::draw_chart("title", "below", lines));
  CHECK(count(text, "stroke=\"#ff0000\"") == 2);
  CHECK(text.find("text-anchor=\"start\">one</text>") != std::string::npos);  // beside its colour
  CHECK(text.find(">100 %</text>") != std::string::npos);
  CHECK(text.find("nan") == std::string::npos);
}
