// SPDX-License-Identifier: Apache-2.0
// Floats rounded to bf16, to the bit as to_bfloat16 does. Compiled once per level.
#if defined(LIOR_LINALG_KERNELS_BF16_ROUNDING_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef LIOR_LINALG_KERNELS_BF16_ROUNDING_INL_H
#undef LIOR_LINALG_KERNELS_BF16_ROUNDING_INL_H
#else
#define LIOR_LINALG_KERNELS_BF16_ROUNDING_INL_H
#endif

#include "lior/core/float16.h"
#include "simd/for_lanes.inl.h"

HWY_BEFORE_NAMESPACE();
namespace lior::linalg::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;
using simd::HWY_NAMESPACE::for_lanes;

/// The bits of x, of which the upper half are those of the nearest bf16.
template <class D>
HWY_INLINE hn::Vec<hn::RebindToUnsigned<D>> rounded_bits(D, hn::Vec<D> x) {
  const hn::RebindToUnsigned<D> bits;
  const hn::RebindToSigned<D> integer;
  const auto value = hn::BitCast(bits, x);
  const auto odd = hn::And(hn::ShiftRight<16>(value), hn::Set(bits, 1));
  const auto nearest = hn::Add(value, hn::Add(odd, hn::Set(bits, 0x7fff)));
  const auto magnitude = hn::BitCast(integer, hn::Abs(x));
  const auto is_nan = hn::Gt(magnitude, hn::Set(integer, 0x7f800000));
  const auto quiet = hn::Or(value, hn::Set(bits, 0x400000));
  return hn::IfThenElse(hn::RebindMask(bits, is_nan), quiet, nearest);
}

inline void round_to_bf16(const float* from, Index count, BFloat16* to) noexcept {
  auto* const halves = reinterpret_cast<std::uint16_t*>(to);
  for_lanes<float>(count, [&](auto d, Index n) {
    const hn::RebindToSigned<decltype(d)> integer;
    const hn::Rebind<std::uint16_t, decltype(d)> half;
    const auto upper = hn::ShiftRight<16>(rounded_bits(d, hn::LoadU(d, from + n)));
    hn::StoreU(hn::DemoteTo(half, hn::BitCast(integer, upper)), half, halves + n);
  });
}

/// The same numbers as floats.
inline void round_to_bf16_values(const float* from, Index count, float* to) noexcept {
  for_lanes<float>(count, [&](auto d, Index n) {
    const hn::RebindToUnsigned<decltype(d)> bits;
    const auto upper = hn::And(rounded_bits(d, hn::LoadU(d, from + n)), hn::Set(bits, 0xffff0000u));
    hn::StoreU(hn::BitCast(d, upper), d, to + n);
  });
}

}  // namespace lior::linalg::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
