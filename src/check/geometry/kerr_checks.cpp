// SPDX-License-Identifier: Apache-2.0
// Kerr's hole: vacuum, its one scalar, what its geodesics keep, circular orbits, and the limit
// without spin.
#include <cmath>
#include <limits>
#include <numbers>

#include "check/geometry/parts.h"
#include "lior/check/compare.h"
#include "lior/core/buffer.h"
#include "lior/core/random.h"
#include "lior/core/worst.h"
#include "lior/geometry/christoffel.h"
#include "lior/geometry/curvature.h"
#include "lior/geometry/geodesic.h"
#include "lior/geometry/kerr.h"

namespace lior::check {
namespace {

using namespace geometry;

constexpr Index kPoints = 50;
constexpr Kerr kHole{1.2, 0.9};

template <class T>
Array<T, 2> outside() {
  Array<T, 2> x({4, kPoints});
  const double ranges[4][2] = {{-1, 1}, {3, 12}, {0.5, 2.5}, {-3, 3}};
  for (Index m = 0; m < 4; ++m) {
    Random(91, static_cast<std::uint64_t>(m))
        .fill_uniform(x.view()[m].span(), ranges[m][0], ranges[m][1]);
  }
  return x;
}

template <class T>
double ricci_flat() {
  const auto x = outside<T>();
  Array<T, 3> ricci({4, 4, kPoints});
  curvature<T>(kHole, x.view(), {.ricci = ricci.view()});
  return max_difference(ricci.span(), Array<T, 3>(ricci.shape()).span());
}

/// 48 M^2 (r^2 - c^2) ((r^2 + c^2)^2 - 16 r^2 c^2) / (r^2 + c^2)^6, c = a cos theta.
template <class T>
double kretschmann() {
  const auto x = outside<T>();
  Array<T, 1> got({kPoints});
  Array<double, 1> want({kPoints});
  curvature<T>(kHole, x.view(), {.kretschmann = got.view()});
  for (Index n = 0; n < kPoints; ++n) {
    const double r2 = std::pow(x(1, n), 2), c2 = std::pow(kHole.spin * std::cos(x(2, n)), 2);
    want(n) = 48 * kHole.mass * kHole.mass * (r2 - c2) * (std::pow(r2 + c2, 2) - 16 * r2 * c2) /
              std::pow(r2 + c2, 6);
  }
  return relative_difference(got.span(), want.span());
}

template <class T>
double without_spin() {
  const auto x = outside<T>();
  Array<T, 4> kerr({4, 4, 4, kPoints}), schwarzschild(kerr.shape());
  christoffel<T>(Kerr{1.2, 0}, x.view(), kerr.view());
  christoffel<T>(Schwarzschild{1.2}, x.view(), schwarzschild.view());
  return relative_difference(kerr.span(), schwarzschild.span());
}

/// Samples of the geodesic from (x, v).
struct Orbit {
  static constexpr double kTimes[] = {0, 50, 200, 600};
  Array<double, 3> x{{4, 4, 1}}, v{{4, 4, 1}};
  Array<PathStatus, 1> status{{1}};
  Array<double, 1> reached{{1}};

  Orbit(std::array<double, 4> from, std::array<double, 4> velocity) {
    geodesics<double>(kHole, {from.data(), {4, 1}}, {velocity.data(), {4, 1}}, kTimes,
                      {.rtol = 1e-10, .atol = 1e-12},
                      {x.view(), v.view(), status.view(), reached.view()});
  }
};

/// -g(v, v), E = -p_t, L = p_phi, and Carter's p_theta^2 + cos^2 theta (a^2 (mu^2 - E^2)
/// + L^2 / sin^2 theta) of sample k.
std::array<double, 4> constants(const Orbit& orbit, Index k) {
  std::array<double, 16> g;
  std::array<double, 4> p{};
  kHole(&orbit.x(k, 0, 0), g.data());
  for (Index i = 0; i < 16; ++i) p[i / 4] += g[i] * orbit.v(k, i % 4, 0);
  double mass2 = 0;
  for (Index m = 0; m < 4; ++m) mass2 -= p[m] * orbit.v(k, m, 0);
  const double theta = orbit.x(k, 2, 0), sine2 = std::pow(std::sin(theta), 2);
  const double carter =
      p[2] * p[2] +
      (1 - sine2) * (kHole.spin * kHole.spin * (mass2 - p[0] * p[0]) + p[3] * p[3] / sine2);
  return {mass2, -p[0], p[3], carter};
}

double conserved() {
  const Orbit orbit({0, 12, 1.2, 0}, {1.3, 0.03, 0.02, 0.032});
  Worst<double> worst;
  for (Index k = 0; k < 4; ++k) {
    for (int i = 0; i < 4; ++i) {
      worst.add(std::abs(constants(orbit, k)[i] / constants(orbit, 0)[i] - 1));
    }
  }
  return orbit.status(0) == PathStatus::ok ? worst.value() : NAN;
}

/// dphi/dt = sqrt(M) / (r^{3/2} + a sqrt(M)) at constant r, around with the hole and against it.
double circular() {
  Worst<double> worst;
  for (const double sign : {1.0, -1.0}) {
    const double r = 12, root = sign * std::sqrt(kHole.mass);
    const double rate = root / (std::pow(r, 1.5) + kHole.spin * root);
    const Orbit orbit({0, r, std::numbers::pi / 2, 0}, {1, 0, 0, rate});
    for (Index k = 0; k < 4; ++k) {
      worst.add(std::abs(orbit.x(k, 1, 0) - r));
      worst.add(std::abs(orbit.x(k, 3, 0) - rate * orbit.x(k, 0, 0)));
    }
  }
  return worst.value();
}

/// 1 unless a fall ends at the horizon, with E and L as they were.
double falls_to_the_horizon() {
  const Orbit orbit({0, 6, 1.5, 0}, {1.6, -0.5, 0, 0});
  const double left = orbit.x(3, 1, 0) - kHole.outer();
  return orbit.status(0) == PathStatus::horizon && left > 0 && left < 1e-3 ? 0 : 1;
}

template <class T>
void add_kerr_checks_of(Registry& registry) {
  const auto add = [&](const char* name, double tolerance, std::function<double()> error) {
    registry.checks.push_back({.name = std::string("kerr.") + name,
                               .module = "geometry",
                               .dtype = kDtype<T>,
                               .shape = fmt::format("d=4 N={}", kPoints),
                               .tolerance = tolerance,
                               .error = std::move(error)});
  };
  // As of Schwarzschild's: terms cancel to a tenth of their size at most.
  const double tolerance = 64 * std::numeric_limits<T>::epsilon();
  add("ricci_flat", tolerance, ricci_flat<T>);
  add("kretschmann", tolerance, kretschmann<T>);
  add("without_spin", tolerance, without_spin<T>);
  if constexpr (std::is_same_v<T, double>) {
    add("conserved", 1e-8, conserved);  // a hundred times rtol, over a few turns
    add("circular", 1e-9, circular);    // an error along the path that grows with it
    add("horizon", 0, falls_to_the_horizon);
  }
}

}  // namespace

void add_kerr_checks(Registry& registry) {
  add_kerr_checks_of<float>(registry);
  add_kerr_checks_of<double>(registry);
}

}  // namespace lior::check
