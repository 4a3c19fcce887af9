// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Axes around a part of a picture: a frame, ticks with numbers, labels.

#include <string>
#include <vector>

#include "lior/plot/surface.h"

namespace lior::plot {

struct Axis {
  std::string label{};  ///< with its unit
  double low = 0, high = 1;
  bool logarithmic = false;  ///< low > 0
};

struct Rectangle {
  Point corner;
  double width, height;
};

struct AxesStyle {
  Colour ink = kBlack, grid = kLightGrey;
  bool with_grid = true;  ///< lines across the inside, at the ticks
  double text = 13;       ///< size of numbers and labels in pixels
};

/// x runs to the right, y upwards.
struct Axes {
  Axis x, y;
  Rectangle inside;  ///< what is framed, in pixels

  /// Coordinates to pixels.
  Point place(Point coordinates) const;
};

/// The room that numbers, labels and ticks need on each side of the inside.
struct Margins {
  double left, right, top, bottom;
};
Margins margins(const Axes& axes, const AxesStyle& style = {});

/// Draws frame, grid, ticks, numbers and labels. Call it before lines, after an image.
void draw_axes(Surface& surface, const Axes& axes, const AxesStyle& style = {});

/// The tick step 1, 2 or 5 times a power of ten that gives at most `most` steps, and more than a
/// third of them, on a range > 0.
double tick_step(double range, double most = 8);

/// The places of at most about `most` numbers on an axis: multiples of tick_step, or on a
/// logarithmic axis 1, 2 and 5 times powers of ten, or powers alone where these are many.
std::vector<double> ticks(const Axis& axis, double most);
/// A tick's number, with a minus sign and not a hyphen.
std::string tick_text(double value);

}  // namespace lior::plot
