// SPDX-License-Identifier: Apache-2.0
#include "geometry/learned_gradient.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "geometry/learned_gradient.cpp"
#include <hwy/foreach_target.h>
#include "geometry/kernels/learned_gradient.inl.h"

#if HWY_ONCE
#include "lior/simd/dispatch.h"

namespace lior::geometry {
namespace {

/// Adds the sums over lanes of `from` to `to`.
template <class T>
void add_totals(const T* from, std::span<T> to) {
  for (T& number : to) {
    T total = 0;
    for (Index lane = 0; lane < kMostLanes<T>; ++lane) total += *from++;
    number += total;
  }
}

}  // namespace

template <class T>
void add_learned_gradient(const LearnedMetricModel<T>& model, View<const T, 2> x,
                          View<const T, 3> dg, LearnedMetricParameters<T>& dp, View<T, 2> dx) {
  const LearnedMetric<T> metric = model.metric();
  const LearnedPlan<T> plan = metric.plan();
  const Index d = plan.d, pairs = d * (d + 1) / 2;
  const Index width = plan.width, resilience_width = plan.resilience_width;
  Array<T, 2> numbers({2 * pairs + pairs * width + width * (d + 1) + resilience_width * (d + 2) + 1,
                       kMostLanes<T>});
  T* next = numbers.data();
  const auto take = [&](Index count) { return std::exchange(next, next + count * kMostLanes<T>); };
  const GradientSums<T> sums{.base = take(pairs),
                             .out_bias = take(pairs),
                             .out = take(pairs * width),
                             .in = take(width * d),
                             .in_bias = take(width),
                             .resilience_in = take(resilience_width * d),
                             .resilience_in_bias = take(resilience_width),
                             .resilience_out = take(resilience_width),
                             .resilience_out_bias = take(1)};
  LIOR_SIMD_TABLE(learned_gradient<T>)
      .chosen()(plan, x.data(), dg.data(), dx.data(), x.extent(1), x.extent(1), sums);

  add_totals(sums.in, dp.metric_in.span()), add_totals(sums.in_bias, dp.metric_in_bias.span());
  add_totals(sums.resilience_in, dp.resilience_in.span());
  add_totals(sums.resilience_in_bias, dp.resilience_in_bias.span());
  add_totals(sums.resilience_out, dp.resilience_out.span());
  add_totals(sums.resilience_out_bias, std::span(&dp.resilience_out_bias, 1));
  const LearnedMetricParameters<T>& p = model.parameters;
  std::array<T, kMostWidth> weights;
  for (Index i = 0, pair = 0; i < d; ++i) {
    for (Index j = i; j < d; ++j, ++pair) {
      T base = 0, bias = 0;
      weights.fill(0);
      add_totals(sums.base + pair * kMostLanes<T>, std::span(&base, 1));
      add_totals(sums.out_bias + pair * kMostLanes<T>, std::span(&bias, 1));
      const std::span<T> row(weights.data(), static_cast<std::size_t>(width));
      add_totals(sums.out + pair * width * kMostLanes<T>, row);
      // g is symmetric however its numbers change: each of two entries has half.
      const T half = i == j ? T(1) : T(0.5);
      const auto give = [&](Index m, Index n) {
        for (Index k = 0; k < d; ++k)
          dp.basis(m, k) += 2 * half * base * p.basis(n, k);  // d(L L^T)
        dp.metric_out_bias(m * d + n) += half * bias;
        for (Index a = 0; a < width; ++a) dp.metric_out(m * d + n, a) += half * row[a];
      };
      give(i, j);
      if (i != j) give(j, i);
    }
  }
}

template void add_learned_gradient(const LearnedMetricModel<float>&, View<const float, 2>,
                                   View<const float, 3>, LearnedMetricParameters<float>&,
                                   View<float, 2>);
template void add_learned_gradient(const LearnedMetricModel<double>&, View<const double, 2>,
                                   View<const double, 3>, LearnedMetricParameters<double>&,
                                   View<double, 2>);

}  // namespace lior::geometry
#endif
