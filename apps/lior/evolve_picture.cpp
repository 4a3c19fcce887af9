// SPDX-License-Identifier: Apache-2.0
#include "evolve_picture.h"

#include <cmath>
#include <numbers>

#include "lior/plot/axes.h"
#include "lior/plot/canvas.h"

namespace lior::app {
namespace {

using Complex = std::complex<double>;

/// Phase as hue (0 red, 2 pi / 3 green, -2 pi / 3 blue), modulus as brightness.
plot::Colour colour_of(Complex z, double brightest) {
  const double value = std::min(std::abs(z) / brightest, 1.0);
  const double hue = std::arg(z) * 3 / std::numbers::pi;  // in sixths of a turn, -3..3
  const auto channel = [&](double place) {
    double away = std::abs(hue - place);
    away = std::min(away, 6 - away);
    return static_cast<std::uint8_t>(std::lround(255 * value * std::clamp(2 - away, 0.0, 1.0)));
  };
  return {channel(0), channel(2), channel(4)};
}

constexpr Index kLegendWidth = 150, kLegendHeight = 184, kGap = 4, kSmallestPicture = 512;
constexpr plot::Colour kBetween{48, 48, 48}, kInk{225, 225, 225}, kPaper{0, 0, 0};
constexpr plot::AxesStyle kStyle{.ink = kInk, .with_grid = false, .text = 11};

/// The grid without z.
field::Grid plane_of(const field::Grid& grid) {
  field::Grid flat = grid;
  flat.nz = 1;
  return flat;
}

/// The cells of one index along z.
Array<Complex, 4> plane_of(field::ConstField<double> t, const field::Grid& grid, Index plane) {
  Array<Complex, 4> section(plane_of(grid).shape());
  const Index cell = grid.d * grid.d;
  for (Index k = 0; k < grid.nx * grid.ny; ++k) {
    std::copy_n(t.data() + (k * grid.nz + plane) * cell, cell, section.data() + k * cell);
  }
  return section;
}

/// A disk whose angle is the phase and whose radius the modulus, and what the picture shows.
void draw_legend(plot::Canvas& canvas, Index left, double brightest, const std::string& at) {
  constexpr Index kRadius = 44, kMiddle = kLegendWidth / 2, kCentre = 74;
  for (Index y = -kRadius; y <= kRadius; ++y) {
    for (Index x = -kRadius; x <= kRadius; ++x) {
      const Complex z(static_cast<double>(x), static_cast<double>(-y));
      if (std::abs(z) > kRadius) continue;
      canvas.blend(left + kMiddle + x, kCentre + y, colour_of(z, kRadius), 1);
    }
  }
  const auto centred = [&](Index x, Index baseline, const std::string& text) {
    canvas.text({static_cast<double>(left + x), static_cast<double>(baseline)}, text,
                {.size = 11, .colour = kInk, .align = plot::TextStyle::Align::centre});
  };
  centred(kMiddle, 12, "phase, modulus");
  centred(kMiddle, kCentre - kRadius - 4, "\u03c0/2");
  centred(kMiddle, kCentre + kRadius + 13, "\u2212\u03c0/2");
  centred(kMiddle + kRadius + 9, kCentre + 4, "0");
  centred(kMiddle - kRadius - 10, kCentre + 4, "\u03c0");
  centred(kMiddle, kCentre + kRadius + 33, fmt::format("rim: {:.4g} or more", brightest));
  centred(kMiddle, kCentre + kRadius + 49, at);
}

/// D x D panels of one size, axes at the one in the lower left corner, and room for a legend.
struct Panels {
  plot::Axes axes;
  Index d, wide, high;
  Index left, top, legend;  ///< pixels before the first panel, above it, and before the legend
  plot::Canvas canvas;

