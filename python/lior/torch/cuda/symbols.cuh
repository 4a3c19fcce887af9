// SPDX-License-Identifier: Apache-2.0
#pragma once
// Christoffel symbols of a metric and its slopes for CUDA, and their gradient:
// docs/math/conventions.md, section 6.1.
//
//   Gamma^l_mn = sum_s (g^-1)_ls L_mns,   L_mns = (D_mns + D_nms - D_smn)/2,   D_mns = d_m g_ns
//
// A thread has one point, whose g it factors (Cholesky) and solves for one right side; where g is
// not positive definite it gets NaN. All arrays are planes, points last, so that threads side by
// side read and write numbers side by side. kDim is the dimension d, and known when compiled, so
// that a factor stays in registers.

#include "octonion.cuh"

namespace lior::cuda {

/// What all kernels are given; what one does not read may be null. N points.
template <class T>
struct Symbols {
  Long points;
  const T* metric;   ///< [d, d, N]: g
  const T* slopes;   ///< [d, d, d, N]: D, the direction first
  T* symbols;        ///< [d, d, d, N]: Gamma, upper index first
  const T* d_gamma;  ///< [d, d, d, N]: its gradient
  T* solved;         ///< [d, d, d, N]: w_mns = sum_l (g^-1)_sl dGamma^l_mn
  T* d_metric;       ///< [d, d, N]
  T* d_slopes;       ///< [d, d, d, N]
};

/// z <- g^-1 z at a point.
template <int kDim, class T>
LIOR_BOTH void solve(const Symbols<T>& s, Long point, T (&z)[kDim]) {
  T factor[kDim][kDim];  // below the diagonal; on it, 1 over
#pragma unroll
  for (int i = 0; i < kDim; ++i) {
#pragma unroll
    for (int j = 0; j <= i; ++j) {
      T sum = s.metric[(i * kDim + j) * s.points + point];
#pragma unroll
      for (int k = 0; k < j; ++k) sum -= factor[i][k] * factor[j][k];
      factor[i][j] = j < i ? sum * factor[j][j] : 1 / sqrt(sum);
    }
  }
#pragma unroll
  for (int i = 0; i < kDim; ++i) {
#pragma unroll
    for (int k = 0; k < i; ++k) z[i] -= factor[i][k] * z[k];
    z[i] *= factor[i][i];
  }
#pragma unroll
  for (int i = kDim - 1; i >= 0; --i) {
#pragma unroll
    for (int k = i + 1; k < kDim; ++k) z[i] -= factor[k][i] * z[k];
    z[i] *= factor[i][i];
  }
}

/// Of an array [d, d, d, N].
template <int kDim, class T>
LIOR_BOTH T& at(T* array, Long points, int i, int j, int k, Long point) {
  return array[((i * kDim + j) * kDim + k) * points + point];
}

/// Gamma^l. Threads: d N.
template <int kDim, class T>
LIOR_BOTH void symbols_forward_at(const Symbols<T>& s, Long thread) {
  const Long point = thread % s.points;
  const int l = static_cast<int>(thread / s.points);
  T row[kDim];  // of g^-1
#pragma unroll
  for (int i = 0; i < kDim; ++i) row[i] = i == l ? 1 : 0;
  solve<kDim>(s, point, row);
  const auto slope = [&](int m, int n, int r) {
    return at<kDim>(s.slopes, s.points, m, n, r, point);
  };
#pragma unroll 1
  for (int m = 0; m < kDim; ++m) {
#pragma unroll 1
    for (int n = m; n < kDim; ++n) {
      T sum = 0;
#pragma unroll
      for (int r = 0; r < kDim; ++r) {
        sum += row[r] * (slope(m, n, r) + slope(n, m, r) - slope(r, m, n));
      }
      at<kDim>(s.symbols, s.points, l, m, n, point) = sum / 2;
      at<kDim>(s.symbols, s.points, l, n, m, point) = sum / 2;
    }
  }
}

/// w_mn. Threads: d d N.
template <int kDim, class T>
LIOR_BOTH void symbols_solved_at(const Symbols<T>& s, Long thread) {
  const Long point = thread % s.points;
  const int pair = static_cast<int>(thread / s.points), m = pair / kDim, n = pair % kDim;
  T w[kDim];
#pragma unroll
  for (int l = 0; l < kDim; ++l) w[l] = at<kDim>(s.d_gamma, s.points, l, m, n, point);
  solve<kDim>(s, point, w);
#pragma unroll
  for (int r = 0; r < kDim; ++r) at<kDim>(s.solved, s.points, m, n, r, point) = w[r];
}

/// The gradient of D_mns = (w_mns + w_nms - w_nsm)/2. Threads: d d d N.
template <int kDim, class T>
LIOR_BOTH void symbols_slopes_at(const Symbols<T>& s, Long thread) {
  const Long point = thread % s.points;
  const int place = static_cast<int>(thread / s.points);
  const int m = place / (kDim * kDim), n = place / kDim % kDim, r = place % kDim;
  const auto w = [&](int i, int j, int k) { return at<kDim>(s.solved, s.points, i, j, k, point); };
  s.d_slopes[thread] = (w(m, n, r) + w(n, m, r) - w(n, r, m)) / 2;
}

/// The gradient of g_rs = -sum_mn w_mnr Gamma^s_mn. Threads: d d N.
template <int kDim, class T>
LIOR_BOTH void symbols_metric_at(const Symbols<T>& s, Long thread) {
  const Long point = thread % s.points;
  const int pair = static_cast<int>(thread / s.points), r = pair / kDim, upper = pair % kDim;
  T sum = 0;
  for (int m = 0; m < kDim; ++m) {
    for (int n = 0; n < kDim; ++n) {
      sum -= at<kDim>(s.solved, s.points, m, n, r, point) *
             at<kDim>(s.symbols, s.points, upper, m, n, point);
    }
  }
  s.d_metric[thread] = sum;
}

}  // namespace lior::cuda
