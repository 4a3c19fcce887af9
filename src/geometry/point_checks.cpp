// SPDX-License-Identifier: Apache-2.0
#include "geometry/point_checks.h"

namespace lior::geometry {
namespace {

/// ", which ends at r = 2" of the horizon around x; nothing where no coordinate alone leads out.
template <class T>
std::string end_of_horizon(const AnyMetric<T>& metric, const T* x) {
  const Index d = metric.dimension();
  std::array<T, kMostDimensions> moved;
  for (Index k = 1; k <= d; ++k) {
    const Index m = k % d;  // the first coordinate, mostly a time, comes last
    std::copy_n(x, d, moved.data());
    const double end = end_above(static_cast<double>(x[m]), [&](double coordinate) {
      moved[m] = static_cast<T>(coordinate);
      return metric.domain(moved.data()) == Domain::horizon;
    });
    if (std::isfinite(end)) {
      return fmt::format(", which ends at {} = {:.10g}", metric.chart().coordinates[m].name, end);
    }
  }
  return "";
}

}  // namespace

template <class T>
void fail_at_point(const AnyMetric<T>& metric, const T* x, Index point,
                   const linalg::FailedPivot<T>& pivot) {
  const Index d = metric.dimension();
  std::array<T, kMostDimensions * kMostDimensions> g;
  metric.value(x, g.data());
  T most = 0;
  for (Index m = 0; m < d; ++m) most = std::max(most, std::abs(g[m * d + m]));
  const T rounding = static_cast<T>(4 * d) * std::numeric_limits<T>::epsilon() * most;
  std::string advice = "expected a metric that can be inverted there";
  if (const char* remedy = metric.remedy()) {
    advice = remedy;
  } else if (std::abs(pivot.value) <= rounding) {
    advice = fmt::format(
        "beside entries of {} that is rounding; {}", most,
        sizeof(T) == sizeof(float) ? "double precision may do" : "other coordinates may do");
  }
  throw Error(fmt::format("the metric is {} at point {}: pivot {} is {}; {}",
                          metric.riemannian() ? "not positive definite" : "singular", point,
                          pivot.index, pivot.value, advice));
}

template <class T>
void check_domain(const AnyMetric<T>& metric, const T* x, Index point) {
  const Domain domain = metric.domain(x);
  if (domain == Domain::inside) return;
  std::string coordinates;
  for (Index m = 0; m < metric.dimension(); ++m) {
    coordinates += fmt::format("{}{}", m == 0 ? "" : ", ", x[m]);
  }
  throw Error(fmt::format(
      "point {} = ({}) is {}; expected finite coordinates inside the chart", point, coordinates,
      domain == Domain::horizon ? "on or inside the horizon" + end_of_horizon(metric, x)
                                : "outside the metric's domain"));
}

#define LIOR_INSTANTIATE(T)                                             \
  template void fail_at_point(const AnyMetric<T>&, const T*, Index,     \
                              const linalg::FailedPivot<T>&);           \
  template void check_domain(const AnyMetric<T>&, const T*, Index);
LIOR_INSTANTIATE(float)
LIOR_INSTANTIATE(double)
#undef LIOR_INSTANTIATE

}  // namespace lior::geometry
