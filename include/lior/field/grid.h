// SPDX-License-Identifier: Apache-2.0
#pragma once
/// The grid that a cognitive tensor field lives on, and the potentials.

#include <algorithm>
#include <array>
#include <complex>

#include "lior/core/buffer.h"
#include "lior/core/names.h"
#include "lior/field/share.h"

namespace lior::field {

/// The two ends of an axis: neighbours of each other, or walls at the outer faces of its first and
/// last cells, where T is 0 (dirichlet) or has no slope (neumann).
enum class Boundary { periodic, dirichlet, neumann };
constexpr auto enum_names(Boundary) { return enum_words("periodic", "dirichlet", "neumann"); }

/// Nx x Ny cells, dx wide and dy high; x is axis 0, y axis 1. A field T is an array [Nx, Ny, D, D]
/// of complex numbers. An axis of one cell is none: the grid has one dimension less.
/// Where ranks share a grid, the Grid of each has the rows that it holds, nx of them, and its
/// fields are [nx, Ny, D, D]; sums, places, neighbours and walls are those of the whole grid.
struct Grid {
  Index nx = 0;
  Index ny = 0;
  Index d = 1;  ///< D
  double dx = 1;
  double spacing_y = 0;  ///< dy; 0: dx
  Boundary boundary_x = Boundary::periodic, boundary_y = Boundary::periodic;
  const Share* share = nullptr;  ///< which rows these are of the grid; null: all. Must outlive it

  Index all_nx() const { return share == nullptr ? nx : share->rows(); }
  Index all_cells() const { return all_nx() * ny; }
  Index all_numbers() const { return all_cells() * d * d; }
  /// All of it, as one process has it.
  Grid whole() const {
    Grid all = *this;
    all.nx = all_nx();
    all.share = nullptr;
    return all;
  }
  Index first_row() const { return share == nullptr ? 0 : share->first(); }

  double dy() const { return spacing_y > 0 ? spacing_y : dx; }
  double length_x() const { return static_cast<double>(all_nx()) * dx; }
  double length_y() const { return static_cast<double>(ny) * dy(); }
  /// The boundaries, where an axis of one cell has none.
  Boundary ends_x() const { return all_nx() == 1 ? Boundary::periodic : boundary_x; }
  Boundary ends_y() const { return ny == 1 ? Boundary::periodic : boundary_y; }
  bool has_walls() const {
    return ends_x() != Boundary::periodic || ends_y() != Boundary::periodic;
  }
  /// Whether a wall is right before row i or cell j of a row, or right after it.
  bool wall_before_row(Index i) const {
    return ends_x() != Boundary::periodic && first_row() + i == 0;
  }
  bool wall_after_row(Index i) const {
    return ends_x() != Boundary::periodic && first_row() + i + 1 == all_nx();
  }
  bool wall_before(Index j) const { return ends_y() != Boundary::periodic && j == 0; }
  bool wall_after(Index j) const { return ends_y() != Boundary::periodic && j + 1 == ny; }
  /// Where a cell lies: from cell Nx / 2 of a periodic axis, from the middle between walls; 0 where
  /// an axis has one.
  double x(Index i) const { return place(first_row() + i, all_nx(), dx, ends_x()); }
  double y(Index j) const { return place(j, ny, dy(), ends_y()); }
  /// dx and dy in sums that stand for integrals: 1 for an axis of one cell.
  double measure_x() const { return all_nx() == 1 ? 1 : dx; }
  double measure_y() const { return ny == 1 ? 1 : dy(); }

  Index cells() const { return nx * ny; }
  /// A part 1 / parts of the shorter side, an axis of one cell left out.
  double part_of_side(double parts) const {
    const double along_x = static_cast<double>(all_nx()) / parts * dx;
    const double along_y = static_cast<double>(ny) / parts * dy();
    return std::min(all_nx() == 1 ? along_y : along_x, ny == 1 ? along_x : along_y);
  }
  Index numbers() const { return nx * ny * d * d; }  ///< complex ones, in a field
  Shape<4> shape() const { return {nx, ny, d, d}; }
  /// Rows (fixed x) that are worth a thread.
  Index row_grain() const { return 1 + 16384 / (ny * d * d); }
  /// Throws lior::Error unless nx, ny >= 1, 1 <= d <= 1024, a field has at most 2^40 numbers, and
  /// dx and dy are finite and > 0.
  void check() const;

 private:
  static double place(Index i, Index count, double spacing, Boundary ends) {
    if (count == 1) return 0;
    const double at = static_cast<double>(i) + (ends == Boundary::periodic ? 0 : 0.5);
    return (at - static_cast<double>(count) / 2) * spacing;
  }
};

/// A workspace for sums over the rows of a grid, of as many numbers a row of the whole grid as the
/// function says that takes it; and which ranks share the grid.
struct RowSums {
  std::span<double> numbers;
  const Share* share = nullptr;

  // NOLINTNEXTLINE(google-explicit-constructor): a grid of one process
  RowSums(std::span<double> workspace) : numbers(workspace) {}
  RowSums(std::span<double> workspace, const Grid& grid) : numbers(workspace), share(grid.share) {}

  /// `all`: Each numbers a row; those of other ranks' rows come. Collective.
  template <std::size_t Each>
  void gather(std::span<double> all) const {
    if (share == nullptr) return;
    using Row = std::array<double, Each>;
    share->ranks().all_gather(std::span(reinterpret_cast<Row*>(all.data()), all.size() / Each),
                              share->ends());
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
