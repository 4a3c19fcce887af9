// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Where a field is, how wide, how fast it moves and turns.

#include <array>
#include <span>
#include <string_view>

#include "lior/field/hamiltonian.h"

namespace lior::field {

/// Means over |T|^2, all entries added up: x from the grid's middle (grid.h), without wrapping;
/// widths sqrt(<x^2> - <x>^2); momenta by central differences on the periodic grid,
///     <p_x> = hbar Im sum w conj(T) (T_{x+1} - T_{x-1}) / (2 dx N), N = sum w |T|^2,
/// hbar sin(k dx) / dx of a plane wave; L_z = <x p_y - y p_x>, which means what it says where the
/// field does not reach over the edge. w = sqrt(g), the Hamiltonian's weight. Without z the last
/// three are 0 and have no names.
struct Expectations {
  double x, y, width_x, width_y, p_x, p_y, l_z, z, width_z, p_z;

  static constexpr std::array<std::string_view, 10> kNames{
      "x", "y", "width_x", "width_y", "p_x", "p_y", "l_z", "z", "width_z", "p_z"};
  static std::span<const std::string_view> names(const Grid& grid) {
    return std::span(kNames).first(grid.axis_count() == 3 ? 10 : 7);
  }
  std::array<double, 10> values() const {
    return {x, y, width_x, width_y, p_x, p_y, l_z, z, width_z, p_z};
  }
};

/// Those of t: [Nx, Ny, D, D]; NaN for a field without norm. In double, cells in order: bit-equal
/// across thread counts. `row_sums`: a workspace of 2 Nx numbers. Five passes over the field, eight
/// in three dimensions.
template <class T>
Expectations expectations(const Hamiltonian<T>& h, ConstField<T> t, RowSums row_sums);

}  // namespace lior::field
