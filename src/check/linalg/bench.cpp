// SPDX-License-Identifier: Apache-2.0
// Matrix products, beside the sum over k; small systems, beside one point at a time.
#include <cmath>
#include <limits>

#include "lior/check/compare.h"
#include "lior/check/registry.h"
#include "lior/core/buffer.h"
#include "lior/core/random.h"
#include "lior/linalg/gemm.h"
#include "lior/linalg/small_matrix.h"

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
            auto data = std::make_shared<Data>(Data{Array<T, 2>(a_shape), Array<T, 2>({k, n}),
                                                    Array<T, 2>({m, n}), Array<T, 2>({m, n})});
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

template <class T>
Bench cholesky_bench(Index d, Index count) {
  const auto dd = static_cast<double>(d), points = static_cast<double>(count);
  return {.name = "cholesky.solve",
          .shape = to_string(Shape<3>{d, d, count}),
          .dtype = kDtype<T>,
          .flops = (dd * dd * dd / 3 + 2 * dd * dd) * points,
          .bytes = sizeof(T) * (dd * (dd + 1) / 2 + 2 * dd) * points,  // a triangle and b in, x out
          .arithmetic = sizeof(T) == 4 ? Arithmetic::fma_f32 : Arithmetic::fma_f64,
          .traffic = Traffic::triad,
          .prepare = [=] {
            struct Data {
              Array<T, 3> a;
              Array<T, 2> b, plain, fast;
            };
            auto data =
                std::make_shared<Data>(Data{Array<T, 3>({d, d, count}), Array<T, 2>({d, count}),
                                            Array<T, 2>({d, count}), Array<T, 2>({d, count})});
            Random random(22);
            random.fill_uniform(data->a.span(), -1, 1);
            random.fill_uniform(data->b.span(), -1, 1);
            for (Index i = 0; i < d; ++i) {  // the diagonal outweighs its row: positive definite
              for (T& entry : data->a.view()[i][i].span()) entry += static_cast<T>(d);
            }
            return BenchRun{
                .before =
                    [=] {
                      linalg::reference::cholesky_solve_planes<T>(data->a.view(), data->b.view(),
                                                                  data->plain.view());
                    },
                .after =
                    [=] {
                      linalg::cholesky_solve_planes<T>(data->a.view(), data->b.view(),
                                                       data->fast.view());
                    },
                .error = [=] { return relative_difference(data->fast.span(), data->plain.span()); },
                // Eigenvalues lie in (0, 2 d]: most points are well conditioned, the worst are not.
                .tolerance = 64 * dd * std::numeric_limits<T>::epsilon()};
          }};
}

}  // namespace

void add_linalg_benches(Registry& registry) {
  registry.benches.push_back(gemm_bench<float>("linear", Transpose::no, 512, 256, 1024));
  registry.benches.push_back(gemm_bench<float>("linear", Transpose::no, 4096, 144, 60));
  registry.benches.push_back(gemm_bench<float>("weight_gradient", Transpose::yes, 256, 4096, 64));
  registry.benches.push_back(gemm_bench<double>("linear", Transpose::no, 256, 256, 512));
  registry.benches.push_back(cholesky_bench<float>(4, 1000000));
  registry.benches.push_back(cholesky_bench<double>(4, 500000));
  registry.benches.push_back(cholesky_bench<float>(8, 250000));
  registry.benches.push_back(cholesky_bench<float>(16, 65000));
}

}  // namespace lior::check
