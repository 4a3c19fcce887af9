// SPDX-License-Identifier: Apache-2.0
#include "lior/geometry/curvature_parts.h"

#include <limits>

#include "geometry/point.h"
#include "lior/core/buffer.h"
#include "lior/geometry/curvature.h"

namespace lior::geometry {
namespace {

constexpr Index kPointsAtOnce = 256;  // bounds the memory of Riemann's tensors

/// Metric and curvature of one point of a block.
template <class T>
struct PointTensors {
  Index d, n;
  View<const T, 3> g, ricci;
  View<const T, 5> riemann;  // R^r_smn
  T scalar;

  T lowered(Index r, Index s, Index m, Index k) const {
    T sum = 0;
    for (Index q = 0; q < d; ++q) sum += g(r, q, n) * riemann(q, s, m, k, n);
    return sum;
  }
  T einstein(Index s, Index k) const { return ricci(s, k, n) - scalar * g(s, k, n) / 2; }
  T schouten(Index s, Index k) const {
    const T part = scalar / static_cast<T>(2 * (d - 1));
    return (ricci(s, k, n) - part * g(s, k, n)) / static_cast<T>(d - 2);
  }
  T weyl(Index r, Index s, Index m, Index k) const {
    return lowered(r, s, m, k) - (g(r, m, n) * schouten(s, k) - g(r, k, n) * schouten(s, m) +
                                  g(s, k, n) * schouten(r, m) - g(s, m, n) * schouten(r, k));
  }
};

/// body(tensors, point) at each point of x.
template <class T, class Body>
void for_each_tensors(const AnyMetric<T>& metric, View<const T, 2> x, const Body& body) {
  check_points(metric, x);
  const Index d = metric.dimension(), count = x.extent(1);
  for (Index first = 0; first < count; first += kPointsAtOnce) {
    const Index points = std::min(kPointsAtOnce, count - first);
    Array<T, 2> block({d, points});
    for (Index m = 0; m < d; ++m) std::copy_n(&x(m, first), points, &block(m, 0));
    Array<T, 3> g({d, d, points}), ricci(g.shape());
    Array<T, 5> riemann({d, d, d, d, points});
    Array<T, 1> scalar({points});
    metric_values<T>(metric, block.view(), g.view());
    curvature<T>(metric, block.view(),
                 {.riemann = riemann.view(), .ricci = ricci.view(), .scalar = scalar.view()});
    for (Index n = 0; n < points; ++n) {
      body(PointTensors<T>{d, n, g.view(), ricci.view(), riemann.view(), scalar(n)}, first + n);
    }
  }
}

}  // namespace

template <class T>
void curvature_parts(const AnyMetric<T>& metric, View<const T, 2> x, const CurvatureParts<T>& out) {
  const Index d = metric.dimension(), count = x.extent(1);
  const bool einstein = out.einstein.data() != nullptr, schouten = out.schouten.data() != nullptr,
             weyl = out.weyl.data() != nullptr;
  LIOR_CHECK(
      d >= 3 || !(schouten || weyl),
      "the tensors of Schouten and Weyl are of three dimensions and more; this metric has {}", d);
  if (einstein) check_shape(out.einstein, {d, d, count}, "einstein");
  if (schouten) check_shape(out.schouten, {d, d, count}, "schouten");
  if (weyl) check_shape(out.weyl, {d, d, d, d, count}, "weyl");
  for_each_tensors(metric, x, [&](const PointTensors<T>& at, Index n) {
    for (Index s = 0; s < d; ++s) {
      for (Index k = 0; k < d; ++k) {
        if (einstein) out.einstein(s, k, n) = at.einstein(s, k);
        if (schouten) out.schouten(s, k, n) = at.schouten(s, k);
      }
    }
    for (Index i = 0; weyl && i < d * d * d * d; ++i) {
      const Index r = i / (d * d * d), s = i / (d * d) % d, m = i / d % d, k = i % d;
      out.weyl(r, s, m, k, n) = at.weyl(r, s, m, k);
    }
  });
}

template <class T>
void sectional_curvature(const AnyMetric<T>& metric, View<const T, 2> x, View<const T, 2> u,
                         View<const T, 2> w, View<T, 1> out) {
  check_shape(u, x.shape(), "u");
  check_shape(w, x.shape(), "w");
  check_shape(out, {x.extent(1)}, "out");
  for_each_tensors(metric, x, [&](const PointTensors<T>& at, Index n) {
    T uu = 0, uw = 0, ww = 0, sum = 0;
    for (Index r = 0; r < at.d; ++r) {
      for (Index s = 0; s < at.d; ++s) {
        const T g = at.g(r, s, at.n);
        uu += g * u(r, n) * u(s, n), uw += g * u(r, n) * w(s, n), ww += g * w(r, n) * w(s, n);
        for (Index m = 0; m < at.d; ++m) {
          for (Index k = 0; k < at.d; ++k) {
            sum += at.lowered(r, s, m, k) * u(r, n) * w(s, n) * u(m, n) * w(k, n);
          }
        }
      }
    }
    const T area = uu * ww - uw * uw;
    // Two parallel vectors span no plane, whatever rounding leaves of their difference.
    const T rounding = 8 * std::numeric_limits<T>::epsilon() * (std::abs(uu * ww) + uw * uw);
    out(n) = std::abs(area) > rounding ? sum / area : std::numeric_limits<T>::quiet_NaN();
  });
}

#define LIOR_INSTANTIATE(T)                                                                       \
  template void curvature_parts(const AnyMetric<T>&, View<const T, 2>, const CurvatureParts<T>&); \
  template void sectional_curvature(const AnyMetric<T>&, View<const T, 2>, View<const T, 2>,      \
                                    View<const T, 2>, View<T, 1>)
LIOR_INSTANTIATE(float);
LIOR_INSTANTIATE(double);
#undef LIOR_INSTANTIATE

}  // namespace lior::geometry
