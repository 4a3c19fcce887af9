// SPDX-License-Identifier: Apache-2.0
// The direct sum. Lanes over channels. Compiled once per level.
#if defined(LIOR_MEMORY_KERNELS_DIRECT_SUM_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef LIOR_MEMORY_KERNELS_DIRECT_SUM_INL_H
#undef LIOR_MEMORY_KERNELS_DIRECT_SUM_INL_H
#else
#define LIOR_MEMORY_KERNELS_DIRECT_SUM_INL_H
#endif

#include <hwy/highway.h>

#include "lior/core/view.h"

HWY_BEFORE_NAMESPACE();
namespace lior::memory::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

/// Rows n..n+3, those before `end`, of y_n = sum_{k<=n} kappa_k x_{n-k}, of kVectors vectors, or of
/// the first `channels` lanes of one. Four numbers of kappa are read at a time: 0 before its first.
template <int kVectors, bool kWhole, class T>
HWY_INLINE void four_direct_rows(const T* kappa, const T* x, T* y, Index n, Index end, Index stride,
                                 Index channels) {
  const hn::ScalableTag<T> d;
  const auto lanes = static_cast<Index>(hn::Lanes(d));
  const auto present = hn::FirstN(d, static_cast<std::size_t>(channels));
  hn::Vec<decltype(d)> sum[4][kVectors];
#pragma GCC unroll 4
  for (int r = 0; r < 4; ++r) {
#pragma GCC unroll 2
    for (int v = 0; v < kVectors; ++v) sum[r][v] = hn::Zero(d);
  }
  const Index rows = HWY_MIN(4, end - n);
  const T* factors = kappa + n;
  for (Index q = 0; q < n + rows; ++q, x += stride, --factors) {
    hn::Vec<decltype(d)> row[kVectors];
#pragma GCC unroll 2
    for (int v = 0; v < kVectors; ++v) {
      row[v] = kWhole ? hn::LoadU(d, x + v * lanes) : hn::MaskedLoad(present, d, x);
    }
#pragma GCC unroll 4
    for (int r = 0; r < 4; ++r) {
      const auto factor = hn::Set(d, factors[r]);
#pragma GCC unroll 2
      for (int v = 0; v < kVectors; ++v) sum[r][v] = hn::MulAdd(factor, row[v], sum[r][v]);
    }
  }
  y += n * stride;
#pragma GCC unroll 4
  for (int r = 0; r < 4; ++r) {
    if (r >= rows) return;
#pragma GCC unroll 2
    for (int v = 0; v < kVectors; ++v) {
      T* const to = y + r * stride + v * lanes;
      if constexpr (kWhole) {
        hn::StoreU(sum[r][v], d, to);
      } else {
        hn::BlendedStore(sum[r][v], present, d, to);
      }
    }
  }
}

/// Rows begin (a multiple of four) to end of one sequence. Before kappa stand three zeros; the
/// three numbers after its last may be anything finite.
template <class T>
void direct_sum(const T* kappa, const T* x, T* y, Index begin, Index end, Index stride,
                Index channels) noexcept {
  const auto lanes = static_cast<Index>(hn::Lanes(hn::ScalableTag<T>()));
  for (Index c = 0; c < channels;) {
    const Index left = channels - c;
    for (Index n = begin; n < end; n += 4) {
      if (left >= 2 * lanes) {
        four_direct_rows<2, true>(kappa, x + c, y + c, n, end, stride, left);
      } else if (left >= lanes) {
        four_direct_rows<1, true>(kappa, x + c, y + c, n, end, stride, left);
      } else {
        four_direct_rows<1, false>(kappa, x + c, y + c, n, end, stride, left);
      }
    }
    c += left >= 2 * lanes ? 2 * lanes : lanes;
  }
}

}  // namespace lior::memory::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
