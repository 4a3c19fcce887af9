// SPDX-License-Identifier: Apache-2.0
#pragma once
/// A picture as SVG: sharp at every size, its text is text.

#include <string>

#include "lior/plot/surface.h"

namespace lior::plot {

/// One self-contained `svg` element, which may stand in HTML or be a file. Its colours are these of
/// surface.h on white paper, or counterparts on dark paper where the reader prefers it
/// (prefers-color-scheme).
class Svg : public Surface {
 public:
  Svg(Index width, Index height, std::string_view title);

  void rectangle(Point corner, double width, double height, Colour colour) override;
  void dot(Point centre, double radius, Colour colour) override;
  void polyline(std::span<const Point> points, double width, Colour colour) override;
  void text(Point at, std::string_view text, const TextStyle& style) override;

  /// The element. Nothing may be drawn afterwards.
  std::string take();

 private:
  std::string text_;
};

/// `text` for XML and HTML, in elements and attributes: `&`, `<`, `>` and quotes as entities; what
/// is not UTF-8, control characters and what is no character become U+FFFD.
std::string escape_xml(std::string_view text);

}  // namespace lior::plot
