// SPDX-License-Identifier: Apache-2.0
#include "lior/field/hamiltonian.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "field/kernels/hamiltonian.inl.h"
#include <hwy/foreach_target.h>
#include "field/kernels/hamiltonian.inl.h"

#if HWY_ONCE
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

void check_inverse_metric(const Grid& grid, const InverseMetric& metric) {
  if (!metric.varies()) {
    LIOR_CHECK(metric.gyy_field.empty(), "the inverse metric has a field g^yy and none for g^xx");
    LIOR_CHECK(
        std::isfinite(metric.gxx) && std::isfinite(metric.gyy) && metric.gxx > 0 && metric.gyy > 0,
        "the inverse metric is ({}, {}); expected finite numbers > 0", metric.gxx, metric.gyy);
    return;
  }
  check_shape(metric.gxx_field, {grid.nx, grid.ny}, "the inverse metric's g^xx");
  check_shape(metric.gyy_field, {grid.nx, grid.ny}, "the inverse metric's g^yy");
  for (Index i = 0; i < grid.nx; ++i) {
    for (Index j = 0; j < grid.ny; ++j) {
      const double gxx = metric.gxx_field(i, j), gyy = metric.gyy_field(i, j);
      LIOR_CHECK(std::isfinite(gxx) && std::isfinite(gyy) && gxx > 0 && gyy > 0,
                 "the inverse metric at cell ({}, {}) is ({}, {}); expected finite numbers > 0",
                 grid.first_row() + i, j, gxx, gyy);
    }
  }
}

void check_potential(const Grid& grid, View<const double, 2> v) {
  check_shape(v, {grid.nx, grid.ny}, "the potential");
  for (Index i = 0; i < grid.nx; ++i) {
    for (Index j = 0; j < grid.ny; ++j) {
      LIOR_CHECK(std::isfinite(v(i, j)), "the potential at cell ({}, {}) is {}; expected finite",
                 grid.first_row() + i, j, v(i, j));
    }
  }
}

/// Rows of a field over the cells, and of those beside it: row -1 and row nx wrap around the grid.
class CellRows {
 public:
  CellRows(const Grid& grid, View<const double, 2> cells) : grid_(grid), cells_(cells) {
    if (grid.share == nullptr || cells.empty()) return;
    halo_.emplace(*grid.share, 1, grid.ny, "H");
    halo_->exchange(cells.data());
  }
  double operator()(Index i, Index j) const {
    if (halo_) return halo_->row(cells_.data(), i)[j];
    return cells_((i + grid_.nx) % grid_.nx, j);
  }

 private:
  const Grid& grid_;
  View<const double, 2> cells_;
  std::optional<Halo<double>> halo_;
};

}  // namespace

