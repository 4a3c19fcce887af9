#include "lior/field/grid.h"

#include <cmath>
#include <iterator>

namespace lior::field {

void Grid::check() const {
  LIOR_CHECK(nx >= 1 && ny >= 1, "the grid is {} x {} cells; expected at least 1 x 1", nx, ny);
  LIOR_CHECK(d >= 1, "the field's tensors are {0} x {0}; expected D >= 1", d);
  LIOR_CHECK(dx > 0 && std::isfinite(dx),
             "the grid's spacing dx is {}; expected a finite number > 0", dx);
}

Potential potential_from_name(std::string_view name) {
  constexpr std::string_view kNames[] = {"zero", "constant", "harmonic", "gaussian_well",
                                         "gaussian_barrier"};
  const auto found = std::find(std::begin(kNames), std::end(kNames), name);
  LIOR_CHECK(found != std::end(kNames),
             "potential '{}' is unknown; expected zero, constant, harmonic, gaussian_well or "
             "gaussian_barrier",
             name);
  return static_cast<Potential>(found - std::begin(kNames));
}

void fill_potential(Potential kind, double strength, const Grid& grid, View<double, 2> v) {
  check_shape(v, {grid.nx, grid.ny}, "v");
  LIOR_CHECK(std::isfinite(strength), "the potential's strength is {}; expected a finite number",
             strength);
  const double sigma = static_cast<double>(std::min(grid.nx, grid.ny)) / 4 * grid.dx;
  for (Index i = 0; i < grid.nx; ++i) {
    for (Index j = 0; j < grid.ny; ++j) {
      const double x = (static_cast<double>(i) - static_cast<double>(grid.nx) / 2) * grid.dx;
      const double y = (static_cast<double>(j) - static_cast<double>(grid.ny) / 2) * grid.dx;
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
