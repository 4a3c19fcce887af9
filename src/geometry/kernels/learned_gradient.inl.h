// SPDX-License-Identifier: Apache-2.0
// The gradient of the learned metric with respect to its numbers and its points, a point a lane.
// Compiled once per level.
#if defined(LIOR_GEOMETRY_KERNELS_LEARNED_GRADIENT_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef LIOR_GEOMETRY_KERNELS_LEARNED_GRADIENT_INL_H
#undef LIOR_GEOMETRY_KERNELS_LEARNED_GRADIENT_INL_H
#else
#define LIOR_GEOMETRY_KERNELS_LEARNED_GRADIENT_INL_H
#endif

#include "geometry/kernels/learned_layers.inl.h"
#include "geometry/learned_gradient.h"
#include "simd/for_lanes.inl.h"

HWY_BEFORE_NAMESPACE();
namespace lior::geometry::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;
using simd::HWY_NAMESPACE::for_parts;
using simd::HWY_NAMESPACE::load_part;
using simd::HWY_NAMESPACE::store_part;

/// sums += x, a vector of sums over lanes.
template <class D, class T>
HWY_INLINE void add_to_sums(D tag, hn::Vec<D> x, T* sums) {
  hn::Store(hn::Add(hn::Load(tag, sums), x), tag, sums);
}

/// One hidden layer's backward: from dvalue in `dz`, dW and db into sums, and dx added.
template <class D, class T, class V>
HWY_NOINLINE void hidden_layer_backward(D tag, const T* weight, Index width, Index size, const V* x,
                                        const V* slope, V* dz, T* dweight, T* dbias, V* dx) {
  constexpr Index kLanes = kMostLanes<T>;
  for (Index a = 0; a < width; ++a) {
    dz[a] = hn::Mul(dz[a], slope[a]);
    add_to_sums(tag, dz[a], dbias + a * kLanes);
    for (Index m = 0; m < size; ++m) {
      add_to_sums(tag, hn::Mul(dz[a], x[m]), dweight + (a * size + m) * kLanes);
    }
  }
  add_transposed(tag, weight, width, size, dz, dx);
}

/// R^2, and of its network the gradients that follow from dL/d(R^2): sums, and dx added.
template <class D, class T, class V>
HWY_NOINLINE V resilience_backward(D tag, const LearnedPlan<T>& plan, const V* x, V dscale,
                                   const GradientSums<T>& sums, V* dx) {
  constexpr Index kLanes = kMostLanes<T>;
  const Index width = plan.resilience_width;
  V value[kMostWidth], slope[kMostWidth];
  hidden_layer(tag, plan.resilience_in, plan.resilience_in_bias, width, plan.d, x, value, slope);
  V z = hn::Set(tag, plan.resilience_out_bias);
  for (Index k = 0; k < width; ++k) {
    z = hn::MulAdd(hn::Set(tag, plan.resilience_out[k]), value[k], z);
  }
  const V soft = math::softplus(tag, z);
  const V least = constant(tag, kLeastResilience), most = constant(tag, kMostResilience);
  const V r = hn::Min(hn::Max(soft, least), most);
  const auto inside = hn::And(hn::Gt(soft, least), hn::Lt(soft, most));
  const V slope_of_square = hn::Mul(hn::Add(r, r), math::sigmoid(tag, z));
  const V dz = hn::IfThenElseZero(inside, hn::Mul(dscale, slope_of_square));
  add_to_sums(tag, dz, sums.resilience_out_bias);
  for (Index k = 0; k < width; ++k) {
    add_to_sums(tag, hn::Mul(dz, value[k]), sums.resilience_out + k * kLanes);
    value[k] = hn::Mul(dz, hn::Set(tag, plan.resilience_out[k]));
  }
  hidden_layer_backward(tag, plan.resilience_in, width, plan.d, x, slope, value, sums.resilience_in,
                        sums.resilience_in_bias, dx);
  return hn::Mul(r, r);
}

template <class T>
void learned_gradient(const LearnedPlan<T>& plan, const T* x, const T* dg, T* dx, Index stride,
                      Index count, const GradientSums<T>& sums) noexcept {
  constexpr Index kLanes = kMostLanes<T>;
  for_parts<T>(count, [&](auto tag, Index n, Index lanes) {
    using V = hn::Vec<decltype(tag)>;
    const Index d = plan.d, width = plan.width, pairs = d * (d + 1) / 2;
    V point[kMostDimensions], dpoint[kMostDimensions], value[kMostWidth], slope[kMostWidth];
    V t[kMostPairs], e[kMostPairs];
    for (Index m = 0; m < d; ++m) {
      point[m] = load_part(tag, x + m * stride + n, lanes);
      dpoint[m] = hn::Zero(tag);
    }
    hidden_layer(tag, plan.in, plan.in_bias, width, d, point, value, slope);
    for_dots(tag, plan.out, pairs, width, value,
             [&](Index p, V sum) { t[p] = hn::Add(sum, hn::Set(tag, plan.out_bias[p])); });
    // e: of the pair's two entries, or of the diagonal's one.
    V along_g = hn::Zero(tag);
    for (Index i = 0, p = 0; i < d; ++i) {
      for (Index j = i; j < d; ++j, ++p) {
        t[p] = entry_tanh(tag, t[p]);
        e[p] = load_part(tag, dg + (i * d + j) * stride + n, lanes);
        if (i != j) e[p] = hn::Add(e[p], load_part(tag, dg + (j * d + i) * stride + n, lanes));
        const V g = hn::MulAdd(constant(tag, kTanhScale), t[p], hn::Set(tag, plan.base[p]));
        along_g = hn::MulAdd(e[p], g, along_g);
      }
    }
    V scale = constant(tag, 1);
    if (plan.lior) scale = resilience_backward(tag, plan, point, along_g, sums, dpoint);
    for (Index p = 0; p < pairs; ++p) {
      e[p] = hn::Mul(e[p], scale);
      add_to_sums(tag, e[p], sums.base + p * kLanes);
      e[p] = hn::Mul(
          e[p], hn::Mul(constant(tag, kTanhScale), hn::NegMulAdd(t[p], t[p], constant(tag, 1))));
      add_to_sums(tag, e[p], sums.out_bias + p * kLanes);
      for (Index a = 0; a < width; ++a) {
        add_to_sums(tag, hn::Mul(e[p], value[a]), sums.out + (p * width + a) * kLanes);
      }
    }
    for_dots(tag, plan.out_t, width, pairs, e, [&](Index a, V sum) { value[a] = sum; });
    hidden_layer_backward(tag, plan.in, width, d, point, slope, value, sums.in, sums.in_bias,
                          dpoint);
    for (Index m = 0; m < d; ++m) store_part(dpoint[m], tag, dx + m * stride + n, lanes);
  });
}

}  // namespace lior::geometry::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
