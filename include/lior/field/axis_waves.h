// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Transforms of a field along one axis into the waves that its ends allow.

#include <optional>

#include "lior/field/grid.h"
#include "lior/linalg/fft.h"
#include "lior/linalg/real_transform.h"

namespace lior::field {

/// Radians a unit of length of the wave that a transform leaves at `index`, L = the axis's length:
/// 2 pi k / L with k from -N/2 to N/2 of a periodic axis, pi (index + 1) / L between dirichlet's
/// walls, pi index / L between neumann's.
double wave_number(const Axis& axis, Index index);

/// A batch of `count` sequences along an axis, side by side (linalg/real_transform.h), in place.
/// Threads may share it.
template <class T>
class AxisWaves {
 public:
  AxisWaves(const Axis& axis, Index count);

  void forward(std::complex<T>* data) const noexcept {
    periodic_ ? periodic_->forward(data) : walled_->forward(data);
  }
  void inverse(std::complex<T>* data) const noexcept {
    periodic_ ? periodic_->inverse(data) : walled_->inverse(data);
  }
  /// The factor by which forward, then inverse, multiplies.
  double unit() const { return unit_; }

 private:
  std::optional<linalg::Fft<T>> periodic_;
  std::optional<linalg::RealTransform<T>> walled_;
  double unit_;
};

/// The cells of a row, [Ny, Nz, D, D], into waves along y and, where there is one, along z; in
/// place. Threads may share it.
template <class T>
class RowWaves {
 public:
  explicit RowWaves(const Grid& grid);

  void forward(std::complex<T>* row) const noexcept;
  void inverse(std::complex<T>* row) const noexcept;
  /// The factor by which forward, then inverse, multiplies.
  double unit() const { return along_y_.unit() * (along_z_ ? along_z_->unit() : 1); }

 private:
  AxisWaves<T> along_y_;
  std::optional<AxisWaves<T>> along_z_;
  Index lines_, line_;  ///< along z, and the numbers of each
};

}  // namespace lior::field
