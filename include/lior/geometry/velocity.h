// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Velocities of particles and of light.

#include "lior/geometry/metric.h"

namespace lior::geometry {

/// Sets the first component of each velocity, v: [d, N] at x: [d, N], so that g(v, v) = square: -1
/// for a particle whose parameter is its proper time, 0 for light. With a = g_00, b = g_0i v^i and
/// c = g_ij v^i v^j - square it is c / (sqrt(b^2 - a c) - b) = -(b + sqrt(b^2 - a c)) / a,
/// whichever does not cancel: the root that leads to the future where the first coordinate is a
/// time outside of ergospheres, and that goes on with it where g_00 changes its sign. Throws
/// lior::Error unless the metric has a minus sign, and one that names the first velocity that no
/// first component completes.
template <class T>
void complete_velocities(const AnyMetric<T>& metric, View<const T, 2> x, double square,
                         View<T, 2> v);

}  // namespace lior::geometry
