// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Transforms of a field along one axis into the waves that its ends allow.

#include <optional>

#include "lior/field/grid.h"
#include "lior/linalg/fft.h"
#include "lior/linalg/real_transform.h"

namespace lior::field {

/// Radians a unit of length of the wave that a transform leaves at `index`, L = count spacing:
/// 2 pi k / L with k from -N/2 to N/2 of a periodic axis, pi (index + 1) / L between dirichlet's
/// walls, pi index / L between neumann's.
double wave_number(Index index, Index count, double spacing, Boundary ends);

/// A batch of `count` sequences of `length` numbers side by side (linalg/real_transform.h), in
/// place. Threads may share it.
template <class T>
class AxisWaves {
 public:
  AxisWaves(Boundary ends, Index length, Index count);

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

}  // namespace lior::field
