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

void Canvas::rectangle(Point corner, double width, double height, Colour colour) {
  // How much of the pixel around `at` lies between two edges.
  const auto share = [](Index at, double low, double high) {
    const auto middle = static_cast<double>(at);
    return std::clamp(std::min(high, middle + 0.5) - std::max(low, middle - 0.5), 0.0, 1.0);
  };
  const double right = corner.x + width, below = corner.y + height;
  for (auto y = static_cast<Index>(std::floor(corner.y)); y <= std::lround(below); ++y) {
    for (auto x = static_cast<Index>(std::floor(corner.x)); x <= std::lround(right); ++x) {
      blend(x, y, colour, share(x, corner.x, right) * share(y, corner.y, below));
    }
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

void Canvas::dot(Point centre, double radius, Colour colour) {
  segment(centre, centre, radius, colour);
}

void Canvas::polyline(std::span<const Point> points, double width, Colour colour) {
  for (std::size_t k = 1; k < points.size(); ++k) {
    segment(points[k - 1], points[k], width / 2, colour);
  }
}

void Canvas::text(Point at, std::string_view text, const TextStyle& style) {
  using Align = TextStyle::Align;
  const double share = style.align == Align::left ? 0 : style.align == Align::centre ? 0.5 : 1;
  const double back = share * text_width(text, style.size);
  // A whole pixel on the baseline's normal keeps stems of letters equal from label to label.
  if (style.upwards) {
    const auto x = static_cast<Index>(std::lround(at.x));
    for_text_pixels(text, style.size, -(at.y + back), [&](Index along, Index down, double cover) {
      blend(x + down, -along, style.colour, cover);
    });
  } else {
    const auto y = static_cast<Index>(std::lround(at.y));
    for_text_pixels(text, style.size, at.x - back, [&](Index along, Index down, double cover) {
      blend(along, y + down, style.colour, cover);
    });
  }
}

}  // namespace lior::plot
