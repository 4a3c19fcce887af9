// SPDX-License-Identifier: Apache-2.0
#include "lior/plot/canvas.h"

#include <algorithm>
#include <cmath>

#include "plot/font.h"

namespace lior::plot {

Canvas::Canvas(Index width, Index height, Colour paper) : pixels_({height, width, 3}) {
  for (Index y = 0; y < height; ++y) {
    for (Index x = 0; x < width; ++x) blend(x, y, paper, 1);
  }
}

void Canvas::blend(Index x, Index y, Colour colour, double share) {
  if (x < 0 || y < 0 || x >= pixels_.shape()[1] || y >= pixels_.shape()[0] || share <= 0) return;
  const std::uint8_t parts[3] = {colour.red, colour.green, colour.blue};
  for (Index c = 0; c < 3; ++c) {
    const double mixed = pixels_(y, x, c) * (1 - share) + parts[c] * share;
    pixels_(y, x, c) = static_cast<std::uint8_t>(std::lround(mixed));
  }
}

void Canvas::segment(Point a, Point b, double radius, Colour colour) {
  const double dx = b.x - a.x, dy = b.y - a.y, square = dx * dx + dy * dy;
  const auto low = [&](double p, double q) {
    return static_cast<Index>(std::floor(std::min(p, q) - radius - 1));
  };
  const auto high = [&](double p, double q) {
    return static_cast<Index>(std::ceil(std::max(p, q) + radius + 1));
  };
  for (Index y = low(a.y, b.y); y <= high(a.y, b.y); ++y) {
    for (Index x = low(a.x, b.x); x <= high(a.x, b.x); ++x) {
      const double px = static_cast<double>(x) - a.x, py = static_cast<double>(y) - a.y;
      const double along = square > 0 ? std::clamp((px * dx + py * dy) / square, 0.0, 1.0) : 0;
      const double distance = std::hypot(px - along * dx, py - along * dy);
      blend(x, y, colour, std::clamp(radius + 0.5 - distance, 0.0, 1.0));
    }
  }
}

void Canvas::text(Index x, Index y, const std::string& letters, Colour colour, int scale) {
  for (const char letter : letters) {
    const auto& rows = glyph(letter);
    for (Index row = 0; row < Index{scale} * kGlyphHeight; ++row) {
      for (Index column = 0; column < Index{scale} * kGlyphWidth; ++column) {
        const int bit = kGlyphWidth - 1 - static_cast<int>(column / scale);
        if ((rows[row / scale] >> bit) & 1) blend(x + column, y + row, colour, 1);
      }
    }
    x += text_width(" ", scale);
  }
}

Index Canvas::text_width(const std::string& letters, int scale) {
  return static_cast<Index>(letters.size()) * (kGlyphWidth + 1) * scale;
}

Index Canvas::text_height(int scale) { return Index{scale} * kGlyphHeight; }

}  // namespace lior::plot
