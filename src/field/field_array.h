// SPDX-License-Identifier: Apache-2.0
#pragma once
// Arrays of an evolution, number by number.

#include "lior/core/parallel.h"
#include "lior/field/grid.h"

namespace lior::field {

template <class Body>
void for_numbers(Index count, const Body& body) {
  constexpr Index kGrain = 16384;
  parallel_for(count, kGrain, [&](Index begin, Index end, int) {
    for (Index k = begin; k < end; ++k) body(k);
  });
}

/// A copy; zeros of an empty field. Throws lior::Error that names it where the shape differs.
template <class T>
Array<std::complex<T>, 4> copy_of(ConstField<T> from, const Grid& grid, const char* name) {
  Array<std::complex<T>, 4> copy(grid.shape());
  if (from.empty()) return copy;
  check_shape(from, grid.shape(), name);
  std::copy(from.begin(), from.end(), copy.data());
  return copy;
}

}  // namespace lior::field
