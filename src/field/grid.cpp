// SPDX-License-Identifier: Apache-2.0
#include "lior/field/grid.h"

#include <cmath>

#include "lior/core/checked.h"

namespace lior::field {

void Grid::check() const {
  LIOR_CHECK(nx >= 1 && ny >= 1 && nz >= 1, "the grid is {} cells; expected at least {}",
             size_text(), nz == 1 ? "1 x 1" : "1 x 1 x 1");
  LIOR_CHECK(d >= 1, "the field's tensors are {0} x {0}; expected D >= 1", d);
  constexpr Index kMostD = 1024, kMostNumbers = Index{1} << 40;
  LIOR_CHECK(d <= kMostD, "the field's tensors are {0} x {0}; expected D <= {1}", d, kMostD);
  Index numbers = d * d;
  for (const Index count : {all_nx(), ny, nz}) numbers = saturating_product(numbers, count);
  LIOR_CHECK(numbers <= kMostNumbers,
             "a field of {} cells with {} numbers each is larger than 2^40 numbers; choose a "
             "smaller grid",
             size_text(), d * d);
  LIOR_CHECK(dx > 0 && std::isfinite(dx),
             "the grid's spacing dx is {}; expected a finite number > 0", dx);
  for (const auto& [name, spacing] : {std::pair("dy", spacing_y), {"dz", spacing_z}}) {
    LIOR_CHECK(spacing >= 0 && std::isfinite(spacing),
               "the grid's spacing {} is {}; expected a finite number > 0", name, spacing);
  }
}

std::string Grid::size_text() const {
  const std::string plane = fmt::format("{} x {}", all_nx(), ny);
  return nz == 1 ? plane : fmt::format("{} x {}", plane, nz);
}

std::string Grid::cell_text(Index i, Index cell) const {
  const std::string plane = fmt::format("({}, {}", first_row() + i, j_of(cell));
  return nz == 1 ? plane + ")" : fmt::format("{}, {})", plane, k_of(cell));
}

bool Grid::has_walls() const {
  const auto all = axes();
  return std::any_of(all.begin(), all.end(), [](const Axis& axis) { return axis.has_walls(); });
}

double Grid::measure() const {
  double volume = 1;
  for (const Axis& axis : axes()) volume *= axis.measure();
  return volume;
}

double Grid::part_of_side(double parts) const {
  double shortest = INFINITY;
  for (const Axis& axis : axes()) {
    if (axis.count == 1) continue;
    shortest = std::min(shortest, static_cast<double>(axis.count) / parts * axis.spacing);
  }
  return std::isinf(shortest) ? dx / parts : shortest;
}

void fill_potential(Potential kind, double strength, const Grid& grid, View<double, 2> v) {
  check_shape(v, grid.cell_shape(), "v");
  LIOR_CHECK(std::isfinite(strength), "the potential's strength is {}; expected a finite number",
             strength);
  const double sigma = grid.part_of_side(4);
  for (Index i = 0; i < grid.nx; ++i) {
    for (Index c = 0; c < grid.row_cells(); ++c) {
      const double x = grid.x(i), y = grid.y(grid.j_of(c)), z = grid.z(grid.k_of(c));
      const double r2 = x * x + y * y + z * z,
                   bell = strength * std::exp(-r2 / (2 * sigma * sigma));
      switch (kind) {
        case Potential::zero: v(i, c) = 0; break;
        case Potential::constant: v(i, c) = strength; break;
        case Potential::harmonic: v(i, c) = strength * r2 / 2; break;
        case Potential::gaussian_well: v(i, c) = -bell; break;
        case Potential::gaussian_barrier: v(i, c) = bell; break;
      }
    }
  }
}

}  // namespace lior::field