  Panels(plot::Axes of, Index side, Index width, Index height)
      : axes(std::move(of)), d(side), wide(width), high(height), canvas(1, 1, kBetween) {
    axes.inside = {{0, 0}, static_cast<double>(wide), static_cast<double>(high)};
    const plot::Margins room = margins(axes, kStyle);
    const auto whole = [](double pixels) { return static_cast<Index>(std::ceil(pixels)); };
    left = whole(room.left);
    top = whole(room.top);
    legend = left + d * (wide + kGap) + whole(room.right);
    const Index rows = top + d * (high + kGap) - kGap;
    canvas = plot::Canvas(legend + kLegendWidth, std::max(rows + whole(room.bottom), kLegendHeight),
                          kBetween);
  }
  /// The corner of the panel of T_ij.
  plot::Point corner(Index i, Index j) const {
    return {static_cast<double>(left + j * (wide + kGap)),
            static_cast<double>(top + i * (high + kGap))};
  }
  void draw_axes() {
    axes.inside.corner = corner(d - 1, 0);
    plot::draw_axes(canvas, axes, kStyle);
  }
};

/// Cells of length dx around places from `low` to `high`.
plot::Axis axis_of(const char* label, double low, double high, double dx) {
  return {label, low - dx / 2, high + dx / 2};
}

Panels phase_panels(field::ConstField<double> t, const field::Grid& grid, double brightest) {
  constexpr Index kSmallestPanel = 192;
  const double wide = grid.length_x(), high = grid.length_y(), longest = std::max(wide, high);
  const Index panel = std::max(kSmallestPanel, kSmallestPicture / grid.d);
  // Whole pixels a cell, so many that the longer side fills the panel.
  const auto zoom = [&](double spacing) {
    return std::max<Index>(
        1, static_cast<Index>(std::ceil(static_cast<double>(panel) * spacing / longest - 1e-9)));
  };
  const Index zoom_x = zoom(grid.dx), zoom_y = zoom(grid.dy());
  Panels panels({axis_of("x", grid.x(0), grid.x(grid.nx - 1), grid.dx),
                 axis_of("y", grid.y(0), grid.y(grid.ny - 1), grid.dy()),
                 {}},
                grid.d, grid.nx * zoom_x, grid.ny * zoom_y);
  for (Index a = 0; a < grid.d; ++a) {
    for (Index b = 0; b < grid.d; ++b) {
      const plot::Point corner = panels.corner(a, b);
      for (Index row = 0; row < panels.high; ++row) {
        for (Index column = 0; column < panels.wide; ++column) {
          const Complex z = t(column / zoom_x, grid.ny - 1 - row / zoom_y, a, b);
          panels.canvas.blend(static_cast<Index>(corner.x) + column,
                              static_cast<Index>(corner.y) + row, colour_of(z, brightest), 1);
        }
      }
    }
  }
  return panels;
}

/// The picture of a field of one dimension.
struct Curve {
  const char* name;
  plot::Colour colour;
  double (*value)(Complex);
};
constexpr Curve kCurves[] = {{"real part", {240, 110, 90}, [](Complex z) { return z.real(); }},
                             {"imaginary part", {90, 160, 250}, [](Complex z) { return z.imag(); }},
                             {"modulus", {235, 235, 235}, [](Complex z) { return std::abs(z); }}};

Panels line_panels(field::ConstField<double> t, const field::Grid& grid, double brightest) {
  const bool along_x = grid.ny == 1;
  const double highest = 1.25 * brightest;  // room for waves that meet
  const Index cells = along_x ? grid.nx : grid.ny;
  const auto place = [&](Index k) { return along_x ? grid.x(k) : grid.y(k); };
  const Index wide = std::max<Index>(kSmallestPicture / grid.d, 256), high = wide * 5 / 8;
  Panels panels(
      {axis_of(along_x ? "x" : "y", place(0), place(cells - 1), along_x ? grid.dx : grid.dy()),
       {"T", -highest, highest},
       {}},
      grid.d, wide, high);
  std::vector<plot::Point> points(static_cast<std::size_t>(cells));
  for (Index entry = 0; entry < grid.d * grid.d; ++entry) {
    const Index a = entry / grid.d, b = entry % grid.d;
    plot::Axes axes = panels.axes;
    axes.inside.corner = panels.corner(a, b);
    panels.canvas.rectangle(axes.inside.corner, axes.inside.width, axes.inside.height, kPaper);
    for (const Curve& curve : kCurves) {
      for (Index k = 0; k < cells; ++k) {
        const Complex z = along_x ? t(k, 0, a, b) : t(0, k, a, b);
        const double value = std::clamp(curve.value(z), -highest, highest);
        points[static_cast<std::size_t>(k)] = axes.place({place(k), value});
      }
      panels.canvas.polyline(points, 1.6, curve.colour);
    }
  }
  return panels;
}

/// The names of the curves, and what the picture shows.
void draw_line_legend(plot::Canvas& canvas, Index left, const std::string& at) {
  const auto first = static_cast<double>(left);
  double baseline = 24;
  for (const Curve& curve : kCurves) {
    const plot::Point ends[] = {{first + 10, baseline - 4}, {first + 30, baseline - 4}};
    canvas.polyline(ends, 1.6, curve.colour);
    canvas.text({first + 36, baseline}, curve.name, {.size = 11, .colour = kInk});
    baseline += 18;
  }
  canvas.text({first + 10, baseline + 6}, at, {.size = 11, .colour = kInk});
}

}  // namespace

Array<std::uint8_t, 3> field_picture(field::ConstField<double> t, const field::Grid& grid,
                                     Index plane, double brightest, double time) {
  const field::Grid flat = plane_of(grid);
  Array<Complex, 4> section;
  std::string at = fmt::format("time {:.6g}", time);
  if (grid.axis_count() == 3) {
    section = plane_of(t, grid, plane);
    t = section.view();
    at += fmt::format(", z = {:.4g}", grid.z(plane));
  }
  const bool lines = flat.cells() > 1 && (flat.nx == 1 || flat.ny == 1);
  Panels panels = lines ? line_panels(t, flat, brightest) : phase_panels(t, flat, brightest);
  panels.draw_axes();
  if (lines) {
    draw_line_legend(panels.canvas, panels.legend, at);
  } else {
    draw_legend(panels.canvas, panels.legend, brightest, at);
  }
  return panels.canvas.take();
}

}  // namespace lior::app
