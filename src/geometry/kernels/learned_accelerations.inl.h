// SPDX-License-Identifier: Apache-2.0
// Geodesic accelerations of the learned metric, a point a lane. Compiled once per level.
#if defined(LIOR_GEOMETRY_KERNELS_LEARNED_ACCELERATIONS_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef LIOR_GEOMETRY_KERNELS_LEARNED_ACCELERATIONS_INL_H
#undef LIOR_GEOMETRY_KERNELS_LEARNED_ACCELERATIONS_INL_H
#else
#define LIOR_GEOMETRY_KERNELS_LEARNED_ACCELERATIONS_INL_H
#endif

#include "geometry/kernels/learned_layers.inl.h"
#include "geometry/kernels/learned_solve.inl.h"
#include "simd/for_lanes.inl.h"

HWY_BEFORE_NAMESPACE();
namespace lior::geometry::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;
using simd::HWY_NAMESPACE::load_part;
using simd::HWY_NAMESPACE::store_part;

/// One vector of points on the way to its accelerations.
template <class V>
struct Motion {
  V point[kD], velocity[kD], f[kD], force[kD];
  V value[kMostWidth], slope[kMostWidth], along[kMostWidth];  // of the hidden layer
  V weight[kMostPairs];
  /// The compiler's own would have none of the level's instructions, which GCC refuses with NEON.
  Motion() {}
};

template <class D, class T, class V>
HWY_INLINE void start_motion(D tag, const LearnedPlan<T>& plan, const T* x, const T* v,
                             Index stride, Index lanes, Motion<V>& at) {
  for (Index m = 0; m < plan.d; ++m) {
    at.point[m] = load_part(tag, x + m * stride, lanes);
    at.velocity[m] = load_part(tag, v + m * stride, lanes);
    at.f[m] = at.force[m] = hn::Zero(tag);
  }
  hidden_layer(tag, plan.in, plan.in_bias, plan.width, plan.d, at.point, at.value, at.slope);
  for_dots(tag, plan.in, plan.width, plan.d, at.velocity,
           [&](Index a, V sum) { at.along[a] = hn::Mul(at.slope[a], sum); });
  if (plan.lior) resilience(tag, plan, at.point, at.f);
}

/// h in g and d_v h, tanh's slope left out, in the weights.
template <int kGroups, class D, class T, class V>
HWY_INLINE void outputs_along(D tag, const LearnedPlan<T>& plan, Motion<V>* motions, V* g) {
  const Index width = plan.width, pairs = plan.d * (plan.d + 1) / 2;
  const auto pairs_from = [&](auto block, Index p) {
    constexpr int kBlock = decltype(block)::value;
    V sum[kBlock][kGroups], sum_along[kBlock][kGroups];
#pragma GCC unroll 4
    for (int k = 0; k < kBlock; ++k) {
#pragma GCC unroll 2
      for (int i = 0; i < kGroups; ++i) sum[k][i] = sum_along[k][i] = hn::Zero(tag);
    }
    for (Index a = 0; a < width; ++a) {
#pragma GCC unroll 4
      for (int k = 0; k < kBlock; ++k) {
        const V w = hn::Set(tag, plan.out[(p + k) * width + a]);
#pragma GCC unroll 2
        for (int i = 0; i < kGroups; ++i) {
          sum[k][i] = hn::MulAdd(w, motions[i].value[a], sum[k][i]);
          sum_along[k][i] = hn::MulAdd(w, motions[i].along[a], sum_along[k][i]);
        }
      }
    }
#pragma GCC unroll 4
    for (int k = 0; k < kBlock; ++k) {
#pragma GCC unroll 2
      for (int i = 0; i < kGroups; ++i) {
        g[(p + k) * kGroups + i] = hn::Add(sum[k][i], hn::Set(tag, plan.out_bias[p + k]));
        motions[i].weight[p + k] = sum_along[k][i];
      }
    }
  };
  Index p = 0;
  for (; p + 4 <= pairs; p += 4) pairs_from(std::integral_constant<int, 4>{}, p);
  for (; p < pairs; ++p) pairs_from(std::integral_constant<int, 1>{}, p);
}

