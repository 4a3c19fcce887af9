// SPDX-License-Identifier: Apache-2.0
// Bayes' weights: the sums of its normaliser, and the posterior. Lanes over numbers. Compiled once
// per level.
#if defined(LIOR_FIELD_KERNELS_BAYES_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef LIOR_FIELD_KERNELS_BAYES_INL_H
#undef LIOR_FIELD_KERNELS_BAYES_INL_H
#else
#define LIOR_FIELD_KERNELS_BAYES_INL_H
#endif

#include "field/sweep_kernel.h"
#include "simd/exp.inl.h"
#include "simd/for_lanes.inl.h"

HWY_BEFORE_NAMESPACE();
namespace lior::field::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;
using simd::HWY_NAMESPACE::exp2_negative;
using simd::HWY_NAMESPACE::for_lanes;

/// Numbers that go through one loop after another while they are in the first cache. An
/// exponential is one chain of dependent operations: in a loop of its own many are in flight.
inline constexpr Index kBlock = 256;

/// |t - e|^2 rate.
template <class D, class V>
HWY_INLINE V bayes_exponent(D d, V re, V im, const hn::TFromD<D>* evidence, V rate) {
  V e_re, e_im;
  hn::LoadInterleaved2(d, evidence, e_re, e_im);
  const V u = hn::Sub(re, e_re), v = hn::Sub(im, e_im);
  return hn::Mul(rate, hn::MulAdd(u, u, hn::Mul(v, v)));
}

/// `count` numbers of t into planes.
template <class T>
void unpack(const T* t, Planes<T> out, Index count) noexcept {
  for_lanes<T>(count, [=](auto d, Index k) {
    hn::Vec<decltype(d)> re, im;
    hn::LoadInterleaved2(d, t + 2 * k, re, im);
    hn::StoreU(re, d, out.re + k);
    hn::StoreU(im, d, out.im + k);
  });
}

/// sqrt(w) of one block, relative to `least`; at most 1, which only entries T = 0 would pass.
template <class T>
HWY_INLINE void roots_of_weights(Planes<T> t, const T* evidence, T rate, T least, T* root,
                                 Index count) {
  for_lanes<T>(count, [=](auto d, Index k) {
    const auto re = hn::LoadU(d, t.re + k), im = hn::LoadU(d, t.im + k);
    const auto x = bayes_exponent(d, re, im, evidence + 2 * k, hn::Set(d, rate));
    const auto half = hn::Mul(hn::Set(d, T(0.5)), hn::Sub(hn::Set(d, least), x));
    hn::StoreU(hn::Min(hn::Zero(d), half), d, root + k);
  });
  for_lanes<T>(count, [=](auto d, Index k) {
    hn::StoreU(exp2_negative(d, hn::LoadU(d, root + k)), d, root + k);
  });
}

/// The sums of one block, relative to its own least; in T. |t|^2 is that of t times `unit`.
template <class T>
HWY_INLINE BayesSums block_sums(Planes<T> t, const T* evidence, Index count, T rate, T unit) {
  const hn::ScalableTag<T> wide;
  using V = hn::Vec<decltype(wide)>;
  const Index lanes = static_cast<Index>(hn::Lanes(wide));
  alignas(64) T exponent[kBlock], size[kBlock], lane[hn::MaxLanes(wide)];
  const T infinite = static_cast<T>(INFINITY);
  const auto add_lanes = [&](V sum) {
    hn::Store(sum, wide, lane);
    double total = 0;
    for (Index i = 0; i < lanes; ++i) total += lane[i];
    return total;
  };
  for_lanes<T>(count, [&](auto d, Index k) {
    const auto re = hn::LoadU(d, t.re + k), im = hn::LoadU(d, t.im + k);
    const auto sized_re = hn::Mul(hn::Set(d, unit), re), sized_im = hn::Mul(hn::Set(d, unit), im);
    const auto norm = hn::MulAdd(sized_re, sized_re, hn::Mul(sized_im, sized_im));
    const auto x = bayes_exponent(d, re, im, evidence + 2 * k, hn::Set(d, rate));
    hn::StoreU(hn::IfThenElse(hn::Eq(norm, hn::Zero(d)), hn::Set(d, infinite), x), d, exponent + k);
    hn::StoreU(norm, d, size + k);
  });
  Index end = count;
  for (; end % lanes != 0; ++end) exponent[end] = infinite, size[end] = 0;

  V least_of = hn::Set(wide, infinite), norm = hn::Zero(wide), weighted = hn::Zero(wide);
  for (Index k = 0; k < end; k += lanes) {
    least_of = hn::Min(hn::Load(wide, exponent + k), least_of);
    norm = hn::Add(norm, hn::Load(wide, size + k));
  }
  hn::Store(least_of, wide, lane);
  T least = lane[0];
  for (Index i = 1; i < lanes; ++i) least = HWY_MIN(lane[i], least);
  if (least != infinite) {
    for (Index k = 0; k < end; k += lanes) {
      const V w = exp2_negative(wide, hn::Sub(hn::Set(wide, least), hn::Load(wide, exponent + k)));
      weighted = hn::MulAdd(w, hn::Load(wide, size + k), weighted);
    }
  }
  return {static_cast<double>(least), add_lanes(norm), add_lanes(weighted)};
}

/// The sums of `count` complex numbers: of blocks, in double. `unit`: a power of 2 that keeps |t|^2
/// within what T holds.
template <class T>
BayesSums bayes_sums_of_numbers(const T* t, const T* evidence, Index count, T rate,
                                T unit) noexcept {
  alignas(64) T re[kBlock], im[kBlock];
  BayesSums total;
  for (Index first = 0; first < count; first += kBlock) {
    const Index numbers = HWY_MIN(kBlock, count - first);
    unpack(t + 2 * first, {re, im}, numbers);
    total.merge(block_sums({re, im}, evidence + 2 * first, numbers, rate, unit));
  }
  return total;
}

/// out = scale sqrt(w) t, w relative to `least`. out may be t.
template <class T>
void scale_by_weight(const T* t, const T* evidence, T* out, Index count, T rate, T least,
                     T scale) noexcept {
  alignas(64) T re[kBlock], im[kBlock], root[kBlock];
  for (Index first = 0; first < count; first += kBlock) {
    const Index numbers = HWY_MIN(kBlock, count - first);
    unpack(t + 2 * first, {re, im}, numbers);
    roots_of_weights({re, im}, evidence + 2 * first, rate, least, root, numbers);
    for_lanes<T>(numbers, [&](auto d, Index k) {
      const auto factor = hn::Mul(hn::Set(d, scale), hn::LoadU(d, root + k));
      hn::StoreInterleaved2(hn::Mul(factor, hn::LoadU(d, re + k)),
                            hn::Mul(factor, hn::LoadU(d, im + k)), d, out + 2 * (first + k));
    });
  }
}

}  // namespace lior::field::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
