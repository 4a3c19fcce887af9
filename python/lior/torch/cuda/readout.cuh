// SPDX-License-Identifier: Apache-2.0
#pragma once
// What heads show of their states, and its gradient: docs/math/conventions.md, section 4.4. A
// thread has one head of one token.

#include "octonion.cuh"

namespace lior::cuda {

enum Readout : int { kLinear, kQuadratic, kLinearQuadratic, kInvariants };

/// What both kernels are given; R tokens, S = 8, of complex states 16. Q is the kind's.
template <class T>
struct Shown {
  Long tokens, heads, width;  ///< R, H, Q
  Long kind;
  const T* states;   ///< [R, S, H]
  T* shown;          ///< [R, Q, H]
  const T* d_shown;  ///< [R, Q, H]
  T* d_states;       ///< [R, S, H]
};

/// Calls of_number(part, k) for each linear number, of_square(k), and of_pair(j, k) for each
/// product h_j conj(h_k), in the order of the table of section 4.4.
template <int kParts, class OfNumber, class OfSquare, class OfPair>
LIOR_BOTH void each_shown(Long kind, OfNumber of_number, OfSquare of_square, OfPair of_pair) {
  if (kind == kLinear || kind == kLinearQuadratic) {
#pragma unroll
    for (int p = 0; p < kParts; ++p) {
#pragma unroll
      for (int k = 0; k < 8; ++k) of_number(p, k);
    }
  }
  if (kind == kLinear) return;
#pragma unroll
  for (int k = 0; k < 8; ++k) of_square(k);
  if (kind == kInvariants) {
#pragma unroll
    for (int k = 1; k < 8; ++k) of_pair(k, 0);
    return;
  }
#pragma unroll
  for (int j = 0; j < 8; ++j) {
#pragma unroll
    for (int k = 0; k < 8; ++k) {
      if (j < k) of_pair(j, k);
    }
  }
}

/// Threads: R H.
template <int kParts, class T>
LIOR_BOTH void readout_forward_at(const Shown<T>& s, Long thread) {
  const Long head = thread % s.heads, token = thread / s.heads;
  const auto h = load_state<kParts>(s.states + token * 8 * kParts * s.heads + head, s.heads);
  T* to = s.shown + token * s.width * s.heads + head;
  const auto put = [&](T value) {
    *to = value;
    to += s.heads;
  };
  each_shown<kParts>(
      s.kind, [&](int p, int k) { put(h.part[p].at[k]); },
      [&](int k) {
        T sum = 0;
#pragma unroll
        for (int p = 0; p < kParts; ++p) sum += h.part[p].at[k] * h.part[p].at[k];
        put(sum);
      },
      [&](int j, int k) {
        const T re = h.part[0].at[j] * h.part[0].at[k];
        if constexpr (kParts == 1) {
          put(re);
        } else {
          put(re + h.part[1].at[j] * h.part[1].at[k]);
          put(h.part[1].at[j] * h.part[0].at[k] - h.part[0].at[j] * h.part[1].at[k]);
        }
      });
}

/// Threads: R H.
template <int kParts, class T>
LIOR_BOTH void readout_backward_at(const Shown<T>& s, Long thread) {
  const Long head = thread % s.heads, token = thread / s.heads;
  const Long state = token * 8 * kParts * s.heads + head;
  const auto h = load_state<kParts>(s.states + state, s.heads);
  State<T, kParts> d = {};
  const T* from = s.d_shown + token * s.width * s.heads + head;
  const auto next = [&] {
    const T value = *from;
    from += s.heads;
    return value;
  };
  each_shown<kParts>(
      s.kind, [&](int p, int k) { d.part[p].at[k] += next(); },
      [&](int k) {
        const T g = 2 * next();
#pragma unroll
        for (int p = 0; p < kParts; ++p) d.part[p].at[k] += g * h.part[p].at[k];
      },
      [&](int j, int k) {
        const T re = next();
#pragma unroll
        for (int p = 0; p < kParts; ++p) {
          d.part[p].at[j] += re * h.part[p].at[k];
          d.part[p].at[k] += re * h.part[p].at[j];
        }
        if constexpr (kParts == 2) {
          const T im = next();
          d.part[1].at[j] += im * h.part[0].at[k];
          d.part[0].at[k] += im * h.part[1].at[j];
          d.part[0].at[j] -= im * h.part[1].at[k];
          d.part[1].at[k] -= im * h.part[0].at[j];
        }
      });
  store_state(d, s.d_states + state, s.heads);
}

}  // namespace lior::cuda
