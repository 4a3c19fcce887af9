// SPDX-License-Identifier: Apache-2.0
// Christoffel symbols of the learned metric, exact derivatives a point a lane, beside the
// original's loop over central differences; growth in points and in d.
#include <limits>

#include "check/geometry/learned_samples.h"
#include "check/geometry/parts.h"
#include "lior/check/compare.h"
#include "lior/check/registry.h"
#include "lior/core/worst.h"
#include "lior/geometry/christoffel.h"
#include "lior/geometry/geodesic.h"

namespace lior::check {
namespace {

using namespace geometry;

/// Largest difference relative to the largest entry of the exact symbols in double.
double exact_error(const Array<float, 4>& gamma, Index d, Index count) {
  const Index sample = std::min<Index>(count, 64);
  const auto x = random_planes<double>(d, count, 52);
  Array<double, 2> few({d, sample});
  for (Index m = 0; m < d; ++m) std::copy_n(&x(m, 0), sample, &few(m, 0));
  Array<double, 4> want({d, d, d, sample});
  christoffel<double>(LearnedMetric<double>(random_learned_metric<double>(d, 51)), few.view(),
                      want.view());
  std::vector<float> got;
  for (Index k = 0; k < d * d * d; ++k) {
    got.insert(got.end(), gamma.data() + k * count, gamma.data() + k * count + sample);
  }
  return relative_difference(got, want.span());
}

/// The family that a row belongs to: it grows in points, or, under a name of its own, in
/// dimensions.
enum class Growth { points, dimensions };

/// `numbers`: of a point's inputs and outputs.
void set_growth(Bench& row, Growth growth, Index d, Index count, double numbers) {
  const bool points = growth == Growth::points;
  if (!points) row.name += ".over_d";
  row.variable = points ? "N" : "d";
  row.size = static_cast<double>(points ? count : d);
  row.memory = sizeof(float) * static_cast<double>(count) * numbers;
}

Bench christoffel_bench(Growth growth, Index d, Index count) {
  const double pairs = static_cast<double>(d * (d + 1)) / 2, width = 2.0 * static_cast<double>(d);
  const auto n = static_cast<double>(d);
  // Multiply-adds: hidden layers, h, its slopes, Cholesky, one solve a pair.
  const double multiply_adds = width * n + n * n + pairs * width + width * n + pairs * width * n +
                               n * n * n / 6 + pairs * n * n + 2 * n * n;
  Bench row{.name = "learned_metric.christoffel",
            .shape = fmt::format("N={} d={}", count, d),
            .dtype = "f32",
            .flops = 2 * multiply_adds * static_cast<double>(count),
            .bytes = sizeof(float) * static_cast<double>(count) * (n * n * n + n),
            .arithmetic = Arithmetic::fma_f32,
            .traffic = Traffic::write,
            .prepare = [=] {
              struct Data {
                LearnedMetric<float> metric;
                Array<float, 2> x;
                Array<float, 4> loop, fast;
              };
              const Shape<4> shape{d, d, d, count};
              auto data = std::make_shared<Data>(
                  Data{.metric = LearnedMetric<float>(random_learned_metric<float>(d, 51)),
                       .x = random_planes<float>(d, count, 52),
                       .loop = Array<float, 4>(shape),
                       .fast = Array<float, 4>(shape)});
              return BenchRun{
                  .before =
                      [data] {
                        reference::christoffel_loop<float>(data->metric, data->x.view(), 5e-3f,
                                                           data->loop.view());
                      },
                  .after = [data] { data->metric.christoffel(data->x.view(), data->fast.view()); },
                  // Differences in float are good to a percent of the largest symbol, ours to its
                  // rounding.
                  .error =
                      [=] {
                        const double rounding = std::numeric_limits<float>::epsilon();
                        return worst_of({exact_error(data->fast, d, count),
                                         exact_error(data->loop, d, count) * rounding * 64 / 0.02});
                      },
                  .tolerance = 64 * std::numeric_limits<float>::epsilon()};
            }};
  set_growth(row, growth, d, count, n * n * n + n);
  return row;
}

/// The learned metric with accelerations through its Christoffel symbols.
struct ThroughGamma {
  const LearnedMetric<float>* metric;

