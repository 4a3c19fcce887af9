// Christoffel symbols of the learned metric, exact derivatives a point a lane, beside the
// original's loop over central differences; growth in points and in d.
#include <limits>

#include "check/learned_samples.h"
#include "lior/check/compare.h"
#include "lior/check/registry.h"
#include "lior/geometry/christoffel.h"

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

Bench christoffel_bench(Index d, Index count) {
  const double pairs = static_cast<double>(d * (d + 1)) / 2, width = 2.0 * static_cast<double>(d);
  const auto n = static_cast<double>(d);
  // Multiply-adds: hidden layers, h, its slopes, Cholesky, one solve a pair.
  const double multiply_adds = width * n + n * n + pairs * width + width * n + pairs * width * n +
                               n * n * n / 6 + pairs * n * n + 2 * n * n;
  return {.name = "learned_metric.christoffel",
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
                      return std::max(exact_error(data->fast, d, count),
                                      exact_error(data->loop, d, count) * rounding * 64 / 0.02);
                    },
                .tolerance = 64 * std::numeric_limits<float>::epsilon()};
          }};
}

}  // namespace

void add_geometry_benches(Registry& registry) {
  registry.benches.push_back(christoffel_bench(8, 4096));
  for (const Index count : {256, 1024, 16384}) {
    registry.benches.push_back(christoffel_bench(8, count));
  }
  for (const Index d : {2, 4, 16}) registry.benches.push_back(christoffel_bench(d, 4096));
}

}  // namespace lior::check
