// Products of planes, beside the plain text of their formulas.
#include <limits>

#include "lior/algebra/octonion.h"
#include "lior/check/compare.h"
#include "lior/check/registry.h"
#include "lior/core/buffer.h"
#include "lior/core/random.h"

namespace lior::check {
namespace {

template <class T>
Bench octonion_multiply_bench(Index count) {
  return {
      .name = "octonion.multiply",
      .shape = to_string(Shape<2>{8, count}),
      .dtype = kDtype<T>,
      .flops = 120.0 * count,             // 64 products, 56 sums a point
      .bytes = 24.0 * sizeof(T) * count,  // two planes in, one out
      .arithmetic = sizeof(T) == 4 ? Arithmetic::fma_f32 : Arithmetic::fma_f64,
      .traffic = Traffic::triad,
      .prepare = [=] {
        struct Data {
          Array<T, 2> x, y, plain, fast;
        };
        const Shape<2> shape{8, count};
        auto data = std::make_shared<Data>(Array<T, 2>(shape), Array<T, 2>(shape),
                                           Array<T, 2>(shape), Array<T, 2>(shape));
        Random random(11);
        random.fill_normal(data->x.span());
        random.fill_normal(data->y.span());
        return BenchRun{
            .before =
                [data] {
                  algebra::reference::octonion_multiply<T>(data->x.view(), data->y.view(),
                                                           data->plain.view());
                },
            .after =
                [data] {
                  algebra::octonion_multiply<T>(data->x.view(), data->y.view(), data->fast.view());
                },
            .error = [data] { return relative_difference(data->fast.span(), data->plain.span()); },
            .tolerance = 32 * std::numeric_limits<T>::epsilon()};
      }};
}

}  // namespace

void add_algebra_benches(Registry& registry) {
  registry.benches.push_back(octonion_multiply_bench<float>(1 << 22));
  registry.benches.push_back(octonion_multiply_bench<double>(1 << 21));
}

}  // namespace lior::check
