// SPDX-License-Identifier: Apache-2.0
#pragma once
/// The Hamiltonian of the field, on a flat grid, an anisotropic one, or a curved one.

#include <array>
#include <memory>

#include "lior/field/grid.h"

namespace lior::field {

/// An inverse metric (g^xx, g^yy, g^zz), diagonal, the same everywhere unless fields are given. A
/// grid without z has no g^zz.
struct InverseMetric {
  double gxx = 1;
  double gyy = 1;
  View<const double, 2> gxx_field{};  ///< [Nx, Ny], or empty; all of the grid's axes, or none
  View<const double, 2> gyy_field{};
  double gzz = 1;
  View<const double, 2> gzz_field{};
  bool varies() const { return !gxx_field.empty(); }
};

struct Physics {
  double hbar = 0.1;
  double mass = 1;
};

/// H[T] = -(hbar^2 / 2m) Laplacian T + V T, entry by entry.
///
/// Flat and constant: Laplacian = g^xx d2/dx2 + g^yy d2/dy2 + g^zz d2/dz2, three points each.
/// Varying: Laplace-Beltrami, (1/sqrt g) d_i (sqrt g g^ij d_j) with sqrt g = (g^xx g^yy
/// g^zz)^{-1/2} (of two axes where there is no z), as fluxes through cell faces with the
/// coefficient's mean of both sides, so that H is self-adjoint in sum sqrt(g) conj(A) B to
/// rounding. At a wall the value beyond the face is -T (dirichlet) or T (neumann), with the metric
/// of the cell before it.
///
/// Where ranks share the grid, each has the rows of its Grid; making one and apply are collective.
template <class T>
class Hamiltonian {
 public:
  /// v: [Nx, Ny], copied. Throws lior::Error that prints it where a value of the inverse metric is
  /// not finite and > 0, or hbar or mass is not, or v or an eigenvalue is not finite.
  Hamiltonian(const Grid& grid, const Physics& physics, const InverseMetric& metric,
              View<const double, 2> v);

  /// out = H[in], apart. One sweep: reads `in` once from memory, writes `out`. Threads over rows;
  /// bit-equal across thread counts. Accuracy: 4 eps (|c| |in|) of the five or seven terms.
  void apply(ConstField<T> in, Field<T> out) const;

  const Grid& grid() const { return grid_; }
  const Physics& physics() const { return physics_; }
  bool varies() const { return varies_; }  ///< the metric, in space
  /// g^xx, g^yy and g^zz of a constant metric.
  const std::array<double, 3>& constant_metric() const { return constant_metric_; }
  View<const double, 2> v() const { return v_.view(); }
  /// sqrt g at each cell (1 where the metric is constant): the weight of every sum over the grid.
  View<const double, 2> weight() const { return weight_.view(); }
  /// All eigenvalues lie in [lowest, highest] (Gershgorin).
  double lowest() const { return lowest_; }
  double highest() const { return highest_; }

  /// H as factors of a cell: centre (V included), x-1, x+1, y-1, y+1 and, where there is z, z-1,
  /// z+1. Where the metric varies or the grid has walls, stencil is [Nx, Ny, 5 or 7], 0 across a
  /// wall. Else [Nx, Ny, 1], the centre, and sides() for every cell.
  View<const T, 3> stencil() const { return stencil_.view(); }
  bool has_full_stencil() const { return varies_ || grid_.has_walls(); }
  int side_count() const { return 2 * grid_.axis_count(); }
  const std::array<T, 6>& sides() const { return sides_; }

 private:
  Grid grid_;
  Physics physics_;
  bool varies_;
  std::array<double, 3> constant_metric_;
  double lowest_ = 0, highest_ = 0;
  Array<double, 2> v_, weight_;
  Array<T, 3> stencil_;
  std::array<T, 6> sides_{};
  std::shared_ptr<Halo<T>> halo_;  ///< of what apply reads; null where no ranks share the grid
};

namespace reference {
/// out = H[in], a number at a time.
template <class T>
void hamiltonian(const Hamiltonian<T>& h, ConstField<T> in, Field<T> out);
}  // namespace reference

}  // namespace lior::field
