// SPDX-License-Identifier: Apache-2.0
#pragma once
/// The periodic grid that a cognitive tensor field lives on, and the potentials.

#include <algorithm>
#include <complex>

#include "lior/core/buffer.h"
#include "lior/core/names.h"

namespace lior::field {

/// Nx x Ny cells, spacing dx in both directions, periodic; x is axis 0, y axis 1. A field T is an
/// array [Nx, Ny, D, D] of complex numbers.
struct Grid {
  Index nx = 0;
  Index ny = 0;
  Index d = 1;  ///< D
  double dx = 1;

  Index cells() const { return nx * ny; }
  /// The smaller of nx and ny, an axis of one cell left out: what is as wide as the grid is in
  /// fewer dimensions too.
  Index smaller_extent() const { return std::min(nx == 1 ? ny : nx, ny == 1 ? nx : ny); }
  Index numbers() const { return nx * ny * d * d; }  ///< complex ones, in a field
  Shape<4> shape() const { return {nx, ny, d, d}; }
  /// Rows (fixed x) that are worth a thread.
  Index row_grain() const { return 1 + 16384 / (ny * d * d); }
  /// Throws lior::Error unless nx, ny >= 1, 1 <= d <= 1024, a field has at most 2^40 numbers, and
  /// dx is finite and > 0.
  void check() const;
};

template <class T>
using Field = View<std::complex<T>, 4>;
template <class T>
using ConstField = View<const std::complex<T>, 4>;

enum class Potential { zero, constant, harmonic, gaussian_well, gaussian_barrier };
constexpr auto enum_names(Potential) {
  return enum_words("zero", "constant", "harmonic", "gaussian_well", "gaussian_barrier");
}

/// v: [Nx, Ny], of distance r from (Nx/2, Ny/2) in cells times dx, without wrapping:
/// harmonic strength r^2 / 2 (frequency sqrt(strength / m)); gaussian_well and gaussian_barrier
/// -/+ strength exp(-r^2 / (2 sigma^2)), sigma = min(Nx, Ny) / 4 cells (of a
/// grid of one row or column: its length / 4); constant strength.
void fill_potential(Potential kind, double strength, const Grid& grid, View<double, 2> v);

}  // namespace lior::field
