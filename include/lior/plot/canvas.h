// SPDX-License-Identifier: Apache-2.0
#pragma once
/// A picture to draw on: dots, lines, letters.

#include <cstdint>
#include <string>

#include "lior/core/buffer.h"

namespace lior::plot {

struct Colour {
  std::uint8_t red, green, blue;
  bool operator==(const Colour&) const = default;
};
inline constexpr Colour kBlack{30, 30, 30}, kGrey{150, 150, 150}, kBlue{30, 90, 180},
    kRed{200, 40, 40}, kGreen{30, 140, 70};

struct Point {
  double x, y;
};

/// Pixels from the top left corner, x to the right, y down. All drawing clips at the edges.
class Canvas {
 public:
  Canvas(Index width, Index height, Colour paper);

  /// Mixes in that share of the colour.
  void blend(Index x, Index y, Colour colour, double share);
  /// A segment with round ends, its edge softened over a pixel.
  void segment(Point a, Point b, double radius, Colour colour);
  /// Letters of 5 x 7 dots, a dot `scale` pixels wide, the top left corner at (x, y). There are
  /// digits, lower-case letters and punctuation; capitals are drawn as lower case.
  void text(Index x, Index y, const std::string& letters, Colour colour, int scale);

  static Index text_width(const std::string& letters, int scale);
  static Index text_height(int scale);

  /// The picture [height, width, 3], top row first. The canvas is empty afterwards.
  Array<std::uint8_t, 3> take() { return std::move(pixels_); }

 private:
  Array<std::uint8_t, 3> pixels_;
};

}  // namespace lior::plot
