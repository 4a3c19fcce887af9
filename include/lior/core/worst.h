// SPDX-License-Identifier: Apache-2.0
#pragma once
/// The largest of many residuals, where a NaN is worse than any number.

#include <cmath>
#include <initializer_list>

namespace lior {

/// Starts at 0. Once a NaN has come in, value() is NaN, whatever comes after it.
template <class T>
class Worst {
 public:
  void add(T residual) {
    if (std::isnan(value_)) return;
    if (!(residual <= value_)) value_ = residual;
  }
  T value() const { return value_; }

 private:
  T value_ = 0;
};

/// The worst of a few.
template <class T>
T worst_of(std::initializer_list<T> residuals) {
  Worst<T> worst;
  for (const T residual : residuals) worst.add(residual);
  return worst.value();
}

}  // namespace lior
