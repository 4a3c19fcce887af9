// SPDX-License-Identifier: Apache-2.0
#pragma once
/// The periodic grid that a cognitive tensor field lives on, and the potentials.

#include <algorithm>
#include <complex>

#include "lior/core/buffer.h"
#include "lior/core/names.h"

namespace lior::field {

/// Nx x Ny cells, dx wide and dy high, periodic; x is axis 0, y axis 1. A field T is an array
/// [Nx, Ny, D, D] of complex numbers. An axis of one cell is none: the grid has one dimension less.
struct Grid {
  Index nx = 0;
  Index ny = 0;
  Index d = 1;  ///< D
  double dx = 1;
  double spacing_y = 0;  ///< dy; 0: dx

  double dy() const { return spacing_y > 0 ? spacing_y : dx; }
  double length_x() const { return static_cast<double>(nx) * dx; }
  double length_y() const { return static_cast<double>(ny) * dy(); }
  /// Where a cell lies, from the grid's middle, Nx / 2 cells from the first; 0 where an axis has
  /// one.
  double x(Index i) const { return place(i, nx, dx); }
  double y(Index j) const { return place(j, ny, dy()); }
  /// dx and dy in sums that stand for integrals: 1 for an axis of one cell.
  double measure_x() const { return nx == 1 ? 1 : dx; }
  double measure_y() const { return ny == 1 ? 1 : dy(); }

  Index cells() const { return nx * ny; }
  /// A part 1 / parts of the shorter side, an axis of one cell left out.
  double part_of_side(double parts) const {
    const double along_x = static_cast<double>(nx) / parts * dx;
    const double along_y = static_cast<double>(ny) / parts * dy();
    return std::min(nx == 1 ? along_y : along_x, ny == 1 ? along_x : along_y);
  }
  Index numbers() const { return nx * ny * d * d; }  ///< complex ones, in a field
  Shape<4> shape() const { return {nx, ny, d, d}; }
  /// Rows (fixed x) that are worth a thread.
  Index row_grain() const { return 1 + 16384 / (ny * d * d); }
  /// Throws lior::Error unless nx, ny >= 1, 1 <= d <= 1024, a field has at most 2^40 numbers, and
  /// dx and dy are finite and > 0.
  void check() const;

 private:
  static double place(Index i, Index count, double spacing) {
    return count == 1 ? 0 : (static_cast<double>(i) - static_cast<double>(count) / 2) * spacing;
  }
};

template <class T>
using Field = View<std::complex<T>, 4>;
template <class T>
using ConstField = View<const std::complex<T>, 4>;

enum class Potential { zero, constant, harmonic, gaussian_well, gaussian_barrier };
constexpr auto enum_names(Potential) {
  return enum_words("zero", "constant", "harmonic", "gaussian_well", "gaussian_barrier");
}

/// v: [Nx, Ny], of the distance r = (x, y) from the grid's middle, without wrapping:
/// harmonic strength r^2 / 2 (frequency sqrt(strength / m)); gaussian_well and gaussian_barrier
/// -/+ strength exp(-r^2 / (2 sigma^2)), sigma = a quarter of the grid's shorter side (of a grid of
/// one row or column: of its length); constant strength.
void fill_potential(Potential kind, double strength, const Grid& grid, View<double, 2> v);

}  // namespace lior::field
