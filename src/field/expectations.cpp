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
      : grid_(h.grid()), weight_(h.weight()), t_(t), row_sums_(row_sums) {
    check_shape(t, grid_.shape(), "t");
    if (grid_.share == nullptr) return;
    halo_.emplace(*grid_.share, 1, grid_.ny * grid_.d * grid_.d, "a gradient");
    halo_->exchange(t.data());
  }

  double x(Index i) const { return grid_.x(i); }
  double y(Index j) const { return grid_.y(j); }
  /// w |T|^2.
  double density(Index i, Index j) const {
    double sum = 0;
    for (const std::complex<T>& entry : t_[i][j]) sum += std::norm(Complex(entry));
    return weight_(i, j) * sum;
  }
  /// w Im conj(T) (T_{x+1} - T_{x-1}) / (2 dx), and along y.
  std::array<double, 2> flow(Index i, Index j) const {
    const Index cell = grid_.d * grid_.d;
    const auto slope = [&](const std::complex<T>* after, const std::complex<T>* before,
                           double step) {
      double sum = 0;
      for (Index k = 0; k < cell; ++k) {
        const Complex here(t_[i][j].data()[k]);
        sum += (std::conj(here) * (Complex(after[k]) - Complex(before[k]))).imag();
      }
      return weight_(i, j) * sum / (2 * step);
    };
    return {slope(row(grid_.wall_after_row(i) ? i : i + 1) + j * cell,
                  row(grid_.wall_before_row(i) ? i : i - 1) + j * cell, grid_.dx),
            slope(row(i) + next(j) * cell, row(i) + last(j) * cell, grid_.dy())};
  }
  /// The sums of cell(i, j), pairs of numbers, over all cells.
  template <class Cell>
  Complex sum(const Cell& cell) const {
    return sum_rows(grid_.nx, grid_.row_grain(), row_sums_, [&](Index i) {
      Complex row = 0;
      for (Index j = 0; j < grid_.ny; ++j) row += cell(i, j);
      return row;
    });
  }

 private:
  const std::complex<T>* row(Index i) const {
    if (halo_) return halo_->row(t_.data(), i);
    return t_.data() + (i + grid_.nx) % grid_.nx * grid_.ny * grid_.d * grid_.d;
  }
  // Past a wall the cell itself: what is beyond is a multiple of it, which carries no flow.
  Index next(Index j) const {
    if (grid_.wall_after(j)) return j;
    return j + 1 == grid_.ny ? 0 : j + 1;
  }
  Index last(Index j) const {
    if (grid_.wall_before(j)) return j;
    return j == 0 ? grid_.ny - 1 : j - 1;
  }

  const Grid& grid_;
  View<const double, 2> weight_;
  ConstField<T> t_;
  RowSums row_sums_;
  std::optional<Halo<std::complex<T>>> halo_;
};

}  // namespace

template <class T>
Expectations expectations(const Hamiltonian<T>& h, ConstField<T> t, RowSums row_sums) {
  const CellSums<T> cells(h, t, row_sums);
  const double hbar = h.physics().hbar;
  const double norm =
      cells.sum([&](Index i, Index j) { return Complex(cells.density(i, j)); }).real();
  const Complex place = cells.sum([&](Index i, Index j) {
    return cells.density(i, j) * Complex(cells.x(i), cells.y(j));
  }) / norm;
  // About the mean: a narrow field far from the middle loses no digits.
  const Complex squares = cells.sum([&](Index i, Index j) {
    const double x = cells.x(i) - place.real(), y = cells.y(j) - place.imag();
    return cells.density(i, j) * Complex(x * x, y * y);
  }) / norm;
  const Complex momentum = cells.sum([&](Index i, Index j) {
    const auto [along_x, along_y] = cells.flow(i, j);
    return Complex(along_x, along_y);
  }) * (hbar / norm);
  const Complex turning = cells.sum([&](Index i, Index j) {
    const auto [along_x, along_y] = cells.flow(i, j);
    return Complex(cells.x(i) * along_y - cells.y(j) * along_x);
  }) * (hbar / norm);
  return {place.real(),
          place.imag(),
          std::sqrt(squares.real()),
          std::sqrt(squares.imag()),
          momentum.real(),
          momentum.imag(),
          turning.real()};
}

template Expectations expectations(const Hamiltonian<float>&, ConstField<float>, RowSums);
template Expectations expectations(const Hamiltonian<double>&, ConstField<double>, RowSums);

}  // namespace lior::field
