// SPDX-License-Identifier: Apache-2.0
#include "lior/geometry/learned_metric.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "geometry/learned_metric.cpp"
#include <hwy/foreach_target.h>
#include "geometry/kernels/learned_metric.inl.h"

#if HWY_ONCE
#include "geometry/borrowed_metric.h"
#include "geometry/point.h"
#include "lior/simd/dispatch.h"

namespace lior::geometry {
namespace {

constexpr Index kPointsPerThread = 64;   // below this a second thread costs more than it brings
constexpr Index kStreamBytes = 4 << 20;  // of symbols: more go past the caches

}  // namespace

template <class T>
LearnedMetricParameters<T>::LearnedMetricParameters(Index d, Index metric_width,
                                                    Index resilience_width)
    : basis({d, d}),
      metric_in({metric_width, d}),
      metric_in_bias({metric_width}),
      metric_out({d * d, metric_width}),
      metric_out_bias({d * d}),
      resilience_in({resilience_width, d}),
      resilience_in_bias({resilience_width}),
      resilience_out({resilience_width}) {
  LIOR_CHECK(d >= 1 && d <= kMostDimensions && metric_width >= 1 && metric_width <= kMostWidth &&
                 resilience_width >= 1 && resilience_width <= kMostWidth,
             "a learned metric of {} dimensions and widths {} and {}; expected 1 to {} and 1 to {}",
             d, metric_width, resilience_width, kMostDimensions, kMostWidth);
}

template <class T>
LearnedMetricParameters<T> LearnedMetricParameters<T>::read(const io::SafeTensors& file) {
  const std::string prefix = file.contains("param.L") ? "param." : "";
  const auto name = [&](const char* rest) { return prefix + rest; };
  const auto rows = [&](const char* tensor) {
    const std::vector<Index>& shape = file.info(name(tensor)).shape;
    LIOR_CHECK(!shape.empty(), "{} of {} is a scalar; expected a matrix", name(tensor),
               file.path());
    return shape[0];
  };
  LearnedMetricParameters out(rows("L"), rows("metric_net.0.weight"),
                              rows("resilience_net.0.weight"));
  file.read_into<T>(name("L"), out.basis.view());
  file.read_into<T>(name("metric_net.0.weight"), out.metric_in.view());
  file.read_into<T>(name("metric_net.0.bias"), out.metric_in_bias.view());
  file.read_into<T>(name("metric_net.2.weight"), out.metric_out.view());
  file.read_into<T>(name("metric_net.2.bias"), out.metric_out_bias.view());
  file.read_into<T>(name("resilience_net.0.weight"), out.resilience_in.view());
  file.read_into<T>(name("resilience_net.0.bias"), out.resilience_in_bias.view());
  const Index width = out.resilience_out.size();
  file.read_into<T>(name("resilience_net.2.weight"),
                    out.resilience_out.view().template reshaped<2>({1, width}));
  file.read_into<T>(name("resilience_net.2.bias"), View<T, 1>(&out.resilience_out_bias, {1}));
  return out;
}

template <class T>
LearnedMetric<T>::LearnedMetric(const LearnedMetricParameters<T>& p, Resilience resilience,
                                bool spd_floor)
    : d_(p.basis.shape()[0]),
      width_(p.metric_in.shape()[0]),
      resilience_width_(p.resilience_in.shape()[0]),
      lior_(resilience == Resilience::on),
      in_({width_, d_}),
      in_bias_({width_}),
      out_({pairs(), width_}),
      out_t_({width_, pairs()}),
      out_bias_({pairs()}),
      base_({pairs()}),
      resilience_in_({resilience_width_, d_}),
      resilience_in_bias_({resilience_width_}),
      resilience_out_({resilience_width_}),
      resilience_out_bias_(p.resilience_out_bias) {
  const auto copy = [](const auto& from, auto& to) {
    std::copy(from.span().begin(), from.span().end(), to.span().begin());
  };
  copy(p.metric_in, in_), copy(p.metric_in_bias, in_bias_);
  copy(p.resilience_in, resilience_in_), copy(p.resilience_in_bias, resilience_in_bias_);
  copy(p.resilience_out, resilience_out_);
  Index pair = 0;
  for (Index i = 0; i < d_; ++i) {
    for (Index j = i; j < d_; ++j, ++pair) {
      const Index ij = i * d_ + j, ji = j * d_ + i;
      for (Index a = 0; a < width_; ++a) {
        out_(pair, a) = out_t_(a, pair) = (p.metric_out(ij, a) + p.metric_out(ji, a)) / 2;
      }
      out_bias_(pair) = (p.metric_out_bias(ij) + p.metric_out_bias(ji)) / 2;
      double sum = i == j ? kUnitShare + (spd_floor ? kTanhScale * static_cast<double>(d_) : 0) : 0;
      for (Index k = 0; k < d_; ++k) sum += static_cast<double>(p.basis(i, k)) * p.basis(j, k);
      base_(pair) = static_cast<T>(sum);
    }
  }
}

template <class T>
LearnedPlan<T> LearnedMetric<T>::plan() const {
  return {.d = d_,
          .width = width_,
          .resilience_width = resilience_width_,
          .lior = lior_,
          .in = in_.data(),
          .in_bias = in_bias_.data(),
          .out = out_.data(),
          .out_t = out_t_.data(),
          .out_bias = out_bias_.data(),
          .base = base_.data(),
          .resilience_in = resilience_in_.data(),
          .resilience_in_bias = resilience_in_bias_.data(),
          .resilience_out = resilience_out_.data(),
          .resilience_out_bias = resilience_out_bias_};
}

template <class T>
void LearnedMetric<T>::values(View<const T, 2> x, View<T, 3> g, View<T, 1> r) const {
  const Index count = x.extent(1);
  check_shape(x, {d_, count}, "x");
  check_shape(g, {d_, d_, count}, "g");
  check_shape(r, {count}, "r");
  const auto kernel = LIOR_SIMD_TABLE(learned_values<T>).chosen();
  parallel_for(count, kPointsPerThread, [&](Index begin, Index end, int) {
    kernel(plan(), x.data() + begin, g.data() + begin, r.data() + begin, count, end - begin);
  });
}

template <class T>
void LearnedMetric<T>::christoffel(View<const T, 2> x, View<T, 4> gamma) const {
  const Index count = x.extent(1);
  check_shape(x, {d_, count}, "x");
  check_shape(gamma, {d_, d_, d_, count}, "gamma");
  const auto kernel = LIOR_SIMD_TABLE(learned_christoffel<T>).chosen();
  const bool stream = gamma.size() * static_cast<Index>(sizeof(T)) > kStreamBytes;
  constexpr Index kLine = kLinePoints<T>;
  const Index lines = (count + kLine - 1) / kLine;
  parallel_for(lines, kPointsPerThread / kLine, [&](Index first, Index last, int) {
    const Index begin = first * kLine, end = std::min(count, last * kLine);
    const Index failed =
        kernel(plan(), x.data() + begin, gamma.data() + begin, count, end - begin, stream);
    if (failed < 0) return;
    // Only errors come here: say which.
    const AnyMetric<T> metric(Borrowed<T>{this});
    std::array<T, kMostDimensions> point;
    std::array<T, kMostDimensions * kMostDimensions> g;
    gather_point(x, begin + failed, point.data());
    check_domain(metric, point.data(), begin + failed);
    metric.value(point.data(), g.data());
    MetricSolver<T> solver(metric);
    const auto pivot = solver.factor(g.data());
    fail_at_point<T>(metric, point.data(), begin + failed,
                     pivot.value_or(linalg::FailedPivot<T>{d_ - 1, T(0)}));
  });
}

template <class T>
void LearnedMetric<T>::accelerations(const T* x, const T* v, T* a, Index stride,
                                     Index count) const {
  LIOR_SIMD_TABLE(learned_accelerations<T>).chosen()(plan(), x, v, a, stride, count);
}

namespace reference {

template <class T>
void christoffel_loop(const LearnedMetric<T>& metric, View<const T, 2> x, T step,
                      View<T, 4> gamma) {
  const Index d = metric.dimension(), count = x.extent(1), size = d * d;
  std::vector<T> g(static_cast<std::size_t>(size)), inverse(g), above(g), below(g), slope(d * size);
  std::array<T, kMostDimensions> point;
  for (Index p = 0; p < count; ++p) {
    gather_point(x, p, point.data());
    metric(point.data(), g.data());
    linalg::reference::inverse<T>({g.data(), {d, d}}, {inverse.data(), {d, d}});
    for (Index m = 0; m < d; ++m) {
      const T start = point[m];
      point[m] = start + step;
      metric(point.data(), above.data());
      point[m] = start - step;
      metric(point.data(), below.data());
      point[m] = start;
      for (Index k = 0; k < size; ++k) slope[m * size + k] = (above[k] - below[k]) / (2 * step);
    }
    const View<const T, 3> dg(slope.data(), {d, d, d});
    for (Index l = 0; l < d; ++l) {
      for (Index m = 0; m < d; ++m) {
        for (Index n = 0; n < d; ++n) {
          T sum = 0;
          for (Index r = 0; r < d; ++r) {
            sum += T(0.5) * inverse[l * d + r] * (dg(m, n, r) + dg(n, m, r) - dg(r, m, n));
          }
          gamma(l, m, n, p) = sum;
        }
      }
    }
  }
}

template void christoffel_loop(const LearnedMetric<float>&, View<const float, 2>, float,
                               View<float, 4>);
template void christoffel_loop(const LearnedMetric<double>&, View<const double, 2>, double,
                               View<double, 4>);

}  // namespace reference

template struct LearnedMetricParameters<float>;
template struct LearnedMetricParameters<double>;
template class LearnedMetric<float>;
template class LearnedMetric<double>;

}  // namespace lior::geometry
#endif
