// SPDX-License-Identifier: Apache-2.0
#pragma once
/// The picture of a geodesic.

#include <string>

#include "lior/geometry/metric.h"

namespace lior::app {

/// Draws path: [K, d] in the plane of the metric's chart, with its horizon or edge. `file` ends in
/// .png or .svg.
void plot_path(const geometry::AnyMetric<double>& metric, const std::string& title,
               View<const double, 2> path, const std::string& file);

}  // namespace lior::app
