// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Where a field is, how wide, how fast it moves and turns.

#include <string_view>
#include <vector>

#include "lior/field/hamiltonian.h"

namespace lior::field {

/// Means over |T|^2, all entries added up: x from the grid's middle (grid.h), without wrapping;
/// widths sqrt(<x^2> - <x>^2); momenta by central differences on the periodic grid,
///     <p_x> = hbar Im sum w conj(T) (T_{x+1} - T_{x-1}) / (2 dx N), N = sum w |T|^2,
/// hbar sin(k dx) / dx of a plane wave; L_z = <x p_y - y p_x>, L_x = <y p_z - z p_y> and L_y =
/// <z p_x - x p_z>, which mean what they say where the field does not reach over the edge. w =
/// sqrt(g), the Hamiltonian's weight. Without z what is of it is 0.
struct Expectations {
  double x, y, width_x, width_y, p_x, p_y, l_z, z, width_z, p_z, l_x, l_y;

  struct Named {
    std::string_view name;
    double value;
  };
  /// Those of axes of more than one cell, in the order above.
  std::vector<Named> named(const Grid& grid) const;
};

/// Those of t: [Nx, Ny, D, D]; NaN for a field without norm. In double, cells in order: bit-equal
/// across thread counts. `row_sums`: a workspace of 2 Nx numbers. Five passes over the field, nine
/// in three dimensions.
template <class T>
Expectations expectations(const Hamiltonian<T>& h, ConstField<T> t, RowSums row_sums);

}  // namespace lior::field
