// SPDX-License-Identifier: Apache-2.0
#pragma once
// The arguments of the kernels of bilinears. Complex numbers are pairs of reals (re, im).

#include "lior/core/view.h"

namespace lior::algebra {

inline constexpr Index kMostCoordinates = 32;
inline constexpr Index kMostSpinor = 32;
inline constexpr Index kMostSpinorReals = 2 * kMostSpinor;
inline constexpr Index kMostRowReals = 2 * kMostCoordinates;
inline constexpr Index kMostSquares = kMostSpinor * kMostSpinor;
inline constexpr Index kBlockNumbers = 4096;  // of outputs that wait in the L1 cache

template <class T>
struct ProductPlan {
  const T* u_map;   // [size, size, width]: psi to u/2, the reals of u_m in column (m, re) and those
                    // of i u_m in column (m, im)
  const T* v_map;   // the same for v, with -i v
  const T* k0_map;  // [parts, size, size], or null where K0 = |psi|^2
  Index size;       // reals of a spinor
  Index width;      // reals of a row of K1
  Index parts;      // reals of a number
  bool stream;      // whether outputs bypass the caches
};

template <class T>
struct SquarePlan {
  const T* map;  // [squares, widths[0] + widths[1] + widths[2]]
  Index squares, spinor, parts;
  Index widths[3];  // reals of a point's K0, K1, K2
  bool stream;
};

/// psi_i^* psi_j for i <= j: |psi_i|^2, then for each j > i the real and, if complex, the imaginary
/// part.
template <class T>
inline void spinor_squares(const T* psi, Index spinor, Index parts, T* out) {
  if (parts == 1) {
    for (Index i = 0; i < spinor; ++i) {
      for (Index j = i; j < spinor; ++j) *out++ = psi[i] * psi[j];
    }
    return;
  }
  for (Index i = 0; i < spinor; ++i) {
    const T re = psi[2 * i], im = psi[2 * i + 1];
    *out++ = re * re + im * im;
    for (Index j = i + 1; j < spinor; ++j) {
      *out++ = re * psi[2 * j] + im * psi[2 * j + 1];
      *out++ = re * psi[2 * j + 1] - im * psi[2 * j];
    }
  }
}

}  // namespace lior::algebra
