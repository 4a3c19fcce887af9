// SPDX-License-Identifier: Apache-2.0
#include "lior/field/bayes.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "field/kernels/bayes.inl.h"
#include <hwy/foreach_target.h>
#include "field/kernels/bayes.inl.h"

#if HWY_ONCE
#include <cmath>

#include "field/row_sums.h"
#include "lior/core/parallel.h"
#include "lior/simd/dispatch.h"

namespace lior::field {

template <class T>
void posterior(ConstField<T> t, ConstField<T> evidence, double tau, Field<T> out,
               RowSums row_sums) {
  check_shape(evidence, t.shape(), "the evidence");
  check_shape(out, t.shape(), "the posterior");
  LIOR_CHECK(tau > 0 && std::isfinite(tau), "tau is {}; expected a finite number > 0", tau);
  const Index nx = t.extent(0), row = nx == 0 ? 0 : t.size() / nx;
  Index first = 0;
  const std::span<double> parts = places_of(row_sums, nx, 3, first);
  const T* const prior = reinterpret_cast<const T*>(t.data());
  const T* const seen = reinterpret_cast<const T*>(evidence.data());
  T* const result = reinterpret_cast<T*>(out.data());
  const T rate = bayes_rate<T>(tau);
  const auto for_rows = [&](auto&& body) {
    parallel_for(nx, 1 + 4096 / std::max<Index>(row, 1), [&](Index begin, Index end, int) {
      for (Index i = begin; i < end; ++i) body(i, 2 * i * row);
    });
  };

  const auto sum = LIOR_SIMD_TABLE(bayes_sums_of_numbers<T>).chosen();
  const auto sums_of = [&](T unit) {
    for_rows([&](Index i, Index at) {
      const BayesSums part = sum(prior + at, seen + at, row, rate, unit);
      double* const to = parts.data() + first + 3 * i;
      to[0] = part.least, to[1] = part.norm, to[2] = part.weighted;
    });
    BayesSums whole;
    row_sums.gather<3>(parts);
    for (std::size_t i = 0; i < parts.size(); i += 3) {
      whole.merge({parts[i], parts[i + 1], parts[i + 2]});
    }
    return whole;
  };
  BayesSums whole = sums_of(1);
  const Index rows = std::ssize(parts) / 3;
  if (!whole.in_range<T>(rows * row)) whole = sums_of(unit_of<T>(t.span(), row_sums.share));
  LIOR_CHECK(!(std::isinf(whole.least) && whole.norm > 0),
             "|T - E|^2 / tau is too large for a number wherever T is not 0, tau = {}; expected a "
             "larger tau or evidence nearer to the field",
             tau);
  const T least = static_cast<T>(std::isinf(whole.least) ? 0 : whole.least);
  const T scale = static_cast<T>(whole.scale());
  const auto weigh = LIOR_SIMD_TABLE(scale_by_weight<T>).chosen();
  for_rows(
      [&](Index, Index at) { weigh(prior + at, seen + at, result + at, row, rate, least, scale); });
}

template void posterior(ConstField<float>, ConstField<float>, double, Field<float>, RowSums);
template void posterior(ConstField<double>, ConstField<double>, double, Field<double>, RowSums);

}  // namespace lior::field
#endif
