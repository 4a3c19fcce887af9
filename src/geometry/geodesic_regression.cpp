// SPDX-License-Identifier: Apache-2.0
#include "lior/geometry/geodesic_regression.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <numeric>
#include <optional>

#include "geometry/point.h"
#include "lior/core/buffer.h"
#include "lior/geometry/frechet_mean.h"
#include "lior/linalg/small_matrix.h"

namespace lior::geometry {
namespace {

using Vector = std::vector<double>;
using Planes = Array<double, 2>;

constexpr Index kMostSteps = 100;
constexpr double kDifferences = 1e-9;  // the error of derivatives by differences
constexpr double kEpsilon = std::numeric_limits<double>::epsilon();

std::size_t size_of(Index count) { return static_cast<std::size_t>(count); }

/// The point x `count` times, as planes.
Planes repeated(const Vector& x, Index count) {
  Planes out({std::ssize(x), count});
  for (Index m = 0; m < std::ssize(x); ++m) std::fill_n(&out(m, 0), count, x[size_of(m)]);
  return out;
}

Planes copy_of(const Planes& planes) {
  Planes out(planes.shape());
  std::ranges::copy(planes.span(), out.data());
  return out;
}

/// Moves x to exp_x(way), and the columns of v with it. They stay where the path does not come to
/// its end.
PathStatus move_along(const AnyMetric<double>& metric, const Vector& way,
                      const GeodesicOptions& options, Vector& x, Planes& v) {
  const Index d = metric.dimension(), columns = v.shape()[1];
  const Planes from = repeated(x, columns), ways = repeated(way, columns);
  Planes end(from.shape()), carried(from.shape());
  Array<PathStatus, 1> status({columns});
  exp_map<double>(metric, from.view(), ways.view(), options, end.view(), status.view());
  if (status(0) != PathStatus::ok) return status(0);
  transport<double>(metric, from.view(), ways.view(), v.view(), options, carried.view(),
                    status.view());
  if (status(0) != PathStatus::ok) return status(0);
  for (Index m = 0; m < d; ++m) x[size_of(m)] = end(m, 0);
  v = std::move(carried);
  return PathStatus::ok;
}

/// A point, velocities, and what they leave of the points.
struct Attempt {
  Vector x;
  Planes v, fitted, log;  // [d, K]; [d, N]; log_fitted(y)
  double variance = INFINITY;
};

class Fit {
 public:
  /// t: counted from where x is. shares: the weights, whose sum is 1.
  Fit(const AnyMetric<double>& metric, Planes t, View<const double, 2> y, const Vector& shares,
      const GeodesicOptions& options)
      : metric_(metric),
        t_(std::move(t)),
        y_(y),
        shares_(shares),
        options_(options),
        d_(metric.dimension()),
        variables_(t_.shape()[0]),
        count_(y.extent(1)),
        unknowns_(d_ * (1 + variables_)) {}

  Index sets() const { return sets_; }

