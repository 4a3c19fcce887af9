// SPDX-License-Identifier: Apache-2.0
#include "lior/geometry/velocity.h"

#include "geometry/metric_parameter.h"
#include "geometry/point.h"
#include "geometry/space_chart.h"

namespace lior::geometry {
namespace {

/// The root of a y^2 + 2 b y + c; NaN where there is none.
double future_root(double a, double b, double c) {
  const double root = std::sqrt(b * b - a * c);
  return b <= 0 ? c / (root - b) : -(b + root) / a;
}

void check_orbit_chart(const AnyMetric<double>& metric, View<const double, 2> x) {
  LIOR_CHECK(metric.dimension() == 4 && metric.negative_directions() == 1 &&
                 SpaceChart(metric).spherical(),
             "orbits by energy and angular momentum are in coordinates (t, r, theta, phi) with one "
             "minus sign; a velocity or angles start paths elsewhere");
  std::array<double, 4> point{};
  for (Index n = 0; n < x.extent(1); ++n) {
    gather_point(x, n, point.data());
    for (const Index m : {Index{0}, Index{3}}) {
      LIOR_CHECK(metric.ignorable(m, point.data()),
                 "the metric contains {}, so its momentum is not kept; expected one without {} and "
                 "{}",
                 metric.chart().coordinates[m].name, metric.chart().coordinates[0].name,
                 metric.chart().coordinates[3].name);
    }
  }
}

/// dQ / dt along a geodesic through x, and the sum of its terms' sizes.
std::array<double, 2> change_of_carter(const AnyMetric<double>& metric, double spin,
                                       const Vector4& x, const Vector4& v) {
  std::array<double, 16> g;
  std::array<double, 64> dg;
  metric.first(x.data(), g.data(), dg.data());
  Vector4 p{};
  double square = 0, pull = 0, size = 0;  // pull: of 2 dp_theta / dt
  for (std::size_t i = 0; i < 16; ++i) {
    p[i / 4] += g[i] * v[i % 4];
    const double term = v[i / 4] * v[i % 4] * dg[2 * 16 + i];
    pull += term, size += std::abs(term);
  }
  for (std::size_t m = 0; m < 4; ++m) square += p[m] * v[m];
  const double sine = std::sin(x[2]), cosine = std::cos(x[2]);
  const double turning = 2 * cosine * v[2] * spin * spin * (-square - p[0] * p[0]) * sine;
  const double centrifugal = 2 * cosine * v[2] * p[3] * p[3] / (sine * sine * sine);
  return {p[2] * pull - turning - centrifugal,
          std::abs(p[2]) * size + std::abs(turning) + std::abs(centrifugal)};
}

/// Throws where Carter's constant with that spin is none: its change along some geodesics, at the
/// radius of x and other polar angles, where it would be that of no symmetry by chance.
void check_carter(const AnyMetric<double>& metric, double spin, const double* x) {
  constexpr double kRounding = 1e-8;
  constexpr std::array<double, 3> kAngles{0.7, 1.2, 2.1};
  constexpr std::array<Vector4, 3> kVelocities{
      {{1.1, 0.3, 0.2, 0.05}, {1.3, -0.2, -0.1, 0.1}, {2, 0.1, 0.3, -0.2}}};
  for (const double theta : kAngles) {
    const Vector4 at{x[0], x[1], theta, x[3]};
    if (metric.domain(at.data()) != Domain::inside) continue;
    for (const Vector4& v : kVelocities) {
      const auto [change, size] = change_of_carter(metric, spin, at, v);
      LIOR_CHECK(std::abs(change) <= kRounding * size,
                 "Carter's constant, with the spin {}, is not kept in this metric; expected one of "
                 "Kerr's family with its spin, or one with the symmetry of a sphere",
                 spin);
    }
  }
}

/// p_theta >= 0 by Carter's constant.
double polar_momentum(const OrbitConstants& constants, double theta, Index n) {
  if (!constants.carter) return 0;
  const double mass2 = -constants.square, cosine2 = std::pow(std::cos(theta), 2);
  const double least =
      cosine2 * (std::pow(constants.spin, 2) * (mass2 - std::pow(constants.energy, 2)) +
                 std::pow(constants.angular_momentum / std::sin(theta), 2));
  LIOR_CHECK(*constants.carter >= least,
             "point {}: no geodesic with Carter's constant {} comes to theta = {}; expected at "
             "least {} there",
             n, *constants.carter, theta, least);
  return std::sqrt(*constants.carter - least);
}

}  // namespace

template <class T>
void complete_velocities(const AnyMetric<T>& metric, View<const T, 2> x, double square,
                         View<T, 2> v, Toward toward) {
  const Index d = metric.dimension();
  LIOR_CHECK(!metric.riemannian(),
             "velocities of particles and light are of metrics with a minus sign; this one is "
             "Riemannian");
  check_shape(v, {d, x.extent(1)}, "v");
  for_each_point(metric, x, d * d, [&](const T* point, Index n, T* g) {
    check_point(metric, point, n);
    metric.value(point, g);
    double b = 0, c = -square;
    for (Index i = 1; i < d; ++i) {
      b += static_cast<double>(g[i]) * v(i, n);
      for (Index j = 1; j < d; ++j) c += static_cast<double>(g[i * d + j]) * v(i, n) * v(j, n);
    }
    const double first =
        toward == Toward::future ? future_root(g[0], b, c) : -future_root(g[0], -b, c);
    LIOR_CHECK(std::isfinite(first),
               "velocity {}: no first component makes g(v,v) = {}; at this point the others leave "
               "none",
               n, square);
    v(0, n) = static_cast<T>(first);
  });
}

void orbit_velocities(const AnyMetric<double>& metric, View<const double, 2> x,
                      const OrbitConstants& constants, View<double, 2> v) {
  check_points(metric, x);
  check_orbit_chart(metric, x);
  check_shape(v, x.shape(), "v");
  for_each_point(metric, x, 16, [&](const double* point, Index n, double* g) {
    constexpr std::size_t kRadius = 1;
    MetricSolver<double> solver(metric);
    metric.value(point, g);
    if (const auto pivot = solver.factor(g)) fail_at_point(metric, point, n, pivot);
    // v = known + p_r radial, and g(v, v) = a p_r^2 + 2 b p_r + c + square is a square of p_r's.
    if (constants.carter) check_carter(metric, constants.spin, point);
    Vector4 known{-constants.energy, 0, polar_momentum(constants, point[2], n),
                  constants.angular_momentum};
    const Vector4 p = known;
    Vector4 radial{0, 1, 0, 0};
    solver.solve(known.data());
    solver.solve(radial.data());
    const double a = radial[kRadius], b = known[kRadius];
    double c = -constants.square, size = std::abs(constants.square);
    for (std::size_t m = 0; m < 4; ++m) {
      c += p[m] * known[m];
      size += std::abs(p[m] * known[m]);
    }
    double square = b * b - a * c;  // of v^r
    const double rounding =
        64 * std::numeric_limits<double>::epsilon() * (b * b + std::abs(a) * size);
    if (std::abs(square) <= rounding) square = 0;  // it turns here
    LIOR_CHECK(
        square >= 0,
        "point {0}: no geodesic of energy {1}, angular momentum {2} and p_theta {3} comes to "
        "{4} = {5}; there (v^{4})^2 would be {6}",
        n, constants.energy, constants.angular_momentum, p[2],
        metric.chart().coordinates[kRadius].name, point[kRadius], square);
    const double rate = constants.outwards ? std::sqrt(square) : -std::sqrt(square);
    // (v^r - b) / a, written so that it does not cancel.
    const double p_r = b * rate > 0 ? -c / (rate + b) : (rate - b) / a;
    for (std::size_t m = 0; m < 4; ++m) {
      v(static_cast<Index>(m), n) = m == kRadius ? rate : known[m] + p_r * radial[m];
    }
  });
}

double spin_of(std::string_view text) { return find_parameter(text, "spin").value_or(0); }

void observed_velocities(const AnyMetric<double>& metric, View<const double, 2> x,
                         View<const double, 2> angles, double speed, Observer observer,
                         View<double, 2> v, Toward toward) {
  LIOR_CHECK(speed >= 0 && speed <= 1, "speed {}: expected 0 to 1, that of light", speed);
  check_points(metric, x);
  check_shape(angles, {2, x.extent(1)}, "angles");
  check_shape(v, x.shape(), "v");
  const double ahead = toward == Toward::future ? 1 : -1;
  const double scale = speed < 1 ? 1 / std::sqrt((1 - speed) * (1 + speed)) : 1;
  for_each_point(metric, x, 0, [&](const double* point, Index n, double*) {
    check_point(metric, point, n);
    const ObserverFrame frame = observer_frame(metric, point, observer);
    const double out = std::cos(angles(0, n)), aside = std::sin(angles(0, n));
    const double north = aside * std::cos(angles(1, n)), east = aside * std::sin(angles(1, n));
    for (std::size_t m = 0; m < 4; ++m) {
      const double n_m = -out * frame.e[1][m] + north * frame.e[2][m] + east * frame.e[3][m];
      v(static_cast<Index>(m), n) = scale * (ahead * frame.e[0][m] + speed * n_m);
    }
  });
}

template void complete_velocities(const AnyMetric<float>&, View<const float, 2>, double,
                                  View<float, 2>, Toward);
template void complete_velocities(const AnyMetric<double>&, View<const double, 2>, double,
                                  View<double, 2>, Toward);

}  // namespace lior::geometry
