// SPDX-License-Identifier: Apache-2.0
// The sweeps of the optimisers over a piece of one tensor. Compiled once per level.
#if defined(LIOR_TRAIN_KERNELS_OPTIMIZER_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef LIOR_TRAIN_KERNELS_OPTIMIZER_INL_H
#undef LIOR_TRAIN_KERNELS_OPTIMIZER_INL_H
#else
#define LIOR_TRAIN_KERNELS_OPTIMIZER_INL_H
#endif

#include <hwy/highway.h>

#include "simd/for_lanes.inl.h"
#include "train/optimizer_kernel.h"

HWY_BEFORE_NAMESPACE();
namespace lior::train::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;
using simd::HWY_NAMESPACE::for_lanes;

/// sum g^2. Four sums run side by side: one would wait for each addition.
template <class T>
double sum_of_squares(const T* g, Index count) noexcept {
  const hn::ScalableTag<T> d;
  const Index lanes = static_cast<Index>(hn::Lanes(d));
  auto sum0 = hn::Zero(d), sum1 = sum0, sum2 = sum0, sum3 = sum0;
  Index n = 0;
  for (; n + 4 * lanes <= count; n += 4 * lanes) {
    const auto g0 = hn::LoadU(d, g + n), g1 = hn::LoadU(d, g + n + lanes);
    const auto g2 = hn::LoadU(d, g + n + 2 * lanes), g3 = hn::LoadU(d, g + n + 3 * lanes);
    sum0 = hn::MulAdd(g0, g0, sum0);
    sum1 = hn::MulAdd(g1, g1, sum1);
    sum2 = hn::MulAdd(g2, g2, sum2);
    sum3 = hn::MulAdd(g3, g3, sum3);
  }
  const auto sum = hn::Add(hn::Add(sum0, sum1), hn::Add(sum2, sum3));
  double total = static_cast<double>(hn::GetLane(hn::SumOfLanes(d, sum)));
  for (; n < count; ++n) total += static_cast<double>(g[n]) * static_cast<double>(g[n]);
  return total;
}

/// p <- p - rate g.
template <class T>
void descend(T rate, const T* g, T* p, Index count) noexcept {
  for_lanes<T>(count, [=](auto d, Index n) {
    const auto step = hn::Set(d, rate);
    hn::StoreU(hn::NegMulAdd(step, hn::LoadU(d, g + n), hn::LoadU(d, p + n)), d, p + n);
  });
}

/// m <- keep m + gain g, p <- p - rate m.
template <class T>
void descend_with_memory(T rate, T keep, T gain, const T* g, T* m, T* p, Index count) noexcept {
  for_lanes<T>(count, [=](auto d, Index n) {
    const auto kept = hn::Mul(hn::Set(d, keep), hn::LoadU(d, m + n));
    const auto memory = hn::MulAdd(hn::Set(d, gain), hn::LoadU(d, g + n), kept);
    hn::StoreU(memory, d, m + n);
    hn::StoreU(hn::NegMulAdd(hn::Set(d, rate), memory, hn::LoadU(d, p + n)), d, p + n);
  });
}

/// m <- beta1 m + gain1 g, v <- beta2 v + gain2 g^2, p <- keep p - rate m / (root sqrt(v) +
/// epsilon).
template <class T>
void adamw(const AdamwStep<T>& s, const T* g, T* m, T* v, T* p, Index count) noexcept {
  for_lanes<T>(count, [=](auto d, Index n) {
    const auto gradient = hn::Mul(hn::Set(d, s.clip), hn::LoadU(d, g + n));
    const auto first = hn::MulAdd(hn::Set(d, s.beta1), hn::LoadU(d, m + n),
                                  hn::Mul(hn::Set(d, s.gain1), gradient));
    const auto second = hn::MulAdd(hn::Set(d, s.beta2), hn::LoadU(d, v + n),
                                   hn::Mul(hn::Set(d, s.gain2), hn::Mul(gradient, gradient)));
    hn::StoreU(first, d, m + n);
    hn::StoreU(second, d, v + n);
    const auto scale = hn::MulAdd(hn::Set(d, s.root), hn::Sqrt(second), hn::Set(d, s.epsilon));
    const auto move = hn::Div(hn::Mul(hn::Set(d, s.rate), first), scale);
    hn::StoreU(hn::MulSub(hn::Set(d, s.keep), hn::LoadU(d, p + n), move), d, p + n);
  });
}

/// m <- keep m + gain g, u = keep m + gain g with that m.
template <class T>
void look_ahead(T keep, T gain, const T* g, T* m, T* u, Index count) noexcept {
  for_lanes<T>(count, [=](auto d, Index n) {
    const auto taken = hn::Mul(hn::Set(d, gain), hn::LoadU(d, g + n));
    const auto moment = hn::MulAdd(hn::Set(d, keep), hn::LoadU(d, m + n), taken);
    hn::StoreU(moment, d, m + n);
    hn::StoreU(hn::MulAdd(hn::Set(d, keep), moment, taken), d, u + n);
  });
}

/// p <- keep p - rate u.
template <class T>
void descend_and_decay(T keep, T rate, const T* u, T* p, Index count) noexcept {
  for_lanes<T>(count, [=](auto d, Index n) {
    const auto move = hn::Mul(hn::Set(d, rate), hn::LoadU(d, u + n));
    hn::StoreU(hn::MulSub(hn::Set(d, keep), hn::LoadU(d, p + n), move), d, p + n);
  });
}

}  // namespace lior::train::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
