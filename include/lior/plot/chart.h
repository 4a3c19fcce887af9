// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Charts of lines, as PNG or SVG: axes, ticks, labels; no window, no Python.

#include <string>
#include <vector>

#include "lior/core/buffer.h"
#include "lior/plot/surface.h"

namespace lior::plot {

/// A polyline; one point alone is a dot.
struct Line {
  std::vector<Point> points;
  Colour colour = kBlue;
  std::string name{};  ///< in a legend above the axes; none: not listed
  double width = 2.2;  ///< pixels
};

struct Chart {
  std::string title, x_label, y_label;
  std::vector<Line> lines{};
  bool equal_scales = false;   ///< one unit is as long on both axes
  bool logarithmic_y = false;  ///< the y of all points are above 0
  Index width = 560, height = 560;
};

/// Draws on `surface`, which is chart.width x chart.height. Throws lior::Error for a chart below
/// 160 x 120, one without points, or a coordinate that is not finite or has no logarithm.
void draw(const Chart& chart, Surface& surface);

/// The chart as pixels [height, width, 3], top row first, and as an `svg` element (svg.h).
Array<std::uint8_t, 3> pixels(const Chart& chart);
std::string svg(const Chart& chart);

/// The chart as a file, by its ending: .svg or .png. Throws lior::Error on another one, and as
/// io::write_png and io::write_file_atomically do.
void write(const Chart& chart, const std::string& file);

}  // namespace lior::plot