template <class T>
Hamiltonian<T>::Hamiltonian(const Grid& grid, const Physics& physics, const InverseMetric& metric,
                            View<const double, 2> v)
    : grid_(grid),
      physics_(physics),
      varies_(metric.varies()),
      gxx_(metric.gxx),
      gyy_(metric.gyy),
      v_({grid.nx, grid.ny}),
      weight_({grid.nx, grid.ny}),
      stencil_({grid.nx, grid.ny, has_full_stencil() ? 5 : 1}) {
  grid.check();
  check_positive("hbar", physics.hbar);
  check_positive("the mass m", physics.mass);
  together(grid.share, [&] {
    check_inverse_metric(grid, metric);
    check_potential(grid, v);
  });

  const CellRows along_x(grid, metric.gxx_field), along_y(grid, metric.gyy_field);
  const auto gxx = [&](Index i, Index j) { return varies_ ? along_x(i, j) : metric.gxx; };
  const auto gyy = [&](Index i, Index j) { return varies_ ? along_y(i, j) : metric.gyy; };
  const auto root = [&](Index i, Index j) {
    return varies_ ? 1 / std::sqrt(gxx(i, j) * gyy(i, j)) : 1.0;
  };
  // An axis of one cell has no differences.
  const auto scale_of = [&](Index cells, double step) {
    return cells == 1 ? 0 : -physics.hbar * physics.hbar / (2 * physics.mass * step * step);
  };
  const double scale_x = scale_of(grid.all_nx(), grid.dx), scale_y = scale_of(grid.ny, grid.dy());
  // Beyond a wall is this times the cell before it.
  const auto image_of = [](Boundary ends) { return ends == Boundary::dirichlet ? -1 : 1; };
  const int image[] = {image_of(grid.ends_x()), image_of(grid.ends_x()), image_of(grid.ends_y()),
                       image_of(grid.ends_y())};
  lowest_ = INFINITY, highest_ = -INFINITY;
  for (Index i = 0; i < grid.nx; ++i) {
    const bool first = grid.wall_before_row(i), last = grid.wall_after_row(i);
    const Index west = first ? i : i - 1, east = last ? i : i + 1;
    for (Index j = 0; j < grid.ny; ++j) {
      const bool wall[] = {first, last, grid.wall_before(j), grid.wall_after(j)};
      const Index south = wall[2] ? j : (j + grid.ny - 1) % grid.ny;
      const Index north = wall[3] ? j : (j + 1) % grid.ny;
      const double flux[] = {(root(i, j) * gxx(i, j) + root(west, j) * gxx(west, j)) / 2,
                             (root(i, j) * gxx(i, j) + root(east, j) * gxx(east, j)) / 2,
                             (root(i, j) * gyy(i, j) + root(i, south) * gyy(i, south)) / 2,
                             (root(i, j) * gyy(i, j) + root(i, north) * gyy(i, north)) / 2};
      double sum = 0, beside = 0;
      for (int side = 0; side < 4; ++side) {
        const double factor = (side < 2 ? scale_x : scale_y) * flux[side] / root(i, j);
        if (has_full_stencil()) {
          stencil_(i, j, 1 + side) = wall[side] ? 0 : static_cast<T>(factor);
        }
        sides_[side] = static_cast<T>(factor);
        sum += wall[side] ? (1 - image[side]) * factor : factor;
        if (!wall[side]) beside += factor;
      }
      stencil_(i, j, 0) = static_cast<T>(v(i, j) - sum);
      v_(i, j) = v(i, j);
      weight_(i, j) = root(i, j);
      lowest_ = std::min(lowest_, v(i, j));
      highest_ = std::max(highest_, v(i, j) - (sum + beside));
    }
  }
  lowest_ = -largest_of(grid.share, -lowest_);
  highest_ = largest_of(grid.share, highest_);
  if (grid.share != nullptr) {
    halo_ = std::make_shared<Halo<T>>(*grid.share, 1, 2 * grid.ny * grid.d * grid.d, "H");
  }
  LIOR_CHECK(
      std::isfinite(static_cast<T>(lowest_)) && std::isfinite(static_cast<T>(highest_)),
      "H's eigenvalues reach from {:.3g} to {:.3g}, more than its numbers hold; the spacing dx "
      "= {} or dy = {} is too small for hbar = {} and m = {}",
      lowest_, highest_, grid.dx, grid.dy(), physics.hbar, physics.mass);
}

template <class T>
void Hamiltonian<T>::apply(ConstField<T> in, Field<T> out) const {
  check_shape(in, grid_.shape(), "the field");
  check_shape(out, grid_.shape(), "H of the field");
  const Index nx = grid_.nx, ny = grid_.ny, cell = 2 * grid_.d * grid_.d, row = ny * cell;
  const T* const from = reinterpret_cast<const T*>(in.data());
  T* const to = reinterpret_cast<T*>(out.data());
  const auto kernel = LIOR_SIMD_TABLE(hamiltonian_row<T>).chosen();
  if (halo_) halo_->exchange(from);
  const auto row_at = [&](Index i) {
    return halo_ ? halo_->row(from, i) : from + (i + nx) % nx * row;
  };
  parallel_for(nx, grid_.row_grain(), [&](Index begin, Index end, int) {
    for (Index i = begin; i < end; ++i) {
      kernel({.centre = &stencil_(i, 0, 0),
              .sides = has_full_stencil() ? nullptr : sides_.data(),
              .west = row_at(i - 1),
              .here = from + i * row,
              .east = row_at(i + 1),
              .out = to + i * row,
              .ny = ny,
              .cell = cell});
    }
  });
}

template class Hamiltonian<float>;
template class Hamiltonian<double>;

}  // namespace lior::field
#endif
