// SPDX-License-Identifier: Apache-2.0
// The sums behind the gradients of the kernel's parameters. Lanes over channels. Compiled once per
// level.
#if defined(LIOR_MEMORY_KERNELS_POLE_SUMS_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef LIOR_MEMORY_KERNELS_POLE_SUMS_INL_H
#undef LIOR_MEMORY_KERNELS_POLE_SUMS_INL_H
#else
#define LIOR_MEMORY_KERNELS_POLE_SUMS_INL_H
#endif

#include <hwy/highway.h>

#include "memory/causal_convolution_kernel.h"

HWY_BEFORE_NAMESPACE();
namespace lior::memory::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

/// Vectors of channels that one call takes at most: of float, what a cache line holds.
inline constexpr Index kGradientVectors = 4;
/// Steps whose x and g stay in the first cache while every pole passes over them.
inline constexpr Index kGradientBlock = 32;

/// Two rows of states and two of sums for each real pole, four and four for the oscillation, and
/// sum g x.
inline constexpr Index kMostSums = 2 * kMostRows + 8;

/// kVectors vectors side by side: two keep the multiply-adds busy where one waits for its own last.
/// Rows of x, g, state and sum are `width` numbers.
template <int kVectors>
HWY_INLINE void pass_real_pole(double z, const double* x, const double* g, Index steps, Index width,
                               double* state, double* sum) {
  const hn::ScalableTag<double> d;
  const auto lanes = static_cast<Index>(hn::Lanes(d));
  const auto pole = hn::Set(d, z);
  hn::Vec<decltype(d)> m[kVectors], p[kVectors], gm[kVectors], gp[kVectors];
#pragma GCC unroll 2
  for (int v = 0; v < kVectors; ++v) {
    m[v] = hn::Load(d, state + v * lanes), p[v] = hn::Load(d, state + width + v * lanes);
    gm[v] = hn::Load(d, sum + v * lanes), gp[v] = hn::Load(d, sum + width + v * lanes);
  }
  for (Index n = 0; n < steps; ++n, x += width, g += width) {
#pragma GCC unroll 2
    for (int v = 0; v < kVectors; ++v) {
      const auto gn = hn::Load(d, g + v * lanes);
      p[v] = hn::MulAdd(pole, p[v], m[v]);
      m[v] = hn::MulAdd(pole, m[v], hn::Load(d, x + v * lanes));
      gm[v] = hn::MulAdd(gn, m[v], gm[v]);
      gp[v] = hn::MulAdd(gn, p[v], gp[v]);
    }
  }
#pragma GCC unroll 2
  for (int v = 0; v < kVectors; ++v) {
    hn::Store(m[v], d, state + v * lanes), hn::Store(p[v], d, state + width + v * lanes);
    hn::Store(gm[v], d, sum + v * lanes), hn::Store(gp[v], d, sum + width + v * lanes);
  }
}

