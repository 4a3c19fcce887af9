// SPDX-License-Identifier: Apache-2.0
#include "evolve_picture.h"

#include <cmath>
#include <limits>
#include <numbers>
#include <span>

#include "lior/plot/axes.h"
#include "lior/plot/canvas.h"

namespace lior::app {
namespace {

using Complex = std::complex<double>;

/// Phase as hue (0 red, 2 pi / 3 green, -2 pi / 3 blue), modulus as brightness.
plot::Colour phase_colour(Complex z, double scale) {
  const double value = std::min(std::abs(z) / scale, 1.0);
  const double hue = std::arg(z) * 3 / std::numbers::pi;  // in sixths of a turn, -3..3
  const auto channel = [&](double place) {
    double away = std::abs(hue - place);
    away = std::min(away, 6 - away);
    return static_cast<std::uint8_t>(std::lround(255 * value * std::clamp(2 - away, 0.0, 1.0)));
  };
  return {channel(0), channel(2), channel(4)};
}

/// From black at 0 to white at `scale`, ever lighter: the cubehelix of D. A. Green, "A colour
/// scheme for the display of astronomical intensity images" (2011), with its start 0.5, -1.5
/// rotations and hue 1.
plot::Colour density_colour(Complex density, double scale) {
  const double light = density.real() < scale ? density.real() / scale : 1;
  const double angle = 2 * std::numbers::pi * (0.5 / 3 - 1.5 * light);
  const double away = light * (1 - light) / 2, c = std::cos(angle), s = std::sin(angle);
  const auto channel = [&](double of_cosine, double of_sine) {
    const double value = light + away * (of_cosine * c + of_sine * s);
    return static_cast<std::uint8_t>(std::lround(255 * std::clamp(value, 0.0, 1.0)));
  };
  return {channel(-0.14861, 1.78277), channel(-0.29227, -0.90649), channel(1.97294, 0)};
}

constexpr Index kLegendWidth = 150, kLegendHeight = 184, kGap = 4, kSmallestPicture = 512;
constexpr plot::Colour kBetween{48, 48, 48}, kInk{225, 225, 225}, kPaper{0, 0, 0};
constexpr plot::AxesStyle kStyle{.ink = kInk, .with_grid = false, .text = 11};

/// What is drawn, in a grid without z, and the names of its axes.
struct Section {
  field::Grid grid;
  std::array<const char*, 2> names;
  Array<Complex, 4> t;  ///< of column densities the real part
};

Section section_of(field::ConstField<double> t, const field::Grid& grid, const PictureView& view) {
  constexpr const char* kNames[] = {"x", "y", "z"};
  const int along = static_cast<int>(view.axis), first = along == 0 ? 1 : 0,
            second = along == 2 ? 1 : 2;
  const auto axes = grid.axes();
  Section section{.grid = {.nx = axes[first].count,
                           .ny = axes[second].count,
                           .d = grid.d,
                           .dx = axes[first].spacing,
                           .spacing_y = axes[second].spacing,
                           .boundary_x = axes[first].ends,
                           .boundary_y = axes[second].ends},
                  .names = {kNames[first], kNames[second]},
                  .t = {}};
  section.t = Array<Complex, 4>(section.grid.shape());
  const Index entries = grid.d * grid.d;
  const Index steps[] = {grid.row_cells() * entries, grid.nz * entries, entries};
  for (Index cell = 0; cell < section.grid.cells(); ++cell) {
    const Index i = cell / section.grid.ny, j = cell % section.grid.ny;
    const Complex* const column = t.data() + i * steps[first] + j * steps[second];
    for (Index entry = 0; entry < entries; ++entry) {
      Complex& out = section.t.data()[cell * entries + entry];
      if (view.kind == PictureKind::slice) {
        out = column[view.plane * steps[along] + entry];
        continue;
      }
      double sum = 0;
      for (Index k = 0; k < axes[along].count; ++k) {
        sum += std::norm(column[k * steps[along] + entry]);
      }
      out = sum * axes[along].measure();
    }
  }
  return section;
}

std::string density_label(PictureAxis along) {
  return fmt::format("\u222b |T|\u00b2 d{}", name(along));
}

void write_legend(plot::Canvas& canvas, Index x, Index baseline, const std::string& text) {
  canvas.text({static_cast<double>(x), static_cast<double>(baseline)}, text,
              {.size = 11, .colour = kInk, .align = plot::TextStyle::Align::centre});
}

/// A disk whose angle is the phase and whose radius the modulus, and what the picture shows.
void draw_phase_legend(plot::Canvas& canvas, Index left, double scale, const std::string& at) {
  constexpr Index kRadius = 44, kCentre = 74;
  const Index middle = left + kLegendWidth / 2;
  for (Index y = -kRadius; y <= kRadius; ++y) {
    for (Index x = -kRadius; x <= kRadius; ++x) {
      const Complex z(static_cast<double>(x), static_cast<double>(-y));
      if (std::abs(z) > kRadius) continue;
      canvas.blend(middle + x, kCentre + y, phase_colour(z, kRadius), 1);
    }
  }
  write_legend(canvas, middle, 12, "phase, modulus");
  write_legend(canvas, middle, kCentre - kRadius - 4, "\u03c0/2");
  write_legend(canvas, middle, kCentre + kRadius + 13, "\u2212\u03c0/2");
  write_legend(canvas, middle + kRadius + 9, kCentre + 4, "0");
  write_legend(canvas, middle - kRadius - 10, kCentre + 4, "\u03c0");
  write_legend(canvas, middle, kCentre + kRadius + 33, fmt::format("rim: {:.4g} or more", scale));
  write_legend(canvas, middle, kCentre + kRadius + 49, at);
}

/// A bar of the colours of column densities, its numbers, and what the picture shows.
void draw_density_legend(plot::Canvas& canvas, Index left, double scale, const std::string& label,
                         const std::string& at) {
  constexpr Index kBar = 16, kTop = 42, kHeight = 101;
  const Index middle = left + kLegendWidth / 2, bar = middle - 2 * kBar;
  for (Index y = 0; y < kHeight; ++y) {
    const double light = static_cast<double>(kHeight - 1 - y) / (kHeight - 1);
    for (Index x = 0; x < kBar; ++x) canvas.blend(bar + x, kTop + y, density_colour(light, 1), 1);
  }
  write_legend(canvas, middle, 12, "column density");
  write_legend(canvas, middle, 28, label);
  for (const double value : plot::ticks({label, 0, scale}, 5)) {
    const double y = kTop + (kHeight - 1) * (1 - value / scale);
    const auto right = static_cast<double>(bar + kBar);
    const plot::Point ends[] = {{right, y}, {right + 4, y}};
    canvas.polyline(ends, 1, kInk);
    canvas.text({right + 9, y + plot::capital_height(11) / 2}, plot::tick_text(value),
                {.size = 11, .colour = kInk});
  }
  write_legend(canvas, middle, kTop + kHeight + 16, fmt::format("white: {:.4g} or more", scale));
  write_legend(canvas, middle, kTop + kHeight + 32, at);
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

/// Cells as rectangles of colour.
Panels cell_panels(const Section& section, plot::Colour (*colour)(Complex, double), double scale) {
  constexpr Index kSmallestPanel = 192;
  const field::Grid& grid = section.grid;
  const double wide = grid.length_x(), high = grid.length_y(), longest = std::max(wide, high);
  const Index panel = std::max(kSmallestPanel, kSmallestPicture / grid.d);
  // Whole pixels a cell, so many that the longer side fills the panel.
  const auto zoom = [&](double spacing) {
    return std::max<Index>(
        1, static_cast<Index>(std::ceil(static_cast<double>(panel) * spacing / longest - 1e-9)));
  };
  const Index zoom_x = zoom(grid.dx), zoom_y = zoom(grid.dy());
  Panels panels({axis_of(section.names[0], grid.x(0), grid.x(grid.nx - 1), grid.dx),
                 axis_of(section.names[1], grid.y(0), grid.y(grid.ny - 1), grid.dy()),
                 {}},
                grid.d, grid.nx * zoom_x, grid.ny * zoom_y);
  for (Index a = 0; a < grid.d; ++a) {
    for (Index b = 0; b < grid.d; ++b) {
      const plot::Point corner = panels.corner(a, b);
      for (Index row = 0; row < panels.high; ++row) {
        for (Index column = 0; column < panels.wide; ++column) {
          const Complex z = section.t(column / zoom_x, grid.ny - 1 - row / zoom_y, a, b);
          panels.canvas.blend(static_cast<Index>(corner.x) + column,
                              static_cast<Index>(corner.y) + row, colour(z, scale), 1);
        }
      }
    }
  }
  return panels;
}

/// A line in the picture of one axis.
struct Curve {
  const char* name;
  plot::Colour colour;
  double (*value)(Complex);
};
constexpr Curve kFieldCurves[] = {
    {"real part", {240, 110, 90}, [](Complex z) { return z.real(); }},
    {"imaginary part", {90, 160, 250}, [](Complex z) { return z.imag(); }},
    {"modulus", {235, 235, 235}, [](Complex z) { return std::abs(z); }}};
constexpr Curve kDensityCurves[] = {
    {"column density", {235, 235, 235}, [](Complex z) { return z.real(); }}};

/// `numbers`: the axis of what the curves show.
Panels line_panels(const Section& section, std::span<const Curve> curves,
                   const plot::Axis& numbers) {
  const field::Grid& grid = section.grid;
  const int along = grid.ny == 1 ? 0 : 1;
  const field::Axis cells = grid.axes()[along];
  const Index wide = std::max<Index>(kSmallestPicture / grid.d, 256), high = wide * 5 / 8;
  Panels panels(
      {axis_of(section.names[along], cells.place(0), cells.place(cells.count - 1), cells.spacing),
       numbers,
       {}},
      grid.d, wide, high);
  std::vector<plot::Point> points(static_cast<std::size_t>(cells.count));
  for (Index entry = 0; entry < grid.d * grid.d; ++entry) {
    const Index a = entry / grid.d, b = entry % grid.d;
    plot::Axes axes = panels.axes;
    axes.inside.corner = panels.corner(a, b);
    panels.canvas.rectangle(axes.inside.corner, axes.inside.width, axes.inside.height, kPaper);
    for (const Curve& curve : curves) {
      for (Index k = 0; k < cells.count; ++k) {
        const Complex z = along == 0 ? section.t(k, 0, a, b) : section.t(0, k, a, b);
        const double value = std::clamp(curve.value(z), numbers.low, numbers.high);
        points[static_cast<std::size_t>(k)] = axes.place({cells.place(k), value});
      }
      panels.canvas.polyline(points, 1.6, curve.colour);
    }
  }
  return panels;
}

/// The names of the curves, and what the picture shows.
void draw_line_legend(plot::Canvas& canvas, Index left, std::span<const Curve> curves,
                      const std::string& at) {
  const auto first = static_cast<double>(left);
  double baseline = 24;
  for (const Curve& curve : curves) {
    const plot::Point ends[] = {{first + 10, baseline - 4}, {first + 30, baseline - 4}};
    canvas.polyline(ends, 1.6, curve.colour);
    canvas.text({first + 36, baseline}, curve.name, {.size = 11, .colour = kInk});
    baseline += 18;
  }
  canvas.text({first + 10, baseline + 6}, at, {.size = 11, .colour = kInk});
}

Panels draw_lines(const Section& section, const PictureView& view, double scale,
                  const std::string& at) {
  const double highest = 1.25 * scale;  // room for waves that meet
  const bool is_density = view.kind == PictureKind::column;
  const std::span<const Curve> curves =
      is_density ? std::span<const Curve>(kDensityCurves) : kFieldCurves;
  Panels panels = line_panels(section, curves,
                              is_density ? plot::Axis{density_label(view.axis), 0, highest}
                                         : plot::Axis{"T", -highest, highest});
  draw_line_legend(panels.canvas, panels.legend, curves, at);
  return panels;
}

Panels draw_cells(const Section& section, const PictureView& view, double scale,
                  const std::string& at) {
  if (view.kind == PictureKind::slice) {
    Panels panels = cell_panels(section, phase_colour, scale);
    draw_phase_legend(panels.canvas, panels.legend, scale, at);
    return panels;
  }
  Panels panels = cell_panels(section, density_colour, scale);
  draw_density_legend(panels.canvas, panels.legend, scale, density_label(view.axis), at);
  return panels;
}

}  // namespace

double picture_scale(field::ConstField<double> t, const field::Grid& grid,
                     const PictureView& view) {
  using Limits = std::numeric_limits<double>;
  Array<Complex, 4> columns;
  if (view.kind == PictureKind::column) {
    columns = section_of(t, grid, view).t;
    t = columns.view();
  }
  double largest = 0;
  for (const Complex number : t.span()) largest = std::max(largest, std::abs(number));
  return largest > 0 ? std::clamp(largest, Limits::min(), Limits::max() / 2) : 1;
}

Array<std::uint8_t, 3> field_picture(field::ConstField<double> t, const field::Grid& grid,
                                     const PictureView& view, double scale, double time) {
  const Section section = section_of(t, grid, view);
  std::string at = fmt::format("time {:.6g}", time);
  if (grid.axis_count() == 3 && view.kind == PictureKind::slice) {
    const field::Axis along = grid.axes()[static_cast<int>(view.axis)];
    at += fmt::format(", {} = {:.4g}", name(view.axis), along.place(view.plane));
  }
  const bool lines = section.grid.cells() > 1 && (section.grid.nx == 1 || section.grid.ny == 1);
  Panels panels = (lines ? draw_lines : draw_cells)(section, view, scale, at);
  panels.draw_axes();
  return panels.canvas.take();
}

}  // namespace lior::app
