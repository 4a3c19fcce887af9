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

/// Two axes, and the name of the component between them.
struct Pair {
  int a, b;
  const char* name;
};
constexpr std::array<Pair, 3> kPairs{{{0, 1, "xy"}, {0, 2, "xz"}, {1, 2, "yz"}}};

std::array<View<const double, 2>, 3> cross_fields(const InverseMetric& metric) {
  return {metric.gxy_field, metric.gxz_field, metric.gyz_field};
}

/// 1 / (sqrt g)^2 of (g^xx, g^yy) or those and g^zz, and (g^xy, g^xz, g^yz).
double determinant(std::span<const double> g, const std::array<double, 3>& cross) {
  const double product = g[0] * g[1] - cross[0] * cross[0];
  if (g.size() == 2) return product;
  return product * g[2] + 2 * cross[0] * cross[1] * cross[2] - g[0] * cross[2] * cross[2] -
         g[1] * cross[1] * cross[1];
}

/// Of a metric whose diagonal is positive.
template <class Where>
void check_cross(std::span<const double> g, const std::array<double, 3>& cross,
                 const Where& where) {
  const double plane = determinant(g.first(2), cross), all = determinant(g, cross);
  LIOR_CHECK(plane > 0 && all > 0 && std::isfinite(all),
             "the inverse metric{} has the diagonal ({}) and, off it, g^xy = {}{}; expected it "
             "positive definite",
             where(), fmt::join(g, ", "), cross[0],
             g.size() == 2 ? "" : fmt::format(", g^xz = {}, g^yz = {}", cross[1], cross[2]));
}

/// That axes with a component between them are there, and periodic.
void check_pairs(const Grid& grid, const InverseMetric& metric) {
  constexpr std::array<const char*, 3> kAxes{"x", "y", "z"};
  const std::array<double, 3> constant{metric.gxy, metric.gxz, metric.gyz};
  const auto fields = cross_fields(metric);
  for (std::size_t k = 0; k < kPairs.size(); ++k) {
    if (constant[k] == 0 && fields[k].empty()) continue;
    for (const int axis : {kPairs[k].a, kPairs[k].b}) {
      const Axis along = grid.axes()[axis];
      LIOR_CHECK(along.count > 1, "the inverse metric has g^{}, and the grid no axis {}",
                 kPairs[k].name, kAxes[axis]);
      LIOR_CHECK(
          !along.has_walls(),
          "the inverse metric has g^{}, which is for periodic axes; the boundary of {} is {}",
          kPairs[k].name, kAxes[axis], name(along.ends));
    }
    if (fields[k].empty()) continue;
    LIOR_CHECK(metric.varies(), "the inverse metric has a field g^{} and none for g^xx",
               kPairs[k].name);
    check_shape(fields[k], grid.cell_shape(),
                fmt::format("the inverse metric's g^{}", kPairs[k].name).c_str());
  }
}

/// g^xy, g^xz and g^yz at a cell.
std::array<double, 3> cross_at(const InverseMetric& metric, Index i, Index c) {
  std::array<double, 3> cross{metric.gxy, metric.gxz, metric.gyz};
  const auto fields = cross_fields(metric);
  for (std::size_t k = 0; k < cross.size(); ++k) {
    if (!fields[k].empty()) cross[k] = fields[k](i, c);
  }
  return cross;
}

