// SPDX-License-Identifier: Apache-2.0
#pragma once
// Sums over the grid in one order for any number of threads: each row by one thread, rows in order.

#include <cmath>
#include <limits>

#include "lior/core/parallel.h"
#include "lior/field/grid.h"

namespace lior::field {

/// row(i) -> complex number; their sum. grain: rows that are worth a thread.
template <class Row>
std::complex<double> sum_rows(Index nx, Index grain, std::span<double> row_sums, const Row& row) {
  LIOR_CHECK(static_cast<Index>(row_sums.size()) >= 2 * nx,
             "the workspace of row sums has {} numbers; expected {}", row_sums.size(), 2 * nx);
  parallel_for(nx, grain, [&](Index begin, Index end, int) {
    for (Index i = begin; i < end; ++i) {
      const std::complex<double> sum = row(i);
      row_sums[static_cast<std::size_t>(2 * i)] = sum.real();
      row_sums[static_cast<std::size_t>(2 * i + 1)] = sum.imag();
    }
  });
  std::complex<double> total = 0;
  for (Index i = 0; i < nx; ++i) {
    total += std::complex<double>(row_sums[static_cast<std::size_t>(2 * i)],
                                  row_sums[static_cast<std::size_t>(2 * i + 1)]);
  }
  return total;
}

/// 2^-e of the largest |re| or |im|, 2^e to 2^(e+1): times it squares neither overflow nor vanish.
/// 1 for a field of zeros or with a number that is not finite.
template <class T>
T unit_of(ConstField<T> t) {
  double largest = 0;
  for (const std::complex<T>& entry : t) {
    largest = std::max<double>(largest, std::max(std::abs(entry.real()), std::abs(entry.imag())));
  }
  if (!(largest > 0) || !std::isfinite(largest)) return 1;
  return static_cast<T>(
      std::ldexp(1.0, -std::clamp(std::ilogb(largest), std::numeric_limits<T>::min_exponent + 2,
                                  std::numeric_limits<T>::max_exponent - 2)));
}

}  // namespace lior::field
