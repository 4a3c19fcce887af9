// SPDX-License-Identifier: Apache-2.0
// Coordinates of the metrics in closed form, and how they are drawn.
#include "lior/geometry/hyperbolic.h"
#include "lior/geometry/metrics.h"
#include "lior/geometry/spd.h"

namespace lior::geometry {

PlaneView detail::orbit_plane(double horizon) {
  return {.labels = {"r cos phi", "r sin phi"},
          .project =
              [](const double* x) {
                return std::array{x[1] * std::cos(x[3]), x[1] * std::sin(x[3])};
              },
          .equal_scales = true,
          .circle = horizon};
}

Chart Euclidean::chart() const {
  Chart chart = numbered_chart(n);
  chart.plane.equal_scales = true;
  return chart;
}

Chart Sphere::chart() const {
  Chart chart;
  for (Index m = 0; m + 1 < n; ++m) {
    chart.coordinates.push_back(
        detail::polar_angle(n == 2 ? "theta" : "theta" + std::to_string(m)));
  }
  chart.coordinates.push_back(detail::full_angle("phi"));
  if (n == 2) chart.plane.labels = {"theta", "phi"};
  return chart;
}

Chart HalfPlane::chart() const {
  Chart chart = numbered_chart(n, "> 0");
  chart.plane.equal_scales = true;
  return chart;
}

Chart PoincareBall::chart() const {
  Chart chart = numbered_chart(n, "with |x| < 1");
  chart.plane.equal_scales = true;
  chart.plane.circle = 1;
  return chart;
}

Chart Hyperbolic::chart() const {
  Chart chart = numbered_chart(n);
  chart.plane.equal_scales = true;
  return chart;
}

Chart Spd::chart() const {
  Chart chart;
  for (Index i = 1; i <= n; ++i) {
    for (Index j = i; j <= n; ++j) chart.coordinates.push_back({fmt::format("p{}{}", i, j)});
  }
  chart.coordinates.back().range = n == 1 ? "> 0" : "of a positive definite matrix";
  if (n > 1) chart.plane.labels = {"p11", "p12"};
  return chart;
}

Chart Schwarzschild::chart() const {
  return {{{"t"}, {"r", "> 2 mass"}, detail::polar_angle("theta"), detail::full_angle("phi")},
          detail::orbit_plane(2 * mass)};
}

}  // namespace lior::geometry
