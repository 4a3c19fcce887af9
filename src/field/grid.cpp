// SPDX-License-Identifier: Apache-2.0
#include "lior/field/grid.h"

#include <cmath>

#include "lior/core/checked.h"

namespace lior::field {

void Grid::check() const {
  LIOR_CHECK(nx >= 1 && ny >= 1, "the grid is {} x {} cells; expected at least 1 x 1", nx, ny);
  LIOR_CHECK(d >= 1, "the field's tensors are {0} x {0}; expected D >= 1", d);
  constexpr Index kMostD = 1024, kMostNumbers = Index{1} << 40;
  LIOR_CHECK(d <= kMostD, "the field's tensors are {0} x {0}; expected D <= {1}", d, kMostD);
  LIOR_CHECK(saturating_product(saturating_product(all_nx(), ny), d * d) <= kMostNumbers,
             "a field of {} x {} cells with {} numbers each is larger than 2^40 numbers; choose a "
             "smaller grid",
             all_nx(), ny, d * d);
  LIOR_CHECK(dx > 0 && std::isfinite(dx),
             "the grid's spacing dx is {}; expected a finite number > 0", dx);
  LIOR_CHECK(spacing_y >= 0 && std::isfinite(spacing_y),
             "the grid's spacing dy is {}; expected a finite number > 0", spacing_y);
}

void fill_potential(Potential kind, double strength, const Grid& grid, View<double, 2> v) {
  check_shape(v, {grid.nx, grid.ny}, "v");
  LIOR_CHECK(std::isfinite(strength), "the potential's strength is {}; expected a finite number",
             strength);
  const double sigma = grid.part_of_side(4);
  for (Index i = 0; i < grid.nx; ++i) {
    for (Index j = 0; j < grid.ny; ++j) {
      const double x = grid.x(i), y = grid.y(j);
      const double r2 = x * x + y * y, bell = strength * std::exp(-r2 / (2 * sigma * sigma));
      switch (kind) {
        case Potential::zero: v(i, j) = 0; break;
        case Potential::constant: v(i, j) = strength; break;
        case Potential::harmonic: v(i, j) = strength * r2 / 2; break;
        case Potential::gaussian_well: v(i, j) = -bell; break;
        case Potential::gaussian_barrier: v(i, j) = bell; break;
      }
    }
  }
}

}  // namespace lior::field
