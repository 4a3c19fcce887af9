// SPDX-License-Identifier: Apache-2.0
#include "lior/field/hamiltonian.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "field/kernels/hamiltonian.inl.h"
#include <hwy/foreach_target.h>
#include "field/kernels/hamiltonian.inl.h"

#if HWY_ONCE
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <optional>

#include "lior/core/parallel.h"
#include "lior/simd/dispatch.h"

namespace lior::field {
namespace {

void check_positive(const char* what, double value) {
  LIOR_CHECK(value > 0 && std::isfinite(value), "{} is {}; expected a finite number > 0", what,
             value);
}

/// where(): " at cell (1, 2)", or nothing.
template <class Where>
void check_components(std::span<const double> g, const Where& where) {
  const auto is_positive = [](double value) { return value > 0 && std::isfinite(value); };
  LIOR_CHECK(std::all_of(g.begin(), g.end(), is_positive),
             "the inverse metric{} is ({}); expected finite numbers > 0", where(),
             fmt::join(g, ", "));
}

void check_inverse_metric(const Grid& grid, const InverseMetric& metric) {
  const auto axes = static_cast<std::size_t>(grid.axis_count());
  const std::array<double, 3> constant{metric.gxx, metric.gyy, metric.gzz};
  if (!metric.varies()) {
    LIOR_CHECK(metric.gyy_field.empty() && metric.gzz_field.empty(),
               "the inverse metric has a field g^yy or g^zz and none for g^xx");
    return check_components(std::span(constant).first(axes), [] { return ""; });
  }
  LIOR_CHECK(axes == 3 || metric.gzz_field.empty(),
             "the inverse metric has a field g^zz, and the grid no axis z");
  check_shape(metric.gxx_field, grid.cell_shape(), "the inverse metric's g^xx");
  check_shape(metric.gyy_field, grid.cell_shape(), "the inverse metric's g^yy");
  if (axes == 3) check_shape(metric.gzz_field, grid.cell_shape(), "the inverse metric's g^zz");
  for (Index i = 0; i < grid.nx; ++i) {
    for (Index c = 0; c < grid.row_cells(); ++c) {
      const double here[] = {metric.gxx_field(i, c), metric.gyy_field(i, c),
                             axes == 3 ? metric.gzz_field(i, c) : 0};
      check_components(std::span(here).first(axes),
                       [&] { return " at cell " + grid.cell_text(i, c); });
    }
  }
}

void check_potential(const Grid& grid, View<const double, 2> v) {
  check_shape(v, grid.cell_shape(), "the potential");
  for (Index i = 0; i < grid.nx; ++i) {
    for (Index c = 0; c < grid.row_cells(); ++c) {
      LIOR_CHECK(std::isfinite(v(i, c)), "the potential at cell {} is {}; expected finite",
                 grid.cell_text(i, c), v(i, c));
    }
  }
}

/// Rows of a field over the cells, and of those beside it: row -1 and row nx wrap around the grid.
class CellRows {
 public:
  CellRows(const Grid& grid, View<const double, 2> cells) : grid_(grid), cells_(cells) {
    if (grid.share == nullptr || cells.empty()) return;
    halo_.emplace(*grid.share, 1, grid.row_cells(), "H");
    halo_->exchange(cells.data());
  }
  double operator()(Index i, Index cell) const {
    if (halo_) return halo_->row(cells_.data(), i)[cell];
    return cells_((i + grid_.nx) % grid_.nx, cell);
  }

 private:
  const Grid& grid_;
  View<const double, 2> cells_;
  std::optional<Halo<double>> halo_;
};

/// What flows between a cell and its neighbours.
class Fluxes {
 public:
  Fluxes(const Grid& grid, const Physics& physics, const InverseMetric& metric)
      : grid_(grid),
        varies_(metric.varies()),
        constant_{metric.gxx, metric.gyy, metric.gzz},
        fields_{{grid, metric.gxx_field}, {grid, metric.gyy_field}, {grid, metric.gzz_field}} {
    for (int axis = 0; axis < 3; ++axis) {
      const auto [count, step, ends] = grid.axes()[axis];
      if (count == 1) continue;  // no differences
      scale_[axis] = -physics.hbar * physics.hbar / (2 * physics.mass * step * step);
    }
  }

  /// sqrt g.
  double root(Index i, Index c) const {
    if (!varies_) return 1;
    double product = g(0, i, c) * g(1, i, c);
    if (grid_.axis_count() == 3) product *= g(2, i, c);
    return 1 / std::sqrt(product);
  }
  /// The factor of a neighbour along an axis in H at a cell.
  double factor(int axis, Index i, Index c, const Grid::Neighbour& other) const {
    const double flux = (root(i, c) * g(axis, i, c) +
                         root(other.row, other.cell) * g(axis, other.row, other.cell)) /
                        2;
    return scale_[axis] * flux / root(i, c);
  }

 private:
  double g(int axis, Index i, Index c) const {
    return varies_ ? fields_[axis](i, c) : constant_[axis];
  }