  Index dimension() const { return metric->dimension(); }
  template <class S>
  void operator()(const S* x, S* g) const {
    (*metric)(x, g);
  }
  void accelerations(const float* x, const float* v, float* a, Index stride, Index count) const {
    const Index d = dimension();
    static thread_local std::vector<float> points, symbols;
    points.resize(static_cast<std::size_t>(d * count));
    symbols.resize(static_cast<std::size_t>(d * d * d * count));
    for (Index m = 0; m < d; ++m) std::copy_n(x + m * stride, count, &points[m * count]);
    metric->christoffel({points.data(), {d, count}}, {symbols.data(), {d, d, d, count}});
    const float* gamma = symbols.data();
    for (Index l = 0; l < d; ++l) {
      std::fill_n(a + l * stride, count, 0.f);
      for (Index m = 0; m < d; ++m) {
        for (Index k = 0; k < d; ++k, gamma += count) {
          for (Index n = 0; n < count; ++n) {
            a[l * stride + n] -= gamma[n] * v[m * stride + n] * v[k * stride + n];
          }
        }
      }
    }
  }
};

/// One step of RK4.
Bench geodesic_bench(Growth growth, Index d, Index count) {
  const double pairs = static_cast<double>(d * (d + 1)) / 2, width = 2.0 * static_cast<double>(d);
  const auto n = static_cast<double>(d);
  // Of one acceleration: W1 x, W1 v, R and its gradient; h, d_v h, grad h; Cholesky, one solve.
  const double multiply_adds =
      3 * width * n + 2 * n * n + 3 * pairs * width + n * n * n / 6 + 2 * n * n;
  Bench row{
      .name = "learned_metric.geodesic_step",
      .shape = fmt::format("N={} d={}", count, d),
      .dtype = "f32",
      .flops = 4 * 2 * multiply_adds * static_cast<double>(count),
      .bytes = sizeof(float) * static_cast<double>(count) * 4 * n,
      .arithmetic = Arithmetic::fma_f32,
      .traffic = Traffic::triad,
      .prepare = [=] {
        struct Data {
          LearnedMetric<float> metric;
          AnyMetric<float> direct, through_gamma;
          Array<float, 2> x, v;
          Array<float, 3> fast_x, fast_v, plain_x, plain_v;
          Array<PathStatus, 1> status;
          Array<float, 1> reached;

          Data(Index d, Index count)
              : metric(random_learned_metric<float>(d, 51)),
                direct(LearnedMetric<float>(random_learned_metric<float>(d, 51))),
                through_gamma(ThroughGamma{&metric}),
                x(random_planes<float>(d, count, 52)),
                v(random_planes<float>(d, count, 53)),
                fast_x({1, d, count}),
                fast_v({1, d, count}),
                plain_x({1, d, count}),
                plain_v({1, d, count}),
                status({count}),
                reached({count}) {}
          void step(const AnyMetric<float>& by, Array<float, 3>& to_x, Array<float, 3>& to_v) {
            constexpr double kStep[] = {0.1};
            geodesics<float>(by, x.view(), v.view(), kStep, {.method = Method::rk4, .step = 0.1},
                             {to_x.view(), to_v.view(), status.view(), reached.view()});
          }
        };
        auto data = std::make_shared<Data>(d, count);
        return BenchRun{
            .before = [data] { data->step(data->through_gamma, data->plain_x, data->plain_v); },
            .after = [data] { data->step(data->direct, data->fast_x, data->fast_v); },
            .error =
                [data] {
                  return worst_of({relative_difference(data->fast_x.span(), data->plain_x.span()),
                                   relative_difference(data->fast_v.span(), data->plain_v.span())});
                },
            .tolerance = 64 * std::numeric_limits<float>::epsilon()};
      }};
  set_growth(row, growth, d, count, 4 * n);
  return row;
}

}  // namespace

void add_geometry_benches(Registry& registry) {
  for (const auto bench : {christoffel_bench, geodesic_bench}) {
    for (const Index count : {256, 1024, 4096, 16384}) {
      registry.benches.push_back(bench(Growth::points, 8, count));
    }
    for (const Index d : {2, 4, 8, 16}) {
      registry.benches.push_back(bench(Growth::dimensions, d, 4096));
    }
  }
  add_expression_metric_benches(registry);
  add_metric_gradient_benches(registry);
}

}  // namespace lior::check
