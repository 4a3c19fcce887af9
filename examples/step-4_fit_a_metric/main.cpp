// SPDX-License-Identifier: Apache-2.0
// Step 4: learn a metric from distances alone, and read off its curvature.
//
// A learned metric, R^2 g, is fitted to geodesic distances between random points of the unit sphere
// in a stereographic chart. Nothing tells it about the sphere, but its scalar curvature, which no
// distance was ever asked for, comes out as 2. Gradients of a distance are the first variation:
// they need the geodesic, not derivatives of it.

#include <fmt/core.h>

#include <cmath>
#include <utility>
#include <vector>

#include "lior/core/random.h"
#include "lior/geometry/curvature.h"
#include "lior/geometry/metric_gradient.h"
#include "lior/linalg/small_matrix.h"

using namespace lior;
using namespace lior::geometry;

namespace {

constexpr Index kDimension = 2, kWidth = 4, kResilienceWidth = 12, kPairs = 150;
constexpr int kIterations = 40;
constexpr double kRadius = 0.6;  // of the disc in the chart

using Parameters = LearnedMetricParameters<double>;

/// All numbers of a metric, one array after another.
std::vector<std::span<double>> arrays(Parameters& p) {
  return {p.basis.span(),
          p.metric_in.span(),
          p.metric_in_bias.span(),
          p.metric_out.span(),
          p.metric_out_bias.span(),
          p.resilience_in.span(),
          p.resilience_in_bias.span(),
          p.resilience_out.span(),
          {&p.resilience_out_bias, 1}};
}

Parameters start(Random& random) {
  Parameters p(kDimension, kWidth, kResilienceWidth);
  for (const std::span<double> numbers : arrays(p)) random.fill_normal(numbers, 0.4);
  for (Index m = 0; m < kDimension; ++m) {
    for (Index n = 0; n < kDimension; ++n) p.basis(m, n) = m == n ? 1 : 0;
  }
  p.resilience_out_bias = 1.5;
  return p;
}

/// Random points of the disc, planes [2, count].
Array<double, 2> points(Random& random, Index count) {
  Array<double, 2> x({kDimension, count});
  for (Index n = 0; n < count; ++n) {
    do {
      for (Index m = 0; m < 2; ++m) x(m, n) = kRadius * (2 * random.uniform() - 1);
    } while (std::hypot(x(0, n), x(1, n)) > kRadius);
  }
  return x;
}

/// On the sphere: sin(distance / 2) = |x - y| / sqrt((1 + |x|^2)(1 + |y|^2)).
double sphere_distance(const Array<double, 2>& x, const Array<double, 2>& y, Index n) {
  const double chord = std::hypot(x(0, n) - y(0, n), x(1, n) - y(1, n));
  const double room =
      (1 + x(0, n) * x(0, n) + x(1, n) * x(1, n)) * (1 + y(0, n) * y(0, n) + y(1, n) * y(1, n));
  return 2 * std::asin(chord / std::sqrt(room));
}

/// One point of planes.
Array<double, 2> column(const Array<double, 2>& x, Index n) {
  Array<double, 2> point({kDimension, 1});
  for (Index m = 0; m < kDimension; ++m) point(m, 0) = x(m, n);
  return point;
}

}  // namespace

int main() {
  Random random(7);
  Parameters p = start(random);
  const GeodesicOptions options{.rtol = 1e-9, .atol = 1e-11};
  const auto x = points(random, kPairs), y = points(random, kPairs);
  Index count = 0;
  for (const std::span<double> numbers : arrays(p)) count += static_cast<Index>(numbers.size());

  // Errors of all distances, and their derivatives, one row a pair.
  const auto evaluate = [&](Array<double, 1>& error, Array<double, 2>& jacobian) {
    double square = 0;
    for (Index n = 0; n < kPairs; ++n) {
      const Array<double, 2> from = column(x, n), to = column(y, n);
      const double one = 1;
      Parameters gradient(kDimension, kWidth, kResilienceWidth);
      distance_with_gradient<double>({p}, from.view(), to.view(), {&one, {1}}, options,
                                     {&error(n), {1}}, gradient);
      error(n) -= sphere_distance(x, y, n);
      square += error(n) * error(n);
      Index i = 0;
      for (const std::span<double> numbers : arrays(gradient)) {
        for (const double number : numbers) jacobian(n, i++) = number;
      }
    }
    return square;
  };

  // Levenberg and Marquardt: (J^T J + damping I) step = -J^T error.
  Array<double, 1> error({kPairs}), trial_error({kPairs}), step({count});
  Array<double, 2> jacobian({kPairs, count}), trial_jacobian(jacobian.shape()),
      normal({count, count});
  double square = evaluate(error, jacobian), damping = 1e-2;
  for (int iteration = 1; iteration <= kIterations; ++iteration) {
    for (Index i = 0; i < count; ++i) {
      step(i) = 0;
      for (Index n = 0; n < kPairs; ++n) step(i) -= jacobian(n, i) * error(n);
      for (Index k = 0; k <= i; ++k) {
        normal(i, k) = i == k ? damping : 0;
        for (Index n = 0; n < kPairs; ++n) normal(i, k) += jacobian(n, i) * jacobian(n, k);
      }
    }
    if (linalg::cholesky<double>(normal.view())) return 1;
    linalg::cholesky_solve<double>(normal.view(), step.span());
    const auto move = [&](double sign) {
      Index i = 0;
      for (const std::span<double> numbers : arrays(p)) {
        for (double& number : numbers) number += sign * step(i++);
      }
    };
    move(1);
    const double trial = evaluate(trial_error, trial_jacobian);
    if (trial < square) {
      square = trial, damping /= 3;
      std::swap(error, trial_error), std::swap(jacobian, trial_jacobian);
    } else {
      move(-1), damping *= 4;
    }
    if (iteration % 10 == 0) {
      fmt::print("iteration {:3}  rms error of distances {:.2e}\n", iteration,
                 std::sqrt(square / kPairs));
    }
  }

  const AnyMetric<double> metric(LearnedMetric<double>{p});
  const auto samples = points(random, 200);
  Array<double, 1> scalar({200});
  curvature<double>(metric, samples.view(), {.scalar = scalar.view()});
  double mean = 0, centre = 0;
  for (const double value : scalar.span()) mean += value / 200;
  const Array<double, 2> origin({kDimension, 1});
  curvature<double>(metric, origin.view(), {.scalar = {&centre, {1}}});
  fmt::print("scalar curvature: mean {:.4f}, at the centre {:.4f} (the sphere's is 2)\n", mean,
             centre);
  return std::abs(mean - 2) < 0.04 ? 0 : 1;
}
