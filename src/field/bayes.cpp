#include "lior/field/bayes.h"

#include <cmath>

#include "lior/core/parallel.h"

namespace lior::field {

template <class T>
void posterior(ConstField<T> t, ConstField<T> evidence, double tau, Field<T> out,
               std::span<double> row_sums) {
  check_shape(evidence, t.shape(), "the evidence");
  check_shape(out, t.shape(), "the posterior");
  LIOR_CHECK(tau > 0 && std::isfinite(tau), "tau is {}; expected a finite number > 0", tau);
  const Index nx = t.extent(0), row = nx == 0 ? 0 : t.size() / nx;
  LIOR_CHECK(static_cast<Index>(row_sums.size()) >= 2 * nx,
             "the posterior's workspace has {} numbers; expected {}", row_sums.size(), 2 * nx);
  const auto exponent = [&](Index i) {
    return std::norm(std::complex<double>(t.data()[i]) - std::complex<double>(evidence.data()[i])) /
           tau;
  };
  const auto for_rows = [&](auto&& body) {
    parallel_for(nx, 1 + 4096 / std::max<Index>(row, 1), [&](Index begin, Index end, int) {
      for (Index i = begin; i < end; ++i) body(i, i * row, (i + 1) * row);
    });
  };

  double* const least_of_row = row_sums.data();
  for_rows([&](Index i, Index begin, Index end) {
    double least = INFINITY;
    for (Index k = begin; k < end; ++k) {
      if (t.data()[k] != std::complex<T>{}) least = std::min(least, exponent(k));
    }
    least_of_row[i] = least;
  });
  double least = INFINITY;
  for (Index i = 0; i < nx; ++i) least = std::min(least, least_of_row[i]);
  if (std::isinf(least)) least = 0;

  double* const sum_of_row = row_sums.data();
  double* const weighted_of_row = row_sums.data() + nx;
  for_rows([&](Index i, Index begin, Index end) {
    double sum = 0, weighted = 0;
    for (Index k = begin; k < end; ++k) {
      const double size = std::norm(std::complex<double>(t.data()[k]));
      // sqrt(w) waits in `out`'s place: out may be t, so T itself goes in, times it.
      const double w = size == 0 ? 0 : std::exp(-(exponent(k) - least));
      out.data()[k] = t.data()[k] * static_cast<T>(std::sqrt(w));
      sum += size;
      weighted += w * size;
    }
    sum_of_row[i] = sum;
    weighted_of_row[i] = weighted;
  });
  double sum = 0, weighted = 0;
  for (Index i = 0; i < nx; ++i) sum += sum_of_row[i], weighted += weighted_of_row[i];
  const T scale =
      static_cast<T>(weighted > 0 || std::isnan(weighted) ? std::sqrt(sum / weighted) : 0);
  for_rows([&](Index, Index begin, Index end) {
    for (Index k = begin; k < end; ++k) out.data()[k] *= scale;
  });
}

template void posterior(ConstField<float>, ConstField<float>, double, Field<float>,
                        std::span<double>);
template void posterior(ConstField<double>, ConstField<double>, double, Field<double>,
                        std::span<double>);

}  // namespace lior::field