  /// The linear fit c + sum_k t_k v_k of the logarithms at x, moved to exp_x(c); x and no velocity
  /// where its paths do not come to their ends.
  Attempt start(Vector x) {
    Planes log({d_, count_}), v({d_, variables_});
    LIOR_CHECK(find_logarithms(repeated(x, count_), log),
               "from the mean of the points no geodesic was found to one of them; a regression is "
               "of points that log_map reaches");
    const Index k = variables_;
    Vector means(size_of(k)), factors(size_of(k * k)), constant(size_of(d_));
    for (Index i = 0; i < k; ++i) means[size_of(i)] = sum([&](Index n) { return t_(i, n); });
    const auto apart = [&](Index i, Index n) { return t_(i, n) - means[size_of(i)]; };
    for (Index i = 0; i < k * k; ++i) {
      factors[size_of(i)] = sum([&](Index n) { return apart(i / k, n) * apart(i % k, n); });
    }
    LIOR_CHECK(!linalg::cholesky<double>({factors.data(), {k, k}}),
               "the variables are not independent; leave out one that follows from the others");
    for (Index m = 0; m < d_; ++m) {
      Vector slopes(size_of(k));
      for (Index i = 0; i < k; ++i) {
        slopes[size_of(i)] = sum([&](Index n) { return apart(i, n) * log(m, n); });
      }
      linalg::cholesky_solve<double>({factors.data(), {k, k}}, slopes);
      constant[size_of(m)] = sum([&](Index n) { return log(m, n); });
      for (Index i = 0; i < k; ++i) {
        v(m, i) = slopes[size_of(i)];
        constant[size_of(m)] -= slopes[size_of(i)] * means[size_of(i)];
      }
    }
    Vector moved_x = x;
    move_along(metric_, constant, options_, moved_x, v);
    Attempt at = look(std::move(moved_x), std::move(v));
    if (std::isfinite(at.variance)) return at;
    return look(std::move(x), Planes({d_, variables_}));
  }

  void write_residuals(const Attempt& at, View<double, 1> residuals) const {
    Vector g(size_of(d_ * d_));
    for (Index n = 0; n < count_; ++n) {
      metric_at(at.fitted, n, g);
      residuals(n) = std::sqrt(product(g, at.log, n, at.log, n));
    }
  }

  /// Normal equations of the next step; false where a difference leaves the chart. `spread`: how
  /// far points lie apart.
  bool linearise(const Attempt& at, double spread) {
    Planes by_x({d_, d_ * count_}), by_u(by_x.shape());
    if (!differentiate(at, spread, by_x, by_u)) return false;
    normal_.assign(size_of(unknowns_ * unknowns_), 0);
    force_.assign(size_of(unknowns_), 0);
    Vector g(size_of(d_ * d_));
    for (Index n = 0; n < count_; ++n) {
      metric_at(at.fitted, n, g);
      for (Index a = 0; a < unknowns_; ++a) {
        const Planes& first = a < d_ ? by_x : by_u;
        const Index column = a % d_ * count_ + n;
        const double share = shares_[size_of(n)] * factor(a, n);
        force_[size_of(a)] += share * product(g, first, column, at.log, n);
        for (Index b = 0; b <= a; ++b) {
          const Planes& second = b < d_ ? by_x : by_u;
          normal_[size_of(a * unknowns_ + b)] +=
              share * factor(b, n) * product(g, first, column, second, b % d_ * count_ + n);
        }
      }
    }
    return true;
  }

  /// A step below this is what tolerances, coordinates' roundings and differences leave open.
  double least(const Attempt& at, double spread) const {
    Vector g(size_of(d_ * d_));
    metric_.value(at.x.data(), g.data());
    double size = 0;  // of x
    for (Index m = 0; m < d_; ++m) {
      size += g[size_of(m * (d_ + 1))] * std::pow(at.x[size_of(m)], 2);
    }
    return std::max({10 * options_.rtol * spread, 1e-14 * std::sqrt(size),
                     kDifferences * std::sqrt(at.variance)});
  }

  /// How far a whole step moves the fitted points, root mean square.
  double error() const {
    const Vector whole = step(0);
    if (whole.empty()) return INFINITY;
    const double square = std::inner_product(whole.begin(), whole.end(), force_.begin(), 0.0);
    return std::sqrt(std::max(0.0, square));
  }

  /// The next step, so damped that the variance does not grow by more than `noise`; nothing where
  /// no step does that.
  std::optional<Attempt> nearer(const Attempt& at, double noise) {
    constexpr double kFirst = 1e-3, kMost = 1e9, kLeast = 1e-6;
    for (; damping_ < kMost; damping_ = std::max(kFirst, 10 * damping_)) {
      const Vector change = step(damping_);
      if (change.empty()) continue;
      Attempt next = moved(at, change);
      if (!(next.variance <= at.variance + noise)) continue;
      damping_ = damping_ < kLeast ? 0 : damping_ / 10;
      return next;
    }
    return {};
  }

