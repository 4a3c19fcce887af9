// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Charts of lines as PNG pictures: axes, ticks, labels; no window, no Python.

#include <string>
#include <vector>

#include "lior/plot/canvas.h"

namespace lior::plot {

/// A polyline; one point alone is a dot.
struct Line {
  std::vector<Point> points;
  Colour colour = kBlue;
};

struct Chart {
  std::string title, x_label, y_label;
  std::vector<Line> lines{};
  bool equal_scales = false;  ///< one unit is as long on both axes
  Index width = 560, height = 560;
};

/// The picture: [height, width, 3], top row first; its text as Canvas::text draws it. Throws
/// lior::Error for a chart below 160 x 120, one without points, or a coordinate that is not finite.
Array<std::uint8_t, 3> draw(const Chart& chart);

/// draw() as a PNG file; throws as io::write_png does.
void write(const Chart& chart, const std::string& file);

/// The tick step 1, 2 or 5 times a power of ten that gives 4 to 8 ticks on a range > 0.
double tick_step(double range);

}  // namespace lior::plot
