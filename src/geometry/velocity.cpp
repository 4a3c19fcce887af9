// SPDX-License-Identifier: Apache-2.0
#include "lior/geometry/velocity.h"

#include "geometry/point.h"

namespace lior::geometry {
namespace {

/// The root of a y^2 + 2 b y + c; NaN where there is none.
double future_root(double a, double b, double c) {
  const double root = std::sqrt(b * b - a * c);
  return b <= 0 ? c / (root - b) : -(b + root) / a;
}

}  // namespace

template <class T>
void complete_velocities(const AnyMetric<T>& metric, View<const T, 2> x, double square,
                         View<T, 2> v) {
  const Index d = metric.dimension();
  LIOR_CHECK(!metric.riemannian(),
             "velocities of particles and light are of metrics with a minus sign; this one is "
             "Riemannian");
  check_shape(v, {d, x.extent(1)}, "v");
  for_each_point(metric, x, d * d, [&](const T* point, Index n, T* g) {
    metric.value(point, g);
    double b = 0, c = -square;
    for (Index i = 1; i < d; ++i) {
      b += static_cast<double>(g[i]) * v(i, n);
      for (Index j = 1; j < d; ++j) c += static_cast<double>(g[i * d + j]) * v(i, n) * v(j, n);
    }
    const double first = future_root(g[0], b, c);
    LIOR_CHECK(std::isfinite(first),
               "velocity {}: no first component makes g(v,v) = {}; at this point the others leave "
               "none",
               n, square);
    v(0, n) = static_cast<T>(first);
  });
}

template void complete_velocities(const AnyMetric<float>&, View<const float, 2>, double,
                                  View<float, 2>);
template void complete_velocities(const AnyMetric<double>&, View<const double, 2>, double,
                                  View<double, 2>);

}  // namespace lior::geometry
