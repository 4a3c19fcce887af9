// SPDX-License-Identifier: Apache-2.0
#include "lior/simd/math.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "simd/math.cpp"
#include <hwy/foreach_target.h>
#include "simd/for_lanes.inl.h"
#include "simd/math.inl.h"

HWY_BEFORE_NAMESPACE();
namespace lior::simd::HWY_NAMESPACE {

template <class T, class F>
void map(const T* x, T* out, Index count, F f) noexcept {
  for_lanes<T>(count, [=](auto d, Index n) { hn::StoreU(f(d, hn::LoadU(d, x + n)), d, out + n); });
}

template <class T>
void evaluate_array(Elementary f, const T* x, T* out, Index count) noexcept {
  switch (f) {
#define LIOR_ELEMENTARY(NAME) \
  case Elementary::NAME: return map(x, out, count, [](auto d, auto v) { return NAME(d, v); })
    LIOR_ELEMENTARY(exp);
    LIOR_ELEMENTARY(exp_negative);
    LIOR_ELEMENTARY(exp2_negative);
    LIOR_ELEMENTARY(expm1);
    LIOR_ELEMENTARY(log);
    LIOR_ELEMENTARY(log1p);
    LIOR_ELEMENTARY(sin);
    LIOR_ELEMENTARY(cos);
    LIOR_ELEMENTARY(tanh);
    LIOR_ELEMENTARY(sigmoid);
    LIOR_ELEMENTARY(softplus);
    LIOR_ELEMENTARY(silu);
    LIOR_ELEMENTARY(silu_derivative);
    LIOR_ELEMENTARY(erf);
    LIOR_ELEMENTARY(erfc);
    LIOR_ELEMENTARY(gelu);
    LIOR_ELEMENTARY(gelu_derivative);
#undef LIOR_ELEMENTARY
  }
}

}  // namespace lior::simd::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
#include "lior/simd/dispatch.h"

namespace lior::simd {

template <class T>
void evaluate(Elementary f, std::span<const T> x, std::span<T> out) {
  LIOR_CHECK(x.size() == out.size(), "x has {} numbers and out {}; they must be equal", x.size(),
             out.size());
  LIOR_SIMD_TABLE(evaluate_array<T>)
      .chosen()(f, x.data(), out.data(), static_cast<Index>(x.size()));
}

template void evaluate(Elementary, std::span<const float>, std::span<float>);
template void evaluate(Elementary, std::span<const double>, std::span<double>);

}  // namespace lior::simd
#endif