 private:
  /// The weighted mean of f(n).
  template <class F>
  double sum(const F& f) const {
    double out = 0;
    for (Index n = 0; n < count_; ++n) out += shares_[size_of(n)] * f(n);
    return out;
  }

  /// What multiplies unknown a in the fit of point n: x comes first, then each velocity.
  double factor(Index a, Index n) const { return a < d_ ? 1 : t_(a / d_ - 1, n); }

  void metric_at(const Planes& x, Index n, Vector& g) const {
    std::array<double, kMostDimensions> point;
    gather_point<double>(x.view(), n, point.data());
    metric_.value(point.data(), g.data());
  }

  /// g(a_i, b_j) of two columns.
  double product(const Vector& g, const Planes& a, Index i, const Planes& b, Index j) const {
    double out = 0;
    for (Index m = 0; m < d_; ++m) {
      for (Index r = 0; r < d_; ++r) out += g[size_of(m * d_ + r)] * a(m, i) * b(r, j);
    }
    return out;
  }

  Attempt look(Vector x, Planes v) {
    Attempt at{std::move(x), std::move(v), Planes({d_, count_}), Planes({d_, count_})};
    if (!ends(repeated(at.x, count_), velocities(at.v), options_, at.fitted)) return at;
    ++sets_;
    if (!find_logarithms(at.fitted, at.log)) return at;
    Vector g(size_of(d_ * d_));
    at.variance = sum([&](Index n) {
      metric_at(at.fitted, n, g);
      return product(g, at.log, n, at.log, n);
    });
    return at;
  }

  Attempt moved(const Attempt& from, const Vector& step) {
    Vector x = from.x;
    Planes v = copy_of(from.v);
    for (Index m = 0; m < d_; ++m) {
      x[size_of(m)] += step[size_of(m)];
      for (Index k = 0; k < variables_; ++k) v(m, k) += step[size_of((k + 1) * d_ + m)];
    }
    if (metric_.domain(x.data()) != Domain::inside) return {};
    return look(std::move(x), std::move(v));
  }

  /// The step by the last normal equations; empty where these are singular.
  Vector step(double damping) const {
    Vector factors = normal_, out = force_;
    for (Index a = 0; a < unknowns_; ++a) factors[size_of(a * (unknowns_ + 1))] *= 1 + damping;
    const View<double, 2> matrix(factors.data(), {unknowns_, unknowns_});
    if (linalg::cholesky<double>(matrix)) return {};
    linalg::cholesky_solve<double>(matrix, out);
    return out;
  }

  /// sum_k t_k v_k of each point.
  Planes velocities(const Planes& v) const {
    Planes out({d_, count_});
    for (Index m = 0; m < d_; ++m) {
      for (Index k = 0; k < variables_; ++k) {
        for (Index n = 0; n < count_; ++n) out(m, n) += v(m, k) * t_(k, n);
      }
    }
    return out;
  }

  /// Whether all paths came to their ends.
  bool ends(const Planes& x, const Planes& v, const GeodesicOptions& options, Planes& y) const {
    Array<PathStatus, 1> status({count_});
    exp_map<double>(metric_, x.view(), v.view(), options, y.view(), status.view());
    return std::ranges::all_of(status.span(),
                               [](PathStatus each) { return each == PathStatus::ok; });
  }

  bool find_logarithms(const Planes& from, Planes& log) const {
    Array<bool, 1> converged({count_});
    Array<double, 1> error({count_});
    log_map<double>(metric_, from.view(), y_, options_,
                    {log.view(), converged.view(), error.view()});
    return std::ranges::all_of(converged.span(), std::identity());
  }

