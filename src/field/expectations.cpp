// SPDX-License-Identifier: Apache-2.0
#include "lior/field/expectations.h"

#include <array>
#include <cmath>
#include <optional>

#include "field/row_sums.h"

namespace lior::field {
namespace {

using Complex = std::complex<double>;

/// Sums over the cells of one field, whose means do not depend on its size: the sums are of unit_
/// times it, which squares neither overflow nor vanish.
template <class T>
class CellSums {
 public:
  CellSums(const Hamiltonian<T>& h, ConstField<T> t, RowSums row_sums)
      : grid_(h.grid()), axes_(grid_.axes()), weight_(h.weight()), t_(t), row_sums_(row_sums) {
    check_shape(t, grid_.shape(), "t");
    unit_ = unit_of<T>(t.span(), grid_.share);
    if (grid_.share == nullptr) return;
    halo_.emplace(*grid_.share, 1, grid_.row_cells() * grid_.d * grid_.d, "a gradient");
    halo_->exchange(t.data());
  }

  /// The coordinate of a cell of row i along an axis.
  double place(int axis, Index i, Index c) const {
    return axes_[axis].place(grid_.index(axis, i, c));
  }
  /// w |T|^2.
  double density(Index i, Index c) const {
    double sum = 0;
    for (const std::complex<T>& entry : t_[i][c]) sum += std::norm(unit_ * Complex(entry));
    return weight_(i, c) * sum;
  }
  /// w Im conj(T) (T_{x+1} - T_{x-1}) / (2 dx), and along the other axes.
  double flow(int axis, Index i, Index c) const {
    const std::complex<T>*after = beside(axis, i, c, 1), *before = beside(axis, i, c, -1);
    double sum = 0;
    for (Index k = 0; k < grid_.d * grid_.d; ++k) {
      const Complex here = unit_ * Complex(t_[i][c].data()[k]);
      sum += (std::conj(here) * (unit_ * Complex(after[k]) - unit_ * Complex(before[k]))).imag();
    }
    return weight_(i, c) * sum / (2 * axes_[axis].spacing);
  }
  /// The sums of cell(i, c), pairs of numbers, over all cells.
  template <class Cell>
  Complex sum(const Cell& cell) const {
    return sum_rows(grid_.nx, grid_.row_grain(), row_sums_, [&](Index i) {
      Complex row = 0;
      for (Index c = 0; c < grid_.row_cells(); ++c) row += cell(i, c);
      return row;
    });
  }

 private:
  /// The numbers of the cell a step of 1 or -1 along an axis from another. Past a wall they are
  /// those of the cell itself: what is beyond is a multiple of it, which carries no flow.
  const std::complex<T>* beside(int axis, Index i, Index c, Index step) const {
    const Grid::Neighbour other = grid_.neighbour(axis, i, c, step);
    return row(other.row) + other.cell * grid_.d * grid_.d;
  }
  const std::complex<T>* row(Index i) const {
    if (halo_) return halo_->row(t_.data(), i);
    return t_.data() + (i + grid_.nx) % grid_.nx * grid_.row_cells() * grid_.d * grid_.d;
  }

  const Grid& grid_;
  std::array<Axis, 3> axes_;
  View<const double, 2> weight_;
  ConstField<T> t_;
  double unit_;
  RowSums row_sums_;
  std::optional<Halo<std::complex<T>>> halo_;
};

/// <r>, the widths and <p> along two axes at once; hbar over the field's norm.
struct Means {
  Complex place, width, momentum;
};
template <class T>
Means means_of(const CellSums<T>& cells, std::array<int, 2> axes, double norm, double hbar) {
  const auto [a, b] = axes;
  const Complex place = cells.sum([&, a = a, b = b](Index i, Index c) {
    return cells.density(i, c) * Complex(cells.place(a, i, c), cells.place(b, i, c));
  }) / norm;
  // About the mean: a narrow field far from the middle loses no digits.
  const Complex squares = cells.sum([&, a = a, b = b](Index i, Index c) {
    const double x = cells.place(a, i, c) - place.real(), y = cells.place(b, i, c) - place.imag();
    return cells.density(i, c) * Complex(x * x, y * y);
  }) / norm;
  const Complex momentum = cells.sum([&, a = a, b = b](Index i, Index c) {
    return Complex(cells.flow(a, i, c), cells.flow(b, i, c));
  }) * (hbar / norm);
  return {place, {std::sqrt(squares.real()), std::sqrt(squares.imag())}, momentum};
}

/// <r_a p_b - r_b p_a>.
template <class T>
double turning(const CellSums<T>& cells, int a, int b, double norm, double hbar) {
  const Complex sum = cells.sum([&](Index i, Index c) {
    return Complex(cells.place(a, i, c) * cells.flow(b, i, c) -
                   cells.place(b, i, c) * cells.flow(a, i, c));
  });
  return (sum * (hbar / norm)).real();
}

}  // namespace

std::vector<Expectations::Named> Expectations::named(const Grid& grid) const {
  const std::array<Axis, 3> axes = grid.axes();
  const auto has = [&](int axis) { return axes[axis].count > 1; };
  const bool turns_z = has(0) && has(1), turns_x = has(1) && has(2), turns_y = has(2) && has(0);
  const struct {
    Named named;
    bool is_there;
  } all[] = {{{"x", x}, has(0)},
             {{"y", y}, has(1)},
             {{"width_x", width_x}, has(0)},
             {{"width_y", width_y}, has(1)},
             {{"p_x", p_x}, has(0)},
             {{"p_y", p_y}, has(1)},
             {{"l_z", l_z}, turns_z},
             {{"z", z}, has(2)},
             {{"width_z", width_z}, has(2)},
             {{"p_z", p_z}, has(2)},
             {{"l_x", l_x}, turns_x},
             {{"l_y", l_y}, turns_y}};
  std::vector<Named> out;
  for (const auto& [named, is_there] : all) {
    if (is_there) out.push_back(named);
  }
  return out;
}

template <class T>
Expectations expectations(const Hamiltonian<T>& h, ConstField<T> t, RowSums row_sums) {
  constexpr int kX = 0, kY = 1, kZ = 2;
  const CellSums<T> cells(h, t, row_sums);
  const double hbar = h.physics().hbar;
  const double norm =
      cells.sum([&](Index i, Index c) { return Complex(cells.density(i, c)); }).real();
  const Means flat = means_of(cells, {kX, kY}, norm, hbar);
  const bool has_z = h.grid().axis_count() == 3;
  const Means up = has_z ? means_of(cells, {kZ, kZ}, norm, hbar) : Means{};
  return {.x = flat.place.real(),
          .y = flat.place.imag(),
          .width_x = flat.width.real(),
          .width_y = flat.width.imag(),
          .p_x = flat.momentum.real(),
          .p_y = flat.momentum.imag(),
          .l_z = turning(cells, kX, kY, norm, hbar),
          .z = up.place.real(),
          .width_z = up.width.real(),
          .p_z = up.momentum.real(),
          .l_x = has_z ? turning(cells, kY, kZ, norm, hbar) : 0,
          .l_y = has_z ? turning(cells, kZ, kX, norm, hbar) : 0};
}

template Expectations expectations(const Hamiltonian<float>&, ConstField<float>, RowSums);
template Expectations expectations(const Hamiltonian<double>&, ConstField<double>, RowSums);

}  // namespace lior::field
