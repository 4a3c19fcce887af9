// SPDX-License-Identifier: Apache-2.0
// Metrics, Christoffel symbols and curvature: closed forms of docs/math/conventions.md, section 6,
// and identities.
#include <cmath>
#include <limits>

#include "lior/check/compare.h"
#include "lior/check/registry.h"
#include "lior/core/buffer.h"
#include "lior/core/random.h"
#include "lior/core/worst.h"
#include "lior/geometry/christoffel.h"
#include "lior/geometry/curvature.h"
#include "lior/geometry/metrics.h"

namespace lior::check {
namespace {

using namespace geometry;

constexpr Index kPoints = 50;

/// Planes [d, kPoints], each coordinate uniform in its range.
template <class T>
Array<T, 2> points(std::initializer_list<std::pair<double, double>> ranges) {
  Array<T, 2> x({static_cast<Index>(ranges.size()), kPoints});
  Random random(31);
  Index m = 0;
  for (const auto& [low, high] : ranges) random.fill_uniform(x.view()[m++].span(), low, high);
  return x;
}

template <class T>
Array<T, 2> cube(Index d, double low, double high) {
  Array<T, 2> x({d, kPoints});
  Random(32).fill_uniform(x.span(), low, high);
  return x;
}

/// The point n in double.
template <class T>
std::array<double, kMostDimensions> at(const Array<T, 2>& x, Index n) {
  std::array<double, kMostDimensions> point{};
  for (Index m = 0; m < x.shape()[0]; ++m) point[m] = x(m, n);
  return point;
}

constexpr double delta(Index i, Index j) { return i == j ? 1 : 0; }

/// Error of Gamma against closed(l, m, n, x), relative to the largest entry.
template <class T, class Closed>
double christoffel_error(const AnyMetric<T>& metric, const Array<T, 2>& x, const Closed& closed) {
  const Index d = metric.dimension(), count = x.shape()[1];
  Array<T, 4> got({d, d, d, count});
  Array<T, 3> packed({d, d * (d + 1) / 2, count});
  Array<double, 4> want({d, d, d, count});
  christoffel<T>(metric, x.view(), got.view());
  christoffel_packed<T>(metric, x.view(), packed.view());
  for (Index p = 0; p < count; ++p) {
    const auto point = at(x, p);
    for (Index l = 0; l < d; ++l) {
      Index pair = 0;
      for (Index m = 0; m < d; ++m) {
        for (Index n = 0; n < d; ++n) {
          want(l, m, n, p) = closed(l, std::min(m, n), std::max(m, n), point.data());
          if (n >= m && packed(l, pair++, p) != got(l, m, n, p)) return NAN;
        }
      }
    }
  }
  return relative_difference(got.span(), want.span());
}

enum class Invariant { scalar, kretschmann };

/// Error of a scalar of the curvature against closed(x), relative to the largest.
template <class T, class Closed>
double invariant_error(Invariant which, const AnyMetric<T>& metric, const Array<T, 2>& x,
                       const Closed& closed) {
  Array<T, 1> got({x.shape()[1]});
  Array<double, 1> want(got.shape());
  Curvature<T> out;
  (which == Invariant::scalar ? out.scalar : out.kretschmann) = got.view();
  curvature<T>(metric, x.view(), out);
  for (Index n = 0; n < got.size(); ++n) want(n) = closed(at(x, n).data());
  return relative_difference(got.span(), want.span());
}

template <class T>
Array<T, 2> sphere_points(Index d) {
  auto x = cube<T>(d, 0.4, 2.7);
  x(0, 0) = 1;
  return x;
}

/// exp(f) = e^{a x + b sin y ...}: a conformal factor without symmetries, and lopsided to first
/// order.
struct Lopsided {
  template <class S>
  S operator()(const S* x) const {
    using std::sin;
    return 0.3 * x[0] * x[1] + 0.2 * sin(x[2]) + 0.1 * x[1];
  }
};

/// A Riemannian metric with every entry different and no symmetry.
struct Crooked {
  Index dimension() const { return 3; }
  template <class S>
  void operator()(const S* x, S* g) const {
    using std::cos, std::exp, std::sin;
    g[0] = 2.0 + sin(x[1]) * x[2];
    g[4] = 3.0 + x[0] * x[0];
    g[8] = 2.0 + exp(0.3 * x[0]) * cos(x[1]);
    g[1] = g[3] = 0.4 * sin(x[0] + x[2]);
    g[2] = g[6] = 0.3 * x[1];
    g[5] = g[7] = 0.5 * cos(x[0] * x[1]);
  }
};

template <class T>
void add_christoffel_checks(Registry& registry) {
  // A few roundings of each term, and those of functions of angles up to 3.
  const double tolerance = 16 * std::numeric_limits<T>::epsilon();
  const auto add = [&](std::string name, Index d, double allowed, std::function<double()> error) {
    registry.checks.push_back({.name = "christoffel." + name,
                               .module = "geometry",
                               .dtype = kDtype<T>,
                               .shape = fmt::format("d={} N={}", d, kPoints),
                               .tolerance = allowed,
                               .error = std::move(error)});
  };

  add("euclidean", 5, 0, [] {
    return christoffel_error<T>(Euclidean{5}, cube<T>(5, -1, 1),
                                [](Index, Index, Index, const double*) { return 0; });
  });
  add("sphere", 2, tolerance, [] {
    return christoffel_error<T>(Sphere{2, 1.5}, sphere_points<T>(2),
                                [](Index l, Index m, Index n, const double* x) {
                                  if (l == 0 && m == 1 && n == 1)
                                    return -std::sin(x[0]) * std::cos(x[0]);
                                  if (l == 1 && m == 0 && n == 1) return 1 / std::tan(x[0]);
                                  return 0.0;
                                });
  });
  // Recorded to ten digits.
  add("sphere_at_1", 2, std::max(tolerance, 1e-10), [] {
    const auto x = sphere_points<T>(2);
    Array<T, 4> gamma({2, 2, 2, kPoints});
    christoffel<T>(Sphere{}, x.view(), gamma.view());
    return worst_of({std::abs(gamma(0, 1, 1, 0) + T(0.4546487134)),
                     std::abs(gamma(1, 0, 1, 0) - T(0.6420926159))});
  });
  add("half_plane", 2, tolerance, [] {
    return christoffel_error<T>(HalfPlane{2}, points<T>({{-1, 1}, {0.3, 2}}),
                                [](Index l, Index m, Index n, const double* x) {
                                  if (l == 0 && m == 0 && n == 1) return -1 / x[1];
                                  if (l == 1 && m == n) return (m == 0 ? 1 : -1) / x[1];
                                  return 0.0;
                                });
  });
  add("ball", 3, tolerance, [] {
    return christoffel_error<T>(
        PoincareBall{3}, cube<T>(3, -0.5, 0.5), [](Index k, Index i, Index j, const double* x) {
          const double room = 1 - (x[0] * x[0] + x[1] * x[1] + x[2] * x[2]);
          return 2 * (x[j] * delta(i, k) + x[i] * delta(j, k) - x[k] * delta(i, j)) / room;
        });
  });
  add("torus", 2, tolerance, [] {
    return christoffel_error<T>(Torus{0.7, 2}, cube<T>(2, -3, 3),
                                [](Index l, Index m, Index n, const double* x) {
                                  const double r = 0.7, ring = 2 + r * std::cos(x[0]);
                                  if (l == 0 && m == 1 && n == 1) return ring * std::sin(x[0]) / r;
                                  if (l == 1 && m == 0 && n == 1) return -r * std::sin(x[0]) / ring;
                                  return 0.0;
                                });
  });
  add("schwarzschild", 4, tolerance, [] {
    return christoffel_error<T>(
        Schwarzschild{1.2}, points<T>({{-1, 1}, {4, 12}, {0.5, 2.5}, {-3, 3}}),
        [](Index l, Index m, Index n, const double* x) {
          const double mass = 1.2, r = x[1], theta = x[2], room = r - 2 * mass;
          const double sine = std::sin(theta), cosine = std::cos(theta);
          const auto is = [&](Index a, Index b, Index c) { return l == a && m == b && n == c; };
          if (is(0, 0, 1)) return mass / (r * room);
          if (is(1, 0, 0)) return mass * room / (r * r * r);
          if (is(1, 1, 1)) return -mass / (r * room);
          if (is(1, 2, 2)) return -room;
          if (is(1, 3, 3)) return -room * sine * sine;
          if (is(2, 1, 2) || is(3, 1, 3)) return 1 / r;
          if (is(2, 3, 3)) return -sine * cosine;
          if (is(3, 2, 3)) return cosine / sine;
          return 0.0;
        });
  });
  add("conformal", 8, tolerance, [] {
    return christoffel_error<T>(Conformal<QuadraticExponent>{8, {8, 0.05}}, cube<T>(8, -1, 1),
                                [](Index k, Index i, Index j, const double* x) {
                                  const auto f = [&](Index m) { return 0.1 * x[m]; };
                                  return delta(k, i) * f(j) + delta(k, j) * f(i) -
                                         delta(i, j) * f(k);
                                });
  });
  // y = (u, v, a (u^2 + v^2)): Gamma^k_ij = y_k . y_ij g^kk = 4 a^2 u_k d_ij / (1 + 4 a^2 |u|^2).
  add("paraboloid", 2, tolerance, [] {
    return christoffel_error<T>(PullBack<Paraboloid>{{0.6}}, cube<T>(2, -1, 1),
                                [](Index k, Index i, Index j, const double* x) {
                                  const double c = 4 * 0.36;
                                  return c * x[k] * delta(i, j) /
                                         (1 + c * (x[0] * x[0] + x[1] * x[1]));
                                });
  });
  add("torsion_free", 3, 0, [] {
    const auto x = cube<T>(3, -1, 1);
    Array<T, 4> gamma({3, 3, 3, kPoints});
    christoffel<T>(Crooked{}, x.view(), gamma.view());
    return torsion_residual<T>(gamma.view());
  });
  const auto compatible = [](const AnyMetric<T>& metric, const Array<T, 2>& x) {
    const Index d = metric.dimension();
    Array<T, 4> gamma({d, d, d, kPoints});
    christoffel<T>(metric, x.view(), gamma.view());
    return compatibility_residual<T>(metric, x.view(), gamma.view());
  };
  add("metric_compatible", 3, tolerance, [=] { return compatible(Crooked{}, cube<T>(3, -1, 1)); });
  add("metric_compatible.schwarzschild", 4, tolerance, [=] {
    return compatible(Schwarzschild{}, points<T>({{-1, 1}, {4, 12}, {0.5, 2.5}, {-3, 3}}));
  });
  if constexpr (std::is_same_v<T, double>) {
    // Central differences: step^2/6 of third derivatives of size 1, and eps/step.
    add("differences", 3, 1e-8, [] {
      const auto x = cube<T>(3, -1, 1);
      Array<T, 4> exact({3, 3, 3, kPoints}), differences(exact.shape());
      christoffel<T>(Crooked{}, x.view(), exact.view());
      christoffel_differences<T>(Crooked{}, x.view(), 1e-4, differences.view());
      return relative_difference(differences.span(), exact.span());
    });
  }
}

template <class T>
void add_curvature_checks(Registry& registry) {
  // Differences of products of first derivatives: they cancel to a tenth of their size at most.
  const double tolerance = 64 * std::numeric_limits<T>::epsilon();
  const auto add = [&](std::string name, Index d, double allowed, std::function<double()> error) {
    registry.checks.push_back({.name = "curvature." + name,
                               .module = "geometry",
                               .dtype = kDtype<T>,
                               .shape = fmt::format("d={} N={}", d, kPoints),
                               .tolerance = allowed,
                               .error = std::move(error)});
  };
  for (const Index n : {2, 3, 4}) {
    add("sphere", n, tolerance, [=] {
      return invariant_error<T>(Invariant::scalar, Sphere{n, 1.5}, sphere_points<T>(n),
                                [=](const double*) { return n * (n - 1) / 2.25; });
    });
    add("half_plane", n, tolerance, [=] {
      auto x = cube<T>(n, 0.5, 2);
      return invariant_error<T>(Invariant::scalar, HalfPlane{n}, x,
                                [=](const double*) { return -static_cast<double>(n * (n - 1)); });
    });
    add("ball", n, tolerance, [=] {
      return invariant_error<T>(Invariant::scalar, PoincareBall{n}, cube<T>(n, -0.4, 0.4),
                                [=](const double*) { return -static_cast<double>(n * (n - 1)); });
    });
  }
  add("torus", 2, tolerance, [] {  // scalar = 2 K
    return invariant_error<T>(Invariant::scalar, Torus{0.7, 2}, cube<T>(2, -3, 3),
                              [](const double* x) {
                                const double r = 0.7, cosine = std::cos(x[0]);
                                return 2 * cosine / (r * (2 + r * cosine));
                              });
  });
  // The parts of Ricci are of size M/r^3 and cancel.
  const auto far = [] { return points<T>({{-1, 1}, {4, 12}, {0.5, 2.5}, {-3, 3}}); };
  add("schwarzschild.ricci_flat", 4, tolerance, [=] {
    const auto x = far();
    Array<T, 3> ricci({4, 4, kPoints});
    curvature<T>(Schwarzschild{}, x.view(), {.ricci = ricci.view()});
    return max_difference(ricci.span(), Array<T, 3>(ricci.shape()).span());
  });
  add("schwarzschild.kretschmann", 4, tolerance, [=] {
    return invariant_error<T>(Invariant::kretschmann, Schwarzschild{1.5}, far(),
                              [](const double* x) { return 48 * 2.25 / std::pow(x[1], 6); });
  });
  add("conformal.origin", 8, tolerance, [] {  // f = .05 |x|^2, n = 8
    return invariant_error<T>(Invariant::scalar, Conformal<QuadraticExponent>{8, {8, 0.05}},
                              Array<T, 2>({8, 1}), [](const double*) { return -11.2; });
  });
  add("conformal", 3, tolerance, [] {
    // -e^{-2f} [2 (n-1) lap f + (n-2)(n-1) |grad f|^2] for the f of Lopsided.
    return invariant_error<T>(
        Invariant::scalar, Conformal<Lopsided>{3, {}}, cube<T>(3, -1, 1), [](const double* x) {
          const double f = Lopsided{}(x), lap = -0.2 * std::sin(x[2]);
          const double a = 0.3 * x[1], b = 0.3 * x[0] + 0.1, c = 0.2 * std::cos(x[2]);
          return -std::exp(-2 * f) * (4 * lap + 2 * (a * a + b * b + c * c));
        });
  });
  add("paraboloid", 2, tolerance, [] {  // 2 K = 8 a^2 / (1 + 4 a^2 |u|^2)^2
    return invariant_error<T>(Invariant::scalar, PullBack<Paraboloid>{{0.6}}, cube<T>(2, -1, 1),
                              [](const double* x) {
                                const double c = 4 * 0.36;
                                return 2 * c / std::pow(1 + c * (x[0] * x[0] + x[1] * x[1]), 2);
                              });
  });
  // Beside a pole, what is lost is stated: |scalar - 2| and |Kretschmann - 4| within their errors,
  // which are not more than a thousand times them.
  add("sphere.beside_a_pole", 2, 0, [] {
    constexpr double kStep = sizeof(T) == 4 ? -0.08 : -0.2;  // to where nothing is left
    Array<T, 2> x({2, kPoints});
    for (Index n = 0; n < kPoints; ++n) x(0, n) = static_cast<T>(std::pow(10, kStep * (n + 1)));
    Array<T, 1> scalar({kPoints}), kretschmann(scalar.shape()), scalar_error(scalar.shape()),
        kretschmann_error(scalar.shape());
    curvature<T>(Sphere{}, x.view(),
                 {.scalar = scalar.view(),
                  .kretschmann = kretschmann.view(),
                  .scalar_error = scalar_error.view(),
                  .kretschmann_error = kretschmann_error.view()});
    double wrong = 0;
    for (Index n = 0; n < kPoints; ++n) {
      const double theta = x(0, n), eps = std::numeric_limits<T>::epsilon();
      const bool covered = std::abs(scalar(n) - 2) <= scalar_error(n) &&
                           std::abs(kretschmann(n) - 4) <= kretschmann_error(n);
      const bool tight = scalar_error(n) <= 1000 * eps * (1 + 1 / (theta * theta));
      if (!covered || !tight) ++wrong;
    }
    return wrong;
  });
  add("first_bianchi", 3, tolerance, [] {
    const auto x = cube<T>(3, -1, 1);
    Array<T, 5> riemann({3, 3, 3, 3, kPoints});
    curvature<T>(Crooked{}, x.view(), {.riemann = riemann.view()});
    return first_bianchi_residual<T>(riemann.view());
  });
  if constexpr (std::is_same_v<T, double>) {
    // Central differences of Riemann, as for christoffel.differences; fifth derivatives are of size
    // ten.
    add("second_bianchi", 3, 1e-7,
        [] { return second_bianchi_residual<T>(Crooked{}, cube<T>(3, -1, 1).view(), T(1e-4)); });
  }
}

}  // namespace

void add_geometry_checks(Registry& registry) {
  add_christoffel_checks<float>(registry);
  add_christoffel_checks<double>(registry);
  add_curvature_checks<float>(registry);
  add_curvature_checks<double>(registry);
}

}  // namespace lior::check
