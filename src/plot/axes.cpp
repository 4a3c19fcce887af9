// SPDX-License-Identifier: Apache-2.0
#include "lior/plot/axes.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>

#include "lior/core/error.h"

namespace lior::plot {
namespace {

constexpr double kTick = 4, kGap = 5;  // pixels: of a tick, between things
constexpr const char* kMinus = "\u2212";

/// Where a value lies between low and high, 0 .. 1.
double share(const Axis& axis, double value) {
  if (!axis.logarithmic) return (value - axis.low) / (axis.high - axis.low);
  return std::log(value / axis.low) / std::log(axis.high / axis.low);
}

/// Pixels from one number to the next, at least: of x, whose numbers stand side by side, and of y.
constexpr double kAcross = 70, kDown = 40;

std::vector<double> x_ticks(const Axes& axes) { return ticks(axes.x, axes.inside.width / kAcross); }
std::vector<double> y_ticks(const Axes& axes) { return ticks(axes.y, axes.inside.height / kDown); }

std::vector<double> decades(const Axis& axis, double most) {
  const double span = std::log10(axis.high / axis.low);
  const double every = std::max(1.0, std::ceil(span / most));
  const bool between = 3 * span <= most;
  std::vector<double> found;
  const auto take = [&](double value) {
    if (value >= axis.low * (1 - 1e-9) && value <= axis.high * (1 + 1e-9)) found.push_back(value);
  };
  for (double k = std::floor(std::log10(axis.low) / every) * every; k <= std::log10(axis.high);
       k += every) {
    take(std::pow(10, k));
    if (between) take(2 * std::pow(10, k)), take(5 * std::pow(10, k));
  }
  return found;
}

}  // namespace

Point Axes::place(Point p) const {
  return {inside.corner.x + share(x, p.x) * inside.width,
          inside.corner.y + (1 - share(y, p.y)) * inside.height};
}

double tick_step(double range, double most) {
  const double rough = range / most, power = std::pow(10, std::floor(std::log10(rough)));
  for (const double factor : {1.0, 2.0, 5.0}) {
    if (factor * power >= rough * (1 - 1e-9)) return factor * power;
  }
  return 10 * power;
}

std::vector<double> ticks(const Axis& axis, double most) {
  LIOR_CHECK(std::isfinite(axis.low) && std::isfinite(axis.high) && axis.low < axis.high &&
                 (!axis.logarithmic || axis.low > 0),
             "axis '{}' runs from {} to {}; expected a finite range, above 0 if it is logarithmic",
             axis.label, axis.low, axis.high);
  most = std::max(most, 2.0);
  if (axis.logarithmic) {
    const std::vector<double> found = decades(axis, most);
    if (found.size() >= 2) return found;
  }
  const double step = tick_step(axis.high - axis.low, most);
  std::vector<double> found;
  for (double k = std::ceil(axis.low / step - 1e-9); k * step <= axis.high + 1e-9 * step; ++k) {
    found.push_back(k == 0 ? 0 : k * step);
  }
  return found;
}

std::string tick_text(double value) {
  const double size = std::abs(value);
  const std::string digits = size != 0 && (size >= 1e6 || size < 1e-4)
                                 ? fmt::format("{:.3g}", size)
                                 : fmt::format("{:.6g}", size);
  return (value < 0 ? kMinus : "") + digits;
}

Margins margins(const Axes& axes, const AxesStyle& style) {
  double numbers = 0;
  for (const double value : y_ticks(axes)) {
    numbers = std::max(numbers, text_width(tick_text(value), style.text));
  }
  const double line = style.text + kGap;
  const double last = text_width(tick_text(x_ticks(axes).back()), style.text) / 2;
  return {.left = kTick + kGap + numbers + (axes.y.label.empty() ? 0 : line) + kGap,
          .right = std::max(last, 2 * kGap),
          .top = style.text / 2,
          .bottom = kTick + line + (axes.x.label.empty() ? 0 : line) + kGap};
}

void draw_axes(Surface& surface, const Axes& axes, const AxesStyle& style) {
  const auto& [corner, width, height] = axes.inside;
  const double right = corner.x + width, below = corner.y + height;
  const auto line = [&](Point a, Point b, Colour colour) {
    const Point ends[] = {a, b};
    surface.polyline(ends, 1, colour);
  };
  using Align = TextStyle::Align;
  const auto write = [&](Point at, const std::string& text, Align align, bool upwards = false) {
    surface.text(at, text,
                 {.size = style.text, .colour = style.ink, .align = align, .upwards = upwards});
  };
  const double capital = capital_height(style.text);

  double numbers = 0;  // the widest of y
  for (const double value : x_ticks(axes)) {
    const double x = axes.place({value, axes.y.low}).x;
    if (style.with_grid) line({x, corner.y}, {x, below}, style.grid);
    line({x, below}, {x, below + kTick}, style.ink);
    write({x, below + kTick + kGap + capital}, tick_text(value), Align::centre);
  }
  for (const double value : y_ticks(axes)) {
    const double y = axes.place({axes.x.low, value}).y;
    if (style.with_grid) line({corner.x, y}, {right, y}, style.grid);
    line({corner.x - kTick, y}, {corner.x, y}, style.ink);
    write({corner.x - kTick - kGap, y + capital / 2}, tick_text(value), Align::right);
    numbers = std::max(numbers, text_width(tick_text(value), style.text));
  }
  const Point frame[] = {corner, {right, corner.y}, {right, below}, {corner.x, below}, corner};
  surface.polyline(frame, 1, style.ink);
  write({corner.x + width / 2, below + kTick + 2 * kGap + capital + style.text}, axes.x.label,
        Align::centre);
  write({corner.x - kTick - 2 * kGap - numbers - kGap / 2, corner.y + height / 2}, axes.y.label,
        Align::centre, true);
}

}  // namespace lior::plot
