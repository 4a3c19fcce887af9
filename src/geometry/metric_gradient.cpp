// SPDX-License-Identifier: Apache-2.0
#include "lior/geometry/metric_gradient.h"

#include <utility>

#include "geometry/borrowed_metric.h"
#include "geometry/learned_gradient.h"
#include "geometry/metric_point_gradient.h"
#include "geometry/point.h"

namespace lior::geometry {
namespace {

// Gauss and Legendre's rule on [0, 1].
constexpr Index kNodes = 8;
constexpr double kGaussTimes[kNodes] = {
    0.0198550717512318842, 0.10166676129318663,  0.237233795041835507, 0.408282678752175098,
    0.591717321247824902,  0.762766204958164493, 0.89833323870681337,  0.980144928248768116};
constexpr double kGaussWeights[kNodes] = {
    0.0506142681451881296, 0.111190517226687235, 0.156853322938943644, 0.181341891689180991,
    0.181341891689180991,  0.156853322938943644, 0.111190517226687235, 0.0506142681451881296};

}  // namespace

template <class T>
void metric_backward(const LearnedMetricModel<T>& model, View<const T, 2> x, View<const T, 3> dg,
                     LearnedMetricParameters<T>& dp, View<T, 2> dx) {
  const Index d = model.parameters.basis.shape()[0], count = x.extent(1);
  check_shape(x, {d, count}, "x");
  check_shape(dg, {d, d, count}, "dg");
  check_shape(dx, {d, count}, "dx");
  check_same_sizes(model.parameters, dp);
  add_learned_gradient(model, x, dg, dp, dx);
}

template <class T>
void distance_with_gradient(const LearnedMetricModel<T>& model, View<const T, 2> x,
                            View<const T, 2> y, View<const T, 1> ddistance,
                            const GeodesicOptions& options, View<T, 1> distance,
                            LearnedMetricParameters<T>& dparameters) {
  const LearnedMetric<T> learned = model.metric();
  const AnyMetric<T> metric(Borrowed<T>{&learned});
  const Index d = metric.dimension(), count = x.extent(1);
  check_shape(ddistance, {count}, "ddistance");
  check_shape(distance, {count}, "distance");
  Array<T, 2> v({d, count});
  Array<bool, 1> converged({count});
  Array<T, 1> error({count}), reached({count});
  Array<PathStatus, 1> status({count});
  log_map<T>(metric, x, y, options, {v.view(), converged.view(), error.view()});

  Array<T, 3> xs({kNodes, d, count}), vs(xs.shape());
  geodesics<T>(metric, x, v.view(), kGaussTimes, options,
               {xs.view(), vs.view(), status.view(), reached.view()});
  std::array<T, kMostDimensions> point;
  std::array<T, kMostDimensions * kMostDimensions> g;
  for (Index n = 0; n < count; ++n) {
    gather_point(x, n, point.data());
    metric.value(point.data(), g.data());
    T square = 0;
    for (Index k = 0; k < d * d; ++k) square += g[k] * v(k / d, n) * v(k % d, n);
    distance(n) = converged(n) ? std::sqrt(square) : T(NAN);
  }
  Array<T, 3> dg({d, d, count});
  Array<T, 2> dx({d, count});
  for (Index k = 0; k < kNodes; ++k) {
    for (Index n = 0; n < count; ++n) {
      const bool counts = converged(n) && distance(n) > 0;
      const T weight =
          counts ? ddistance(n) * static_cast<T>(kGaussWeights[k]) / (2 * distance(n)) : T(0);
      for (Index i = 0; i < d * d; ++i) {
        dg(i / d, i % d, n) = weight * vs(k, i / d, n) * vs(k, i % d, n);
      }
    }
    metric_backward<T>(model, {&xs(k, 0, 0), {d, count}}, dg.view(), dparameters, dx.view());
  }
}

namespace {

/// Sums f(|dx|^2) over the steps of each curve into `sum`, and adds the gradient of sum_n dsum_n
/// sum_n. part(square) is the pair f, f'.
template <class T, class Part>
void sum_over_steps(const LearnedMetricModel<T>& model, View<const T, 3> path,
                    View<const T, 1> dsum, View<T, 1> sum, LearnedMetricParameters<T>& dparameters,
                    const Part& part) {
  const LearnedMetric<T> metric = model.metric();
  const Index samples = path.extent(0), d = metric.dimension(), count = path.extent(2);
  LIOR_CHECK(path.extent(1) == d && samples >= 2, "path has shape {}; expected [K >= 2, {}, N]",
             to_string(path.shape()), d);
  check_shape(dsum, {count}, "the gradient of the curves' sums");
  check_shape(sum, {count}, "the curves' sums");
  std::fill(sum.begin(), sum.end(), T(0));
  Array<T, 2> middle({d, count}), dx({d, count});
  Array<T, 3> g({d, d, count}), dg({d, d, count});
  Array<T, 1> r({count});
  for (Index k = 0; k + 1 < samples; ++k) {
    const auto step = [&](Index m, Index n) { return path(k + 1, m, n) - path(k, m, n); };
    for (Index n = 0; n < count; ++n) {
      for (Index m = 0; m < d; ++m) middle(m, n) = (path(k, m, n) + path(k + 1, m, n)) / 2;
    }
    metric.values(middle.view(), g.view(), r.view());
    for (Index n = 0; n < count; ++n) {
      T square = 0;
      for (Index i = 0; i < d * d; ++i) {
        square += g(i / d, i % d, n) * step(i / d, n) * step(i % d, n);
      }
      const auto [value, slope] = part(square);
      sum(n) += value;
      for (Index i = 0; i < d * d; ++i) {
        dg(i / d, i % d, n) = dsum(n) * slope * step(i / d, n) * step(i % d, n);
      }
    }
    metric_backward<T>(model, middle.view(), dg.view(), dparameters, dx.view());
  }
}

}  // namespace

template <class T>
void curve_length_with_gradient(const LearnedMetricModel<T>& model, View<const T, 3> path,
                                View<const T, 1> dlength, View<T, 1> length,
                                LearnedMetricParameters<T>& dparameters) {
  sum_over_steps(model, path, dlength, length, dparameters, [](T square) {
    const T step = std::sqrt(square);
    return std::pair(step, step > 0 ? 1 / (2 * step) : T(0));
  });
}

template <class T>
void curve_energy_with_gradient(const LearnedMetricModel<T>& model, View<const T, 3> path,
                                View<const T, 1> denergy, View<T, 1> energy,
                                LearnedMetricParameters<T>& dparameters) {
  const T half = static_cast<T>(path.extent(0) - 1) / 2;
  sum_over_steps(model, path, denergy, energy, dparameters,
                 [half](T square) { return std::pair(half * square, half); });
}

#define LIOR_INSTANTIATE(T)                                                                        \
  template void metric_backward(const LearnedMetricModel<T>&, View<const T, 2>, View<const T, 3>,  \
                                LearnedMetricParameters<T>&, View<T, 2>);                          \
  template void distance_with_gradient(const LearnedMetricModel<T>&, View<const T, 2>,             \
                                       View<const T, 2>, View<const T, 1>, const GeodesicOptions&, \
                                       View<T, 1>, LearnedMetricParameters<T>&);                   \
  template void curve_length_with_gradient(const LearnedMetricModel<T>&, View<const T, 3>,         \
                                           View<const T, 1>, View<T, 1>,                           \
                                           LearnedMetricParameters<T>&);                           \
  template void curve_energy_with_gradient(const LearnedMetricModel<T>&, View<const T, 3>,         \
                                           View<const T, 1>, View<T, 1>,                           \
                                           LearnedMetricParameters<T>&);
LIOR_INSTANTIATE(float)
LIOR_INSTANTIATE(double)
#undef LIOR_INSTANTIATE

}  // namespace lior::geometry