/// From g and `steep`, tanh's slopes, kGroups apart: -g a but for the terms along v.
template <int kGroups, class D, class T, class V>
HWY_INLINE void add_forces(D tag, const LearnedPlan<T>& plan, const V* g, const V* steep,
                           Motion<V>& at) {
  const Index d = plan.d, width = plan.width, pairs = d * (d + 1) / 2;
  // -(d_v g) v, v^T g v, and the weights with which grad (v^T g v) / 2 sums grad h.
  V square = hn::Zero(tag);
  for (Index i = 0, p = 0; i < d; ++i) {
    for (Index j = i; j < d; ++j, ++p) {
      const V slope = steep[p * kGroups], slope_along = hn::Mul(slope, at.weight[p]);
      V both = hn::Mul(at.velocity[i], at.velocity[j]);
      at.force[i] = hn::NegMulAdd(slope_along, at.velocity[j], at.force[i]);
      if (i != j) {
        at.force[j] = hn::NegMulAdd(slope_along, at.velocity[i], at.force[j]);
        both = hn::Add(both, both);
      }
      square = hn::MulAdd(g[p * kGroups], both, square);
      at.weight[p] = hn::Mul(hn::Mul(constant(tag, 0.5), slope), both);
    }
  }
  for_dots(tag, plan.out_t, width, pairs, at.weight,
           [&](Index a, V sum) { at.along[a] = hn::Mul(at.slope[a], sum); });
  add_transposed(tag, plan.in, width, d, at.along, at.force);
  for (Index m = 0; m < d; ++m) at.force[m] = hn::MulAdd(square, at.f[m], at.force[m]);
}

/// a = -g^-1 [(d_v g) v - grad (v^T g v) / 2]; for R^2 g also - 2 (f.v) v + (v^T g v) g^-1 f. Of
/// kGroups vectors of points, of which the last holds fewer than it can.
template <int kGroups, class T>
HWY_NOINLINE void accelerate_groups(const LearnedPlan<T>& plan, const T* x, const T* v, T* out,
                                    Index stride, Index count) {
  const hn::ScalableTag<T> tag;
  using V = hn::Vec<decltype(tag)>;
  const Index step = static_cast<Index>(hn::Lanes(tag));
  const Index d = plan.d, pairs = d * (d + 1) / 2;
  Motion<V> motions[kGroups];
  V g[kMostPairs * kGroups], l[kMostPairs * kGroups], b[kD * kGroups];
  const auto lanes = [&](int i) { return HWY_MIN(step, count - i * step); };
  for (int i = 0; i < kGroups; ++i) {
    start_motion(tag, plan, x + i * step, v + i * step, stride, lanes(i), motions[i]);
  }
  outputs_along<kGroups>(tag, plan, motions, g);
  // A loop of its own: many quotients in flight.
  for (Index k = 0; k < pairs * kGroups; ++k) {
    const V t = entry_tanh(tag, g[k]), tenth = constant(tag, kTanhScale);
    g[k] = hn::MulAdd(tenth, t, hn::Set(tag, plan.base[k / kGroups]));
    l[k] = hn::NegMulAdd(hn::Mul(tenth, t), t, tenth);
  }
  for (int i = 0; i < kGroups; ++i) {
    add_forces<kGroups>(tag, plan, g + i, l + i, motions[i]);
    for (Index m = 0; m < d; ++m) b[m * kGroups + i] = motions[i].force[m];
  }
  auto failed = hn::Lt(hn::Zero(tag), hn::Zero(tag));
  cholesky<kGroups>(tag, d, g, l, failed);
  cholesky_solve<1, kGroups>(d, l, b);
  for (int i = 0; i < kGroups; ++i) {
    const Motion<V>& at = motions[i];
    V f_along = hn::Zero(tag);
    for (Index m = 0; m < d; ++m) f_along = hn::MulAdd(at.f[m], at.velocity[m], f_along);
    const V twice = hn::Add(f_along, f_along);
    for (Index m = 0; m < d; ++m) {
      store_part(hn::NegMulAdd(twice, at.velocity[m], b[m * kGroups + i]), tag,
                 out + m * stride + i * step, lanes(i));
    }
  }
}

template <class T>
void learned_accelerations(const LearnedPlan<T>& plan, const T* x, const T* v, T* out, Index stride,
                           Index count) noexcept {
  const hn::ScalableTag<T> tag;
  const Index step = static_cast<Index>(hn::Lanes(tag));
  Index n = 0;
  if constexpr (HWY_TARGET <= HWY_AVX3) {  // two vectors at once: one works while the other waits
    for (; count - n > step; n += 2 * step) {
      accelerate_groups<2>(plan, x + n, v + n, out + n, stride, count - n);
    }
  }
  for (; n < count; n += step) {
    accelerate_groups<1>(plan, x + n, v + n, out + n, stride, count - n);
  }
}

}  // namespace lior::geometry::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
