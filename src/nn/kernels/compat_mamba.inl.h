// SPDX-License-Identifier: Apache-2.0
// The original's recurrence, and its gate with the read-out inside. Compiled once per level.
#if defined(LIOR_NN_KERNELS_COMPAT_MAMBA_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef LIOR_NN_KERNELS_COMPAT_MAMBA_INL_H
#undef LIOR_NN_KERNELS_COMPAT_MAMBA_INL_H
#else
#define LIOR_NN_KERNELS_COMPAT_MAMBA_INL_H
#endif

#include "lior/linalg/matrix_view.h"
#include "simd/for_lanes.inl.h"
#include "simd/math.inl.h"

HWY_BEFORE_NAMESPACE();
namespace lior::nn::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

/// kSequences sequences that lie one after another. scales [16]: Re, Im of the transition's
/// diagonal; signs [8]: of the invariants. A state is four blocks of four, A | B | A' | B', and
/// lane j holds component j of each.
template <int kSequences, class T>
void compat_recurrence_run(Index length, const T* scales, const T* signs, const T* u, T* state,
                           T* invariants) noexcept {
  const hn::CappedTag<T, 4> d;
  using V = hn::Vec<decltype(d)>;
  for (Index j = 0; j < 4; j += static_cast<Index>(hn::Lanes(d))) {
    V re[2], im[2], sign[2], h[kSequences][4];
    for (int half = 0; half < 2; ++half) {
      re[half] = hn::LoadU(d, scales + 4 * half + j);
      im[half] = hn::LoadU(d, scales + 8 + 4 * half + j);
      sign[half] = hn::LoadU(d, signs + 4 * half + j);
    }
    for (int s = 0; s < kSequences; ++s) {
      for (int block = 0; block < 4; ++block) {
        h[s][block] = hn::LoadU(d, state + 16 * s + 4 * block + j);
      }
    }
    for (Index n = 0; n < length; ++n) {
#pragma GCC unroll 4
      for (int s = 0; s < kSequences; ++s) {
        V turned[4];  // T h
#pragma GCC unroll 2
        for (int half = 0; half < 2; ++half) {
          const V real = h[s][half], imaginary = h[s][2 + half];
          turned[half] = hn::NegMulAdd(im[half], imaginary, hn::Mul(re[half], real));
          turned[2 + half] = hn::MulAdd(im[half], real, hn::Mul(re[half], imaginary));
        }
        const T* u_n = u + (s * length + n) * 16 + j;
        T* shown = invariants + (s * length + n) * 8 + j;
#pragma GCC unroll 2
        for (int part = 0; part < 2; ++part) {  // (A c - e B, e A + B c)
          const V A = turned[2 * part], B = turned[2 * part + 1];
          const V c = hn::LoadU(d, u_n + 8 * part), e = hn::LoadU(d, u_n + 8 * part + 4);
          h[s][part] = hn::NegMulAdd(e, B, hn::Mul(A, c));
          h[s][2 + part] = hn::MulAdd(e, A, hn::Mul(B, c));
        }
#pragma GCC unroll 2
        for (int half = 0; half < 2; ++half) {
          const V real = h[s][half], imaginary = h[s][2 + half];
          const V square = hn::MulAdd(imaginary, imaginary, hn::Mul(real, real));
          hn::StoreU(hn::Mul(sign[half], square), d, shown + 4 * half);
        }
      }
    }
    for (int s = 0; s < kSequences; ++s) {
      for (int block = 0; block < 4; ++block) {
        hn::StoreU(h[s][block], d, state + 16 * s + 4 * block + j);
      }
    }
  }
}

/// y = (W inv + bias) * sigmoid(gate), row by row; weights [8, E] is W transposed. y may be gate.
template <class T>
void compat_gate_rows(const T* invariants, const T* weights, const T* bias,
                      linalg::MatrixView<const T> gate, linalg::MatrixView<T> y) noexcept {
  const Index E = y.cols;
  for (Index r = 0; r < y.rows; ++r) {
    const T* inv = invariants + 8 * r;
    const T* gate_row = gate.data + r * gate.stride;
    T* y_row = y.data + r * y.stride;
    simd::HWY_NAMESPACE::for_lanes<T>(E, [=](auto d, Index e) {
      auto sum = hn::LoadU(d, bias + e);
      for (int k = 0; k < 8; ++k) {
        sum = hn::MulAdd(hn::Set(d, inv[k]), hn::LoadU(d, weights + k * E + e), sum);
      }
      const auto open = simd::HWY_NAMESPACE::sigmoid(d, hn::LoadU(d, gate_row + e));
      hn::StoreU(hn::Mul(sum, open), d, y_row + e);
    });
  }
}

}  // namespace lior::nn::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
