// SPDX-License-Identifier: Apache-2.0
#include "geometry/image_colours.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace lior::geometry {
namespace {

constexpr double kDegree = std::numbers::pi / 180;

double decoded(std::uint8_t code) {
  const double value = code / 255.0;
  return value <= 0.04045 ? value / 12.92 : std::pow((value + 0.055) / 1.055, 2.4);
}

/// 1 on a line of the grid, falling to 0 beside it. `scale` is an angle's length on the sphere.
double on_line(double angle, double scale) {
  constexpr double kSpacing = 10 * kDegree, kHalfWidth = 0.35 * kDegree;
  const double apart = std::abs(std::remainder(angle, kSpacing)) * scale;
  return std::clamp(1.5 - apart / kHalfWidth, 0.0, 1.0);
}

}  // namespace

Light black_body(double temperature) {
  // Planck's law at the wavelengths of sRGB's primaries, in metres, white at 6500 K.
  constexpr double kWave[] = {611e-9, 549e-9, 464e-9}, kSecondConstant = 1.438777e-2, kWhite = 6500;
  Light light;
  for (std::size_t c = 0; c < 3; ++c) {
    light[c] = std::expm1(kSecondConstant / (kWave[c] * kWhite)) /
               std::expm1(kSecondConstant / (kWave[c] * std::max(temperature, 500.0)));
  }
  const double most = std::max({light[0], light[1], light[2]});
  for (double& part : light) part /= most;
  return light;
}

double disk_flux(double radius, double inner) {
  const auto flux = [](double x) { return x * x * x * (1 - std::sqrt(x)); };  // x = inner / radius
  static const double kMost = flux(36.0 / 49);
  return flux(inner / radius) / kMost;
}

Light grid_sky(double polar_angle, double azimuth, bool beyond) {
  const double line = std::max(on_line(polar_angle, 1), on_line(azimuth, std::sin(polar_angle)));
  const bool quarter = (std::cos(polar_angle) < 0) != (std::sin(azimuth) < 0);
  const double paper = quarter ? 0.02 : 0.05;
  const Light tint = beyond ? Light{1, 0.55, 0.2} : Light{0.25, 0.5, 1};
  Light light;
  for (std::size_t c = 0; c < 3; ++c) light[c] = tint[c] * (paper + line * (0.45 - paper));
  return light;
}

Light panorama_sky(View<const std::uint8_t, 3> panorama, double polar_angle, double azimuth) {
  const Index height = panorama.extent(0), width = panorama.extent(1);
  const double turns = azimuth / (2 * std::numbers::pi);
  const double column = (turns - std::floor(turns)) * static_cast<double>(width) - 0.5;
  const double row = std::clamp(polar_angle / std::numbers::pi * static_cast<double>(height) - 0.5,
                                0.0, static_cast<double>(height - 1));
  const auto left = static_cast<Index>(std::floor(column)), top = static_cast<Index>(row);
  const double across = column - std::floor(column), down = row - std::floor(row);
  Light light{};
  for (Index j = 0; j < 2; ++j) {
    for (Index i = 0; i < 2; ++i) {
      const double share = (i == 0 ? 1 - across : across) * (j == 0 ? 1 - down : down);
      const Index y = std::min(top + j, height - 1), x = (left + i + width) % width;
      for (Index c = 0; c < 3; ++c) {
        light[static_cast<std::size_t>(c)] += share * decoded(panorama(y, x, c));
      }
    }
  }
  return light;
}

std::uint8_t encoded(double light) {
  const double value = std::clamp(light, 0.0, 1.0);
  const double code = value <= 0.0031308 ? 12.92 * value : 1.055 * std::pow(value, 1 / 2.4) - 0.055;
  return static_cast<std::uint8_t>(std::lround(255 * code));
}

}  // namespace lior::geometry
