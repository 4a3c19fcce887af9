// SPDX-License-Identifier: Apache-2.0
#pragma once
// The arguments of the learned metric's kernels. Pairs are i <= j, lexicographic.

#include "lior/core/buffer.h"

namespace lior::geometry {

inline constexpr Index kMostWidth = 64;
inline constexpr Index kMostPairs = 136;  // 16 dimensions

template <class T>
inline constexpr Index kLinePoints = kAlignment /
                                     sizeof(T);  // of a plane in one line of the caches

template <class T>
struct LearnedPlan {
  Index d, width, resilience_width;
  bool lior;
  const T* in;        // [width, d]
  const T* in_bias;   // [width]
  const T* out;       // [pairs, width]
  const T* out_t;     // [width, pairs]
  const T* out_bias;  // [pairs]
  const T* base;      // [pairs]
  const T* resilience_in;
  const T* resilience_in_bias;
  const T* resilience_out;
  T resilience_out_bias;
};

}  // namespace lior::geometry
