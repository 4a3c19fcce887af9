// SPDX-License-Identifier: Apache-2.0
// A user's program on the component geometry alone: a metric by name, of a file's formulas and a
// learned one's, and a geodesic's length.
#include <cmath>
#include <cstdio>

#include "lior/core/buffer.h"
#include "lior/geometry/christoffel.h"
#include "lior/geometry/metrics.h"

int main() {
  // Gamma^theta_phi,phi = -sin(theta) cos(theta) on the sphere, by code and by formulas.
  constexpr double kTheta = 0.7;
  lior::Array<double, 2> x({2, 1});
  x(0, 0) = kTheta;
  x(1, 0) = 0.3;
  for (const char* text : {"sphere", "expr:theta, phi; dtheta^2 + sin(theta)^2*dphi^2"}) {
    const auto metric = lior::geometry::metric_from_text<double>(text);
    lior::Array<double, 4> gamma({2, 2, 2, 1});
    lior::geometry::christoffel<double>(metric, x.view(), gamma.view());
    const double expected = -std::sin(kTheta) * std::cos(kTheta);
    if (std::abs(gamma(0, 1, 1, 0) - expected) > 1e-12) return 1;
  }
  // A metric of a file that lies in the library.
  if (lior::geometry::metric_from_text<double>("kerr_newman").dimension() != 4) return 1;
  std::puts("geometry");
}
