// SPDX-License-Identifier: Apache-2.0
#include "lior/plot/svg.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>

#include "lior/io/utf8.h"
#include "plot/code_point.h"

namespace lior::plot {
namespace {

struct Pair {
  Colour light, dark;
};
constexpr Pair kDark[] = {
    {kWhite, {22, 24, 28}},     {kBlack, {226, 226, 226}}, {kGrey, {130, 134, 140}},
    {kLightGrey, {52, 56, 62}}, {kBlue, {110, 168, 254}},  {kRed, {255, 122, 114}},
    {kGreen, {96, 200, 130}},   {kOrange, {245, 176, 90}},
};

std::string hex(Colour colour) {
  return fmt::format("#{:02x}{:02x}{:02x}", colour.red, colour.green, colour.blue);
}

/// Rules by the colours themselves, so that a picture looks right where styles are not read.
std::string dark_style() {
  std::string rules;
  for (const auto& [light, dark] : kDark) {
    for (const char* what : {"fill", "stroke"}) {
      rules += fmt::format(".lior-chart [{0}=\"{1}\"]{{{0}:{2}}}\n", what, hex(light), hex(dark));
    }
  }
  return "<style>@media (prefers-color-scheme:dark){\n" + rules + "}</style>\n";
}

std::string number(double value) { return fmt::format("{:.6g}", std::round(value * 100) / 100); }

/// Whether HTML and XML take a point: no control character, and none that is no character.
bool is_text(char32_t point) {
  if (point == '\n' || point == '\t') return true;
  const bool control = point < 0x20 || (point >= 0x7f && point < 0xa0);
  const bool none = (point & 0xfffe) == 0xfffe || (point >= 0xfdd0 && point <= 0xfdef);
  return !control && !none;
}

}  // namespace

std::string escape_xml(std::string_view text) {
  std::string escaped;
  while (!text.empty()) {
    const std::size_t length = io::utf8_character(text);
    const std::string_view character = text.substr(0, std::max<std::size_t>(length, 1));
    text.remove_prefix(character.size());
    if (character == "&")
      escaped += "&amp;";
    else if (character == "<")
      escaped += "&lt;";
    else if (character == ">")
      escaped += "&gt;";
    else if (character == "\"")
      escaped += "&quot;";
    else if (character == "'")
      escaped += "&#39;";
    else if (length == 0 || !is_text(code_point(character)))
      escaped += "\ufffd";
    else
      escaped += character;
  }
  return escaped;
}

Svg::Svg(Index width, Index height, std::string_view title) {
  text_ = fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"lior-chart\" viewBox=\"0 0 {0} {1}\" "
      "width=\"{0}\" height=\"{1}\" role=\"img\" "
      "font-family=\"'DejaVu Sans', Verdana, Helvetica, Arial, sans-serif\">\n<title>{2}</title>\n",
      width, height, escape_xml(title));
  text_ += dark_style();
  rectangle({0, 0}, static_cast<double>(width), static_cast<double>(height), kWhite);
}

void Svg::rectangle(Point corner, double width, double height, Colour colour) {
  text_ +=
      fmt::format("<rect x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" fill=\"{}\"/>\n",
                  number(corner.x), number(corner.y), number(width), number(height), hex(colour));
}

void Svg::dot(Point centre, double radius, Colour colour) {
  text_ += fmt::format("<circle cx=\"{}\" cy=\"{}\" r=\"{}\" fill=\"{}\"/>\n", number(centre.x),
                       number(centre.y), number(radius), hex(colour));
}

void Svg::polyline(std::span<const Point> points, double width, Colour colour) {
  text_ += fmt::format(
      "<polyline fill=\"none\" stroke=\"{}\" stroke-width=\"{}\" stroke-linejoin=\"round\" "
      "stroke-linecap=\"round\" points=\"",
      hex(colour), number(width));
  for (std::size_t k = 0; k < points.size(); ++k) {
    text_ += fmt::format("{}{},{}", k == 0 ? "" : " ", number(points[k].x), number(points[k].y));
  }
  text_ += "\"/>\n";
}

void Svg::text(Point at, std::string_view text, const TextStyle& style) {
  if (text.empty()) return;
  constexpr const char* kAnchors[] = {"start", "middle", "end"};
  const std::string turn =
      style.upwards ? fmt::format(" transform=\"rotate(-90 {} {})\"", number(at.x), number(at.y))
                    : "";
  text_ += fmt::format(
      "<text x=\"{}\" y=\"{}\" font-size=\"{}\" fill=\"{}\" text-anchor=\"{}\"{}>{}</text>\n",
      number(at.x), number(at.y), number(style.size), hex(style.colour),
      kAnchors[static_cast<int>(style.align)], turn, escape_xml(text));
}

std::string Svg::take() { return std::move(text_) + "</svg>\n"; }

}  // namespace lior::plot
