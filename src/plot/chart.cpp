// SPDX-License-Identifier: Apache-2.0
#include "lior/plot/chart.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "lior/io/png.h"

namespace lior::plot {
namespace {

constexpr Index kLeft = 78, kRight = 24, kTop = 40, kBottom = 56;  // margins around the axes
constexpr double kLineRadius = 1.1, kDotRadius = 5;
constexpr int kTextScale = 2;

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
  Canvas canvas(chart.width, chart.height, {255, 255, 255});
  constexpr Colour kGrid{225, 225, 225};
  const Index text_height = Canvas::text_height(kTextScale);
  const auto width = [](const std::string& text) { return Canvas::text_width(text, kTextScale); };
  const auto write = [&](Index x, Index y, const std::string& text) {
    canvas.text(x, y, text, kBlack, kTextScale);
  };

  const auto ticks = [](const Range& range, const auto& each) {
    const double step = tick_step(range.size());
    for (double k = std::ceil(range.low / step); k * step <= range.high; ++k) {
      each(k * step, fmt::format("{:.4g}", k == 0 ? 0.0 : k * step));
    }
  };
  ticks(x_range, [&](double value, const std::string& label) {
    const Point foot = place({value, y_range.low});
    canvas.segment(foot, place({value, y_range.high}), 0.3, kGrid);
    write(static_cast<Index>(foot.x) - width(label) / 2, static_cast<Index>(foot.y) + 8, label);
  });
  ticks(y_range, [&](double value, const std::string& label) {
    const Point foot = place({x_range.low, value});
    canvas.segment(foot, place({x_range.high, value}), 0.3, kGrid);
    write(kLeft - 6 - width(label), static_cast<Index>(foot.y) - text_height / 2, label);
  });
  const Point corners[] = {{x_range.low, y_range.low},
                           {x_range.high, y_range.low},
                           {x_range.high, y_range.high},
                           {x_range.low, y_range.high}};
  for (int k = 0; k < 4; ++k) {
    canvas.segment(place(corners[k]), place(corners[(k + 1) % 4]), 0.5, kBlack);
  }
  const auto centred = [&](const std::string& text) {
    return kLeft + static_cast<Index>(inner_width) / 2 - width(text) / 2;
  };
  write(centred(chart.title), 12, chart.title);
  write(centred(chart.x_label), chart.height - text_height - 8, chart.x_label);
  write(6, kTop - text_height - 6, chart.y_label);

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
