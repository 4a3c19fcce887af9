// SPDX-License-Identifier: Apache-2.0
// Softmax cross entropy of rows of scores, lanes along the row. Compiled once per level.
#if defined(LIOR_NN_KERNELS_CROSS_ENTROPY_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef LIOR_NN_KERNELS_CROSS_ENTROPY_INL_H
#undef LIOR_NN_KERNELS_CROSS_ENTROPY_INL_H
#else
#define LIOR_NN_KERNELS_CROSS_ENTROPY_INL_H
#endif

#include <cmath>
#include <cstdint>
#include <limits>

#include "nn/kernels/rows.inl.h"
#include "simd/math.inl.h"

HWY_BEFORE_NAMESPACE();
namespace lior::nn::HWY_NAMESPACE {

/// The largest number of a row, -Inf if it is empty. NaN may be passed over.
template <class T>
HWY_INLINE T row_max(const T* row, Index count) {
  const hn::ScalableTag<T> wide;
  const Index lanes = static_cast<Index>(hn::Lanes(wide));
  T largest = -std::numeric_limits<T>::infinity();
  Index n = 0;
  if (count >= lanes) {
    auto running = hn::LoadU(wide, row);
    for (n = lanes; n + lanes <= count; n += lanes) {
      running = hn::Max(running, hn::LoadU(wide, row + n));
    }
    largest = hn::GetLane(hn::MaxOfLanes(wide, running));
  }
  for (; n < count; ++n) largest = row[n] > largest ? row[n] : largest;
  return largest;
}

/// -ln softmax(row)_target of every row with a target >= 0, and its argmax; 0 and -1 elsewhere.
/// With kGradient, `scores` become scale (softmax - one_hot), 0 in rows without a target.
template <bool kGradient, class T>
void cross_entropy_rows(MatrixView<T> scores, const std::int32_t* targets, T scale, double* losses,
                        std::int32_t* predicted) noexcept {
  const Index V = scores.cols;
  for (Index r = 0; r < scores.rows; ++r) {
    T* row = scores.data + r * scores.stride;
    losses[r] = 0;
    predicted[r] = -1;
    if (targets[r] < 0) {
      if (kGradient) std::fill_n(row, V, T{});
      continue;
    }
    const T largest = row_max(row, V);
    Index arg = 0;
    while (arg + 1 < V && row[arg] != largest) ++arg;
    const T target_score = row[targets[r]];
    const T sum = row_sum<T>(V, [=](auto d, Index v, auto partial) {
      const auto shifted = hn::Sub(hn::LoadU(d, row + v), hn::Set(d, largest));
      const auto e = simd::HWY_NAMESPACE::exp_negative(d, shifted);
      if (kGradient) hn::StoreU(e, d, row + v);
      return hn::Add(partial, e);
    });
    losses[r] = std::log(static_cast<double>(sum)) +
                (static_cast<double>(largest) - static_cast<double>(target_score));
    predicted[r] = static_cast<std::int32_t>(arg);
    if (kGradient) {
      const T factor = scale / sum;
      for_lanes<T>(V, [=](auto d, Index v) {
        hn::StoreU(hn::Mul(hn::LoadU(d, row + v), hn::Set(d, factor)), d, row + v);
      });
      row[targets[r]] -= scale;
    }
  }
}

}  // namespace lior::nn::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
