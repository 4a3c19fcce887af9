// SPDX-License-Identifier: Apache-2.0
#include "lior/geometry/camera.h"

#include <numbers>

#include "geometry/metric_solver.h"
#include "geometry/point.h"
#include "geometry/space_chart.h"
#include "lior/geometry/rays.h"

namespace lior::geometry {
namespace {

constexpr Index kDimension = 4, kMatrix = kDimension * kDimension;

/// The metric at one point.
struct MetricAt {
  std::array<double, kMatrix> g;

  MetricAt(const AnyMetric<double>& metric, const double* x) { metric.value(x, g.data()); }

  double operator()(const double* a, const double* b) const {
    double sum = 0;
    for (Index m = 0; m < kDimension; ++m) {
      for (Index n = 0; n < kDimension; ++n) sum += g[m * kDimension + n] * a[m] * b[n];
    }
    return sum;
  }
  double operator()(const Vector4& a, const Vector4& b) const {
    return (*this)(a.data(), b.data());
  }
};

/// -grad t.
Vector4 normal_to_slices(const AnyMetric<double>& metric, const MetricAt& g) {
  MetricSolver<double> solver(metric);
  Vector4 normal{-1, 0, 0, 0};
  LIOR_CHECK(!solver.factor(g.g.data()), "the metric is singular at the observer");
  solver.solve(normal.data());
  return normal;
}

Vector4 velocity_of(const AnyMetric<double>& metric, const MetricAt& g, Observer observer) {
  Vector4 u{1, 0, 0, 0};
  if (observer == Observer::zamo) u = normal_to_slices(metric, g);
  const double square = g(u, u);
  LIOR_CHECK(square < 0,
             "no {} observer is at this place, where that direction is not one of time; expected "
             "{}",
             name(observer),
             observer == Observer::fixed ? "a place outside horizon and ergosphere, or zamo"
                                         : "coordinates whose first one is a time, or static");
  for (double& part : u) part /= std::sqrt(-square);
  return u;
}

/// The radius where the horizon ends above x; NaN where it does not within 1e6 times as far.
double horizon_above(const AnyMetric<double>& metric, const SpaceChart& chart, const double* x) {
  const double theta = chart.polar_angle(x), phi = chart.azimuth(x);
  const auto is_inside = [&](double radius) {
    return metric.domain(chart.place(radius, theta, phi).data()) == Domain::horizon;
  };
  return end_above(chart.radius(x), is_inside);
}

void check_outside(const AnyMetric<double>& metric, const SpaceChart& chart, const double* x) {
  const Domain domain = metric.domain(x);
  const std::string& radius = chart.spherical() ? metric.chart().coordinates[1].name : "radius";
  LIOR_CHECK(domain != Domain::horizon,
             "the observer at {0} = {1:.6g} is on or inside the horizon, which is at {0} = {2:.6g} "
             "there; expected a larger {0}",
             radius, chart.radius(x), horizon_above(metric, chart, x));
  LIOR_CHECK(domain == Domain::inside,
             "the observer at {} = {:.6g} is outside the metric's chart; expected a place inside",
             radius, chart.radius(x));
}

/// Makes `vector` orthogonal to the first `known` legs, of length 1, and the next leg.
void add_leg(const MetricAt& g, ObserverFrame& frame, std::size_t known, Vector4 vector) {
  for (std::size_t a = 0; a < known; ++a) {
    const Vector4& leg = frame.e[a];
    const double part = g(vector, leg) * (a == 0 ? -1 : 1);
    for (std::size_t m = 0; m < 4; ++m) vector[m] -= part * leg[m];
  }
  const double square = g(vector, vector);
  LIOR_CHECK(square > 0 && std::isfinite(square),
             "the metric has no frame at the observer; expected a place off the axis and away from "
             "the centre");
  for (double& part : vector) part /= std::sqrt(square);
  frame.e[known] = vector;
}

Vector4 reversed(Vector4 v) {
  for (double& part : v) part = -part;
  return v;
}

/// W of u ~ d_t + W d_phi on the circular geodesic through x; NaN where there is none.
double circular_rate(const AnyMetric<double>& metric, const SpaceChart& chart, const double* x) {
  std::array<double, kMatrix> g;
  std::array<double, kMatrix * kDimension> dg;
  metric.first(x, g.data(), dg.data());
  const Vector4 time{1, 0, 0, 0}, around = chart.rotation(x), out = chart.outwards(x);
  // d_out of g(a, b) at a and b held, and d_out of d_phi, which grows with the distance.
  const auto slope = [&](const Vector4& a, const Vector4& b) {
    double sum = 0;
    for (Index k = 0; k < kDimension; ++k) {
      for (Index i = 0; i < kMatrix; ++i) {
        sum += out[k] * dg[k * kMatrix + i] * a[i / kDimension] * b[i % kDimension];
      }
    }
    return sum;
  };
  const auto product = [&](const Vector4& a, const Vector4& b) {
    double sum = 0;
    for (Index i = 0; i < kMatrix; ++i) sum += g[i] * a[i / kDimension] * b[i % kDimension];
    return sum;
  };
  const double growth = chart.spherical() ? 0 : 1;  // of d_phi along `out`
  const double tt = slope(time, time);
  const double tp = slope(time, around) + growth * product(time, around);
  const double pp = slope(around, around) + 2 * growth * product(around, around);
  return (std::sqrt(tp * tp - tt * pp) - tp) / pp;
}

}  // namespace

std::array<double, 4> scene_place(const AnyMetric<double>& metric, double radius,
                                  double polar_angle, double azimuth) {
  check_scene_metric(metric);
  return SpaceChart(metric).place(radius, polar_angle, azimuth);
}

ObserverFrame observer_frame(const AnyMetric<double>& metric, const double* x, Observer observer) {
  check_scene_metric(metric);
  const SpaceChart chart(metric);
  check_outside(metric, chart, x);
  check_point(metric, x, 0);
  const MetricAt g(metric, x);
  ObserverFrame frame;
  frame.e[0] = velocity_of(metric, g, observer);
  add_leg(g, frame, 1, reversed(chart.outwards(x)));
  add_leg(g, frame, 2, reversed(chart.southwards(x)));
  add_leg(g, frame, 3, chart.eastwards(x));
  return frame;
}

void camera_rays(const AnyMetric<double>& metric, const Camera& camera, Index width, Index height,
                 View<const double, 2> pixels, View<double, 2> x, View<double, 2> v) {
  LIOR_CHECK(width >= 1 && height >= 1, "a picture of {} x {} pixels; expected at least one", width,
             height);
  LIOR_CHECK(camera.view > 0 && camera.view < std::numbers::pi,
             "the view's angle is {}; expected one in (0, pi)", camera.view);
  check_shape(pixels, {2, pixels.extent(1)}, "pixels");
  check_shape(x, {kDimension, pixels.extent(1)}, "x");
  check_shape(v, x.shape(), "v");
  const ObserverFrame frame = observer_frame(metric, camera.place.data(), camera.observer);
  const double scale = std::tan(camera.view / 2);
  const auto wide = static_cast<double>(width), high = static_cast<double>(height);
  for (Index n = 0; n < pixels.extent(1); ++n) {
    const double right = scale * (2 * pixels(0, n) / wide - 1);
    const double up = scale * (high - 2 * pixels(1, n)) / wide;
    const double length = std::sqrt(1 + right * right + up * up);
    for (Index m = 0; m < kDimension; ++m) {
      const auto at = static_cast<std::size_t>(m);
      x(m, n) = camera.place[at];
      v(m, n) =
          (frame.e[1][at] + up * frame.e[2][at] + right * frame.e[3][at]) / length - frame.e[0][at];
    }
  }
}

void disk_redshift(const AnyMetric<double>& metric, View<const double, 2> x,
                   View<const double, 2> v, View<double, 1> out) {
  check_scene_metric(metric);
  check_shape(v, x.shape(), "v");
  check_shape(out, {x.extent(1)}, "out");
  const SpaceChart chart(metric);
  for_each_point(metric, x, 0, [&](const double* point, Index n, double*) {
    const double rate = circular_rate(metric, chart, point);
    Vector4 u = chart.rotation(point), ray;
    for (std::size_t m = 0; m < 4; ++m) {
      u[m] = rate * u[m] + (m == 0 ? 1 : 0);
      ray[m] = v(static_cast<Index>(m), n);
    }
    const MetricAt g(metric, point);
    out(n) = std::sqrt(-g(u, u)) / g(ray, u);
  });
}

}  // namespace lior::geometry
