// SPDX-License-Identifier: Apache-2.0
// The recurrence of gated linear attention and its adjoint, one head of one sequence, lanes over
// the columns of the state. Compiled once per level.
#if defined(LIOR_NN_KERNELS_GATED_LINEAR_ATTENTION_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef LIOR_NN_KERNELS_GATED_LINEAR_ATTENTION_INL_H
#undef LIOR_NN_KERNELS_GATED_LINEAR_ATTENTION_INL_H
#else
#define LIOR_NN_KERNELS_GATED_LINEAR_ATTENTION_INL_H
#endif

#include <algorithm>

#include "lior/linalg/matrix_view.h"
#include "nn/gated_linear_attention_kernel.h"
#include "simd/for_lanes.inl.h"
#include "simd/math.inl.h"

HWY_BEFORE_NAMESPACE();
namespace lior::nn::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;
namespace math = simd::HWY_NAMESPACE;
using math::for_lanes;
using math::for_parts;
using math::load_part;
using math::store_part;

template <class V>
auto total(V lanes) {
  return hn::GetLane(hn::SumOfLanes(hn::DFromV<V>(), lanes));
}

/// a = sigmoid(z) and 1 - a of one token.
template <class T>
void gates_of(const T* z, Index width, T* a, T* complement) noexcept {
  for_lanes<T>(width, [=](auto d, Index e) {
    const auto s = math::sigmoid_pair(d, hn::LoadU(d, z + e));
    hn::StoreU(s.value, d, a + e);
    hn::StoreU(s.complement, d, complement + e);
  });
}

/// S <- diag(a) S + k v^T, y = q S / sqrt E; token after token.
template <class T>
void linear_attention_forward(const LinearAttentionHead<const T>& x, T* state,
                              linalg::MatrixView<T> y) noexcept {
  const Index E = x.q.cols, N = x.q.rows;
  T a[kMostLinearWidth], complement[kMostLinearWidth];
  for (Index n = 0; n < N; ++n) {
    const T *q = x.q.data + n * x.q.stride, *k = x.k.data + n * x.k.stride;
    const T* v = x.v.data + n * x.v.stride;
    T* out = y.data + n * y.stride;
    gates_of(x.z.data + n * x.z.stride, E, a, complement);
    for_lanes<T>(E, [&](auto d, Index f) {
      const auto v_f = hn::LoadU(d, v + f);
      auto sum = hn::Zero(d);
      for (Index e = 0; e < E; ++e) {
        T* s = state + e * E + f;
        const auto next =
            hn::MulAdd(hn::Set(d, a[e]), hn::LoadU(d, s), hn::Mul(hn::Set(d, k[e]), v_f));
        hn::StoreU(next, d, s);
        sum = hn::MulAdd(hn::Set(d, q[e]), next, sum);
      }
      hn::StoreU(hn::Mul(sum, hn::Set(d, x.scale)), d, out + f);
    });
  }
}

/// dq_n = S_n dy_n / sqrt E, the states made again from `state`, which ends as the last one.
template <class T>
void linear_attention_queries(const LinearAttentionHead<const T>& x, linalg::MatrixView<const T> dy,
                              T* state, linalg::MatrixView<T> dq) noexcept {
  const Index E = x.q.cols, N = x.q.rows;
  T a[kMostLinearWidth], complement[kMostLinearWidth];
  for (Index n = 0; n < N; ++n) {
    const T *k = x.k.data + n * x.k.stride, *v = x.v.data + n * x.v.stride;
    const T* g = dy.data + n * dy.stride;
    gates_of(x.z.data + n * x.z.stride, E, a, complement);
    for (Index e = 0; e < E; ++e) {
      hn::Vec<hn::ScalableTag<T>> sum = hn::Zero(hn::ScalableTag<T>());
      for_parts<T>(E, [&](auto d, Index f, Index lanes) {
        T* s = state + e * E + f;
        const auto next = hn::MulAdd(hn::Set(d, a[e]), load_part(d, s, lanes),
                                     hn::Mul(hn::Set(d, k[e]), load_part(d, v + f, lanes)));
        store_part(next, d, s, lanes);
        sum = hn::MulAdd(next, load_part(d, g + f, lanes), sum);
      });
      dq.data[n * dq.stride + e] = total(sum) * x.scale;
    }
  }
}

/// dS <- dS + q dy^T / sqrt E, dk = dS v, dv = k dS, dS <- diag(a) dS, from the last token to the
/// first; and dz = (1 - a) sum over this and later tokens of q dq - k dk (docs/math/conventions.md,
/// section 10.5), to which `d_gates` adds what the last state gives. dq: written before.
template <class T>
void linear_attention_backward(const LinearAttentionHead<const T>& x,
                               linalg::MatrixView<const T> dy, T* d_state, double* d_gates,
                               const LinearAttentionHead<T>& d) noexcept {
  const Index E = x.q.cols;
  T a[kMostLinearWidth], complement[kMostLinearWidth];
  for (Index n = x.q.rows; n-- > 0;) {
    const T *q = x.q.data + n * x.q.stride, *k = x.k.data + n * x.k.stride;
    const T *v = x.v.data + n * x.v.stride, *g = dy.data + n * dy.stride;
    T *dk = d.k.data + n * d.k.stride, *dv = d.v.data + n * d.v.stride;
    const T* dq = d.q.data + n * d.q.stride;
    gates_of(x.z.data + n * x.z.stride, E, a, complement);
    std::fill_n(dv, E, T(0));
    for (Index e = 0; e < E; ++e) {
      hn::Vec<hn::ScalableTag<T>> sum = hn::Zero(hn::ScalableTag<T>());
      for_parts<T>(E, [&](auto lane, Index f, Index lanes) {
        T* s = d_state + e * E + f;
        const auto here = hn::MulAdd(hn::Set(lane, q[e] * x.scale), load_part(lane, g + f, lanes),
                                     load_part(lane, s, lanes));
        sum = hn::MulAdd(here, load_part(lane, v + f, lanes), sum);
        const auto of_v = load_part(lane, dv + f, lanes);
        store_part(hn::MulAdd(hn::Set(lane, k[e]), here, of_v), lane, dv + f, lanes);
        store_part(hn::Mul(hn::Set(lane, a[e]), here), lane, s, lanes);
      });
      dk[e] = total(sum);
    }
    for (Index e = 0; e < E; ++e) {
      d_gates[e] += static_cast<double>(q[e]) * dq[e] - static_cast<double>(k[e]) * dk[e];
      d.z.data[n * d.z.stride + e] = static_cast<T>(d_gates[e] * complement[e]);
    }
  }
}

}  // namespace lior::nn::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
