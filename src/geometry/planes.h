// SPDX-License-Identifier: Apache-2.0
#pragma once
// The sums over planes of numbers that an integrator makes between two slopes.

#include "lior/core/view.h"

namespace lior::geometry {

/// sum_j weight_j slope_j.
template <class T>
struct SlopeSum {
  static constexpr int kMostTerms = 7;
  int terms = 0;
  T weight[kMostTerms];
  const T* slope[kMostTerms];

  void add(double w, const T* k) {
    if (w == 0) return;
    weight[terms] = static_cast<T>(w);
    slope[terms++] = k;
  }
};

/// out = y + step sum, `count` numbers.
template <class T>
void advance(const T* y, T step, const SlopeSum<T>& sum, T* out, Index count);

/// Whether all numbers of planes [rows, count] are, whose rows are `stride` apart.
template <class T>
bool all_finite(const T* x, Index rows, Index stride, Index count);

}  // namespace lior::geometry
