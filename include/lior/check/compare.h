// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Errors of arrays, and the dtype names of rows.

#include <cmath>
#include <span>
#include <string>

#include "lior/core/view.h"

namespace lior::check {

template <class T>
inline constexpr const char* kDtype = nullptr;
template <>
inline constexpr const char* kDtype<float> = "f32";
template <>
inline constexpr const char* kDtype<double> = "f64";

/// Largest |got - want|; NaN if any entry of either is NaN, or if the sizes differ.
template <class A, class B>
double max_difference(const A& got, const B& want) {
  const auto count = static_cast<Index>(got.size());
  if (count != static_cast<Index>(want.size())) return NAN;
  double largest = 0;
  for (Index i = 0; i < count; ++i) {
    const double difference = std::abs(static_cast<double>(got[i]) - static_cast<double>(want[i]));
    if (!(difference <= largest)) largest = difference;  // NaN goes in and stays
    if (std::isnan(largest)) return largest;
  }
  return largest;
}

/// max_difference over the largest |want| (over 1 where want is all zero).
template <class A, class B>
double relative_difference(const A& got, const B& want) {
  double scale = 0;
  for (const auto value : want) scale = std::max(scale, std::abs(static_cast<double>(value)));
  return max_difference(got, want) / (scale > 0 ? scale : 1);
}

}  // namespace lior::check
