// SPDX-License-Identifier: Apache-2.0
#pragma once
/// The learned metric: a fixed matrix and a small network, and its resilience, a conformal factor.
///
///   h(x) = W2 gelu(W1 x + b1) + b2,
///   g(x) = L L^T + 0.1 tanh((h + h^T) / 2) + 1e-4 I   (+ 0.1 d I with spd_floor),
///   R(x) = clamp(softplus(w2 . gelu(V1 x + c1) + c2), 0.1, 10);   the LIoR metric is R^2 g.
/// gelu is x (1 + erf(x / sqrt 2)) / 2; h is read as a d x d matrix. g is positive definite
/// whenever the smallest eigenvalue of L L^T is at least 0.1 d, and always with spd_floor; where it
/// is not, what needs its inverse throws. Source: docs/math/conventions.md, section 6.5.

#include "lior/core/buffer.h"
#include "lior/geometry/metric.h"
#include "lior/geometry/resilience.h"
#include "lior/io/safetensors.h"

namespace lior::geometry {

template <class T>
struct LearnedPlan;

/// The numbers that are learned. H and K are the widths of the two networks.
template <class T>
struct LearnedMetricParameters {
  Array<T, 2> basis;               ///< L: [d, d]
  Array<T, 2> metric_in;           ///< W1: [H, d]
  Array<T, 1> metric_in_bias;      ///< b1: [H]
  Array<T, 2> metric_out;          ///< W2: [d d, H]
  Array<T, 1> metric_out_bias;     ///< b2: [d d]
  Array<T, 2> resilience_in;       ///< V1: [K, d]
  Array<T, 1> resilience_in_bias;  ///< c1: [K]
  Array<T, 1> resilience_out;      ///< w2: [K]
  T resilience_out_bias = 0;       ///< c2

  /// Zeroed; d <= 16, H and K <= 64.
  LearnedMetricParameters(Index d, Index metric_width, Index resilience_width);

  /// From tensors L, metric_net.{0,2}.{weight,bias} and resilience_net.{0,2}.{weight,bias}, with
  /// or without "param." before them. Throws lior::Error for what is missing or of another shape.
  static LearnedMetricParameters read(const io::SafeTensors& file);
};

/// Whether R^2 multiplies g.
enum class Resilience { off, on };

/// A metric (see metric.h) with kernels of its own: lanes over points.
template <class T>
class LearnedMetric {
 public:
  explicit LearnedMetric(const LearnedMetricParameters<T>& parameters,
                         Resilience resilience = Resilience::on, bool spd_floor = false);

  Index dimension() const { return d_; }
  const char* remedy() const { return "it always is with spd_floor"; }
  Index metric_width() const { return width_; }
  Index resilience_width() const { return resilience_width_; }

  /// g, or R^2 g, at one point.
  template <class S>
  void operator()(const S* x, S* g) const;
  /// R at one point.
  template <class S>
  S resilience(const S* x) const;

  /// Planes x: [d, N] -> g: [d, d, N] (g or R^2 g) and R: [N].
  void values(View<const T, 2> x, View<T, 3> g, View<T, 1> r) const;

  /// Planes x: [d, N] -> Gamma: [d, d, d, N], from hand-derived derivatives. About
  /// H d^2 (d+1)/2 + d^2 (d+1)^2 multiply-adds a point. Accuracy as christoffel's; threads over
  /// points, bit-equal across thread counts; throws as christoffel does.
  void christoffel(View<const T, 2> x, View<T, 4> gamma) const;

  /// Geodesic accelerations without Gamma: a = -g^-1 [(d_v g) v - grad_x (v^T g v) / 2]; planes
  /// [d, count], rows `stride` apart. About 3 H d (d+1)/2 multiply-adds a point. NaN where g is not
  /// positive definite.
  void accelerations(const T* x, const T* v, T* a, Index stride, Index count) const;

  /// The kernels' view of this metric, into which it points.
  LearnedPlan<T> plan() const;

 private:
  Index pairs() const { return d_ * (d_ + 1) / 2; }

  Index d_, width_, resilience_width_;
  bool lior_;
  Array<T, 2> in_;        // W1
  Array<T, 1> in_bias_;   // b1
  Array<T, 2> out_;       // (W2_ij + W2_ji) / 2, pairs i <= j: [pairs, H]
  Array<T, 2> out_t_;     // its transpose
  Array<T, 1> out_bias_;  // (b2_ij + b2_ji) / 2: [pairs]
  Array<T, 1> base_;      // L L^T + 1e-4 I (+ floor): [pairs]
  Array<T, 2> resilience_in_;
  Array<T, 1> resilience_in_bias_, resilience_out_;
  T resilience_out_bias_;
};

inline constexpr double kTanhScale = 0.1, kUnitShare = 1e-4;

template <class T>
template <class S>
void LearnedMetric<T>::operator()(const S* x, S* g) const {
  using std::erf, std::tanh;
  std::array<S, 64> hidden;
  for (Index a = 0; a < width_; ++a) {
    S sum = in_bias_(a);
    for (Index m = 0; m < d_; ++m) sum += in_(a, m) * x[m];
    hidden[a] = 0.5 * sum * (1.0 + erf(sum * 0.70710678118654752440));
  }
  S scale = T(1);
  if (lior_) {
    const S r = resilience(x);
    scale = r * r;
  }
  Index pair = 0;
  for (Index i = 0; i < d_; ++i) {
    for (Index j = i; j < d_; ++j, ++pair) {
      S sum = out_bias_(pair);
      for (Index a = 0; a < width_; ++a) sum += out_(pair, a) * hidden[a];
      g[i * d_ + j] = g[j * d_ + i] = scale * (base_(pair) + kTanhScale * tanh(sum));
    }
  }
}

template <class T>
template <class S>
S LearnedMetric<T>::resilience(const S* x) const {
  const ResilienceNet<T> net{resilience_in_.view(), resilience_in_bias_.view(),
                             resilience_out_.view(), resilience_out_bias_};
  return geometry::resilience<S>(net, std::span<const S>(x, static_cast<std::size_t>(d_)));
}

namespace reference {
/// The original's form: central differences of the metric, its inverse, and the loop over l, m, n
/// and r. x: [d, N], gamma: [d, d, d, N].
template <class T>
void christoffel_loop(const LearnedMetric<T>& metric, View<const T, 2> x, T step, View<T, 4> gamma);
}  // namespace reference

}  // namespace lior::geometry
