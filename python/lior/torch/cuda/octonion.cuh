// SPDX-License-Identifier: Apache-2.0
#pragma once
// Octonions and states of one thread's registers, on CUDA and on the processor:
// docs/math/conventions.md, section 3.2. Loops have fixed counts and are unrolled, so that no index
// is left to the machine.

#ifdef __CUDACC__
#define LIOR_BOTH __host__ __device__ inline
#else
#include <cmath>
#define LIOR_BOTH inline
#endif

namespace lior::cuda {

#ifndef __CUDACC__
using std::cos, std::exp, std::log, std::sin, std::sqrt;
#endif

using Long = long long;

template <class T>
struct Octonion {
  T at[8];
};

/// A state: one octonion, or the real and the imaginary part of a complex one.
template <class T, int kParts>
struct State {
  Octonion<T> part[kParts];
};

/// x y: e_i e_j = +-e_(i xor j), the signs of section 3.2 as bits (set: minus).
template <class T>
LIOR_BOTH Octonion<T> product(const Octonion<T>& x, const Octonion<T>& y) {
  constexpr unsigned long long kMinus = 0xB2D8741EACC66A00ull;
  Octonion<T> out = {};
#pragma unroll
  for (int i = 0; i < 8; ++i) {
#pragma unroll
    for (int j = 0; j < 8; ++j) {
      out.at[i ^ j] += (kMinus >> (8 * i + j) & 1) != 0 ? -x.at[i] * y.at[j] : x.at[i] * y.at[j];
    }
  }
  return out;
}

template <class T>
LIOR_BOTH Octonion<T> conjugate(Octonion<T> x) {
#pragma unroll
  for (int i = 1; i < 8; ++i) x.at[i] = -x.at[i];
  return x;
}

template <class T>
LIOR_BOTH T dot(const Octonion<T>& x, const Octonion<T>& y) {
  T sum = 0;
#pragma unroll
  for (int i = 0; i < 8; ++i) sum += x.at[i] * y.at[i];
  return sum;
}

template <class T>
LIOR_BOTH T sigmoid(T z) {
  return 1 / (1 + exp(-z));
}

/// Eight numbers that lie `stride` apart.
template <class T>
LIOR_BOTH Octonion<T> load(const T* from, Long stride) {
  Octonion<T> x;
#pragma unroll
  for (int i = 0; i < 8; ++i) x.at[i] = from[i * stride];
  return x;
}
template <class T>
LIOR_BOTH void store(const Octonion<T>& x, T* to, Long stride) {
#pragma unroll
  for (int i = 0; i < 8; ++i) to[i * stride] = x.at[i];
}
template <int kParts, class T>
LIOR_BOTH State<T, kParts> load_state(const T* from, Long stride) {
  State<T, kParts> h;
#pragma unroll
  for (int p = 0; p < kParts; ++p) h.part[p] = load(from + 8 * p * stride, stride);
  return h;
}
template <class T, int kParts>
LIOR_BOTH void store_state(const State<T, kParts>& h, T* to, Long stride) {
#pragma unroll
  for (int p = 0; p < kParts; ++p) store(h.part[p], to + 8 * p * stride, stride);
}

template <class T, int kParts>
LIOR_BOTH void scale(T factor, State<T, kParts>& h) {
#pragma unroll
  for (int p = 0; p < kParts; ++p) {
#pragma unroll
    for (int k = 0; k < 8; ++k) h.part[p].at[k] *= factor;
  }
}

}  // namespace lior::cuda