  /// Changes of the fitted points with x and with their velocities, [d, d N]: column m N + n is
  /// that of point n by coordinate m. Central differences, whose paths are followed so exactly that
  /// nine digits are left.
  bool differentiate(const Attempt& at, double spread, Planes& by_x, Planes& by_u) const {
    constexpr double kStep = 1e-4, kFiner = 1e-4, kFinest = 1e-13;
    const double third = std::cbrt(kEpsilon);
    GeodesicOptions finer = options_;
    finer.rtol = std::max(kFinest, kFiner * options_.rtol), finer.atol = kFiner * options_.atol;
    if (finer.method == Method::dopri5) finer.method = Method::dop853;
    Vector g(size_of(d_ * d_));
    metric_.value(at.x.data(), g.data());
    const Planes u = velocities(at.v);
    for (Index m = 0; m < d_; ++m) {
      const double unit = spread / std::sqrt(g[size_of(m * (d_ + 1))]);
      const double h = std::max(kStep * unit, third * std::abs(at.x[size_of(m)]));
      for (Planes* out : {&by_x, &by_u}) {
        Planes ahead({d_, count_}), behind({d_, count_});
        if (!shifted(at.x, copy_of(u), m, h, out == &by_x, finer, ahead) ||
            !shifted(at.x, copy_of(u), m, -h, out == &by_x, finer, behind)) {
          return false;
        }
        for (Index r = 0; r < d_; ++r) {
          for (Index n = 0; n < count_; ++n) {
            (*out)(r, m * count_ + n) = (ahead(r, n) - behind(r, n)) / (2 * h);
          }
        }
      }
    }
    return true;
  }

  /// The fitted points where coordinate m of x, or of each velocity, is larger by h.
  bool shifted(Vector x, Planes u, Index m, double h, bool shift_x, const GeodesicOptions& options,
               Planes& y) const {
    if (shift_x) {
      x[size_of(m)] += h;
      if (metric_.domain(x.data()) != Domain::inside) return false;
    } else {
      for (Index n = 0; n < count_; ++n) u(m, n) += h;
    }
    return ends(repeated(x, count_), u, options, y);
  }

