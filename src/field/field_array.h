// SPDX-License-Identifier: Apache-2.0
#pragma once
// Arrays of an evolution, number by number.

#include "lior/core/parallel.h"
#include "lior/field/diagnostics.h"

namespace lior::field {

template <class Body>
void for_numbers(Index count, const Body& body) {
  constexpr Index kGrain = 16384;
  parallel_for(count, kGrain, [&](Index begin, Index end, int) {
    for (Index k = begin; k < end; ++k) body(k);
  });
}

/// A copy; zeros of an empty field. Throws lior::Error that names it where the shape differs,
/// and its first cell that is not finite.
template <class T>
Array<std::complex<T>, 4> copy_of(ConstField<T> from, const Grid& grid, const char* name) {
  Array<std::complex<T>, 4> copy(grid.shape());
  if (from.empty()) return copy;
  check_shape(from, grid.shape(), name);
  const auto [row, cell] = first_broken_cell<T>(from);
  LIOR_CHECK(row < 0, "{} is not finite at cell {}; expected finite numbers", name,
             grid.cell_text(row, cell));
  std::copy(from.begin(), from.end(), copy.data());
  return copy;
}

}  // namespace lior::field
