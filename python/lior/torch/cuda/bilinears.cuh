// SPDX-License-Identifier: Apache-2.0
#pragma once
// Spinor bilinears for CUDA, and their gradient: docs/math/conventions.md, section 5.
//
//   P_mn = sum_k l_mk r_nk,   l_mk = sum_i bra_i gamma_m[i, k],   r_nk = sum_j gamma_n[k, j] psi_j
//   K1 = (P - P^T)/2,   K2 = (P + P^T)/2
//
// bra is psi^dagger, or psi^dagger gamma_0; that, and the sums over points on the way back, are
// products of matrices, and torch's. Threads side by side have the pairs, or l_mk, of one point,
// and read the same psi. Numbers are of kParts parts: 1 real, 2 complex.

#include "octonion.cuh"

namespace lior::cuda {

/// What both kernels are given; what one does not read may be null. N points, d gammas, s numbers
/// in a spinor. Pairs are d d; packed, of K1 those m < n and of K2 those m <= n, row by row.
template <class T>
struct Bilinears {
  Long points, dimensions, size;
  Long packed;
  const T* bra;    ///< [N, s]
  const T* psi;    ///< [N, s]
  const T* gamma;  ///< [d, s, s]
  T* k1;           ///< [N, pairs]
  T* k2;
  const T* dk1;
  const T* dk2;
  T* d_left;   ///< [N, d, s]: the gradient of l
  T* d_right;  ///< of r
};

template <class T, int kParts>
struct Number {
  T part[kParts];
};
template <int kParts, class T>
LIOR_BOTH Number<T, kParts> number(const T* from, Long i) {
  Number<T, kParts> z;
#pragma unroll
  for (int p = 0; p < kParts; ++p) z.part[p] = from[i * kParts + p];
  return z;
}
template <int kParts, class T>
LIOR_BOTH void put(const Number<T, kParts>& z, T* to, Long i) {
#pragma unroll
  for (int p = 0; p < kParts; ++p) to[i * kParts + p] = z.part[p];
}
/// (x + sign y)/2.
template <class T, int kParts>
LIOR_BOTH Number<T, kParts> half_of(const Number<T, kParts>& x, T sign,
                                    const Number<T, kParts>& y) {
  Number<T, kParts> z;
#pragma unroll
  for (int p = 0; p < kParts; ++p) z.part[p] = (x.part[p] + sign * y.part[p]) / 2;
  return z;
}
/// sum += x y.
template <class T, int kParts>
LIOR_BOTH void add_product(const Number<T, kParts>& x, const Number<T, kParts>& y,
                           Number<T, kParts>& sum) {
  sum.part[0] += x.part[0] * y.part[0];
  if constexpr (kParts == 2) {
    sum.part[0] -= x.part[1] * y.part[1];
    sum.part[1] += x.part[0] * y.part[1] + x.part[1] * y.part[0];
  }
}
template <class T, int kParts>
LIOR_BOTH Number<T, kParts> conjugate(Number<T, kParts> z) {
  if constexpr (kParts == 2) z.part[1] = -z.part[1];
  return z;
}

/// l_mk of a point.
template <int kParts, class T>
LIOR_BOTH Number<T, kParts> left_of(const Bilinears<T>& s, Long point, Long m, Long k) {
  Number<T, kParts> sum = {};
  for (Long i = 0; i < s.size; ++i) {
    add_product(number<kParts>(s.bra, point * s.size + i),
                number<kParts>(s.gamma, (m * s.size + i) * s.size + k), sum);
  }
  return sum;
}
/// r_nk of a point.
template <int kParts, class T>
LIOR_BOTH Number<T, kParts> right_of(const Bilinears<T>& s, Long point, Long n, Long k) {
  Number<T, kParts> sum = {};
  for (Long j = 0; j < s.size; ++j) {
    add_product(number<kParts>(s.gamma, (n * s.size + k) * s.size + j),
                number<kParts>(s.psi, point * s.size + j), sum);
  }
  return sum;
}

/// Where a point's pair m <= n has its place in K1, of packed ones only m < n, and in K2.
template <class T>
LIOR_BOTH Long place_in_k1(const Bilinears<T>& s, Long point, Long m, Long n) {
  const Long d = s.dimensions;
  if (s.packed == 0) return (point * d + m) * d + n;
  return point * (d * (d - 1) / 2) + m * (2 * d - m - 1) / 2 + n - m - 1;
}
template <class T>
LIOR_BOTH Long place_in_k2(const Bilinears<T>& s, Long point, Long m, Long n) {
  const Long d = s.dimensions;
  if (s.packed == 0) return (point * d + m) * d + n;
  return point * (d * (d + 1) / 2) + m * (2 * d - m + 1) / 2 + n - m;
}

/// K1 and K2. Threads: N d (d + 1)/2, the pairs m <= n.
template <int kParts, class T>
LIOR_BOTH void bilinears_forward_at(const Bilinears<T>& s, Long thread) {
  const Long pairs = s.dimensions * (s.dimensions + 1) / 2, point = thread / pairs;
  Long m = 0, n = thread % pairs;
  for (; n >= s.dimensions - m; ++m) n -= s.dimensions - m;
  n += m;
  Number<T, kParts> p = {}, q = {};  // P_mn and P_nm
  for (Long k = 0; k < s.size; ++k) {
    add_product(left_of<kParts>(s, point, m, k), right_of<kParts>(s, point, n, k), p);
    add_product(left_of<kParts>(s, point, n, k), right_of<kParts>(s, point, m, k), q);
  }
  put<kParts>(half_of(p, T(1), q), s.k2, place_in_k2(s, point, m, n));
  if (m < n || s.packed == 0) put<kParts>(half_of(p, T(-1), q), s.k1, place_in_k1(s, point, m, n));
  if (m == n || s.packed != 0) return;
  put<kParts>(half_of(p, T(1), q), s.k2, place_in_k2(s, point, n, m));
  put<kParts>(half_of(q, T(-1), p), s.k1, place_in_k1(s, point, n, m));
}

/// The gradient of P_mn.
template <int kParts, class T>
LIOR_BOTH Number<T, kParts> d_pair(const Bilinears<T>& s, Long point, Long m, Long n) {
  const auto of_k1 = [&](Long i, Long j) {
    return number<kParts>(s.dk1, place_in_k1(s, point, i, j));
  };
  const auto of_k2 = [&](Long i, Long j) {
    return number<kParts>(s.dk2, place_in_k2(s, point, i, j));
  };
  if (s.packed != 0) {
    if (m == n) return of_k2(m, n);
    return m < n ? half_of(of_k2(m, n), T(1), of_k1(m, n))
                 : half_of(of_k2(n, m), T(-1), of_k1(n, m));
  }
  const Number<T, kParts> apart = half_of(of_k1(m, n), T(-1), of_k1(n, m));
  Number<T, kParts> sum = half_of(of_k2(m, n), T(1), of_k2(n, m));
#pragma unroll
  for (int i = 0; i < kParts; ++i) sum.part[i] += apart.part[i];
  return sum;
}

/// The gradients of l_mk and r_mk. Threads: N d s.
template <int kParts, class T>
LIOR_BOTH void bilinears_backward_at(const Bilinears<T>& s, Long thread) {
  const Long k = thread % s.size, m = thread / s.size % s.dimensions;
  const Long point = thread / s.size / s.dimensions;
  Number<T, kParts> d_left = {}, d_right = {};
  for (Long n = 0; n < s.dimensions; ++n) {
    add_product(d_pair<kParts>(s, point, m, n), conjugate(right_of<kParts>(s, point, n, k)),
                d_left);
    add_product(d_pair<kParts>(s, point, n, m), conjugate(left_of<kParts>(s, point, n, k)),
                d_right);
  }
  put<kParts>(d_left, s.d_left, thread);
  put<kParts>(d_right, s.d_right, thread);
}

}  // namespace lior::cuda
