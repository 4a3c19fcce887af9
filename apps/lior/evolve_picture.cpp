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

constexpr Index kLegendWidth = 150, kLegendHeight = 184;

/// A disk whose angle is the phase and whose radius the modulus, and what the picture shows.
void draw_legend(plot::Canvas& canvas, Index left, double brightest, double time) {
  constexpr Index kRadius = 44, kMiddle = kLegendWidth / 2, kCentre = 74;
  constexpr plot::Colour kInk{225, 225, 225};
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
  centred(kMiddle, kCentre + kRadius + 49, fmt::format("time {:.6g}", time));
}

}  // namespace

Array<std::uint8_t, 3> field_picture(field::ConstField<double> t, double dx, double brightest,
                                     double time) {
  constexpr Index kGap = 4, kSmallestPanel = 192, kSmallestPicture = 512;
  constexpr plot::Colour kBetween{48, 48, 48}, kInk{225, 225, 225};
  constexpr plot::AxesStyle kStyle{.ink = kInk, .with_grid = false, .text = 11};
  const Index nx = t.extent(0), ny = t.extent(1), d = t.extent(2);
  const Index longest = std::max(nx, ny), panel = std::max(kSmallestPanel, kSmallestPicture / d);
  const Index zoom = std::max<Index>(1, (panel + longest - 1) / longest);
  const Index wide = nx * zoom, high = ny * zoom;
  // Cell i is about (i - nx/2) dx.
  const auto axis = [&](const char* label, Index count) {
    const double middle = static_cast<double>(count) / 2;
    return plot::Axis{label, -(middle + 0.5) * dx, (middle - 0.5) * dx};
  };
  plot::Axes axes{axis("x", nx), axis("y", ny), {}};
  axes.inside = {{0, 0}, static_cast<double>(wide), static_cast<double>(high)};
  const plot::Margins room = margins(axes, kStyle);
  const auto left = static_cast<Index>(std::ceil(room.left));
  const auto top = static_cast<Index>(std::ceil(room.top));
  const Index panels = left + d * (wide + kGap) + static_cast<Index>(std::ceil(room.right));
  const Index rows = top + d * (high + kGap) - kGap;
  plot::Canvas canvas(panels + kLegendWidth,
                      std::max(rows + static_cast<Index>(std::ceil(room.bottom)), kLegendHeight),
                      kBetween);
  for (Index a = 0; a < d; ++a) {
    for (Index b = 0; b < d; ++b) {
      for (Index row = 0; row < high; ++row) {
        for (Index column = 0; column < wide; ++column) {
          const Complex z = t(column / zoom, ny - 1 - row / zoom, a, b);
          canvas.blend(left + b * (wide + kGap) + column, top + a * (high + kGap) + row,
                       colour_of(z, brightest), 1);
        }
      }
    }
  }
  axes.inside.corner = {static_cast<double>(left), static_cast<double>(rows - high)};
  draw_axes(canvas, axes, kStyle);
  draw_legend(canvas, panels, brightest, time);
  return canvas.take();
}

}  // namespace lior::app
