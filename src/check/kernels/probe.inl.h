// SPDX-License-Identifier: Apache-2.0
// The limits of the machine: multiply-adds without memory, memory without arithmetic.
// Compiled once per level.
#if defined(LIOR_CHECK_KERNELS_PROBE_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef LIOR_CHECK_KERNELS_PROBE_INL_H
#undef LIOR_CHECK_KERNELS_PROBE_INL_H
#else
#define LIOR_CHECK_KERNELS_PROBE_INL_H
#endif

#include <hwy/cache_control.h>
#include <hwy/highway.h>

#include "lior/core/view.h"

HWY_BEFORE_NAMESPACE();
namespace lior::check::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

/// Runs independent chains x = a x + b of `steps` links and returns the operations done (an FMA
/// is 2). Ten chains: two FMA units of latency 4 or 5 need 8 to 10 in flight, and 16 registers hold
/// no more beside a and b. `sink` takes the sum, so that nothing is optimised away.
template <class T>
double multiply_adds(Index steps, T* sink) noexcept {
  constexpr int kChains = 10;
  const hn::ScalableTag<T> d;
  using V = hn::Vec<decltype(d)>;
  const V a = hn::Set(d, T(0.999)), b = hn::Set(d, T(0.001));  // the fixed point is 1
  V x[kChains];
  for (int k = 0; k < kChains; ++k) x[k] = hn::Set(d, T(k));
  for (Index step = 0; step < steps; ++step) {
#pragma GCC unroll 10
    for (int k = 0; k < kChains; ++k) x[k] = hn::MulAdd(a, x[k], b);
  }
  V sum = x[0];
  for (int k = 1; k < kChains; ++k) sum = hn::Add(sum, x[k]);
  *sink = hn::GetLane(sum);
  return 2.0 * kChains * static_cast<double>(hn::Lanes(d)) * static_cast<double>(steps);
}

/// Sums x in four chains.
inline void read_all(const float* x, Index count, float* sink) noexcept {
  const hn::ScalableTag<float> d;
  using V = hn::Vec<decltype(d)>;
  const auto lanes = static_cast<Index>(hn::Lanes(d));
  V sum[4] = {hn::Zero(d), hn::Zero(d), hn::Zero(d), hn::Zero(d)};
  for (Index n = 0; n + 4 * lanes <= count; n += 4 * lanes) {
#pragma GCC unroll 4
    for (int k = 0; k < 4; ++k) sum[k] = hn::Add(sum[k], hn::Load(d, x + n + k * lanes));
  }
  *sink = hn::GetLane(hn::Add(hn::Add(sum[0], sum[1]), hn::Add(sum[2], sum[3])));
}

/// Writes around the caches.
inline void write_streaming(float* x, Index count) noexcept {
  const hn::ScalableTag<float> d;
  const auto lanes = static_cast<Index>(hn::Lanes(d));
  const auto value = hn::Set(d, 1.0f);
  for (Index n = 0; n + lanes <= count; n += lanes) hn::Stream(value, d, x + n);
  hwy::FlushStream();
}

/// Writes through the caches.
inline void write_cached(float* x, Index count) noexcept {
  const hn::ScalableTag<float> d;
  const auto lanes = static_cast<Index>(hn::Lanes(d));
  const auto value = hn::Set(d, 1.0f);
  for (Index n = 0; n + lanes <= count; n += lanes) hn::Store(value, d, x + n);
}

/// z = x + 0.5 y.
inline void triad(const float* x, const float* y, float* z, Index count) noexcept {
  const hn::ScalableTag<float> d;
  const auto lanes = static_cast<Index>(hn::Lanes(d));
  const auto half = hn::Set(d, 0.5f);
  for (Index n = 0; n + lanes <= count; n += lanes) {
    hn::Store(hn::MulAdd(half, hn::Load(d, y + n), hn::Load(d, x + n)), d, z + n);
  }
}

}  // namespace lior::check::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
