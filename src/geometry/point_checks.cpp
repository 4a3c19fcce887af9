// SPDX-License-Identifier: Apache-2.0
#include "geometry/point_checks.h"

#include <fmt/format.h>

#include "geometry/metric_solver.h"
#include "geometry/planes.h"

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

/// "point 3 = (0, 1)".
template <class T>
std::string shown_place(const AnyMetric<T>& metric, const T* x, Index point) {
  const std::span coordinates(x, static_cast<std::size_t>(metric.dimension()));
  return fmt::format("point {} = ({})", point, fmt::join(coordinates, ", "));
}

/// "metric.x.y", or "d2 metric.x.y / dx dz" along those axes.
template <class T>
std::string shown_entry(const AnyMetric<T>& metric, Index m, Index n, std::span<const Index> axes) {
  const std::vector<Coordinate>& x = metric.chart().coordinates;
  std::string text = fmt::format("metric.{}.{}", x[m].name, x[n].name);
  if (axes.empty()) return text;
  text = (axes.size() == 1 ? "d " : "d2 ") + text + " /";
  for (const Index k : axes) text += " d" + x[k].name;
  return text;
}

/// NaN without its sign, which says nothing.
template <class T>
std::string shown_number(T value) {
  return std::isnan(value) ? "nan" : fmt::format("{}", value);
}

/// Throws the error of the first entry that is not finite, of g or its derivatives along `order`
/// axes: values: [d, .., d, d].
template <class T>
void check_entries(const AnyMetric<T>& metric, const T* x, Index point, std::span<const T> values,
                   std::size_t order) {
  const Index d = metric.dimension();
  for (Index i = 0; i < std::ssize(values); ++i) {
    const T value = values[static_cast<std::size_t>(i)];
    if (std::isfinite(value)) continue;
    const Index m = i / d % d, n = i % d;
    const std::array all{i / (d * d * d), i / (d * d) % d};
    const std::span axes = std::span<const Index>(all).last(order);
    const std::string place = shown_place(metric, x, point),
                      entry = shown_entry(metric, m, n, axes), fault = metric.fault(x, m, n, axes);
    LIOR_CHECK(fault.empty(), "the metric is singular at {}: {} is {}, by {}", place, entry,
               shown_number(value), fault);
    throw Error(
        fmt::format("the metric at {} exceeds what its numbers hold: {} is {}; expected smaller "
                    "coordinates, a smaller scale or a wider type",
                    place, entry, shown_number(value)));
  }
}

}  // namespace

template <class T>
void check_domain(const AnyMetric<T>& metric, const T* x, Index point) {
  const Domain domain = metric.domain(x);
  if (domain == Domain::inside) return;
  throw Error(fmt::format(
      "{} is {}; expected finite coordinates inside the chart", shown_place(metric, x, point),
      domain == Domain::horizon ? "on or inside the horizon" + end_of_horizon(metric, x)
                                : "outside the metric's domain"));
}

template <class T>
void fail_at_point(const AnyMetric<T>& metric, const T* x, Index point,
                   std::optional<linalg::FailedPivot<T>> pivot) {
  const Index d = metric.dimension();
  const auto d2 = static_cast<std::size_t>(d * d), d3 = d2 * static_cast<std::size_t>(d);
  std::vector<T> g(d2), dg(d3), ddg(d2 * d2);
  metric.second(x, g.data(), dg.data(), ddg.data());
  check_entries<T>(metric, x, point, g, 0);
  if (!pivot) pivot = MetricSolver<T>(metric).factor(g.data());
  if (pivot) {
    T most = 0;
    for (Index m = 0; m < d; ++m) most = std::max(most, std::abs(g[m * d + m]));
    const T rounding = static_cast<T>(4 * d) * std::numeric_limits<T>::epsilon() * most;
    std::string advice = "expected a metric that can be inverted there";
    if (const char* remedy = metric.remedy()) {
      advice = remedy;
    } else if (std::abs(pivot->value) <= rounding) {
      advice = fmt::format(
          "beside entries of {} that is rounding; {}", most,
          sizeof(T) == sizeof(float) ? "double precision may do" : "other coordinates may do");
    }
    throw Error(fmt::format("the metric is {} at {}: pivot {} is {}; {}",
                            metric.riemannian() ? "not positive definite" : "singular",
                            shown_place(metric, x, point), pivot->index, pivot->value, advice));
  }
  check_entries<T>(metric, x, point, dg, 1);
  check_entries<T>(metric, x, point, ddg, 2);
  throw Error(fmt::format(
      "what follows from the metric at {} exceeds what its numbers hold; expected a place that is "
      "farther from singular ones, or a wider type",
      shown_place(metric, x, point)));
}

template <class T>
void check_point(const AnyMetric<T>& metric, const T* x, Index point) {
  constexpr Index kMost = kMostDimensions;
  const Index d = metric.dimension();
  std::array<T, kMost * kMost> g;
  std::array<T, kMost * kMost * kMost> dg;
  check_domain(metric, x, point);
  metric.first(x, g.data(), dg.data());
  const bool finite =
      all_finite(g.data(), 1, d * d, d * d) && all_finite(dg.data(), 1, d * d * d, d * d * d);
  if (!finite || MetricSolver<T>(metric).factor(g.data())) fail_at_point(metric, x, point);
}

#define LIOR_INSTANTIATE(T)                                           \
  template void check_domain(const AnyMetric<T>&, const T*, Index);   \
  template void fail_at_point(const AnyMetric<T>&, const T*, Index,   \
                              std::optional<linalg::FailedPivot<T>>); \
  template void check_point(const AnyMetric<T>&, const T*, Index);
LIOR_INSTANTIATE(float)
LIOR_INSTANTIATE(double)
#undef LIOR_INSTANTIATE

}  // namespace lior::geometry
