// SPDX-License-Identifier: Apache-2.0
// Read-outs of the state and their adjoint, a (row, head) pair in each lane.
#if defined(LIOR_NN_KERNELS_READOUT_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef LIOR_NN_KERNELS_READOUT_INL_H
#undef LIOR_NN_KERNELS_READOUT_INL_H
#else
#define LIOR_NN_KERNELS_READOUT_INL_H
#endif

#include <hwy/highway.h>

#include "lior/nn/mixer_config.h"
#include "nn/lane_planes.h"

HWY_BEFORE_NAMESPACE();
namespace lior::nn::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

constexpr bool shows_components(Readout readout) {
  return readout == Readout::linear || readout == Readout::linear_quadratic;
}

/// Calls pair(j, k) for every product h_j conj(h_k) that the read-out shows, in its order.
template <Readout kReadout, class Pair>
HWY_INLINE void for_pairs(Pair&& pair) {
  if constexpr (kReadout == Readout::invariants) {
#pragma GCC unroll 8
    for (int k = 1; k < 8; ++k) pair(k, 0);
  } else {
#pragma GCC unroll 8
    for (int j = 0; j < 8; ++j) {
#pragma GCC unroll 8
      for (int k = j + 1; k < 8; ++k) pair(j, k);
    }
  }
}

template <Readout kReadout, bool kComplex, class T>
void readout_forward_steps(Index steps, LanePlanes<const T> states, LanePlanes<T> q) noexcept {
  const hn::ScalableTag<T> d;
  using V = hn::Vec<decltype(d)>;
  for (Index t = 0; t < steps; ++t) {
    V re[8], im[8];
    const T* from = states.at + t * states.step;
    T* to = q.at + t * q.step;
    const auto show = [&](V value) {
      hn::StoreU(value, d, to);
      to += q.plane;
    };
#pragma GCC unroll 8
    for (int k = 0; k < 8; ++k) {
      re[k] = hn::LoadU(d, from + k * states.plane);
      if constexpr (kComplex) im[k] = hn::LoadU(d, from + (8 + k) * states.plane);
    }
    if constexpr (shows_components(kReadout)) {
      for (int k = 0; k < 8; ++k) show(re[k]);
      if constexpr (kComplex) {
        for (int k = 0; k < 8; ++k) show(im[k]);
      }
    }
    if constexpr (kReadout != Readout::linear) {
      for (int k = 0; k < 8; ++k) {
        V square = hn::Mul(re[k], re[k]);
        if constexpr (kComplex) square = hn::MulAdd(im[k], im[k], square);
        show(square);
      }
      for_pairs<kReadout>([&](int j, int k) {
        V real = hn::Mul(re[j], re[k]);
        if constexpr (kComplex) real = hn::MulAdd(im[j], im[k], real);
        show(real);
        if constexpr (kComplex) show(hn::NegMulAdd(re[j], im[k], hn::Mul(im[j], re[k])));
      });
    }
  }
}

template <Readout kReadout, bool kComplex, class T>
void readout_backward_steps(Index steps, LanePlanes<const T> states, LanePlanes<const T> dq,
                            LanePlanes<T> d_states) noexcept {
  const hn::ScalableTag<T> d;
  using V = hn::Vec<decltype(d)>;
  for (Index t = 0; t < steps; ++t) {
    V re[8], im[8], d_re[8], d_im[8];
    const T* state = states.at + t * states.step;
    const T* from = dq.at + t * dq.step;
    T* to = d_states.at + t * d_states.step;
    const auto next = [&] {
      const V value = hn::LoadU(d, from);
      from += dq.plane;
      return value;
    };
#pragma GCC unroll 8
    for (int k = 0; k < 8; ++k) {
      re[k] = hn::LoadU(d, state + k * states.plane);
      d_re[k] = hn::Zero(d);
      if constexpr (kComplex) {
        im[k] = hn::LoadU(d, state + (8 + k) * states.plane);
        d_im[k] = hn::Zero(d);
      }
    }
    if constexpr (shows_components(kReadout)) {
      for (int k = 0; k < 8; ++k) d_re[k] = next();
      if constexpr (kComplex) {
        for (int k = 0; k < 8; ++k) d_im[k] = next();
      }
    }
    if constexpr (kReadout != Readout::linear) {
      for (int k = 0; k < 8; ++k) {  // |h_k|^2
        const V g = next(), twice = hn::Add(g, g);
        d_re[k] = hn::MulAdd(twice, re[k], d_re[k]);
        if constexpr (kComplex) d_im[k] = hn::MulAdd(twice, im[k], d_im[k]);
      }
      for_pairs<kReadout>([&](int j, int k) {
        const V g = next();  // of Re h_j conj(h_k) = re_j re_k + im_j im_k
        d_re[j] = hn::MulAdd(g, re[k], d_re[j]);
        d_re[k] = hn::MulAdd(g, re[j], d_re[k]);
        if constexpr (kComplex) {
          d_im[j] = hn::MulAdd(g, im[k], d_im[j]);
          d_im[k] = hn::MulAdd(g, im[j], d_im[k]);
          const V m = next();  // of Im h_j conj(h_k) = im_j re_k - re_j im_k
          d_im[j] = hn::MulAdd(m, re[k], d_im[j]);
          d_re[k] = hn::MulAdd(m, im[j], d_re[k]);
          d_re[j] = hn::NegMulAdd(m, im[k], d_re[j]);
          d_im[k] = hn::NegMulAdd(m, re[j], d_im[k]);
        }
      });
    }
    for (int k = 0; k < 8; ++k) {
      hn::StoreU(d_re[k], d, to + k * d_states.plane);
      if constexpr (kComplex) hn::StoreU(d_im[k], d, to + (8 + k) * d_states.plane);
    }
  }
}

template <class T>
Index readout_lanes() noexcept {
  return static_cast<Index>(hn::Lanes(hn::ScalableTag<T>()));
}

}  // namespace lior::nn::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
