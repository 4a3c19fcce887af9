// SPDX-License-Identifier: Apache-2.0
#include "lior/field/axis_waves.h"

#include <algorithm>
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
    : numbers_(axis.count * count),
      unit_(static_cast<double>(axis.has_walls() ? 2 * axis.count : axis.count)) {
  if (!axis.has_walls()) {
    periodic_.emplace(linalg::FftLayout{axis.count, count, count, 1});
  } else {
    walled_.emplace(
        axis.ends == Boundary::dirichlet ? linalg::RealBasis::sine : linalg::RealBasis::cosine,
        axis.count, count);
  }
}

template <class T>
std::complex<T>* AxisWaves<T>::copied(const std::complex<T>* from,
                                      std::complex<T>* to) const noexcept {
  if (from != to) std::copy_n(from, numbers_, to);
  return to;
}

template <class T>
void AxisWaves<T>::forward(const std::complex<T>* from, std::complex<T>* to) const noexcept {
  periodic_ ? periodic_->forward(from, to) : walled_->forward(copied(from, to));
}

template <class T>
void AxisWaves<T>::inverse(const std::complex<T>* from, std::complex<T>* to) const noexcept {
  periodic_ ? periodic_->inverse(from, to) : walled_->inverse(copied(from, to));
}

template <class T>
BlockWaves<T>::BlockWaves(const Axis& axis, Index count) : count_(count), pitch_(axis.count) {
  // Up to 128 FFTW takes a column at one go; beyond, rows are up to twice as fast, and against the
  // same sets of the cache each is longer than its numbers (docs/decisions/061).
  constexpr Index kLongestAtOneGo = 128, kLine = 8;
  if (axis.has_walls() || axis.count <= kLongestAtOneGo) {
    side_by_side_.emplace(axis, count);
    unit_ = side_by_side_->unit();
    return;
  }
  pitch_ = (axis.count / kLine + 2) * kLine;
  row_.emplace(linalg::FftLayout{axis.count, 1, 1, axis.count});
  unit_ = static_cast<double>(axis.count);
}

template <class T>
void BlockWaves<T>::forward(const std::complex<T>* from, std::complex<T>* to,
                            Index count) const noexcept {
  if (side_by_side_) return side_by_side_->forward(from, to);
  for (Index b = 0; b < count; ++b) row_->forward(from + b * pitch_, to + b * pitch_);
}

template <class T>
void BlockWaves<T>::inverse(const std::complex<T>* from, std::complex<T>* to,
                            Index count) const noexcept {
  if (side_by_side_) return side_by_side_->inverse(from, to);
  for (Index b = 0; b < count; ++b) row_->inverse(from + b * pitch_, to + b * pitch_);
}

template <class T>
RowWaves<T>::RowWaves(const Grid& grid)
    : along_y_(grid.axes()[1], grid.nz * grid.d * grid.d),
      lines_(grid.ny),
      line_(grid.nz * grid.d * grid.d) {
  if (grid.axis_count() == 3) along_z_.emplace(grid.axes()[2], grid.d * grid.d);
}

template <class T>
void RowWaves<T>::forward(std::complex<T>* from, std::complex<T>* to) const noexcept {
  for (Index j = 0; along_z_ && j < lines_; ++j) {
    along_z_->forward(from + j * line_, from + j * line_);
  }
  along_y_.forward(from, to);
}

template <class T>
void RowWaves<T>::inverse(const std::complex<T>* from, std::complex<T>* to) const noexcept {
  along_y_.inverse(from, to);
  for (Index j = 0; along_z_ && j < lines_; ++j) along_z_->inverse(to + j * line_, to + j * line_);
}

template class AxisWaves<float>;
template class AxisWaves<double>;
template class BlockWaves<float>;
template class BlockWaves<double>;
template class RowWaves<float>;
template class RowWaves<double>;

}  // namespace lior::field
