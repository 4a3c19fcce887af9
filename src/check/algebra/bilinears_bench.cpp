// SPDX-License-Identifier: Apache-2.0
// K0, K1 and K2: all pairs at once beside the loop over m and n, with growth in d and in points.
#include <limits>

#include "lior/algebra/bilinears.h"
#include "lior/check/compare.h"
#include "lior/check/registry.h"
#include "lior/core/random.h"
#include "lior/core/worst.h"

namespace lior::check {
namespace {

using namespace algebra;

constexpr Index kSpinor = 4;

/// Rows of one name grow in the size that `variable` names, N or d.
Bench bilinears_bench(std::string name, const char* variable, Index points, Index d, Pairs pairs) {
  const double d2 = static_cast<double>(d * d);
  const double outputs = 1 + (pairs == Pairs::full ? 2 * d2 : d2);
  const double bytes = static_cast<double>(points) * sizeof(float) * (kSpinor + outputs);
  return {
      .name = std::move(name),
      .shape = fmt::format("N={} d={} s={}", points, d, kSpinor),
      .dtype = "f32",
      // u and v: 2 d s^2 multiply-adds; P: d^2 s; their sums and differences: d^2.
      .flops = static_cast<double>(points) *
               (4.0 * static_cast<double>(d) * kSpinor * kSpinor + 2 * d2 * kSpinor + d2),
      .bytes = bytes,
      .arithmetic = Arithmetic::fma_f32,
      .traffic = Traffic::write,
      .prepare =
          [=] {
            struct Data {
              Array<float, 3> gamma;
              Array<float, 2> psi, plain1, plain2, fast1, fast2;
              Array<float, 1> plain0, fast0;
              Bilinears<float> bilinears;
            };
            Array<float, 3> gamma({d, kSpinor, kSpinor});
            Random(21).fill_normal(gamma.span());
            Bilinears<float> bilinears(gamma.view(), pairs);
            const Shape<2> full{points, d * d}, k1{points, bilinears.k1_size()},
                k2{points, bilinears.k2_size()};
            auto data = std::make_shared<Data>(Data{.gamma = std::move(gamma),
                                                    .psi = Array<float, 2>({points, kSpinor}),
                                                    .plain1 = Array<float, 2>(full),
                                                    .plain2 = Array<float, 2>(full),
                                                    .fast1 = Array<float, 2>(k1),
                                                    .fast2 = Array<float, 2>(k2),
                                                    .plain0 = Array<float, 1>({points}),
                                                    .fast0 = Array<float, 1>({points}),
                                                    .bilinears = std::move(bilinears)});
            Random(22).fill_normal(data->psi.span());
            return BenchRun{
                .before =
                    [data] {
                      reference::bilinears<float>(data->gamma.view(), data->psi.view(),
                                                  Adjoint::hermitian, data->plain0.view(),
                                                  data->plain1.view(), data->plain2.view());
                    },
                .after =
                    [data] {
                      data->bilinears.forward(data->psi.view(), data->fast0.view(),
                                              data->fast1.view(), data->fast2.view());
                    },
                .error =
                    [=] {
                      double error = relative_difference(data->fast0.span(), data->plain0.span());
                      if (pairs == Pairs::full) {
                        error = std::max(
                            {error, relative_difference(data->fast1.span(), data->plain1.span()),
                             relative_difference(data->fast2.span(), data->plain2.span())});
                        return error;
                      }
                      for (Index p = 0; p < points; ++p) {
                        Index antisymmetric = 0, symmetric = 0;
                        for (Index m = 0; m < d; ++m) {
                          for (Index n = m; n < d; ++n) {
                            const auto check = [&](float got, float want) {
                              error = worst_of<double>({error, std::abs(got - want)});
                            };
                            check(data->fast2(p, symmetric++), data->plain2(p, m * d + n));
                            if (n > m)
                              check(data->fast1(p, antisymmetric++), data->plain1(p, m * d + n));
                          }
                        }
                      }
                      return error / 100;  // the largest of a million values is above 100
                    },
                .tolerance = 64 * std::numeric_limits<float>::epsilon()};
          },
      .variable = variable,
      .size = static_cast<double>(*variable == 'N' ? points : d),
      .memory = bytes};
}

}  // namespace

void add_bilinears_benches(Registry& registry) {
  constexpr Index kMillion = 1 << 20;
  const auto add = [&](const char* name, const char* variable, Index points, Index d, Pairs pairs) {
    registry.benches.push_back(bilinears_bench(name, variable, points, d, pairs));
  };
  add("bilinears.packed", "N", kMillion, 8, Pairs::packed);
  for (const Index points : {kMillion / 64, kMillion / 16, kMillion / 4, kMillion}) {
    add("bilinears.full", "N", points, 8, Pairs::full);
  }
  for (const Index d : {2, 4, 8, 16}) {
    add("bilinears.full.over_d", "d", kMillion / 4, d, Pairs::full);
  }
}

}  // namespace lior::check
