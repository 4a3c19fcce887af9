// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Where paths cross something, or turn: zeros of a formula along geodesics.

#include <string_view>
#include <vector>

#include "lior/geometry/geodesic.h"

namespace lior::geometry {

/// A zero of the formula.
struct PathEvent {
  Index path;
  double parameter;
  bool rising;  ///< the formula goes from - to +
  std::vector<double> x, v;
};

/// The zeros, in the order of paths and then parameters, of a formula (lior/expr/parse.h) of the
/// coordinates r, .. and of their velocities dr, ..: "theta - pi/2" is the equator's plane, "r - 6"
/// a radius, "dr" an apsis; "r = 6" is "r - 6". x, v: [K, d, N] are the samples of paths at `times`
/// as `geodesics` wrote them, with the parameters that they reached, [N].
///
/// A zero is found where the formula changes its sign between two samples (or is 0 at the second
/// one), so samples must be close enough to part two of them. It is located to rounding of the
/// parameter by following the path from the sample before, with the same options. A formula that is
/// not finite at a sample has no zero beside it. Throws lior::Error that shows the place where the
/// text is no formula of these names, and when shapes differ.
std::vector<PathEvent> find_events(const AnyMetric<double>& metric, std::string_view formula,
                                   View<const double, 3> x, View<const double, 3> v,
                                   std::span<const double> times, View<const double, 1> reached,
                                   const GeodesicOptions& options);

}  // namespace lior::geometry