  const Grid& grid_;
  bool varies_;
  double constant_[3], scale_[3] = {};
  CellRows fields_[3];
};

Grid checked(const Grid& grid) {
  grid.check();
  return grid;
}

}  // namespace

template <class T>
Hamiltonian<T>::Hamiltonian(const Grid& grid, const Physics& physics, const InverseMetric& metric,
                            View<const double, 2> v)
    : grid_(checked(grid)),
      physics_(physics),
      varies_(metric.varies()),
      constant_metric_{metric.gxx, metric.gyy, metric.gzz},
      v_(grid.cell_shape()),
      weight_(grid.cell_shape()),
      stencil_({grid.nx, grid.row_cells(), has_full_stencil() ? 1 + side_count() : 1}) {
  check_positive("hbar", physics.hbar);
  check_positive("the mass m", physics.mass);
  together(grid.share, [&] {
    check_inverse_metric(grid, metric);
    check_potential(grid, v);
  });

  const std::array<Axis, 3> axes = grid.axes();
  const Fluxes fluxes(grid, physics, metric);
  lowest_ = INFINITY, highest_ = -INFINITY;
  for (Index i = 0; i < grid.nx; ++i) {
    for (Index c = 0; c < grid.row_cells(); ++c) {
      double sum = 0, beside = 0;
      for (int side = 0; side < side_count(); ++side) {
        const int axis = side / 2;
        const Grid::Neighbour other = grid.neighbour(axis, i, c, side % 2 == 0 ? -1 : 1);
        const bool wall = other.beyond_wall;
        const double factor = fluxes.factor(axis, i, c, other);
        if (has_full_stencil()) stencil_(i, c, 1 + side) = wall ? 0 : static_cast<T>(factor);
        sides_[side] = static_cast<T>(factor);
        // Beyond a wall is the cell before it, times -1 where T is 0 in between.
        const int image = axes[axis].ends == Boundary::dirichlet ? -1 : 1;
        sum += wall ? (1 - image) * factor : factor;
        if (!wall) beside += factor;
      }
      stencil_(i, c, 0) = static_cast<T>(v(i, c) - sum);
      v_(i, c) = v(i, c);
      weight_(i, c) = fluxes.root(i, c);
      lowest_ = std::min(lowest_, v(i, c));
      highest_ = std::max(highest_, v(i, c) - (sum + beside));
    }
  }
  lowest_ = -largest_of(grid.share, -lowest_);
  highest_ = largest_of(grid.share, highest_);
  if (grid.share != nullptr) {
    halo_ = std::make_shared<Halo<T>>(*grid.share, 1, 2 * grid.row_cells() * grid.d * grid.d, "H");
  }
  LIOR_CHECK(
      std::isfinite(static_cast<T>(lowest_)) && std::isfinite(static_cast<T>(highest_)),
      "H's eigenvalues reach from {:.3g} to {:.3g}, more than its numbers hold; the spacing dx "
      "= {} or dy = {}{} is too small for hbar = {} and m = {}",
      lowest_, highest_, grid.dx, grid.dy(),
      grid.nz == 1 ? "" : fmt::format(" or dz = {}", grid.dz()), physics.hbar, physics.mass);
}

template <class T>
void Hamiltonian<T>::apply(ConstField<T> in, Field<T> out) const {
  check_shape(in, grid_.shape(), "the field");
  check_shape(out, grid_.shape(), "H of the field");
  const Index nx = grid_.nx, cell = 2 * grid_.d * grid_.d, row = grid_.row_cells() * cell;
  // Lines go along the last axis: a row is one of them, or, in three dimensions, Ny.
  const bool has_z = grid_.axis_count() == 3;
  const Index lines = has_z ? grid_.ny : 1, line_cells = grid_.row_cells() / lines;
  const Index line = line_cells * cell, factors = stencil_.shape()[2];
  const T* const from = reinterpret_cast<const T*>(in.data());
  T* const to = reinterpret_cast<T*>(out.data());
  const auto kernel = has_z ? LIOR_SIMD_TABLE(hamiltonian_line<4, T>).chosen()
                            : LIOR_SIMD_TABLE(hamiltonian_line<2, T>).chosen();
  if (halo_) halo_->exchange(from);
  const auto row_at = [&](Index i) {
    return halo_ ? halo_->row(from, i) : from + (i + nx) % nx * row;
  };
  parallel_for(nx, grid_.row_grain(), [&](Index begin, Index end, int) {
    for (Index i = begin; i < end; ++i) {
      const T *const west = row_at(i - 1), *const here = row_at(i), *const east = row_at(i + 1);
      for (Index j = 0; j < lines; ++j) {
        const Index south = (j + lines - 1) % lines, north = (j + 1) % lines;
        kernel(
            {.centre = stencil_.data() + (i * lines + j) * line_cells * factors,
             .sides = has_full_stencil() ? nullptr : sides_.data(),
             .beside = {west + j * line, east + j * line, here + south * line, here + north * line},
             .here = here + j * line,
             .out = to + i * row + j * line,
             .cells = line_cells,
             .cell = cell});
      }
    }
  });
}

template class Hamiltonian<float>;
template class Hamiltonian<double>;

}  // namespace lior::field
#endif