  const AnyMetric<double>& metric_;
  Planes t_;
  View<const double, 2> y_;
  const Vector& shares_;
  GeodesicOptions options_;
  Index d_, variables_, count_, unknowns_, sets_ = 0;
  double damping_ = 0;     // of the next step, after Levenberg and Marquardt
  Vector normal_, force_;  // of unknowns: the lower triangle, and the right side
};

void check_arguments(const AnyMetric<double>& metric, View<const double, 2> t,
                     View<const double, 2> y, View<const double, 1> origin,
                     const RegressionFit& out) {
  const Index d = metric.dimension(), count = y.extent(1), variables = t.extent(0);
  LIOR_CHECK(variables >= 1, "regression on no variables; expected at least one");
  check_shape(t, {variables, count}, "t");
  check_shape(origin, {variables}, "origin");
  check_shape(out.x, {d}, "x");
  check_shape(out.v, {d, variables}, "v");
  check_shape(out.fitted, {d, count}, "fitted");
  check_shape(out.residuals, {count}, "residuals");
  for (Index k = 0; k < variables; ++k) {
    LIOR_CHECK(std::isfinite(origin(k)), "origin {} is {}; expected a finite number", k, origin(k));
    for (Index n = 0; n < count; ++n) {
      LIOR_CHECK(std::isfinite(t(k, n)), "variable {} of point {} is {}; expected a finite number",
                 k, n, t(k, n));
    }
  }
}

/// The weights, divided by their sum.
Vector shares_of(View<const double, 1> weights, Index count) {
  Vector out(size_of(count), 1.0);
  if (!weights.empty()) std::copy(weights.begin(), weights.end(), out.begin());
  const double sum = std::accumulate(out.begin(), out.end(), 0.0);
  for (double& share : out) share /= sum;
  return out;
}

/// The means of the variables. Throws where one of them is the same at all points.
Vector means_of(View<const double, 2> t, const Vector& shares) {
  Vector means(size_of(t.extent(0)));
  for (Index k = 0; k < t.extent(0); ++k) {
    double most = 0, square = 0;
    for (Index n = 0; n < t.extent(1); ++n) {
      means[size_of(k)] += shares[size_of(n)] * t(k, n);
      most = std::max(most, std::abs(t(k, n)));
    }
    for (Index n = 0; n < t.extent(1); ++n) {
      square += shares[size_of(n)] * std::pow(t(k, n) - means[size_of(k)], 2);
    }
    LIOR_CHECK(std::sqrt(square) > 8 * kEpsilon * most,
               "variable {} is {} at all points; expected at least two values", k,
               means[size_of(k)]);
  }
  return means;
}

/// Steps until the next one would hardly move the fitted points; how far it would.
double descend(Fit& fit, Attempt& at, double spread, double rtol) {
  if (!(spread > 0)) return 0;
  // Below this, changes of the variance are those of the logarithms' own errors.
  const double noise = std::pow(rtol * spread, 2);
  double error = INFINITY;
  for (Index steps = 0; steps < kMostSteps; ++steps) {
    if (!fit.linearise(at, spread)) return INFINITY;
    error = fit.error();
    if (error <= fit.least(at, spread)) break;
    std::optional<Attempt> next = fit.nearer(at, noise);
    if (!next) break;
    at = std::move(*next);
  }
  return error;
}

/// The fit at the origin of the one variable, from that at `base`.
void move_to_origin(const AnyMetric<double>& metric, double base, double origin,
                    const GeodesicOptions& options, Attempt& at) {
  Vector way(at.x.size());
  for (std::size_t m = 0; m < way.size(); ++m) {
    way[m] = (origin - base) * at.v(static_cast<Index>(m), 0);
  }
  const PathStatus status = move_along(metric, way, options, at.x, at.v);
  if (status == PathStatus::ok) return;
  throw RunError(
      fmt::format("the fitted geodesic does not come to the origin {} (it ends: {}); expected one "
                  "nearer to {:.6g}, the mean of the variable",
                  origin, name(status), base));
}

}  // namespace

GeodesicRegression geodesic_regression(const AnyMetric<double>& metric, View<const double, 2> t,
                                       View<const double, 2> y, View<const double, 1> weights,
                                       View<const double, 1> origin, const GeodesicOptions& options,
                                       const RegressionFit& out) {
  check_arguments(metric, t, y, origin, out);
  const Index count = y.extent(1), variables = t.extent(0), d = metric.dimension();
  Vector x(size_of(d));
  const FrechetMean mean = frechet_mean(metric, y, weights, options, {x.data(), {d}});
  const Vector shares = shares_of(weights, count);
  // One geodesic is the same wherever it starts: at the mean time, x and v depend least on each
  // other.
  Vector base = means_of(t, shares);
  if (variables > 1) std::copy(origin.begin(), origin.end(), base.begin());
  Planes from_base({variables, count});
  for (Index k = 0; k < variables; ++k) {
    for (Index n = 0; n < count; ++n) from_base(k, n) = t(k, n) - base[size_of(k)];
  }
  Fit fit(metric, std::move(from_base), y, shares, options);
  Attempt at = fit.start(std::move(x));
  const double spread = std::sqrt(mean.variance);
  const double error = descend(fit, at, spread, options.rtol);
  const bool converged = mean.converged && error <= fit.least(at, spread);
  if (variables == 1) move_to_origin(metric, base[0], origin(0), options, at);
  std::ranges::copy(at.x, out.x.begin());
  std::ranges::copy(at.v.span(), out.v.begin());
  std::ranges::copy(at.fitted.span(), out.fitted.begin());
  fit.write_residuals(at, out.residuals);
  return {.r_squared = 1 - at.variance / mean.variance,
          .variance = at.variance,
          .error = error,
          .iterations = fit.sets(),
          .converged = converged};
}

}  // namespace lior::geometry
