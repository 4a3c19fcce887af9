// SPDX-License-Identifier: Apache-2.0
#pragma once
// Learned metrics with random numbers, for checks and bench rows.

#include "lior/check/registry.h"
#include "lior/core/random.h"
#include "lior/geometry/learned_metric.h"

namespace lior::check {

/// Widths 2d and d as in the original; L near the unit matrix, layers at their usual start size.
template <class T>
geometry::LearnedMetricParameters<T> random_learned_metric(Index d, std::uint64_t seed) {
  geometry::LearnedMetricParameters<T> p(d, 2 * d, d);
  std::uint64_t stream = 0;
  const auto fill = [&](auto& array, double deviation) {
    // Rounded to float, so that both types hold the same metric.
    Random random(seed, stream++);
    for (T& value : array.span()) value = static_cast<float>(deviation * random.normal());
  };
  const double in = 1 / std::sqrt(static_cast<double>(d)), out = in / std::sqrt(2.0);
  fill(p.basis, 0.1 * in);
  for (Index m = 0; m < d; ++m) p.basis(m, m) += T(1);
  fill(p.metric_in, in), fill(p.metric_in_bias, in);
  fill(p.metric_out, out), fill(p.metric_out_bias, out);
  fill(p.resilience_in, in), fill(p.resilience_in_bias, in);
  fill(p.resilience_out, in);
  return p;
}

/// Planes [d, count] of normal numbers, rounded to float.
template <class T>
Array<T, 2> random_planes(Index d, Index count, std::uint64_t seed) {
  Array<T, 2> x({d, count});
  Random random(seed);
  for (T& value : x.span()) value = static_cast<float>(0.7 * random.normal());
  return x;
}

/// The rows of the ops in metric_gradient_checks.cpp; part of add_geometry_benches.
void add_metric_gradient_benches(Registry& registry);

}  // namespace lior::check
