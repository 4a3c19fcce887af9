// SPDX-License-Identifier: Apache-2.0
#include "lior/plot/chart.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "lior/io/atomic_file.h"
#include "lior/io/png.h"
#include "lior/plot/axes.h"
#include "lior/plot/canvas.h"
#include "lior/plot/svg.h"

namespace lior::plot {
namespace {

constexpr double kEdge = 8, kTitle = 15, kText = 13, kDotRadius = 5;

struct Range {
  double low = std::numeric_limits<double>::infinity();
  double high = -low;

  void take(double value) { low = std::min(low, value), high = std::max(high, value); }
  double size() const { return high - low; }
  void grow_to(double size) {
    const double middle = (low + high) / 2;
    low = middle - size / 2, high = middle + size / 2;
  }
  /// Room on both sides. What is flat gets a range too, and none is so small that the six digits of
  /// its numbers are all the same.
  void loosen() {
    const double largest = std::max(std::abs(low), std::abs(high));
    const double least = size() > 0 ? 1e-4 * largest : largest > 0 ? 0.1 * largest : 1;
    grow_to(1.1 * std::max(size(), least));
  }
};

/// The ranges of all points.
std::pair<Range, Range> ranges(const Chart& chart) {
  Range x, y;
  for (const Line& line : chart.lines) {
    for (const Point& point : line.points) {
      LIOR_CHECK(
          std::isfinite(point.x) && std::isfinite(point.y) && (!chart.logarithmic_y || point.y > 0),
          "chart '{}' has a point ({}, {}); expected finite coordinates{}", chart.title, point.x,
          point.y, chart.logarithmic_y ? ", y above 0" : "");
      x.take(point.x), y.take(point.y);
    }
  }
  LIOR_CHECK(x.low <= x.high, "chart '{}' has no points", chart.title);
  return {x, y};
}

double legend_width(const Chart& chart);

/// The axes of a chart, with the room that title, legend and numbers leave.
Axes axes_of(const Chart& chart) {
  auto [x, y] = ranges(chart);
  x.loosen();
  if (chart.logarithmic_y) {
    const double factor = std::max(1.1, std::pow(y.high / y.low, 0.05));
    y.low /= factor, y.high *= factor;
  } else {
    y.loosen();
  }
  const auto width = static_cast<double>(chart.width), height = static_cast<double>(chart.height);
  const double top = (chart.title.empty() ? 0 : kTitle + kEdge) +
                     (legend_width(chart) > 0 ? kText + kEdge : 0) + kEdge;
  Axes axes{.x = {chart.x_label, x.low, x.high},
            .y = {chart.y_label, y.low, y.high, chart.logarithmic_y},
            .inside = {{0, 0}, width, height}};
  // Scales that are equal depend on the room, and numbers on scales: twice is enough.
  for (int pass = 0; pass < 2; ++pass) {
    const Margins room = margins(axes);
    axes.inside = {{room.left, top + room.top},
                   width - room.left - room.right - kEdge,
                   height - top - room.top - room.bottom};
    if (chart.equal_scales) {
      const double aspect = axes.inside.width / axes.inside.height;
      Range wide = x, high = y;
      wide.grow_to(std::max(x.size(), y.size() * aspect));
      high.grow_to(wide.size() / aspect);
      axes.x.low = wide.low, axes.x.high = wide.high;
      axes.y.low = high.low, axes.y.high = high.high;
    }
  }
  return axes;
}

constexpr double kStroke = 18, kBetween = 18;  // of the legend: a line, and room between names

double legend_width(const Chart& chart) {
  double width = 0;
  for (const Line& line : chart.lines) {
    if (!line.name.empty()) width += kStroke + kEdge / 2 + text_width(line.name, kText) + kBetween;
  }
  return width;
}

void draw_legend(const Chart& chart, Surface& surface, Point at) {
  for (const Line& line : chart.lines) {
    if (line.name.empty()) continue;
    const double y = at.y - capital_height(kText) / 2;
    const Point stroke[] = {{at.x, y}, {at.x + kStroke, y}};
    surface.polyline(stroke, line.width, line.colour);
    at.x += kStroke + kEdge / 2;
    surface.text(at, line.name, {.size = kText});
    at.x += text_width(line.name, kText) + kBetween;
  }
}

void draw_line(const Line& line, const Axes& axes, Surface& surface) {
  std::vector<Point> places;
  for (const Point& point : line.points) places.push_back(axes.place(point));
  if (places.size() == 1) {
    surface.dot(places[0], kDotRadius, line.colour);
  } else {
    surface.polyline(places, line.width, line.colour);
  }
}

}  // namespace

void draw(const Chart& chart, Surface& surface) {
  LIOR_CHECK(chart.width >= 160 && chart.height >= 120,
             "a chart of {} x {} is too small; expected at least 160 x 120", chart.width,
             chart.height);
  const Axes axes = axes_of(chart);
  draw_axes(surface, axes);
  const double middle = axes.inside.corner.x + axes.inside.width / 2;
  surface.text({middle, kEdge + kTitle}, chart.title,
               {.size = kTitle, .align = TextStyle::Align::centre});
  draw_legend(chart, surface, {axes.inside.corner.x, axes.inside.corner.y - kEdge});
  for (const Line& line : chart.lines) draw_line(line, axes, surface);
}

Array<std::uint8_t, 3> pixels(const Chart& chart) {
  Canvas canvas(chart.width, chart.height, kWhite);
  draw(chart, canvas);
  return canvas.take();
}

std::string svg(const Chart& chart) {
  Svg svg(chart.width, chart.height, chart.title);
  draw(chart, svg);
  return svg.take();
}

void write(const Chart& chart, const std::string& file) {
  if (file.ends_with(".svg")) {
    io::write_file_atomically(file, svg(chart));
    return;
  }
  LIOR_CHECK(file.ends_with(".png"), "{}: a chart is a file that ends in .svg or .png", file);
  io::write_png(file, pixels(chart).view());
}

}  // namespace lior::plot
