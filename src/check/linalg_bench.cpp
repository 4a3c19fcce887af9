// Matrix products, beside the sum over k.
#include <cmath>
#include <limits>

#include "lior/check/compare.h"
#include "lior/check/registry.h"
#include "lior/core/buffer.h"
#include "lior/core/random.h"
#include "lior/linalg/gemm.h"

namespace lior::check {
namespace {

using linalg::Transpose;

/// A layer's product [rows, in] [in, out], or its weights' gradient [in, rows]^T [in, out].
template <class T>
Bench gemm_bench(std::string name, Transpose transpose_a, Index m, Index k, Index n) {
  const auto dm = static_cast<double>(m), dk = static_cast<double>(k), dn = static_cast<double>(n);
  const Shape<2> a_shape = transpose_a == Transpose::yes ? Shape<2>{k, m} : Shape<2>{m, k};
  return {.name = "gemm." + name,
          .shape = to_string(a_shape) + (transpose_a == Transpose::yes ? "^T " : " ") +
                   to_string(Shape<2>{k, n}),
          .dtype = kDtype<T>,
          .flops = 2 * dm * dk * dn,
          .bytes = sizeof(T) * (dm * dk + dk * dn + dm * dn),
          .arithmetic = sizeof(T) == 4 ? Arithmetic::fma_f32 : Arithmetic::fma_f64,
          .traffic = Traffic::triad,
          .prepare = [=] {
            struct Data {
              Array<T, 2> a, b, plain, fast;
            };
            auto data = std::make_shared<Data>(Array<T, 2>(a_shape), Array<T, 2>({k, n}),
                                               Array<T, 2>({m, n}), Array<T, 2>({m, n}));
            Random random(21);
            random.fill_normal(data->a.span());
            random.fill_normal(data->b.span());
            return BenchRun{
                .before =
                    [=] {
                      linalg::reference::gemm<T>(transpose_a, Transpose::no, 1, data->a.view(),
                                                 data->b.view(), 0, data->plain.view());
                    },
                .after =
                    [=] {
                      linalg::gemm<T>(transpose_a, Transpose::no, 1, data->a.view(), data->b.view(),
                                      0, data->fast.view());
                    },
                .error = [=] { return relative_difference(data->fast.span(), data->plain.span()); },
                // Rounding of partial sums grows as k eps / 5 (one deviation), the largest entry
                // as 4 sqrt(k): this is some ten times the expected error.
                .tolerance = 2 * std::sqrt(dk) * std::numeric_limits<T>::epsilon()};
          }};
}

}  // namespace

void add_linalg_benches(Registry& registry) {
  registry.benches.push_back(gemm_bench<float>("linear", Transpose::no, 512, 256, 1024));
  registry.benches.push_back(gemm_bench<float>("linear", Transpose::no, 4096, 144, 60));
  registry.benches.push_back(gemm_bench<float>("weight_gradient", Transpose::yes, 256, 4096, 64));
  registry.benches.push_back(gemm_bench<double>("linear", Transpose::no, 256, 256, 512));
}

}  // namespace lior::check
