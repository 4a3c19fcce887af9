// SPDX-License-Identifier: Apache-2.0
// Geodesics, exp, log, distance, transport and lengths: closed forms, conserved quantities, orders
// of convergence, and how paths end.
#include <cmath>
#include <numbers>

#include "check/geometry/learned_samples.h"
#include "check/geometry/parts.h"
#include "check/geometry/shot.h"
#include "lior/check/compare.h"
#include "lior/check/registry.h"
#include "lior/core/worst.h"
#include "lior/geometry/geodesic.h"
#include "lior/geometry/metrics.h"

namespace lior::check {
namespace {

using namespace geometry;

/// Paths with their storage.
template <class T>
struct Traced {
  Array<T, 3> x, v;
  Array<PathStatus, 1> status;
  Array<T, 1> reached;

  Traced(const AnyMetric<T>& metric, const Array<T, 2>& from, const Array<T, 2>& velocity,
         std::span<const double> times, const GeodesicOptions& options = {})
      : x({static_cast<Index>(times.size()), from.shape()[0], from.shape()[1]}),
        v(x.shape()),
        status({from.shape()[1]}),
        reached(status.shape()) {
    geodesics<T>(metric, from.view(), velocity.view(), times, options,
                 {x.view(), v.view(), status.view(), reached.view()});
  }
  bool all(PathStatus wanted) const {
    return std::all_of(status.span().begin(), status.span().end(),
                       [=](PathStatus s) { return s == wanted; });
  }
};

template <class T>
Array<T, 2> planes(std::initializer_list<std::initializer_list<double>> points) {
  const auto count = static_cast<Index>(points.size());
  Array<T, 2> x({static_cast<Index>(points.begin()->size()), count});
  Index n = 0;
  for (const auto& point : points) {
    Index m = 0;
    for (const double value : point) x(m++, n) = static_cast<T>(value);
    ++n;
  }
  return x;
}

/// g(v, w) at x, of sample k and lane n.
template <class T>
double inner(const AnyMetric<T>& metric, const T* x, const T* v, const T* w, Index stride) {
  const Index d = metric.dimension();
  std::array<T, kMostDimensions> point;
  std::array<T, kMostDimensions * kMostDimensions> g;
  for (Index m = 0; m < d; ++m) point[m] = x[m * stride];
  metric.value(point.data(), g.data());
  double sum = 0;
  for (Index k = 0; k < d * d; ++k) {
    sum += static_cast<double>(g[k]) * v[k / d * stride] * w[k % d * stride];
  }
  return sum;
}

/// Largest change of g(v, v) along the paths, relative to its start.
template <class T>
double speed_error(const AnyMetric<T>& metric, const Traced<T>& paths) {
  const Index count = paths.x.shape()[2];
  Worst<double> worst;
  for (Index k = 0; k < paths.x.shape()[0]; ++k) {
    for (Index n = 0; n < count; ++n) {
      const auto speed = [&](Index sample) {
        const T *x = &paths.x(sample, 0, n), *v = &paths.v(sample, 0, n);
        return inner(metric, x, v, v, count);
      };
      worst.add(std::abs(speed(k) / speed(0) - 1));
    }
  }
  return worst.value();
}

constexpr double kTimes[] = {0, 0.25, 0.5, 1, 2, 4};

/// Great circles: the point of the unit sphere at cos|v| x + sin|v| v/|v|.
template <class T>
double great_circles(const GeodesicOptions& options) {
  const auto x = planes<T>({{1.2, 0.3}, {0.9, -2}, {1.5, 0}});
  const auto v = planes<T>({{0.3, 0.4}, {0.2, -0.6}, {-0.5, 0.1}});
  const Traced<T> paths(Sphere{}, x, v, kTimes, options);
  if (!paths.all(PathStatus::ok)) return NAN;
  Worst<double> worst;
  for (Index n = 0; n < 3; ++n) {
    const double th = x(0, n), ph = x(1, n), a = v(0, n), b = v(1, n) * std::sin(th);
    const double speed = std::hypot(a, b);
    const std::array start = {std::sin(th) * std::cos(ph), std::sin(th) * std::sin(ph),
                              std::cos(th)};
    const std::array along = {a * std::cos(th) * std::cos(ph) - b * std::sin(ph),
                              a * std::cos(th) * std::sin(ph) + b * std::cos(ph),
                              -a * std::sin(th)};
    for (Index k = 0; k < 6; ++k) {
      const double angle = speed * kTimes[k], q = paths.x(k, 0, n), p = paths.x(k, 1, n);
      const std::array got = {std::sin(q) * std::cos(p), std::sin(q) * std::sin(p), std::cos(q)};
      for (int i = 0; i < 3; ++i) {
        const double want = std::cos(angle) * start[i] + std::sin(angle) * along[i] / speed;
        worst.add(std::abs(got[i] - want));
      }
    }
  }
  return worst.value();
}

/// |order - what halving the step shows|.
double order_error(Method method, double order) {
  const double coarse = great_circles<double>({.method = method, .step = 0.1});
  const double fine = great_circles<double>({.method = method, .step = 0.05});
  return std::abs(std::log2(coarse / fine) - order);
}

/// exp_0(v) = tanh|v| v/|v| in the ball.
template <class T>
double ball_exp() {
  const auto x = planes<T>({{0, 0, 0}, {0, 0, 0}});
  const auto v = planes<T>({{0.3, -0.2, 0.5}, {1.5, 0.7, 0}});
  Array<T, 2> y({3, 2}), want({3, 2});
  Array<PathStatus, 1> status({2});
  exp_map<T>(PoincareBall{3}, x.view(), v.view(), {}, y.view(), status.view());
  for (Index n = 0; n < 2; ++n) {
    const double size = std::hypot(v(0, n), v(1, n), v(2, n));
    for (Index m = 0; m < 3; ++m) want(m, n) = std::tanh(size) * v(m, n) / size;
  }
  return max_difference(y.span(), want.span());
}

template <class T>
double ball_distance() {  // 2 artanh |x|
  const auto x = planes<T>({{0, 0}, {0, 0}}), y = planes<T>({{0.3, 0.4}, {-0.6, 0.1}});
  Array<T, 1> length({2});
  distance<T>(PoincareBall{2}, x.view(), y.view(), {}, {length.view()});
  Worst<double> worst;
  worst.add(std::abs(length(0) - 1.0986122887));
  worst.add(std::abs(length(1) - 2 * std::atanh(std::hypot(0.6, 0.1))));
  return worst.value();
}

/// Points near the edge, where the straight line is far off:
/// arcosh(1 + 2 |x - y|^2 / ((1 - |x|^2)(1 - |y|^2))).
double far_distance() {
  const auto x = planes<double>({{0.7, -0.55}}), y = planes<double>({{-0.3, 0.85}});
  Array<double, 1> length({1});
  distance<double>(Shot{PoincareBall{2}}, x.view(), y.view(), {}, {length.view()});
  const double square = 1.0 * 1.0 + 1.4 * 1.4, room = (1 - 0.7925) * (1 - 0.8125);
  return std::abs(length(0) - std::acosh(1 + 2 * square / room));
}

double half_plane_distance() {  // arcosh(1 + |x - y|^2 / (2 x_1 y_1))
  const auto x = planes<double>({{0, 1}, {0.5, 2}}), y = planes<double>({{1, 1.5}, {-1, 0.7}});
  Array<double, 1> length({2});
  distance<double>(HalfPlane{2}, x.view(), y.view(), {}, {length.view()});
  Worst<double> worst;
  for (Index n = 0; n < 2; ++n) {
    const double a = x(0, n) - y(0, n), b = x(1, n) - y(1, n);
    const double want = std::acosh(1 + (a * a + b * b) / (2 * x(1, n) * y(1, n)));
    worst.add(std::abs(length(n) - want));
  }
  return worst.value();
}

/// The innermost stable circular orbit, r = 6M: E, L and Omega; r stays.
double innermost_orbit() {
  const double r = 6, rate = std::sqrt(1 / (r * r * r)), t_dot = 1 / std::sqrt(1 - 3 / r);
  const auto x = planes<double>({{0, r, std::numbers::pi / 2, 0}});
  const auto v = planes<double>({{t_dot, 0, 0, rate * t_dot}});
  constexpr double kLater[] = {0, 10, 40};
  const Traced<double> paths(Schwarzschild{1}, x, v, kLater);
  Worst<double> worst;
  for (Index k = 0; k < 3; ++k) {
    const double energy = (1 - 2 / paths.x(k, 1, 0)) * paths.v(k, 0, 0);
    const double momentum = paths.x(k, 1, 0) * paths.x(k, 1, 0) * paths.v(k, 3, 0);
    for (const double deviation :
         {energy - 0.9428090416, momentum - 3.4641016151, paths.x(k, 1, 0) - r,
          paths.x(k, 3, 0) - rate * paths.x(k, 0, 0)}) {
      worst.add(std::abs(deviation));
    }
  }
  return worst.value();
}

/// g(v, v), E and L of a bound orbit that is no circle.
double eccentric_orbit() {
  const auto x = planes<double>({{0, 12, std::numbers::pi / 2, 0}});
  const auto v = planes<double>({{1.2, 0.03, 0.01, 0.03}});
  constexpr double kLater[] = {0, 100, 300, 900};
  const Schwarzschild hole{1};
  const Traced<double> paths(hole, x, v, kLater);
  Worst<double> worst;
  worst.add(speed_error<double>(hole, paths));
  const auto conserved = [&](Index k) {
    const double r = paths.x(k, 1, 0), sine = std::sin(paths.x(k, 2, 0));
    return std::array{(1 - 2 / r) * paths.v(k, 0, 0), r * r * sine * sine * paths.v(k, 3, 0)};
  };
  for (Index k = 0; k < 4; ++k) {
    for (int i = 0; i < 2; ++i) {
      worst.add(std::abs(conserved(k)[i] / conserved(0)[i] - 1));
    }
  }
  return paths.all(PathStatus::ok) ? worst.value() : NAN;
}

/// Clairaut's constant (R + r cos th)^2 phi'.
double clairaut() {
  const Torus torus{0.7, 2};
  const Traced<double> paths(torus, planes<double>({{0.3, 0}}), planes<double>({{0.8, 0.5}}),
                             kTimes);
  const auto constant = [&](Index k) {
    const double ring = 2 + 0.7 * std::cos(paths.x(k, 0, 0));
    return ring * ring * paths.v(k, 1, 0);
  };
  Worst<double> worst;
  worst.add(speed_error<double>(torus, paths));
  for (Index k = 0; k < 6; ++k) worst.add(std::abs(constant(k) / constant(0) - 1));
  return worst.value();
}

template <class T>
double learned_speed(Method method, double step) {
  const AnyMetric<T> metric(LearnedMetric<T>(random_learned_metric<T>(8, 61)));
  const Index count = 70;  // more than one block, and a part of a vector
  const Traced<T> paths(metric, random_planes<T>(8, count, 62), random_planes<T>(8, count, 63),
                        std::span(kTimes).first(4),
                        {.method = method,
                         .rtol = sizeof(T) == 4 ? 1e-5 : 1e-8,
                         .atol = sizeof(T) == 4 ? 1e-6 : 1e-10,
                         .step = step});
  return paths.all(PathStatus::ok) ? speed_error<T>(metric, paths) : NAN;
}

/// exp_x(log_x(y)) = y, on the learned metric.
double exp_of_log() {
  const AnyMetric<double> metric(LearnedMetric<double>(random_learned_metric<double>(4, 61)));
  const auto x = random_planes<double>(4, 5, 64), y = random_planes<double>(4, 5, 65);
  Array<double, 2> v({4, 5}), back({4, 5});
  Array<bool, 1> converged({5});
  Array<double, 1> estimate({5});
  Array<PathStatus, 1> status({5});
  const GeodesicOptions options{.rtol = 1e-10, .atol = 1e-12};
  log_map<double>(metric, x.view(), y.view(), options,
                  {v.view(), converged.view(), estimate.view()});
  exp_map<double>(metric, x.view(), v.view(), options, back.view(), status.view());
  for (const bool found : converged.span()) {
    if (!found) return NAN;
  }
  Worst<double> worst;
  worst.add(max_difference(back.span(), y.span()));
  for (const double error : estimate.span()) worst.add(error);
  return worst.value();
}

/// Transport keeps g(w, w) and g(w, v), and moves a geodesic's own velocity into its velocity.
double transport_error() {
  const AnyMetric<double> metric(LearnedMetric<double>(random_learned_metric<double>(4, 61)));
  const Index count = 5;
  const auto x = random_planes<double>(4, count, 66), v = random_planes<double>(4, count, 67);
  const auto w = random_planes<double>(4, count, 68);
  Array<double, 2> carried({4, count}), own({4, count});
  Array<PathStatus, 1> status({count});
  transport<double>(metric, x.view(), v.view(), w.view(), {}, carried.view(), status.view());
  transport<double>(metric, x.view(), v.view(), v.view(), {}, own.view(), status.view());
  constexpr double kOne[] = {1};
  const Traced<double> paths(metric, x, v, kOne);
  Worst<double> worst;
  worst.add(max_difference(own.span(), paths.v.span()));
  for (Index n = 0; n < count; ++n) {
    const auto at = [&](const double* point, const double* a, const double* b) {
      return inner(metric, point + n, a + n, b + n, count);
    };
    worst.add(std::abs(at(paths.x.data(), carried.data(), carried.data()) -
                       at(x.data(), w.data(), w.data())));
    worst.add(std::abs(at(paths.x.data(), carried.data(), paths.v.data()) -
                       at(x.data(), w.data(), v.data())));
  }
  return worst.value();
}

/// On the sphere, transport around a parallel's tangent circle turns by the enclosed area: along
/// the equator a vector keeps its angle, so (a, b) stays (a, b).
double transport_on_equator() {
  const double half = std::numbers::pi / 2;
  const auto x = planes<double>({{half, 0.2}}), v = planes<double>({{0, 1.7}});
  const auto w = planes<double>({{0.6, -0.8}});
  Array<double, 2> carried({2, 1});
  Array<PathStatus, 1> status({1});
  transport<double>(Sphere{}, x.view(), v.view(), w.view(), {}, carried.view(), status.view());
  return max_difference(carried.span(), w.span());
}

/// Lengths of a quarter circle of radius 2 in polar form: the midpoint rule has order 2.
double length_order() {
  const auto error = [](Index samples) {
    Array<double, 3> path({samples + 1, 2, 1});
    for (Index k = 0; k <= samples; ++k) {  // a line of the half-plane, from y = 1 to 3
      const double s = static_cast<double>(k) / static_cast<double>(samples);
      path(k, 0, 0) = 0.5, path(k, 1, 0) = 1 + 2 * s;
    }
    Array<double, 1> length({1});
    curve_length<double>(HalfPlane{2}, path.view(), length.view());
    return std::abs(length(0) - std::log(3.0));
  };
  return std::abs(std::log2(error(64) / error(128)) - 2);
}

/// How paths end: the status wanted, and finite states all along.
double ends_as(const AnyMetric<double>& metric, std::initializer_list<double> from,
               std::initializer_list<double> velocity, double until, PathStatus wanted,
               Method method = Method::dopri5, double rtol = 1e-8) {
  const double times[] = {0, until / 2, until};
  const Traced<double> paths(metric, planes<double>({from}), planes<double>({velocity}), times,
                             {.method = method, .rtol = rtol});
  for (const double value : paths.x.span()) {
    if (!std::isfinite(value)) return NAN;
  }
  return paths.all(wanted) && paths.reached(0) <= until ? 0 : 1;
}

/// -x^2 - y^2 + 1: not positive definite past the unit circle.
struct Fading {
  Index dimension() const { return 2; }
  template <class S>
  void operator()(const S* x, S* g) const {
    g[0] = g[3] = 1.0 - x[0] * x[0] - x[1] * x[1];
    g[1] = g[2] = S(0.0);
  }
};

}  // namespace

void add_geodesic_checks(Registry& registry) {
  const auto add = [&](const char* name, const char* dtype, const char* shape, double tolerance,
                       std::function<double()> error) {
    registry.checks.push_back({.name = std::string("geodesic.") + name,
                               .module = "geometry",
                               .dtype = dtype,
                               .shape = shape,
                               .tolerance = tolerance,
                               .error = std::move(error)});
  };
  // Adaptive steps at rtol 1e-8 leave a few times that over paths of length 4.
  constexpr double kAdaptive = 1e-6, kFloat = 2e-4;
  add("great_circles", "f64", "sphere", kAdaptive, [] { return great_circles<double>({}); });
  add("great_circles", "f32", "sphere", kFloat,
      [] { return great_circles<float>({.rtol = 1e-5, .atol = 1e-6}); });
  add("order.rk4", "f64", "sphere", 0.2, [] { return order_error(Method::rk4, 4); });
  add("order.midpoint", "f64", "sphere", 0.2, [] { return order_error(Method::midpoint, 2); });
  add("ball.exp", "f64", "n=3", 1e-7, ball_exp<double>);
  add("ball.exp", "f32", "n=3", kFloat, ball_exp<float>);
  add("ball.distance", "f64", "n=2", 1e-7, ball_distance<double>);
  add("ball.far_distance", "f64", "n=2", 1e-6, far_distance);
  add("half_plane.distance", "f64", "n=2", 1e-7, half_plane_distance);
  add("schwarzschild.innermost_orbit", "f64", "r=6", kAdaptive, innermost_orbit);
  add("schwarzschild.conserved", "f64", "900", kAdaptive, eccentric_orbit);
  add("torus.clairaut", "f64", "", kAdaptive, clairaut);
  add("learned.speed", "f64", "d=8 N=70", kAdaptive,
      [] { return learned_speed<double>(Method::dopri5, 0.1); });
  add("learned.speed", "f32", "d=8 N=70", kFloat,
      [] { return learned_speed<float>(Method::dopri5, 0.1); });
  add("learned.speed.rk4", "f64", "d=8 N=70", 1e-4,  // 0.05^4 times derivatives of size 10
      [] { return learned_speed<double>(Method::rk4, 0.05); });
  add("exp_of_log", "f64", "d=4 N=5", 1e-8, exp_of_log);
  add("transport", "f64", "d=4 N=5", kAdaptive, transport_error);
  add("transport.equator", "f64", "sphere", kAdaptive, transport_on_equator);
  add("length.order", "f64", "half_plane", 0.1, length_order);
  add("ends.horizon", "f64", "schwarzschild", 0, [] {
    return ends_as(Schwarzschild{1}, {0, 6, 1.5, 0}, {1.5, -0.5, 0, 0}, 100, PathStatus::horizon);
  });
  add("ends.horizon.rk4", "f64", "schwarzschild", 0, [] {
    return ends_as(Schwarzschild{1}, {0, 6, 1.5, 0}, {1.5, -0.5, 0, 0}, 100, PathStatus::horizon,
                   Method::rk4);
  });
  add("ends.pole", "f64", "sphere", 0, [] {
    return ends_as(Sphere{}, {1, 0.5}, {-1, 0}, 3, PathStatus::edge);
  });
  // The edge is infinitely far: it stays inside, where coordinates no longer tell points apart.
  add("ends.ball", "f64", "ball", 0, [] {
    return ends_as(PoincareBall{2}, {0, 0}, {1, 1}, 60, PathStatus::saturated);
  });
  // At this tolerance rounding ends the path 1e-8 before the horizon.
  add("ends.horizon.tight", "f64", "schwarzschild", 0, [] {
    return ends_as(Schwarzschild{1}, {0, 6, 1.5, 0}, {1.5, -0.5, 0, 0}, 100, PathStatus::horizon,
                   Method::dopri5, 1e-13);
  });
  add("ends.not_positive", "f64", "1-|x|^2", 0, [] {
    return ends_as(Fading{}, {0, 0}, {1, 0.2}, 60, PathStatus::singular);
  });
  add_distance_checks(registry);
  add_expression_metric_checks(registry);
  add_kerr_checks(registry);
  add_symmetric_space_checks(registry);
}

}  // namespace lior::check
