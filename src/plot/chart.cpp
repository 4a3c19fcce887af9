#include "lior/plot/chart.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "lior/io/png.h"
#include "plot/font.h"

namespace lior::plot {
namespace {

constexpr Index kLeft = 78, kRight = 24, kTop = 40, kBottom = 56;  // margins around the axes
constexpr double kLineRadius = 1.1, kDotRadius = 5;
constexpr int kTextScale = 2;

/// White paper; all drawing clips at its edges.
class Canvas {
 public:
  Canvas(Index width, Index height) : pixels_({height, width, 3}) {
    std::fill(pixels_.span().begin(), pixels_.span().end(), std::uint8_t{255});
  }

  /// Mixes in that share of the colour.
  void blend(Index x, Index y, Colour colour, double share) {
    if (x < 0 || y < 0 || x >= pixels_.shape()[1] || y >= pixels_.shape()[0] || share <= 0) return;
    const std::uint8_t parts[3] = {colour.red, colour.green, colour.blue};
    for (Index c = 0; c < 3; ++c) {
      const double mixed = pixels_(y, x, c) * (1 - share) + parts[c] * share;
      pixels_(y, x, c) = static_cast<std::uint8_t>(std::lround(mixed));
    }
  }

  /// A segment with round ends, its edge softened over a pixel.
  void segment(Point a, Point b, double radius, Colour colour) {
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

  static Index text_width(const std::string& text) {
    return static_cast<Index>(text.size()) * (kGlyphWidth + 1) * kTextScale;
  }
  /// The top left corner at (x, y).
  void text(Index x, Index y, const std::string& letters, Colour colour) {
    for (const char letter : letters) {
      const auto& rows = glyph(letter);
      for (Index row = 0; row < kGlyphHeight * kTextScale; ++row) {
        for (Index column = 0; column < kGlyphWidth * kTextScale; ++column) {
          const int bit = kGlyphWidth - 1 - static_cast<int>(column / kTextScale);
          if ((rows[row / kTextScale] >> bit) & 1) blend(x + column, y + row, colour, 1);
        }
      }
      x += (kGlyphWidth + 1) * kTextScale;
    }
  }

  Array<std::uint8_t, 3> take() { return std::move(pixels_); }

 private:
  Array<std::uint8_t, 3> pixels_;
};

struct Range {
  double low = std::numeric_limits<double>::infinity();
  double high = -low;

  void take(double value) { low = std::min(low, value), high = std::max(high, value); }
  double size() const { return high - low; }
  void grow_to(double size) {
    const double middle = (low + high) / 2;
    low = middle - size / 2, high = middle + size / 2;
  }
};

/// The ranges of all points, with room around them.
std::pair<Range, Range> ranges(const Chart& chart, double aspect) {
  Range x, y;
  for (const Line& line : chart.lines) {
    for (const Point& point : line.points) {
      LIOR_CHECK(std::isfinite(point.x) && std::isfinite(point.y),
                 "chart '{}' has a point ({}, {}); expected finite coordinates", chart.title,
                 point.x, point.y);
      x.take(point.x), y.take(point.y);
    }
  }
  LIOR_CHECK(x.low <= x.high, "chart '{}' has no points", chart.title);
  for (Range* range : {&x, &y}) {
    const double least = 1e-6 * std::max({1.0, std::abs(range->low), std::abs(range->high)});
    range->grow_to(1.1 * std::max(range->size(), least));
  }
  if (chart.equal_scales) {
    x.grow_to(std::max(x.size(), y.size() * aspect));
    y.grow_to(x.size() / aspect);
  }
  return {x, y};
}

}  // namespace

double tick_step(double range) {
  const double rough = range / 8, power = std::pow(10, std::floor(std::log10(rough)));
  for (const double factor : {1.0, 2.0, 5.0}) {
    if (factor * power >= rough * (1 - 1e-9)) return factor * power;
  }
  return 10 * power;
}

Array<std::uint8_t, 3> draw(const Chart& chart) {
  LIOR_CHECK(chart.width >= 160 && chart.height >= 120,
             "a chart of {} x {} is too small; expected at least 160 x 120", chart.width,
             chart.height);
  const auto inner_width = static_cast<double>(chart.width - kLeft - kRight);
  const auto inner_height = static_cast<double>(chart.height - kTop - kBottom);
  const auto [x_range, y_range] = ranges(chart, inner_width / inner_height);
  const auto place = [&, x = x_range, y = y_range](Point p) {
    return Point{kLeft + (p.x - x.low) / x.size() * inner_width,
                 kTop + (y.high - p.y) / y.size() * inner_height};
  };
  Canvas canvas(chart.width, chart.height);
  constexpr Colour kGrid{225, 225, 225};
  constexpr Index kTextHeight = kGlyphHeight * kTextScale;

  const auto ticks = [](const Range& range, const auto& each) {
    const double step = tick_step(range.size());
    for (double k = std::ceil(range.low / step); k * step <= range.high; ++k) {
      each(k * step, fmt::format("{:.4g}", k == 0 ? 0.0 : k * step));
    }
  };
  ticks(x_range, [&](double value, const std::string& label) {
    const Point foot = place({value, y_range.low});
    canvas.segment(foot, place({value, y_range.high}), 0.3, kGrid);
    canvas.text(static_cast<Index>(foot.x) - Canvas::text_width(label) / 2,
                static_cast<Index>(foot.y) + 8, label, kBlack);
  });
  ticks(y_range, [&](double value, const std::string& label) {
    const Point foot = place({x_range.low, value});
    canvas.segment(foot, place({x_range.high, value}), 0.3, kGrid);
    canvas.text(kLeft - 6 - Canvas::text_width(label), static_cast<Index>(foot.y) - kTextHeight / 2,
                label, kBlack);
  });
  const Point corners[] = {{x_range.low, y_range.low},
                           {x_range.high, y_range.low},
                           {x_range.high, y_range.high},
                           {x_range.low, y_range.high}};
  for (int k = 0; k < 4; ++k) {
    canvas.segment(place(corners[k]), place(corners[(k + 1) % 4]), 0.5, kBlack);
  }
  const auto centred = [&](const std::string& text) {
    return kLeft + static_cast<Index>(inner_width) / 2 - Canvas::text_width(text) / 2;
  };
  canvas.text(centred(chart.title), 12, chart.title, kBlack);
  canvas.text(centred(chart.x_label), chart.height - kTextHeight - 8, chart.x_label, kBlack);
  canvas.text(6, kTop - kTextHeight - 6, chart.y_label, kBlack);

  for (const Line& line : chart.lines) {
    if (line.points.size() == 1) {
      const Point dot = place(line.points[0]);
      canvas.segment(dot, dot, kDotRadius, line.colour);
    }
    for (std::size_t k = 1; k < line.points.size(); ++k) {
      canvas.segment(place(line.points[k - 1]), place(line.points[k]), kLineRadius, line.colour);
    }
  }
  return canvas.take();
}

void write(const Chart& chart, const std::string& file) {
  const Array<std::uint8_t, 3> pixels = draw(chart);
  io::write_png(file, pixels.view());
}

}  // namespace lior::plot
