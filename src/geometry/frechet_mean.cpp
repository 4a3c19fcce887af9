// SPDX-License-Identifier: Apache-2.0
#include "lior/geometry/frechet_mean.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "geometry/point.h"
#include "lior/core/buffer.h"

namespace lior::geometry {
namespace {

constexpr Index kMostSets = 200;

/// The sum of squares and its gradient at a point.
struct Attempt {
  std::vector<double> x, v;  // v: the weighted mean of the logarithms
  double variance = INFINITY, length2 = 0;

  double error() const { return std::sqrt(length2); }
};

class Descent {
 public:
  Descent(const AnyMetric<double>& metric, View<const double, 2> y, View<const double, 1> weights,
          const GeodesicOptions& options)
      : metric_(metric), y_(y), options_(options), d_(metric.dimension()), count_(y.extent(1)) {
    weights_.assign(static_cast<std::size_t>(count_), 1.0);
    if (!weights.empty()) std::copy(weights.begin(), weights.end(), weights_.begin());
    const double sum = std::accumulate(weights_.begin(), weights_.end(), 0.0);
    for (double& weight : weights_) weight /= sum;
  }

  Attempt start() {
    const auto heaviest = std::max_element(weights_.begin(), weights_.end()) - weights_.begin();
    std::vector<double> x(static_cast<std::size_t>(d_));
    gather_point(y_, heaviest, x.data());
    Attempt at = look(std::move(x));
    LIOR_CHECK(std::isfinite(at.variance),
               "from point {} no geodesic was found to one of the others; a mean is of points that "
               "log_map reaches",
               heaviest);
    return at;
  }

  /// The end of exp_x(step v).
  Attempt move(const Attempt& from, double step) {
    std::vector<double> v(from.v), x(from.x);
    for (double& part : v) part *= step;
    PathStatus status = PathStatus::ok;
    exp_map<double>(metric_, {from.x.data(), {d_, 1}}, {v.data(), {d_, 1}}, options_,
                    {x.data(), {d_, 1}}, {&status, {1}});
    return status == PathStatus::ok ? look(std::move(x)) : Attempt{};
  }

  /// The step that would have brought the gradient to 0 if it changed evenly along the last one
  /// (J. Barzilai and J. Borwein, IMA J. Numer. Anal. 8, 1988), at most 1.
  double next_step(const Attempt& from, const Attempt& to, double step) const {
    const std::vector<double> g = value(from.x);
    double left = 0;  // of the gradient, along what it was
    for (Index i = 0; i < d_ * d_; ++i) left += g[i] * from.v[i / d_] * to.v[i % d_];
    const double gone = 1 - left / from.length2;
    return gone > step ? step / gone : 1;
  }

  Index sets() const { return sets_; }
  /// Below this the gradient is what logarithms leave open.
  double least(const Attempt& at) const {
    return std::max(10 * options_.rtol * std::sqrt(at.variance), 1e-14 * size(at.x));
  }

 private:
  Attempt look(std::vector<double> x) {
    ++sets_;
    Array<double, 2> base({d_, count_}), v(base.shape());
    Array<bool, 1> converged({count_});
    Array<double, 1> error({count_});
    for (Index m = 0; m < d_; ++m) std::fill_n(&base(m, 0), count_, x[static_cast<std::size_t>(m)]);
    log_map<double>(metric_, base.view(), y_, options_, {v.view(), converged.view(), error.view()});
    Attempt at{.x = std::move(x), .v = std::vector<double>(static_cast<std::size_t>(d_))};
    if (!std::all_of(converged.span().begin(), converged.span().end(), std::identity())) return at;
    const std::vector<double> g = value(at.x);
    at.variance = 0;
    for (Index n = 0; n < count_; ++n) {
      const double weight = weights_[static_cast<std::size_t>(n)];
      double square = 0;
      for (Index m = 0; m < d_; ++m) {
        at.v[static_cast<std::size_t>(m)] += weight * v(m, n);
        for (Index r = 0; r < d_; ++r) square += g[m * d_ + r] * v(m, n) * v(r, n);
      }
      at.variance += weight * square;
    }
    for (Index i = 0; i < d_ * d_; ++i) at.length2 += g[i] * at.v[i / d_] * at.v[i % d_];
    return at;
  }
  std::vector<double> value(const std::vector<double>& x) const {
    std::vector<double> g(static_cast<std::size_t>(d_ * d_));
    metric_.value(x.data(), g.data());
    return g;
  }
  /// |x| in the norm of g(x): what its roundings are a part of.
  double size(const std::vector<double>& x) const {
    const std::vector<double> g = value(x);
    double sum = 0;
    for (Index m = 0; m < d_; ++m) sum += g[m * d_ + m] * x[m] * x[m];
    return std::sqrt(sum);
  }

  const AnyMetric<double>& metric_;
  View<const double, 2> y_;
  const GeodesicOptions& options_;
  Index d_, count_, sets_ = 0;
  std::vector<double> weights_;  // their sum is 1
};

void check_arguments(const AnyMetric<double>& metric, View<const double, 2> y,
                     View<const double, 1> weights, View<double, 1> x) {
  check_points(metric, y);
  LIOR_CHECK(metric.riemannian(), "means are of Riemannian metrics; this one has {} minus signs",
             metric.negative_directions());
  LIOR_CHECK(y.extent(1) >= 1, "the mean of no points; expected at least one");
  check_shape(x, {metric.dimension()}, "x");
  if (weights.empty()) return;
  check_shape(weights, {y.extent(1)}, "weights");
  double sum = 0;
  for (const double weight : weights) {
    LIOR_CHECK(weight >= 0 && std::isfinite(weight), "weight {}; expected numbers >= 0", weight);
    sum += weight;
  }
  LIOR_CHECK(sum > 0, "all weights are 0; expected one that is not");
}

}  // namespace

FrechetMean frechet_mean(const AnyMetric<double>& metric, View<const double, 2> y,
                         View<const double, 1> weights, const GeodesicOptions& options,
                         View<double, 1> x) {
  check_arguments(metric, y, weights, x);
  Descent descent(metric, y, weights, options);
  Attempt at = descent.start();
  double step = 1;
  while (at.error() > descent.least(at) && descent.sets() < kMostSets && step > 1e-6) {
    Attempt next = descent.move(at, step);
    // The sum of squares falls by 2 step |v|^2 at first; near the mean by less than its roundings.
    const double fall = at.variance - next.variance, rounding = 1e-14 * at.variance;
    const bool nearer =
        fall >= step * at.length2 / 2 || (fall >= -rounding && next.error() < at.error());
    if (!nearer) {
      step /= 2;
      continue;
    }
    step = descent.next_step(at, next, step);
    at = std::move(next);
  }
  std::copy(at.x.begin(), at.x.end(), x.begin());
  return {.variance = at.variance,
          .error = at.error(),
          .iterations = descent.sets(),
          .converged = at.error() <= descent.least(at)};
}

}  // namespace lior::geometry
