#pragma once
/// The picture of a geodesic.

#include <string>

#include "lior/core/view.h"

namespace lior::app {

/// Draws path: [K, d] as a PNG: its first two coordinates; for schwarzschild the plane
/// (r cos phi, r sin phi) with the horizon, for the ball its edge.
void plot_path(const std::string& metric, View<const double, 2> path, const std::string& file);

}  // namespace lior::app