/// The oscillation z = re + i im, and sum g x behind its four sums.
HWY_INLINE void pass_oscillation(double z_re, double z_im, const double* x, const double* g,
                                 Index steps, Index width, double* state, double* sum) {
  const hn::ScalableTag<double> d;
  const auto re = hn::Set(d, z_re), im = hn::Set(d, z_im);
  auto mr = hn::Load(d, state), mi = hn::Load(d, state + width);
  auto pr = hn::Load(d, state + 2 * width), pi = hn::Load(d, state + 3 * width);
  auto gmr = hn::Load(d, sum), gmi = hn::Load(d, sum + width);
  auto gpr = hn::Load(d, sum + 2 * width), gpi = hn::Load(d, sum + 3 * width);
  auto gx = hn::Load(d, sum + 4 * width);
  for (Index n = 0; n < steps; ++n) {
    const auto gn = hn::Load(d, g + n * width), xn = hn::Load(d, x + n * width);
    const auto next_pr = hn::MulAdd(re, pr, hn::NegMulAdd(im, pi, mr));
    pi = hn::MulAdd(re, pi, hn::MulAdd(im, pr, mi));
    pr = next_pr;
    const auto next_mr = hn::MulAdd(re, mr, hn::NegMulAdd(im, mi, xn));
    mi = hn::MulAdd(re, mi, hn::Mul(im, mr));
    mr = next_mr;
    gmr = hn::MulAdd(gn, mr, gmr), gmi = hn::MulAdd(gn, mi, gmi);
    gpr = hn::MulAdd(gn, pr, gpr), gpi = hn::MulAdd(gn, pi, gpi);
    gx = hn::MulAdd(gn, xn, gx);
  }
  hn::Store(mr, d, state), hn::Store(mi, d, state + width);
  hn::Store(pr, d, state + 2 * width), hn::Store(pi, d, state + 3 * width);
  hn::Store(gmr, d, sum), hn::Store(gmi, d, sum + width);
  hn::Store(gpr, d, sum + 2 * width), hn::Store(gpi, d, sum + 3 * width);
  hn::Store(gx, d, sum + 4 * width);
}

/// Sums over the steps of one sequence and its channels (at most gradient_channels()), g = dL/dy:
/// for a real pole of state m_n = z m_{n-1} + x_n and slope p_n = dm_n/dz = z p_{n-1} + m_{n-1},
/// sum g m and sum g p; for the oscillation the real and imaginary parts of both; last, sum g x.
template <class T>
void pole_sums(const double* z, Index real_poles, const T* x, const T* g, Index length,
               Index stride, Index channels, double* out) noexcept {
  constexpr Index kLanes = static_cast<Index>(hn::MaxLanes(hn::ScalableTag<double>()));
  constexpr Index kWidest = kGradientVectors * kLanes;
  alignas(64) double xs[kGradientBlock * kWidest], gs[kGradientBlock * kWidest];
  alignas(64) double state[kMostSums * kWidest], sum[kMostSums * kWidest];
  const Index vectors = (channels + kLanes - 1) / kLanes, width = vectors * kLanes;
  const Index sums = 2 * real_poles + 5;
  for (Index i = 0; i < sums * width; ++i) state[i] = sum[i] = 0;
  for (Index i = 0; i < kGradientBlock * width; ++i) xs[i] = gs[i] = 0;

  for (Index first = 0; first < length; first += kGradientBlock) {
    const Index steps = HWY_MIN(kGradientBlock, length - first);
    for (Index n = 0; n < steps; ++n) {
      const T* const x_row = x + (first + n) * stride;
      const T* const g_row = g + (first + n) * stride;
      for (Index c = 0; c < channels; ++c) {
        xs[n * width + c] = x_row[c];
        gs[n * width + c] = g_row[c];
      }
    }
    for (Index j = 0; j < real_poles; ++j) {
      const Index row = 2 * j * width;
      Index c = 0;
      for (; c + 2 * kLanes <= width; c += 2 * kLanes) {
        pass_real_pole<2>(z[j], xs + c, gs + c, steps, width, state + row + c, sum + row + c);
      }
      if (c < width) {
        pass_real_pole<1>(z[j], xs + c, gs + c, steps, width, state + row + c, sum + row + c);
      }
    }
    const Index row = 2 * real_poles * width;
    for (Index c = 0; c < width; c += kLanes) {
      pass_oscillation(z[real_poles], z[real_poles + 1], xs + c, gs + c, steps, width,
                       state + row + c, sum + row + c);
    }
  }
  for (Index i = 0; i < sums; ++i) {
    out[i] = 0;
    for (Index c = 0; c < width; ++c) out[i] += sum[i * width + c];
  }
}

/// Channels that one call of pole_sums takes at most.
inline Index gradient_channels() {
  return kGradientVectors * static_cast<Index>(hn::Lanes(hn::ScalableTag<double>()));
}

}  // namespace lior::memory::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
