// SPDX-License-Identifier: Apache-2.0
#pragma once
/// The Hamiltonian of the field, on a flat grid, an anisotropic one, or a curved one.

#include <array>
#include <memory>
#include <span>

#include "lior/field/grid.h"

namespace lior::field {

/// An inverse metric, the same everywhere unless fields are given. A grid without z has no g^zz,
/// g^xz and g^yz.
struct InverseMetric {
  double gxx = 1;
  double gyy = 1;
  View<const double, 2> gxx_field{};  ///< [Nx, Ny], or empty; all of the grid's axes, or none
  View<const double, 2> gyy_field{};
  double gzz = 1;
  View<const double, 2> gzz_field{};
  double gxy = 0, gxz = 0, gyz = 0;  ///< off the diagonal
  /// In their places, each where it is given, and only with fields of the diagonal.
  View<const double, 2> gxy_field{}, gxz_field{}, gyz_field{};

  bool varies() const { return !gxx_field.empty(); }
  /// Whether anything is off the diagonal.
  bool is_oblique() const {
    return gxy != 0 || gxz != 0 || gyz != 0 || !gxy_field.empty() || !gxz_field.empty() ||
           !gyz_field.empty();
  }
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
/// Off the diagonal, (1/sqrt g) (D_x sqrt g g^xy D_y + D_y sqrt g g^xy D_x) with the central
/// differences D_x T = (T(x + dx) - T(x - dx)) / 2 dx, and sqrt g = det(g^ij)^{-1/2}: of corners,
/// (x +- dx, y +- dy). It is self-adjoint too, and H - V stays >= 0, since (D_x T)^2 is at most the
/// mean of the squares of both one-sided differences. For periodic axes alone.
///
/// Where ranks share the grid, each has the rows of its Grid; making one and apply are collective.
template <class T>
class Hamiltonian {
 public:
  /// v: [Nx, Ny], copied. Throws lior::Error that prints it where the inverse metric is not finite
  /// and positive definite, or hbar or mass not finite and > 0, or v or an eigenvalue not finite,
  /// and for a metric with a part off the diagonal where one of its axes has walls or one cell.
  Hamiltonian(const Grid& grid, const Physics& physics, const InverseMetric& metric,
              View<const double, 2> v);

  /// out = H[in], apart. One sweep: reads `in` once from memory, writes `out`. Threads over rows;
  /// bit-equal across thread counts. Accuracy: 4 eps (|c| |in|) of the 5 to 19 terms.
  void apply(ConstField<T> in, Field<T> out) const;

  const Grid& grid() const { return grid_; }
  const Physics& physics() const { return physics_; }
  bool varies() const { return varies_; }  ///< the metric, in space
  /// g^xx, g^yy and g^zz of a constant metric.
  const std::array<double, 3>& constant_metric() const { return constant_metric_; }
  /// g^xy, g^xz and g^yz of a constant metric.
  const std::array<double, 3>& constant_cross() const { return constant_cross_; }
  bool is_oblique() const { return oblique_; }  ///< whether H reads corners
  View<const double, 2> v() const { return v_.view(); }
  /// sqrt g at each cell (1 where the metric is constant): the weight of every sum over the grid.
  View<const double, 2> weight() const { return weight_.view(); }
  /// All eigenvalues lie in [lowest, highest] (Gershgorin).
  double lowest() const { return lowest_; }
  double highest() const { return highest_; }

  /// H as factors of a cell: centre (V included), then of the cells that are neighbours()[k] steps
  /// away along x, y and z: x-1, x+1, y-1, y+1, and z-1, z+1 and corners where there are any. Where
  /// the metric varies or the grid has walls, stencil is [Nx, Ny, 1 + side_count()], 0 across a
  /// wall. Else [Nx, Ny, 1], the centre, and sides() for every cell.
  View<const T, 3> stencil() const { return stencil_.view(); }
  bool has_full_stencil() const { return varies_ || grid_.has_walls(); }
  using Steps = std::array<int, 3>;
  static std::span<const Steps> neighbours(int axis_count, bool oblique);
  std::span<const Steps> neighbours() const { return neighbours(grid_.axis_count(), oblique_); }
  int side_count() const { return static_cast<int>(neighbours().size()); }
  const std::array<T, 18>& sides() const { return sides_; }

 private:
  Grid grid_;
  Physics physics_;
  bool varies_, oblique_;
  std::array<double, 3> constant_metric_, constant_cross_;
  double lowest_ = 0, highest_ = 0;
  Array<double, 2> v_, weight_;
  Array<T, 3> stencil_;
  std::array<T, 18> sides_{};
  std::shared_ptr<Halo<T>> halo_;  ///< of what apply reads; null where no ranks share the grid
};

namespace reference {
/// out = H[in], a number at a time.
template <class T>
void hamiltonian(const Hamiltonian<T>& h, ConstField<T> in, Field<T> out);
}  // namespace reference

}  // namespace lior::field
