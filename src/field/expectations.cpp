// SPDX-License-Identifier: Apache-2.0
#include "lior/field/expectations.h"

#include <cmath>
#include <optional>

#include "field/row_sums.h"

namespace lior::field {
namespace {

using Complex = std::complex<double>;

/// Sums over the cells of one field.
template <class T>
class CellSums {
 public:
  CellSums(const Hamiltonian<T>& h, ConstField<T> t, RowSums row_sums)
      : grid_(h.grid()), axes_(grid_.axes()), weight_(h.weight()), t_(t), row_sums_(row_sums) {
    check_shape(t, grid_.shape(), "t");
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
    for (const std::complex<T>& entry : t_[i][c]) sum += std::norm(Complex(entry));
    return weight_(i, c) * sum;
  }
  /// w Im conj(T) (T_{x+1} - T_{x-1}) / (2 dx), and along the other axes.
  double flow(int axis, Index i, Index c) const {
    const std::complex<T>*after = beside(axis, i, c, 1), *before = beside(axis, i, c, -1);
    double sum = 0;
    for (Index k = 0; k < grid_.d * grid_.d; ++k) {
      const Complex here(t_[i][c].data()[k]);
      sum += (std::conj(here) * (Complex(after[k]) - Complex(before[k]))).imag();
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

}  // namespace

template <class T>
Expectations expectations(const Hamiltonian<T>& h, ConstField<T> t, RowSums row_sums) {
  constexpr int kX = 0, kY = 1, kZ = 2;
  const CellSums<T> cells(h, t, row_sums);
  const double hbar = h.physics().hbar;
  const double norm =
      cells.sum([&](Index i, Index c) { return Complex(cells.density(i, c)); }).real();
  const Means flat = means_of(cells, {kX, kY}, norm, hbar);
  const Complex turning = cells.sum([&](Index i, Index c) {
    return Complex(cells.place(kX, i, c) * cells.flow(kY, i, c) -
                   cells.place(kY, i, c) * cells.flow(kX, i, c));
  }) * (hbar / norm);
  const Means up = h.grid().axis_count() == 3 ? means_of(cells, {kZ, kZ}, norm, hbar) : Means{};
  return {flat.place.real(),    flat.place.imag(),    flat.width.real(), flat.width.imag(),
          flat.momentum.real(), flat.momentum.imag(), turning.real(),    up.place.real(),
          up.width.real(),      up.momentum.real()};
}

template Expectations expectations(const Hamiltonian<float>&, ConstField<float>, RowSums);
template Expectations expectations(const Hamiltonian<double>&, ConstField<double>, RowSums);

}  // namespace lior::field
