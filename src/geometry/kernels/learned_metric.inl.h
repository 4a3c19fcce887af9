// SPDX-License-Identifier: Apache-2.0
// The learned metric, a point a lane; with its symbols and accelerations. Compiled once per level.
#if defined(LIOR_GEOMETRY_KERNELS_LEARNED_METRIC_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef LIOR_GEOMETRY_KERNELS_LEARNED_METRIC_INL_H
#undef LIOR_GEOMETRY_KERNELS_LEARNED_METRIC_INL_H
#else
#define LIOR_GEOMETRY_KERNELS_LEARNED_METRIC_INL_H
#endif

#include "geometry/kernels/learned_accelerations.inl.h"
#include "geometry/kernels/learned_symbols.inl.h"

HWY_BEFORE_NAMESPACE();
namespace lior::geometry::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;
using simd::HWY_NAMESPACE::for_parts;
using simd::HWY_NAMESPACE::load_part;
using simd::HWY_NAMESPACE::store_part;

template <class T>
void learned_values(const LearnedPlan<T>& plan, const T* x, T* g, T* r, Index stride,
                    Index count) noexcept {
  for_parts<T>(count, [&](auto tag, Index n, Index lanes) {
    using V = hn::Vec<decltype(tag)>;
    const Index d = plan.d;
    V point[kD] = {}, value[kMostWidth], slope[kMostWidth];
    for (Index m = 0; m < d; ++m) point[m] = load_part(tag, x + m * stride + n, lanes);
    hidden_layer(tag, plan.in, plan.in_bias, plan.width, d, point, value, slope);
    const V factor = resilience<decltype(tag), T, V>(tag, plan, point, nullptr);
    store_part(factor, tag, r + n, lanes);
    const V scale = plan.lior ? hn::Mul(factor, factor) : constant(tag, 1);
    Index i = 0, j = 0;
    for_dots(tag, plan.out, d * (d + 1) / 2, plan.width, value, [&](Index pair, V sum) {
      const V t = entry_tanh(tag, hn::Add(sum, hn::Set(tag, plan.out_bias[pair])));
      const V entry = hn::MulAdd(constant(tag, kTanhScale), t, hn::Set(tag, plan.base[pair]));
      const V scaled = hn::Mul(scale, entry);
      store_part(scaled, tag, g + (i * d + j) * stride + n, lanes);
      store_part(scaled, tag, g + (j * d + i) * stride + n, lanes);
      if (++j == d) ++i, j = i;
    });
  });
}

}  // namespace lior::geometry::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
