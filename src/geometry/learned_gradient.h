// SPDX-License-Identifier: Apache-2.0
#pragma once
// The gradient of a learned metric at many points.

#include "geometry/learned_metric_kernel.h"
#include "lior/geometry/metric_gradient.h"

namespace lior::geometry {

/// Lanes of the widest vector: a sum over points is kept as that many.
template <class T>
inline constexpr Index kMostLanes = 64 / sizeof(T);

/// Sums over points, kMostLanes numbers each, of the gradient with respect to a plan's numbers. A
/// pair's is of its two entries together.
template <class T>
struct GradientSums {
  T *base, *out_bias, *out, *in, *in_bias;
  T *resilience_in, *resilience_in_bias, *resilience_out, *resilience_out_bias;
};

/// metric_backward without its checks.
template <class T>
void add_learned_gradient(const LearnedMetricModel<T>& model, View<const T, 2> x,
                          View<const T, 3> dg, LearnedMetricParameters<T>& dp, View<T, 2> dx);

}  // namespace lior::geometry
