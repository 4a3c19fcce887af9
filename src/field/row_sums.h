// SPDX-License-Identifier: Apache-2.0
#pragma once
// Sums over the grid in one order for any number of threads: each row by one thread, rows in order.

#include <cmath>
#include <limits>

#include "lior/core/parallel.h"
#include "lior/field/grid.h"

namespace lior::field {

/// The place of row sums of `each` numbers in a workspace, checked: those of all rows, and where
/// the first of this rank's nx rows has its own.
inline std::span<double> places_of(RowSums sums, Index nx, Index each, Index& first) {
  const Index rows = sums.share == nullptr ? nx : sums.share->rows();
  LIOR_CHECK(std::ssize(sums.numbers) >= each * rows,
             "the workspace of row sums has {} numbers; expected {}", sums.numbers.size(),
             each * rows);
  first = sums.share == nullptr ? 0 : each * sums.share->first();
  return sums.numbers.first(static_cast<std::size_t>(each * rows));
}

/// row(i) -> complex number; their sum. grain: rows that are worth a thread.
template <class Row>
std::complex<double> sum_rows(Index nx, Index grain, RowSums row_sums, const Row& row) {
  Index first = 0;
  const std::span<double> all = places_of(row_sums, nx, 2, first);
  double* const own = all.data() + first;
  parallel_for(nx, grain, [&](Index begin, Index end, int) {
    for (Index i = begin; i < end; ++i) {
      const std::complex<double> sum = row(i);
      own[2 * i] = sum.real();
      own[2 * i + 1] = sum.imag();
    }
  });
  row_sums.gather<2>(all);
  std::complex<double> total = 0;
  for (std::size_t i = 0; i < all.size(); i += 2) {
    total += std::complex<double>(all[i], all[i + 1]);
  }
  return total;
}

/// 2^-e of the largest |re| or |im|, 2^e to 2^(e+1): times it squares neither overflow nor vanish.
/// 1 where all are zeros or one is not finite. share: of the ranks that hold t.
template <class T>
T unit_of(std::span<const std::complex<T>> t, const Share* share = nullptr) {
  double largest = 0;
  for (const std::complex<T>& entry : t) {
    largest = std::max<double>(largest, std::max(std::abs(entry.real()), std::abs(entry.imag())));
  }
  largest = largest_of(share, largest);
  if (!(largest > 0) || !std::isfinite(largest)) return 1;
  return static_cast<T>(
      std::ldexp(1.0, -std::clamp(std::ilogb(largest), std::numeric_limits<T>::min_exponent + 2,
                                  std::numeric_limits<T>::max_exponent - 2)));
}

}  // namespace lior::field
