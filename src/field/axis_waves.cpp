// SPDX-License-Identifier: Apache-2.0
#include "lior/field/axis_waves.h"

#include <numbers>

namespace lior::field {

double wave_number(const Axis& axis, Index index) {
  Index half_waves = index;
  if (!axis.has_walls()) half_waves = 2 * (index <= axis.count / 2 ? index : index - axis.count);
  if (axis.ends == Boundary::dirichlet) half_waves = index + 1;
  return std::numbers::pi * static_cast<double>(half_waves) / axis.length();
}

template <class T>
AxisWaves<T>::AxisWaves(const Axis& axis, Index count)
    : unit_(static_cast<double>(axis.has_walls() ? 2 * axis.count : axis.count)) {
  if (!axis.has_walls()) {
    periodic_.emplace(linalg::FftLayout{axis.count, count, count, 1});
  } else {
    walled_.emplace(
        axis.ends == Boundary::dirichlet ? linalg::RealBasis::sine : linalg::RealBasis::cosine,
        axis.count, count);
  }
}

template <class T>
RowWaves<T>::RowWaves(const Grid& grid)
    : along_y_(grid.axes()[1], grid.nz * grid.d * grid.d),
      lines_(grid.ny),
      line_(grid.nz * grid.d * grid.d) {
  if (grid.axis_count() == 3) along_z_.emplace(grid.axes()[2], grid.d * grid.d);
}

template <class T>
void RowWaves<T>::forward(std::complex<T>* row) const noexcept {
  for (Index j = 0; along_z_ && j < lines_; ++j) along_z_->forward(row + j * line_);
  along_y_.forward(row);
}

template <class T>
void RowWaves<T>::inverse(std::complex<T>* row) const noexcept {
  along_y_.inverse(row);
  for (Index j = 0; along_z_ && j < lines_; ++j) along_z_->inverse(row + j * line_);
}

template class AxisWaves<float>;
template class AxisWaves<double>;
template class RowWaves<float>;
template class RowWaves<double>;

}  // namespace lior::field
