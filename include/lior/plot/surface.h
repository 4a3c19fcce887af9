// SPDX-License-Identifier: Apache-2.0
#pragma once
/// The surface that charts are drawn on: pixels (canvas.h) or SVG (svg.h). Coordinates are pixels
/// from the top left corner, x to the right, y down.

#include <cstdint>
#include <span>
#include <string_view>

#include "lior/core/view.h"

namespace lior::plot {

struct Colour {
  std::uint8_t red, green, blue;
  bool operator==(const Colour&) const = default;
};
inline constexpr Colour kWhite{255, 255, 255}, kBlack{30, 30, 30}, kGrey{150, 150, 150},
    kLightGrey{225, 225, 225}, kBlue{30, 90, 180}, kRed{200, 40, 40}, kGreen{30, 140, 70},
    kOrange{200, 110, 10};

struct Point {
  double x, y;
};

/// Letters are those of DejaVu Sans, which the program carries: Latin, Greek, Cyrillic,
/// mathematics. What is not UTF-8, and what the font lacks, is drawn as a box.
struct TextStyle {
  enum class Align { left, centre, right };

  double size = 13;  ///< pixels of an em
  Colour colour = kBlack;
  Align align = Align::left;  ///< which end of the text stands at its point
  bool upwards = false;       ///< turned by 90 degrees, read from below
};

/// The length in pixels of a line of text.
double text_width(std::string_view text, double size);
/// The height of capitals and digits: text whose baseline is half of it below a point is centred.
double capital_height(double size);

class Surface {
 public:
  virtual ~Surface() = default;

  /// Filled.
  virtual void rectangle(Point corner, double width, double height, Colour colour) = 0;
  virtual void dot(Point centre, double radius, Colour colour) = 0;
  /// Joints and ends are round.
  virtual void polyline(std::span<const Point> points, double width, Colour colour) = 0;
  /// `at`: on the baseline.
  virtual void text(Point at, std::string_view text, const TextStyle& style) = 0;
};

}  // namespace lior::plot
