// SPDX-License-Identifier: Apache-2.0
#pragma once
// The gradient of a learned metric at one point, for numbers S: T, or Dual<T>, whose slopes are the
// derivative of that gradient as the point moves.

#include <vector>

#include "lior/geometry/metric_gradient.h"

namespace lior::geometry {

/// A number's share in a sum of gradients: itself, or the slope of a dual number.
template <class T>
T share(const T& v) {
  return v;
}
template <class T>
T share(const Dual<T>& v) {
  return v.slope;
}

template <class T>
void check_same_sizes(const LearnedMetricParameters<T>& p, const LearnedMetricParameters<T>& dp) {
  LIOR_CHECK(dp.metric_in.shape() == p.metric_in.shape() &&
                 dp.resilience_in.shape() == p.resilience_in.shape(),
             "the gradient's parameters have other shapes than the metric's");
}

/// A hidden layer z = W x + b at one point: gelu(z) and gelu'(z).
template <class S>
struct Hidden {
  std::vector<S> value, slope;

  template <class T>
  Hidden(const Array<T, 2>& weight, const Array<T, 1>& bias, const S* x)
      : value(bias.span().begin(), bias.span().end()), slope(value.size()) {
    using std::erfc, std::exp;
    constexpr double kRootHalf = 0.70710678118654752440, kOverRootTwoPi = 0.39894228040143267794;
    const Index d = weight.shape()[1];
    for (std::size_t a = 0; a < value.size(); ++a) {
      S z = value[a];
      for (Index m = 0; m < d; ++m) z += weight(a, m) * x[m];
      const S probability = S(0.5) * erfc(S(-kRootHalf) * z);
      value[a] = z * probability;
      slope[a] = probability + S(kOverRootTwoPi) * z * exp(S(-0.5) * z * z);
    }
  }

  /// Adds dW and db, and dx, for dvalue.
  template <class T>
  void backward(const Array<T, 2>& weight, const S* x, const std::vector<S>& dvalue,
                Array<T, 2>& dweight, Array<T, 1>& dbias, S* dx) const {
    for (std::size_t a = 0; a < value.size(); ++a) {
      const S dz = dvalue[a] * slope[a];
      dbias(a) += share(dz);
      for (Index m = 0; m < weight.shape()[1]; ++m) {
        dweight(a, m) += share(dz * x[m]);
        dx[m] += dz * weight(a, m);
      }
    }
  }
};

/// Adds the gradient of <dg, g> (or of R^2 g) at x: [d] to `dp`, and sets dx: [d]. dg: [d, d], as
/// if all entries were independent; it does not depend on x. `metric` is the one without R.
template <class S, class T>
void metric_point_backward(const LearnedMetricModel<T>& model, const LearnedMetric<T>& metric,
                           const S* x, const S* dg, LearnedMetricParameters<T>& dp, S* dx) {
  using std::exp, std::tanh;
  const LearnedMetricParameters<T>& p = model.parameters;
  const Index d = p.basis.shape()[0];
  const Index width = p.metric_in.shape()[0], resilience_width = p.resilience_in.shape()[0];
  std::fill_n(dx, d, S{});

  S scale(1.0);  // R^2
  if (model.resilience == Resilience::on) {
    const S r = metric.resilience(x);
    scale = r * r;
    if (plain(r) > T(kLeastResilience) && plain(r) < T(kMostResilience)) {
      std::array<S, kMostDimensions * kMostDimensions> g;
      metric(x, g.data());
      S dscale{};
      for (Index k = 0; k < d * d; ++k) dscale += dg[k] * g[k];
      const Hidden<S> layer(p.resilience_in, p.resilience_in_bias, x);
      S z(p.resilience_out_bias);
      for (Index k = 0; k < resilience_width; ++k) z += p.resilience_out(k) * layer.value[k];
      const S dz = dscale * S(2.0) * r / (S(1.0) + exp(-z));
      dp.resilience_out_bias += share(dz);
      std::vector<S> dvalue(static_cast<std::size_t>(resilience_width));
      for (Index k = 0; k < resilience_width; ++k) {
        dp.resilience_out(k) += share(dz * layer.value[k]);
        dvalue[k] = dz * p.resilience_out(k);
      }
      layer.backward(p.resilience_in, x, dvalue, dp.resilience_in, dp.resilience_in_bias, dx);
    }
  }

  const Hidden<S> hidden(p.metric_in, p.metric_in_bias, x);
  std::vector<S> dvalue(static_cast<std::size_t>(width));
  for (Index i = 0; i < d; ++i) {
    for (Index j = 0; j < d; ++j) {
      const Index ij = i * d + j, ji = j * d + i;
      // The symmetric part of R^2 dg: g is symmetric however its numbers change.
      const S e = scale * (dg[ij] + dg[ji]) * S(0.5);
      for (Index k = 0; k < d; ++k) dp.basis(i, k) += 2 * share(e) * p.basis(j, k);  // d(L L^T)
      S s((p.metric_out_bias(ij) + p.metric_out_bias(ji)) / 2);
      for (Index a = 0; a < width; ++a) {
        s += (p.metric_out(ij, a) + p.metric_out(ji, a)) / 2 * hidden.value[a];
      }
      const S t = tanh(s), ds = e * S(kTanhScale) * (S(1.0) - t * t);
      dp.metric_out_bias(ij) += share(ds);
      for (Index a = 0; a < width; ++a) {
        dp.metric_out(ij, a) += share(ds * hidden.value[a]);
        dvalue[a] += ds * p.metric_out(ij, a);
      }
    }
  }
  hidden.backward(p.metric_in, x, dvalue, dp.metric_in, dp.metric_in_bias, dx);
}

}  // namespace lior::geometry