void check_inverse_metric(const Grid& grid, const InverseMetric& metric) {
  const auto axes = static_cast<std::size_t>(grid.axis_count());
  check_pairs(grid, metric);
  const std::array<double, 3> constant{metric.gxx, metric.gyy, metric.gzz};
  if (!metric.varies()) {
    LIOR_CHECK(metric.gyy_field.empty() && metric.gzz_field.empty(),
               "the inverse metric has a field g^yy or g^zz and none for g^xx");
    const auto nowhere = [] { return ""; };
    check_components(std::span(constant).first(axes), nowhere);
    if (metric.is_oblique()) {
      check_cross(std::span(constant).first(axes), cross_at(metric, 0, 0), nowhere);
    }
    return;
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
      const auto where = [&] { return " at cell " + grid.cell_text(i, c); };
      check_components(std::span(here).first(axes), where);
      if (metric.is_oblique()) {
        check_cross(std::span(here).first(axes), cross_at(metric, i, c), where);
      }
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
  bool empty() const { return cells_.empty(); }

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
        oblique_(metric.is_oblique()),
        constant_{metric.gxx, metric.gyy, metric.gzz},
        cross_{metric.gxy, metric.gxz, metric.gyz},
        fields_{{grid, metric.gxx_field}, {grid, metric.gyy_field}, {grid, metric.gzz_field}},
        cross_fields_{
            {grid, metric.gxy_field}, {grid, metric.gxz_field}, {grid, metric.gyz_field}} {
    const std::array<Axis, 3> axes = grid.axes();
    for (int axis = 0; axis < 3; ++axis) {
      const auto [count, step, ends] = axes[axis];
      if (count == 1) continue;  // no differences
      scale_[axis] = -physics.hbar * physics.hbar / (2 * physics.mass * step * step);
    }
    for (std::size_t k = 0; k < kPairs.size(); ++k) {
      const double area = 4 * axes[kPairs[k].a].spacing * axes[kPairs[k].b].spacing;
      cross_scale_[k] = -physics.hbar * physics.hbar / (2 * physics.mass * area);
    }
  }

  /// sqrt g.
  double root(Index i, Index c) const {
    if (!varies_) return 1;
    if (oblique_) {
      const double here[] = {g(0, i, c), g(1, i, c), grid_.axis_count() == 3 ? g(2, i, c) : 1};
      const auto axes = static_cast<std::size_t>(grid_.axis_count());
      const std::array<double, 3> off{cross(0, i, c), cross(1, i, c), cross(2, i, c)};
      return 1 / std::sqrt(determinant(std::span(here).first(axes), off));
    }
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
  /// The factor of the corner that is so many steps away along two axes: of D_a sqrt g g^ab D_b +
  /// D_b sqrt g g^ab D_a, by way of the cells beside it along either axis.
  template <class Steps>
  double corner(const Steps& steps, Index i, Index c) const {
    const std::size_t k = steps[2] == 0 ? 0 : steps[1] == 0 ? 1 : 2;
    const auto [a, b, name] = kPairs[k];
    double flux = 0;
    for (const int axis : {a, b}) {
      const Grid::Neighbour by = grid_.neighbour(axis, i, c, steps[axis]);
      flux += root(by.row, by.cell) * cross(k, by.row, by.cell);
    }
    return steps[a] * steps[b] * cross_scale_[k] * flux / root(i, c);
  }

 private:
  double g(int axis, Index i, Index c) const {
    return varies_ ? fields_[axis](i, c) : constant_[axis];
  }
  double cross(std::size_t k, Index i, Index c) const {
    return cross_fields_[k].empty() ? cross_[k] : cross_fields_[k](i, c);
  }

  const Grid& grid_;
  bool varies_, oblique_;
  double constant_[3], cross_[3], scale_[3] = {}, cross_scale_[3];
  CellRows fields_[3], cross_fields_[3];
};

Grid checked(const Grid& grid) {
  grid.check();
  return grid;
}

}  // namespace

// In the order of hamiltonian_line: lines beside, then before and after along lines.
template <class T>
std::span<const typename Hamiltonian<T>::Steps> Hamiltonian<T>::neighbours(int axis_count,
                                                                           bool oblique) {
  static constexpr std::array<Steps, 6> kSpace{
      {{-1, 0, 0}, {1, 0, 0}, {0, -1, 0}, {0, 1, 0}, {0, 0, -1}, {0, 0, 1}}};
  static constexpr std::array<Steps, 18> kOblique{{{-1, 0, 0},
                                                   {1, 0, 0},
                                                   {0, -1, 0},
                                                   {0, 1, 0},
                                                   {-1, -1, 0},
                                                   {-1, 1, 0},
                                                   {1, -1, 0},
                                                   {1, 1, 0},
                                                   {0, 0, -1},
                                                   {0, 0, 1},
                                                   {-1, 0, -1},
                                                   {-1, 0, 1},
                                                   {1, 0, -1},
                                                   {1, 0, 1},
                                                   {0, -1, -1},
                                                   {0, -1, 1},
                                                   {0, 1, -1},
                                                   {0, 1, 1}}};
  if (axis_count == 2) return std::span(kOblique).first(oblique ? 8 : 4);
  return oblique ? std::span<const Steps>(kOblique) : std::span<const Steps>(kSpace);
}

template <class T>
Hamiltonian<T>::Hamiltonian(const Grid& grid, const Physics& physics, const InverseMetric& metric,
                            View<const double, 2> v)
    : grid_(checked(grid)),
      physics_(physics),
      varies_(metric.varies()),
      oblique_(metric.is_oblique()),
      constant_metric_{metric.gxx, metric.gyy, metric.gzz},
      constant_cross_{metric.gxy, metric.gxz, metric.gyz},
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
        const Steps& steps = neighbours()[static_cast<std::size_t>(side)];
        if (std::count(steps.begin(), steps.end(), 0) == 1) {
          const double factor = fluxes.corner(steps, i, c);  // their sum is 0
          if (has_full_stencil()) stencil_(i, c, 1 + side) = static_cast<T>(factor);
          sides_[side] = static_cast<T>(factor);
          beside -= std::abs(factor);
          continue;
        }
        const int axis = steps[0] != 0 ? 0 : steps[1] != 0 ? 1 : 2;
        const Grid::Neighbour other = grid.neighbour(axis, i, c, steps[axis]);
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
  const auto plain = has_z ? LIOR_SIMD_TABLE(hamiltonian_line<4, 1, T>).chosen()
                           : LIOR_SIMD_TABLE(hamiltonian_line<2, 1, T>).chosen();
  const auto oblique = has_z ? LIOR_SIMD_TABLE(hamiltonian_line<8, 5, T>).chosen()
                             : LIOR_SIMD_TABLE(hamiltonian_line<2, 3, T>).chosen();
  const auto kernel = oblique_ ? oblique : plain;
  if (halo_) halo_->exchange(from);
  const auto row_at = [&](Index i) {
    return halo_ ? halo_->row(from, i) : from + (i + nx) % nx * row;
  };
  parallel_for(nx, grid_.row_grain(), [&](Index begin, Index end, int) {
    for (Index i = begin; i < end; ++i) {
      const T *const west = row_at(i - 1), *const here = row_at(i), *const east = row_at(i + 1);
      for (Index j = 0; j < lines; ++j) {
        const Index at = j * line, south = (j + lines - 1) % lines * line,
                    north = (j + 1) % lines * line;
        kernel({.centre = stencil_.data() + (i * lines + j) * line_cells * factors,
                .sides = has_full_stencil() ? nullptr : sides_.data(),
                .beside = {west + at, east + at, here + south, here + north, west + south,
                           west + north, east + south, east + north},
                .along = {here + at, west + at, east + at, here + south, here + north},
                .out = to + i * row + at,
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
