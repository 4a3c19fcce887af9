// Bayes' weights: the sums of its normaliser, and the posterior. Lanes over numbers. Compiled once
// per level.
#if defined(LIOR_FIELD_KERNELS_BAYES_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef LIOR_FIELD_KERNELS_BAYES_INL_H
#undef LIOR_FIELD_KERNELS_BAYES_INL_H
#else
#define LIOR_FIELD_KERNELS_BAYES_INL_H
#endif

#include "field/sweep.h"
#include "simd/for_lanes.inl.h"
// Behind highway.h, which it needs.
#include <hwy/contrib/math/math-inl.h>

HWY_BEFORE_NAMESPACE();
namespace lior::field::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;
using simd::HWY_NAMESPACE::for_lanes;

/// |t - e|^2 rate.
template <class D, class V>
HWY_INLINE V bayes_exponent(D d, V re, V im, const hn::TFromD<D>* evidence, V rate) {
  V e_re, e_im;
  hn::LoadInterleaved2(d, evidence, e_re, e_im);
  const V u = hn::Sub(re, e_re), v = hn::Sub(im, e_im);
  return hn::Mul(rate, hn::MulAdd(u, u, hn::Mul(v, v)));
}

/// sqrt(w) = e^{(least - exponent) / 2}; at most 1, which only entries T = 0 would pass. NaN may
/// give 0: it stays in the T that this multiplies.
template <class D, class V>
HWY_INLINE V root_of_weight(D d, V exponent, V least) {
  using T = hn::TFromD<D>;
  const V x = hn::Mul(hn::Set(d, T(0.5)), hn::Sub(least, exponent));
  return hn::Exp(d, hn::Min(x, hn::Zero(d)));
}

/// Of `count` numbers: in blocks whose exponents wait in the first cache, each relative to its own
/// least; sums of a block in T, of blocks in double.
template <class T>
BayesSums bayes_sums(const T* t, const T* evidence, Index count, T rate) noexcept {
  constexpr Index kBlock = 256;
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
  BayesSums total;
  for (Index first = 0; first < count; first += kBlock) {
    const Index numbers = HWY_MIN(kBlock, count - first);
    for_lanes<T>(numbers, [&](auto d, Index k) {
      hn::Vec<decltype(d)> re, im;
      hn::LoadInterleaved2(d, t + 2 * (first + k), re, im);
      const auto norm = hn::MulAdd(re, re, hn::Mul(im, im));
      const auto x = bayes_exponent(d, re, im, evidence + 2 * (first + k), hn::Set(d, rate));
      hn::StoreU(hn::IfThenElse(hn::Eq(norm, hn::Zero(d)), hn::Set(d, infinite), x), d,
                 exponent + k);
      hn::StoreU(norm, d, size + k);
    });
    Index end = numbers;
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
        const V w = hn::Exp(wide, hn::Sub(hn::Set(wide, least), hn::Load(wide, exponent + k)));
        weighted = hn::MulAdd(w, hn::Load(wide, size + k), weighted);
      }
    }
    total.merge({static_cast<double>(least), add_lanes(norm), add_lanes(weighted)});
  }
  return total;
}

/// out = scale sqrt(w) t, w relative to `least`. out may be t.
template <class T>
void scale_by_weight(const T* t, const T* evidence, T* out, Index count, T rate, T least,
                     T scale) noexcept {
  for_lanes<T>(count, [=](auto d, Index k) {
    hn::Vec<decltype(d)> re, im;
    hn::LoadInterleaved2(d, t + 2 * k, re, im);
    const auto x = bayes_exponent(d, re, im, evidence + 2 * k, hn::Set(d, rate));
    const auto factor = hn::Mul(hn::Set(d, scale), root_of_weight(d, x, hn::Set(d, least)));
    hn::StoreInterleaved2(hn::Mul(factor, re), hn::Mul(factor, im), d, out + 2 * k);
  });
}

}  // namespace lior::field::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
