// SPDX-License-Identifier: Apache-2.0
#pragma once
/// The grid that a cognitive tensor field lives on, and the potentials.

#include <algorithm>
#include <array>
#include <complex>
#include <string>

#include "lior/core/buffer.h"
#include "lior/core/names.h"
#include "lior/field/share.h"

namespace lior::field {

/// The two ends of an axis: neighbours of each other, or walls at the outer faces of its first and
/// last cells, where T is 0 (dirichlet) or has no slope (neumann).
enum class Boundary { periodic, dirichlet, neumann };
constexpr auto enum_names(Boundary) { return enum_words("periodic", "dirichlet", "neumann"); }

/// Cells in a row, `spacing` apart, and what is at both ends.
struct Axis {
  Index count;
  double spacing;
  Boundary ends;  ///< periodic where the axis has one cell

  bool has_walls() const { return ends != Boundary::periodic; }
  /// Whether a wall is right before cell i, or right after it.
  bool wall_before(Index i) const { return has_walls() && i == 0; }
  bool wall_after(Index i) const { return has_walls() && i + 1 == count; }
  double length() const { return static_cast<double>(count) * spacing; }
  /// Where a cell lies: from cell count / 2 of a periodic axis, from the middle between walls; 0
  /// where the axis has one.
  double place(Index i) const {
    if (count == 1) return 0;
    const double at = static_cast<double>(i) + (has_walls() ? 0.5 : 0);
    return (at - static_cast<double>(count) / 2) * spacing;
  }
  /// The spacing in sums that stand for integrals: 1 for an axis of one cell.
  double measure() const { return count == 1 ? 1 : spacing; }
};

/// Nx x Ny x Nz cells of dx by dy by dz; Nz = 1 unless it is said. An axis of one cell is none: the
/// grid has one dimension less.
///
/// Row i is all cells of one x: Ny of them, or, in three dimensions, the plane of Ny Nz, z by z. A
/// field T is an array [Nx, Ny Nz, D, D] of complex numbers, which is [Nx, Ny, Nz, D, D] with two
/// axes in one, and a number a cell, as a potential, is [Nx, Ny Nz]. Headers write [Nx, Ny] and
/// [Nx, Ny, D, D] for both where z changes nothing.
///
/// Where ranks share a grid, the Grid of each has the rows that it holds, nx of them, and its
/// fields are [nx, Ny Nz, D, D]; sums, places, neighbours and walls are those of the whole grid.
struct Grid {
  Index nx = 0;
  Index ny = 0;
  Index d = 1;  ///< D
  double dx = 1;
  double spacing_y = 0;  ///< dy; 0: dx
  Boundary boundary_x = Boundary::periodic, boundary_y = Boundary::periodic;
  Index nz = 1;
  double spacing_z = 0;  ///< dz; 0: dx
  Boundary boundary_z = Boundary::periodic;
  const Share* share = nullptr;  ///< which rows these are of the grid; null: all. Must outlive it

  Index all_nx() const { return share == nullptr ? nx : share->rows(); }
  Index all_cells() const { return all_nx() * row_cells(); }
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
  double dz() const { return spacing_z > 0 ? spacing_z : dx; }
  /// Those of the whole grid: x, y and z.
  std::array<Axis, 3> axes() const {
    return {axis(all_nx(), dx, boundary_x), axis(ny, dy(), boundary_y), axis(nz, dz(), boundary_z)};
  }
  /// The axes that matter: 3, or 2 where there is no z.
  int axis_count() const { return nz == 1 ? 2 : 3; }
  double length_x() const { return axes()[0].length(); }
  double length_y() const { return axes()[1].length(); }
  double length_z() const { return axes()[2].length(); }
  bool has_walls() const;
  double x(Index i) const { return axes()[0].place(first_row() + i); }  ///< of row i
  double y(Index j) const { return axes()[1].place(j); }
  double z(Index k) const { return axes()[2].place(k); }

  Index row_cells() const { return ny * nz; }
  /// j and k of a cell of a row, cell = j Nz + k.
  Index j_of(Index cell) const { return cell / nz; }
  Index k_of(Index cell) const { return cell % nz; }
  Index cells() const { return nx * row_cells(); }
  /// The index of a cell of row i along an axis of the whole grid.
  Index index(int axis, Index i, Index cell) const {
    if (axis == 0) return first_row() + i;
    return axis == 1 ? j_of(cell) : k_of(cell);
  }
  /// The cell a step of 1 or -1 along an axis from another; the cell itself where a wall is in
  /// between. Rows -1 and nx are those beside the ones of this grid, and wrap around.
  struct Neighbour {
    Index row, cell;
    bool beyond_wall;
  };
  Neighbour neighbour(int axis, Index i, Index cell, Index step) const {
    const Axis along = axes()[axis];
    const Index at = index(axis, i, cell);
    if (step < 0 ? along.wall_before(at) : along.wall_after(at)) return {i, cell, true};
    if (axis == 0) return {i + step, cell, false};
    const Index away = (at + step + along.count) % along.count - at;
    return {i, cell + away * (axis == 1 ? nz : 1), false};
  }
  /// A part 1 / parts of the shortest side, axes of one cell left out.
  double part_of_side(double parts) const;
  /// The volume of a cell in sums that stand for integrals.
  double measure() const;
  Index numbers() const { return cells() * d * d; }  ///< complex ones, in a field
  Shape<4> shape() const { return {nx, row_cells(), d, d}; }
  Shape<2> cell_shape() const { return {nx, row_cells()}; }  ///< of a number a cell
  /// Rows that are worth a thread.
  Index row_grain() const { return 1 + 16384 / (row_cells() * d * d); }
  /// Throws lior::Error unless nx, ny, nz >= 1, 1 <= d <= 1024, a field has at most 2^40 numbers,
  /// and dx, dy and dz are finite and > 0.
  void check() const;
  /// For messages: the whole grid, "64 x 64", and a cell of row i of these, "(3, 4)".
  std::string size_text() const;
  std::string cell_text(Index i, Index cell) const;

 private:
  static Axis axis(Index count, double spacing, Boundary ends) {
    return {count, spacing, count == 1 ? Boundary::periodic : ends};
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

/// v: [Nx, Ny], of the distance r = (x, y, z) from the grid's middle, without wrapping:
/// harmonic strength r^2 / 2 (frequency sqrt(strength / m)); gaussian_well and gaussian_barrier
/// -/+ strength exp(-r^2 / (2 sigma^2)), sigma = a quarter of the grid's shorter side (of a grid of
/// one row or column: of its length); constant strength.
void fill_potential(Potential kind, double strength, const Grid& grid, View<double, 2> v);

}  // namespace lior::field
