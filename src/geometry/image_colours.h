// SPDX-License-Identifier: Apache-2.0
#pragma once
// Colours of disk and sky, in linear light.

#include <array>
#include <cstdint>

#include "lior/core/view.h"

namespace lior::geometry {

using Light = std::array<double, 3>;  // red, green, blue, 1 the brightest that is drawn

/// A black body's colour, its largest part 1; temperature in kelvin.
Light black_body(double temperature);

/// (rin/r)^3 (1 - sqrt(rin/r)), over its largest value.
double disk_flux(double radius, double inner);

/// Lines every ten degrees on dark quarters; `beyond`: of the other sky.
Light grid_sky(double polar_angle, double azimuth, bool beyond);

/// The panorama there, between its four nearest pixels.
Light panorama_sky(View<const std::uint8_t, 3> panorama, double polar_angle, double azimuth);

/// sRGB's 8 bits.
std::uint8_t encoded(double light);

}  // namespace lior::geometry
