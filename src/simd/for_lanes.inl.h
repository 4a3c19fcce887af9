// SPDX-License-Identifier: Apache-2.0
// Lanes over points: the loop of every elementwise kernel, and planes in and out of registers.
// Compiled once per level.
#if defined(LIOR_SIMD_FOR_LANES_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef LIOR_SIMD_FOR_LANES_INL_H
#undef LIOR_SIMD_FOR_LANES_INL_H
#else
#define LIOR_SIMD_FOR_LANES_INL_H
#endif

#include <hwy/highway.h>

#include "lior/core/view.h"

HWY_BEFORE_NAMESPACE();
namespace lior::simd::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

/// body(d, n) for n = 0, W, 2W, ... with d the full vector of W lanes, then with one lane for each
/// point that is left: a point's result does not depend on where a range begins or ends.
template <class T, class Body>
HWY_INLINE void for_lanes(Index count, const Body& body) {
  const hn::ScalableTag<T> wide;
  const hn::CappedTag<T, 1> one;
  const Index lanes = static_cast<Index>(hn::Lanes(wide));
  Index n = 0;
  for (; n + lanes <= count; n += lanes) body(wide, n);
  if constexpr (HWY_TARGET != HWY_SCALAR) {
    for (; n < count; ++n) body(one, n);
  }
}

/// body(d, n, lanes) for n = 0, W, 2W, ...: the vector of W lanes, of which the last holds fewer
/// points than W. For bodies so long that for_lanes' second copy of them, for one lane, costs more
/// to compile than the masks below cost to run.
template <class T, class Body>
HWY_INLINE void for_parts(Index count, const Body& body) {
  const hn::ScalableTag<T> wide;
  const Index step = static_cast<Index>(hn::Lanes(wide));
  for (Index n = 0; n < count; n += step) body(wide, n, HWY_MIN(step, count - n));
}

/// The first `lanes` numbers of a vector; zero in the others.
template <class D>
HWY_INLINE hn::Vec<D> load_part(D d, const hn::TFromD<D>* from, Index lanes) {
  const auto count = static_cast<std::size_t>(lanes);
  if (HWY_LIKELY(count == hn::Lanes(d))) return hn::LoadU(d, from);
  return hn::MaskedLoad(hn::FirstN(d, count), d, from);
}

/// The reverse: nothing is written past them.
template <class D>
HWY_INLINE void store_part(hn::Vec<D> x, D d, hn::TFromD<D>* to, Index lanes) {
  const auto count = static_cast<std::size_t>(lanes);
  if (HWY_LIKELY(count == hn::Lanes(d))) {
    hn::StoreU(x, d, to);
  } else {
    hn::BlendedStore(x, hn::FirstN(d, count), d, to);
  }
}

/// x_k = the lanes at `point` of plane k; planes are `stride` apart.
template <class D, class V, std::size_t kPlanes>
HWY_INLINE void load_planes(D d, const hn::TFromD<D>* point, Index stride, V (&x)[kPlanes]) {
#pragma GCC unroll 8
  for (std::size_t k = 0; k < kPlanes; ++k) {
    x[k] = hn::LoadU(d, point + static_cast<Index>(k) * stride);
  }
}

/// The reverse.
template <class D, class V, std::size_t kPlanes>
HWY_INLINE void store_planes(const V (&x)[kPlanes], D d, hn::TFromD<D>* point, Index stride) {
#pragma GCC unroll 8
  for (std::size_t k = 0; k < kPlanes; ++k) {
    hn::StoreU(x[k], d, point + static_cast<Index>(k) * stride);
  }
}

}  // namespace lior::simd::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
