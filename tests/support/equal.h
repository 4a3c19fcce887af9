// SPDX-License-Identifier: Apache-2.0
#pragma once
// Arrays that must be the same to the bit.

#include <algorithm>
#include <span>

namespace lior {

/// Whether both hold as many numbers and these are equal one by one; a NaN is equal to nothing.
template <class A, class B>
bool equal(const A& a, const B& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end());
}

}  // namespace lior
