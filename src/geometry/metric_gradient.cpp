#include "lior/geometry/metric_gradient.h"

#include <utility>
#include <vector>

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

constexpr double kRootHalf = 0.70710678118654752440, kRootTwoPi = 2.50662827463100050242;

/// A hidden layer z = W x + b at one point: gelu(z) and gelu'(z).
template <class T>
struct Hidden {
  std::vector<T> value, slope;

  Hidden(const Array<T, 2>& weight, const Array<T, 1>& bias, const T* x)
      : value(bias.span().begin(), bias.span().end()), slope(value.size()) {
    const Index d = weight.shape()[1];
    for (std::size_t a = 0; a < value.size(); ++a) {
      T z = value[a];
      for (Index m = 0; m < d; ++m) z += weight(a, m) * x[m];
      const T probability = T(0.5) * std::erfc(static_cast<T>(-z * kRootHalf));
      value[a] = z * probability;
      slope[a] = probability + z * std::exp(-z * z / 2) / static_cast<T>(kRootTwoPi);
    }
  }

  /// From dvalue, which it overwrites by dz: adds dW and db, and dx.
  void backward(const Array<T, 2>& weight, const T* x, std::vector<T>& dvalue, Array<T, 2>& dweight,
                Array<T, 1>& dbias, T* dx) const {
    for (std::size_t a = 0; a < value.size(); ++a) {
      const T dz = dvalue[a] * slope[a];
      dbias(a) += dz;
      for (Index m = 0; m < weight.shape()[1]; ++m) {
        dweight(a, m) += dz * x[m];
        dx[m] += dz * weight(a, m);
      }
    }
  }
};

/// A metric that somebody else owns, with its own accelerations.
template <class T>
struct Borrowed {
  const LearnedMetric<T>* metric;
  Index dimension() const { return metric->dimension(); }
  template <class S>
  void operator()(const S* x, S* g) const {
    (*metric)(x, g);
  }
  void accelerations(const T* x, const T* v, T* a, Index stride, Index count) const {
    metric->accelerations(x, v, a, stride, count);
  }
};

}  // namespace

template <class T>
void metric_backward(const LearnedMetricModel<T>& model, View<const T, 2> x, View<const T, 3> dg,
                     LearnedMetricParameters<T>& dp, View<T, 2> dx) {
  const LearnedMetricParameters<T>& p = model.parameters;
  const Index d = p.basis.shape()[0], count = x.extent(1);
  const Index width = p.metric_in.shape()[0], resilience_width = p.resilience_in.shape()[0];
  check_shape(x, {d, count}, "x");
  check_shape(dg, {d, d, count}, "dg");
  check_shape(dx, {d, count}, "dx");
  LIOR_CHECK(dp.metric_in.shape() == p.metric_in.shape() &&
                 dp.resilience_in.shape() == p.resilience_in.shape(),
             "the gradient's parameters have other shapes than the metric's");
  const bool lior = model.resilience == Resilience::on;
  const LearnedMetric<T> plain(p, Resilience::off, model.spd_floor);

  std::array<T, kMostDimensions> point, dpoint;
  std::array<T, kMostDimensions * kMostDimensions> g, e;
  for (Index n = 0; n < count; ++n) {
    gather_point(x, n, point.data());
    dpoint.fill(0);
    plain(point.data(), g.data());
    const Hidden<T> hidden(p.metric_in, p.metric_in_bias, point.data());

    T scale = 1, dscale = 0;  // R^2
    if (lior) {
      const T r = plain.resilience(point.data());
      scale = r * r;
      for (Index k = 0; k < d * d; ++k) dscale += dg(k / d, k % d, n) * g[k];
      const Hidden<T> layer(p.resilience_in, p.resilience_in_bias, point.data());
      T z = p.resilience_out_bias;
      for (Index k = 0; k < resilience_width; ++k) z += p.resilience_out(k) * layer.value[k];
      if (r > T(kLeastResilience) && r < T(kMostResilience)) {
        const T dz = dscale * 2 * r / (1 + std::exp(-z));
        dp.resilience_out_bias += dz;
        std::vector<T> dvalue(static_cast<std::size_t>(resilience_width));
        for (Index k = 0; k < resilience_width; ++k) {
          dp.resilience_out(k) += dz * layer.value[k];
          dvalue[k] = dz * p.resilience_out(k);
        }
        layer.backward(p.resilience_in, point.data(), dvalue, dp.resilience_in,
                       dp.resilience_in_bias, dpoint.data());
      }
    }
    // e = the symmetric part of R^2 dg: g is symmetric however its numbers change.
    for (Index i = 0; i < d; ++i) {
      for (Index j = 0; j < d; ++j) e[i * d + j] = scale * (dg(i, j, n) + dg(j, i, n)) / 2;
    }
    std::vector<T> dvalue(static_cast<std::size_t>(width));
    for (Index i = 0; i < d; ++i) {
      for (Index j = 0; j < d; ++j) {
        const Index ij = i * d + j, ji = j * d + i;
        for (Index k = 0; k < d; ++k) dp.basis(i, k) += 2 * e[ij] * p.basis(j, k);  // d(L L^T)
        T s = (p.metric_out_bias(ij) + p.metric_out_bias(ji)) / 2;
        for (Index a = 0; a < width; ++a) {
          s += (p.metric_out(ij, a) + p.metric_out(ji, a)) / 2 * hidden.value[a];
        }
        const T t = std::tanh(s), ds = e[ij] * static_cast<T>(kTanhScale) * (1 - t * t);
        dp.metric_out_bias(ij) += ds;
        for (Index a = 0; a < width; ++a) {
          dp.metric_out(ij, a) += ds * hidden.value[a];
          dvalue[a] += ds * p.metric_out(ij, a);
        }
      }
    }
    hidden.backward(p.metric_in, point.data(), dvalue, dp.metric_in, dp.metric_in_bias,
                    dpoint.data());
    for (Index m = 0; m < d; ++m) dx(m, n) = dpoint[m];
  }
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
