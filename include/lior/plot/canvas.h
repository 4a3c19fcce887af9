// SPDX-License-Identifier: Apache-2.0
#pragma once
/// A picture of pixels to draw on.

#include "lior/core/buffer.h"
#include "lior/plot/surface.h"

namespace lior::plot {

/// All drawing clips at the edges; edges of what is drawn are softened over a pixel. The centre of
/// the pixel in the corner is (0, 0).
class Canvas : public Surface {
 public:
  Canvas(Index width, Index height, Colour paper);

  /// Mixes in that share of the colour.
  void blend(Index x, Index y, Colour colour, double share);

  void rectangle(Point corner, double width, double height, Colour colour) override;
  void dot(Point centre, double radius, Colour colour) override;
  void polyline(std::span<const Point> points, double width, Colour colour) override;
  void text(Point at, std::string_view text, const TextStyle& style) override;

  /// The picture [height, width, 3], top row first. The canvas is empty afterwards.
  Array<std::uint8_t, 3> take() { return std::move(pixels_); }

 private:
  void segment(Point a, Point b, double radius, Colour colour);

  Array<std::uint8_t, 3> pixels_;
};

}  // namespace lior::plot
