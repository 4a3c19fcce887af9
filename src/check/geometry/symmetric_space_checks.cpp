// SPDX-License-Identifier: Apache-2.0
// Positive definite matrices and the hyperboloid: closed forms beside the derivatives of their
// formulas, followed paths, and the maps that keep all distances.
#include <cmath>

#include "check/geometry/parts.h"
#include "check/geometry/shot.h"
#include "lior/check/compare.h"
#include "lior/core/buffer.h"
#include "lior/core/random.h"
#include "lior/core/worst.h"
#include "lior/geometry/christoffel.h"
#include "lior/geometry/curvature.h"
#include "lior/geometry/curvature_parts.h"
#include "lior/geometry/geodesic.h"
#include "lior/geometry/hyperbolic.h"
#include "lior/geometry/metrics.h"
#include "lior/geometry/spd.h"
#include "lior/linalg/small_matrix.h"

namespace lior::check {
namespace {

using namespace geometry;

constexpr Index kPoints = 20;
using Planes = Array<double, 2>;

Planes uniform(Index d, std::uint64_t seed, double size) {
  Planes out({d, kPoints});
  Random(seed).fill_uniform(out.span(), -size, size);
  return out;
}

/// f(i, j, place) of the entries on and above the diagonal.
template <class F>
void for_each_entry(Index n, const F& f) {
  Index place = 0;
  for (Index i = 0; i < n; ++i) {
    for (Index j = i; j < n; ++j) f(i, j, place++);
  }
}

/// Points of the metric. Of matrices: 1.2 and small entries beside the diagonal, so that each row's
/// diagonal is larger than the rest of the row.
Planes points_of(const Spd& metric, std::uint64_t seed) {
  Planes out = uniform(metric.dimension(), seed, 0.25);
  for_each_entry(metric.n, [&](Index i, Index j, Index place) {
    for (Index p = 0; i == j && p < kPoints; ++p) out(place, p) += 1.2;
  });
  return out;
}
Planes points_of(const Hyperbolic& metric, std::uint64_t seed) {
  return uniform(metric.dimension(), seed, 1.5);
}

/// Symbols from the metric's derivatives, contracted with v, beside the closed accelerations.
template <class M>
double accelerations_error(const M& metric) {
  const Index d = metric.dimension();
  const Planes x = points_of(metric, 71), v = uniform(d, 72, 0.4);
  Planes want({d, kPoints}), got({d, kPoints});
  Array<double, 4> gamma({d, d, d, kPoints});
  christoffel<double>(Shot{metric}, x.view(), gamma.view());
  AnyMetric<double>(metric).accelerations(x.data(), v.data(), got.data(), kPoints, kPoints);
  for (Index i = 0; i < d * d * d; ++i) {
    const Index l = i / (d * d), m = i / d % d, n = i % d;
    for (Index p = 0; p < kPoints; ++p) want(l, p) -= gamma(l, m, n, p) * v(m, p) * v(n, p);
  }
  return relative_difference(got.span(), want.span());
}

/// exp and transport beside those along followed paths.
template <class M>
double paths_error(const M& metric) {
  const Index d = metric.dimension();
  const Planes x = points_of(metric, 73), v = uniform(d, 74, 0.5), w = uniform(d, 75, 1);
  Planes end(x.shape()), followed(x.shape()), carried(x.shape()), carried_along(x.shape());
  Array<PathStatus, 1> status({kPoints});
  const GeodesicOptions tight{.method = Method::dop853, .rtol = 1e-11, .atol = 1e-13};
  Worst<double> worst;
  exp_map<double>(metric, x.view(), v.view(), {}, end.view(), status.view());
  exp_map<double>(Shot{metric}, x.view(), v.view(), tight, followed.view(), status.view());
  worst.add(relative_difference(end.span(), followed.span()));
  transport<double>(metric, x.view(), v.view(), w.view(), {}, carried.view(), status.view());
  transport<double>(Shot{metric}, x.view(), v.view(), w.view(), tight, carried_along.view(),
                    status.view());
  worst.add(relative_difference(carried.span(), carried_along.span()));
  return worst.value();
}

/// exp_x(log_x(y)) beside y, where steps from x to y are 1e-9 to 1 of their size.
template <class M>
double log_error(const M& metric) {
  const Index d = metric.dimension();
  const Planes x = points_of(metric, 76);
  Planes y = points_of(metric, 77);
  for (Index p = 0; p < kPoints; ++p) {
    const double step = std::pow(10, -9.0 * static_cast<double>(p) / (kPoints - 1));
    for (Index m = 0; m < d; ++m) y(m, p) = x(m, p) + step * (y(m, p) - x(m, p));
  }
  Planes v(x.shape()), end(x.shape());
  Array<bool, 1> converged({kPoints});
  Array<double, 1> error({kPoints});
  Array<PathStatus, 1> status({kPoints});
  log_map<double>(metric, x.view(), y.view(), {}, {v.view(), converged.view(), error.view()});
  exp_map<double>(metric, x.view(), v.view(), {}, end.view(), status.view());
  return relative_difference(end.span(), y.span());
}

std::vector<double> distances(const AnyMetric<double>& metric, const Planes& x, const Planes& y) {
  std::vector<double> out(static_cast<std::size_t>(kPoints));
  distance<double>(metric, x.view(), y.view(), {}, {.length = {out.data(), {kPoints}}});
  return out;
}

using Matrix = std::vector<double>;  // [n, n]

Matrix matrix_of(Index n, const Planes& x, Index p) {
  Matrix out(static_cast<std::size_t>(n * n));
  for_each_entry(
      n, [&](Index i, Index j, Index place) { out[i * n + j] = out[j * n + i] = x(place, p); });
  return out;
}

/// C P C^T of each point.
Planes congruent(Index n, const Matrix& c, const Planes& x) {
  Planes out(x.shape());
  for (Index p = 0; p < kPoints; ++p) {
    const Matrix whole = matrix_of(n, x, p);
    for_each_entry(n, [&](Index i, Index j, Index place) {
      for (Index k = 0; k < n * n; ++k) {
        out(place, p) += c[i * n + k / n] * whole[k] * c[j * n + k % n];
      }
    });
  }
  return out;
}

Planes inverse(Index n, const Planes& x) {
  Planes out(x.shape());
  for (Index p = 0; p < kPoints; ++p) {
    Matrix whole = matrix_of(n, x, p), found(whole.size());
    linalg::reference::inverse<double>({whole.data(), {n, n}}, {found.data(), {n, n}});
    for_each_entry(n, [&](Index i, Index j, Index place) { out(place, p) = found[i * n + j]; });
  }
  return out;
}

/// How distances change under P -> C P C^T and P -> P^-1.
double invariance_error(Index n) {
  const Spd metric{n};
  const Planes x = points_of(metric, 78), y = points_of(metric, 79);
  const auto want = distances(metric, x, y);
  Matrix c(static_cast<std::size_t>(n * n));
  Random(80).fill_uniform(std::span(c), -1, 1);
  for (Index i = 0; i < n; ++i) c[i * n + i] += 2;
  Worst<double> worst;
  worst.add(relative_difference(distances(metric, congruent(n, c, x), congruent(n, c, y)), want));
  worst.add(relative_difference(distances(metric, inverse(n, x), inverse(n, y)), want));
  return worst.value();
}

/// sqrt(sum log^2 of the eigenvalues of P^-1 Q), of 2 x 2 matrices by trace and determinant.
double eigenvalues_error() {
  const Planes x = points_of(Spd{2}, 81), y = points_of(Spd{2}, 82);
  std::vector<double> want;
  for (Index p = 0; p < kPoints; ++p) {
    const double det = x(0, p) * x(2, p) - x(1, p) * x(1, p);
    const double half = (x(2, p) * y(0, p) - 2 * x(1, p) * y(1, p) + x(0, p) * y(2, p)) / det / 2;
    const double product = (y(0, p) * y(2, p) - y(1, p) * y(1, p)) / det;
    const double root = std::sqrt(half * half - product);
    want.push_back(std::hypot(std::log(half + root), std::log(half - root)));
  }
  return relative_difference(distances(Spd{2}, x, y), want);
}

/// The scalar curvature beside `want`, relative to it.
template <class M>
double scalar_error(const M& metric, double want) {
  Array<double, 1> scalar({kPoints});
  curvature<double>(metric, points_of(metric, 83).view(), {.scalar = scalar.view()});
  Worst<double> worst;
  for (const double each : scalar.span()) worst.add(std::abs(each / want - 1));
  return worst.value();
}

/// How far sectional curvatures of matrices leave [-1/2, 0].
double sectional_error(Index n) {
  const Spd metric{n};
  const Index d = metric.dimension();
  Array<double, 1> found({kPoints});
  sectional_curvature<double>(metric, points_of(metric, 84).view(), uniform(d, 85, 1).view(),
                              uniform(d, 86, 1).view(), found.view());
  Worst<double> worst;
  for (const double each : found.span()) worst.add(std::max({0.0, each, -0.5 - each}));
  return worst.value();
}

/// Distances beside those of the ball, at x / (1 + X_0).
double ball_error(Index n) {
  const Planes x = points_of(Hyperbolic{n}, 87), y = points_of(Hyperbolic{n}, 88);
  const auto in_ball = [&](const Planes& from) {
    Planes out(from.shape());
    for (Index p = 0; p < kPoints; ++p) {
      double square = 1;
      for (Index m = 0; m < n; ++m) square += from(m, p) * from(m, p);
      for (Index m = 0; m < n; ++m) out(m, p) = from(m, p) / (1 + std::sqrt(square));
    }
    return out;
  };
  return relative_difference(distances(Hyperbolic{n}, x, y),
                             distances(PoincareBall{n}, in_ball(x), in_ball(y)));
}

/// The hyperboloid's own kernel of symbols beside derivatives of g.
double symbols_error(Index n) {
  const Planes x = points_of(Hyperbolic{n}, 89);
  Array<double, 4> want({n, n, n, kPoints}), got(want.shape());
  christoffel<double>(Shot{Hyperbolic{n}}, x.view(), want.view());
  christoffel<double>(Hyperbolic{n}, x.view(), got.view());
  return relative_difference(got.span(), want.span());
}

}  // namespace

void add_symmetric_space_checks(Registry& registry) {
  const auto add = [&](std::string name, Index n, double tolerance, std::function<double()> error) {
    registry.checks.push_back({.name = std::move(name),
                               .module = "geometry",
                               .dtype = "f64",
                               .shape = fmt::format("n={} N={}", n, kPoints),
                               .tolerance = tolerance,
                               .error = std::move(error)});
  };
  // Sums of up to 15 x 15 products, and conditions up to 20.
  constexpr double kRounding = 1e-12, kFollowed = 1e-9;  // a hundred times rtol
  for (const Index n : {1, 2, 3, 5}) {
    add("spd.accelerations", n, kRounding, [=] { return accelerations_error(Spd{n}); });
    add("spd.log", n, kRounding, [=] { return log_error(Spd{n}); });
    add("spd.invariance", n, kRounding, [=] { return invariance_error(n); });
  }
  for (const Index n : {2, 3}) {  // paths of 15 dimensions by differences take seconds
    add("spd.paths", n, kFollowed, [=] { return paths_error(Spd{n}); });
    add("spd.scalar", n, kRounding,
        [=] { return scalar_error(Spd{n}, -static_cast<double>(n * (n - 1) * (n + 2)) / 8); });
    add("spd.sectional", n, kRounding, [=] { return sectional_error(n); });
  }
  add("spd.eigenvalues", 2, kRounding, eigenvalues_error);
  for (const Index n : {2, 3, 6}) {
    add("hyperbolic.accelerations", n, kRounding,
        [=] { return accelerations_error(Hyperbolic{n}); });
    add("hyperbolic.symbols", n, kRounding, [=] { return symbols_error(n); });
    add("hyperbolic.log", n, kRounding, [=] { return log_error(Hyperbolic{n}); });
    add("hyperbolic.paths", n, kFollowed, [=] { return paths_error(Hyperbolic{n}); });
    add("hyperbolic.ball", n, kRounding, [=] { return ball_error(n); });
    add("hyperbolic.scalar", n, kRounding,
        [=] { return scalar_error(Hyperbolic{n}, -static_cast<double>(n * (n - 1))); });
  }
}

}  // namespace lior::check
