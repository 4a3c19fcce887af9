// SPDX-License-Identifier: Apache-2.0
#include "lior/geometry/geodesic.h"

#include <numeric>

#include "geometry/path_blocks.h"

namespace lior::geometry {
namespace {

/// (x, v, w)' = (v, a(x, v), -Gamma(v, w)); Gamma(v, w) = [Gamma(v+w, v+w) - Gamma(v-w, v-w)] / 4.
template <class T>
auto transport_equation(const AnyMetric<T>& metric) {
  return [&metric, d = metric.dimension(), scratch = std::vector<T>()](
             const T* state, T* slope, Index stride, Index count, PathStatus* status) mutable {
    scratch.resize(static_cast<std::size_t>(3 * d * stride));
    const T *v = state + d * stride, *w = v + d * stride;
    T *shifted = scratch.data(), *plus = shifted + d * stride, *minus = plus + d * stride;
    for (Index m = 0; m < d; ++m) std::copy_n(v + m * stride, count, slope + m * stride);
    const auto shift = [&](T sign) {
      for (Index m = 0; m < d; ++m) {
        for (Index n = m * stride; n < m * stride + count; ++n) shifted[n] = v[n] + sign * w[n];
      }
    };
    shift(1);
    accelerate(metric, state, shifted, plus, stride, count, status);
    shift(-1);
    accelerate(metric, state, shifted, minus, stride, count, status);
    T* carried = slope + 2 * d * stride;
    for (Index m = 0; m < d; ++m) {
      for (Index n = m * stride; n < m * stride + count; ++n) carried[n] = (plus[n] - minus[n]) / 4;
    }
    accelerate(metric, state, v, slope + d * stride, stride, count, status);
  };
}

constexpr double kUnitTime[] = {1.0};
constexpr Index kClosedLanes = 16;  // that a thread takes at least

/// Whether one rounding of the coordinates moves a point by 1 % of the metric's own length.
template <class T>
bool is_rounded(const AnyMetric<T>& metric, const T* x) {
  if (metric.unbounded()) return false;
  const double rounding = metric_rounding(metric, x);
  return rounding >= kSaturated && std::isfinite(rounding);  // paths alone need slopes of g
}

/// Whether a rounding of the components of v moves the end y of a closed path by 1 % of the path's
/// length, as where curvature is negative, and neighbours part as e^length. Tried with eight
/// roundings, since one may not move the end at all.
template <class T>
bool is_spread(const AnyMetric<T>& metric, const T* x, const T* v, const T* y) {
  constexpr int kRoundings = 8;
  const Index d = metric.dimension();
  std::array<Index, kMostDimensions> by_size;
  std::iota(by_size.begin(), by_size.begin() + d, Index{0});
  std::sort(by_size.begin(), by_size.begin() + d,
            [v](Index a, Index b) { return std::abs(v[a]) > std::abs(v[b]); });
  // One longer, the next one shorter: the largest do not merely lengthen v.
  std::array<T, kMostDimensions> aside, end, unused;
  T change = kRoundings * std::numeric_limits<T>::epsilon();
  for (const Index m : std::span(by_size).first(static_cast<std::size_t>(d))) {
    aside[m] = v[m] * (1 + change), change = -change;
  }
  metric.exponential(x, aside.data(), end.data());
  const auto moved = metric.logarithm(y, end.data(), unused.data());
  const auto length = metric.logarithm(x, y, unused.data());
  return moved && length && !(moved->length <= kRoundings * kSaturated * length->length);
}

/// exp_map in closed form. Where numbers do not hold the end, as where coordinates grow as e^|v|,
/// it is out of the domain, and y is x; but where it is only rounded to an edge, y is the number
/// before, and saturated.
template <class T>
void closed_exp_map(const AnyMetric<T>& metric, View<const T, 2> x, View<const T, 2> v,
                    View<T, 2> y, View<PathStatus, 1> status) {
  const Index d = metric.dimension();
  parallel_for(x.extent(1), kClosedLanes, [&](Index begin, Index end, int) {
    std::array<T, kMostDimensions> point, velocity, reached;
    for (Index n = begin; n < end; ++n) {
      gather_point(x, n, point.data());
      gather_point(v, n, velocity.data());
      metric.exponential(point.data(), velocity.data(), reached.data());
      status(n) = status_of(metric.domain(reached.data()));
      if (status(n) != PathStatus::ok) {
        for (Index m = 0; m < d; ++m) reached[m] = std::nextafter(reached[m], point[m]);
      }
      const bool inside = metric.domain(reached.data()) == Domain::inside;
      if (inside && (is_rounded(metric, reached.data()) ||
                     is_spread(metric, point.data(), velocity.data(), reached.data()))) {
        status(n) = PathStatus::saturated;
      }
      const bool kept = status(n) == PathStatus::ok || status(n) == PathStatus::saturated;
      const auto& last = kept ? reached : point;
      for (Index m = 0; m < d; ++m) y(m, n) = last[m];
    }
  });
}

/// transport in closed form; out is w, and the status edge, where numbers do not hold what it
/// becomes: it keeps its length, so that it is infinite or 0 by rounding alone. Along a path whose
/// end a rounding moves it is saturated.
template <class T>
void closed_transport(const AnyMetric<T>& metric, View<const T, 2> x, View<const T, 2> v,
                      View<const T, 2> w, View<T, 2> out, View<PathStatus, 1> status) {
  const Index d = metric.dimension();
  parallel_for(x.extent(1), kClosedLanes, [&](Index begin, Index end, int) {
    std::array<T, kMostDimensions> point, velocity, carried, result, reached;
    for (Index n = begin; n < end; ++n) {
      gather_point(x, n, point.data());
      gather_point(v, n, velocity.data());
      gather_point(w, n, carried.data());
      metric.transport(point.data(), velocity.data(), carried.data(), result.data());
      const auto is_zero = [d](const auto& vector) {
        return std::all_of(vector.begin(), vector.begin() + d, [](T e) { return e == 0; });
      };
      const bool held =
          all_finite(result.data(), 1, d, d) && (!is_zero(result) || is_zero(carried));
      metric.exponential(point.data(), velocity.data(), reached.data());
      const bool spread =
          !is_zero(carried) && is_spread(metric, point.data(), velocity.data(), reached.data());
      status(n) = !held ? PathStatus::edge : spread ? PathStatus::saturated : PathStatus::ok;
      for (Index m = 0; m < d; ++m) out(m, n) = held ? result[m] : carried[m];
    }
  });
}

}  // namespace

template <class T>
double metric_rounding(const AnyMetric<T>& metric, const T* x) {
  const Index d = metric.dimension();
  std::array<T, kMostDimensions * kMostDimensions> g;
  std::array<T, kMostDimensions * kMostDimensions * kMostDimensions> dg;
  metric.first(x, g.data(), dg.data());
  double most = 0;
  for (Index i = 0; i < d * d; ++i) {
    const Index m = i / d, n = i % d;
    T change = 0;
    for (Index k = 0; k < d; ++k) change += std::abs(x[k] * dg[k * d * d + i]);
    const T size = std::sqrt(std::abs(g[m * d + m])) * std::sqrt(std::abs(g[n * d + n]));
    if (change > 0) most = std::max(most, static_cast<double>(change / size));
  }
  // A slope that is less than the smallest number looks like none.
  for (Index k = 0; k < d; ++k) {
    const T size = std::abs(g[k * d + k]), slope = size / std::max(std::abs(x[k]), T(1));
    if (size > 0 && slope < std::numeric_limits<T>::min()) {
      return std::numeric_limits<double>::infinity();
    }
  }
  return most * std::numeric_limits<T>::epsilon();
}

template <class T>
void geodesics(const AnyMetric<T>& metric, View<const T, 2> x, View<const T, 2> v,
               std::span<const double> times, const GeodesicOptions& options,
               const Paths<T>& paths) {
  check_start(metric, x, v, options);
  const Index d = metric.dimension(), count = x.extent(1);
  const auto samples = static_cast<Index>(times.size());
  check_shape(paths.x, {samples, d, count}, "paths.x");
  check_shape(paths.v, {samples, d, count}, "paths.v");
  check_shape(paths.status, {count}, "paths.status");
  check_shape(paths.reached, {count}, "paths.reached");
  check_times(times);
  integrate_blocks<T>(
      metric, {x, v}, times, options, [&] { return geodesic_equation(metric); },
      [&](Index lane, Index lanes, Index k, const T* state, Index stride) {
        for (Index m = 0; m < d; ++m) {
          std::copy_n(state + m * stride, lanes, &paths.x(k, m, lane));
          std::copy_n(state + (d + m) * stride, lanes, &paths.v(k, m, lane));
        }
      },
      [&](Index lane, PathStatus status, double reached) {
        paths.status(lane) = status;
        paths.reached(lane) = static_cast<T>(reached);
      });
  if (samples > 0) {
    mark_saturated<T>(metric, {&paths.x(samples - 1, 0, 0), {d, count}}, paths.status);
  }
}

template <class T>
void exp_map(const AnyMetric<T>& metric, View<const T, 2> x, View<const T, 2> v,
             const GeodesicOptions& options, View<T, 2> y, View<PathStatus, 1> status) {
  check_start(metric, x, v, options);
  const Index d = metric.dimension();
  check_shape(y, x.shape(), "y");
  check_shape(status, {x.extent(1)}, "status");
  if (metric.has_closed_paths()) {
    closed_exp_map(metric, x, v, y, status);
  } else {
    integrate_blocks<T>(
        metric, {x, v}, kUnitTime, options, [&] { return geodesic_equation(metric); },
        [&](Index lane, Index lanes, Index, const T* state, Index stride) {
          for (Index m = 0; m < d; ++m) std::copy_n(state + m * stride, lanes, &y(m, lane));
        },
        [&](Index lane, PathStatus why, double) { status(lane) = why; });
    mark_saturated<T>(metric, y, status);
  }
}

template <class T>
void transport(const AnyMetric<T>& metric, View<const T, 2> x, View<const T, 2> v,
               View<const T, 2> w, const GeodesicOptions& options, View<T, 2> out,
               View<PathStatus, 1> status) {
  check_start(metric, x, v, options);
  const Index d = metric.dimension();
  check_shape(w, x.shape(), "w");
  check_shape(out, x.shape(), "out");
  check_shape(status, {x.extent(1)}, "status");
  if (metric.has_closed_paths()) return closed_transport(metric, x, v, w, out, status);
  integrate_blocks<T>(
      metric, {x, v, w}, kUnitTime, options, [&] { return transport_equation(metric); },
      [&](Index lane, Index lanes, Index, const T* state, Index stride) {
        for (Index m = 0; m < d; ++m) {
          std::copy_n(state + (2 * d + m) * stride, lanes, &out(m, lane));
        }
      },
      [&](Index lane, PathStatus why, double) { status(lane) = why; });
}

template <class T>
void curve_length(const AnyMetric<T>& metric, View<const T, 3> path, View<T, 1> out) {
  const Index samples = path.extent(0), d = metric.dimension(), count = path.extent(2);
  LIOR_CHECK(path.extent(1) == d && samples >= 1, "path has shape {}; expected [K, {}, N], K >= 1",
             to_string(path.shape()), d);
  check_shape(out, {count}, "out");
  LIOR_CHECK(metric.riemannian(), "lengths are of Riemannian metrics; this one has {} minus signs",
             metric.negative_directions());
  std::array<T, kMostDimensions> middle, step;
  std::array<T, kMostDimensions * kMostDimensions> g;
  for (Index n = 0; n < count; ++n) {
    check_stop();
    T length = 0;
    for (Index k = 0; k + 1 < samples; ++k) {
      for (Index m = 0; m < d; ++m) {
        middle[m] = (path(k, m, n) + path(k + 1, m, n)) / 2;
        step[m] = path(k + 1, m, n) - path(k, m, n);
      }
      check_domain(metric, middle.data(), n);
      metric.value(middle.data(), g.data());
      if (!all_finite(g.data(), 1, d * d, d * d)) fail_at_point(metric, middle.data(), n);
      T square = 0;
      for (Index i = 0; i < d * d; ++i) square += g[i] * step[i / d] * step[i % d];
      LIOR_CHECK(square >= 0,
                 "the metric is not positive definite on curve {} between its samples "
                 "{} and {}",
                 n, k, k + 1);
      length += std::sqrt(square);
    }
    out(n) = length;
  }
}

template <class T>
void lior_distance_compat(const LearnedMetric<T>& metric, View<const T, 2> x, View<const T, 2> y,
                          View<T, 1> out) {
  constexpr int kSamples = 10;
  const Index d = metric.dimension(), count = x.extent(1);
  check_shape(x, {d, count}, "x");
  check_shape(y, {d, count}, "y");
  check_shape(out, {count}, "out");
  std::array<T, kMostDimensions> point, step;
  std::array<T, kMostDimensions * kMostDimensions> g;
  for (Index n = 0; n < count; ++n) {
    T sum = 0;
    for (int i = 0; i < kSamples; ++i) {
      for (Index m = 0; m < d; ++m) {
        point[m] = x(m, n) + static_cast<T>(i) / (kSamples - 1) * (y(m, n) - x(m, n));
        step[m] = (y(m, n) - x(m, n)) / kSamples;
      }
      metric(point.data(), g.data());
      T square = 0;
      for (Index k = 0; k < d * d; ++k) square += g[k] * step[k / d] * step[k % d];
      const T f = metric.resilience(point.data()) * std::sqrt(std::max(square, T(1e-8)));
      sum += i == 0 || i == kSamples - 1 ? f / 2 : f;
    }
    out(n) = sum / kSamples;
  }
}

#define LIOR_INSTANTIATE(T)                                                                       \
  template double metric_rounding(const AnyMetric<T>&, const T*);                                 \
  template void geodesics(const AnyMetric<T>&, View<const T, 2>, View<const T, 2>,                \
                          std::span<const double>, const GeodesicOptions&, const Paths<T>&);      \
  template void exp_map(const AnyMetric<T>&, View<const T, 2>, View<const T, 2>,                  \
                        const GeodesicOptions&, View<T, 2>, View<PathStatus, 1>);                 \
  template void transport(const AnyMetric<T>&, View<const T, 2>, View<const T, 2>,                \
                          View<const T, 2>, const GeodesicOptions&, View<T, 2>,                   \
                          View<PathStatus, 1>);                                                   \
  template void curve_length(const AnyMetric<T>&, View<const T, 3>, View<T, 1>);                  \
  template void lior_distance_compat(const LearnedMetric<T>&, View<const T, 2>, View<const T, 2>, \
                                     View<T, 1>);
LIOR_INSTANTIATE(float)
LIOR_INSTANTIATE(double)
#undef LIOR_INSTANTIATE

}  // namespace lior::geometry
