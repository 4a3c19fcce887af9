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

/// A batch of `count` sequences along an axis, side by side (linalg/real_transform.h), from one
/// array to another or in place. Threads may share it.
template <class T>
class AxisWaves {
 public:
  AxisWaves(const Axis& axis, Index count);

  void forward(const std::complex<T>* from, std::complex<T>* to) const noexcept;
  void inverse(const std::complex<T>* from, std::complex<T>* to) const noexcept;
  /// The factor by which forward, then inverse, multiplies.
  double unit() const { return unit_; }

 private:
  std::complex<T>* copied(const std::complex<T>* from, std::complex<T>* to) const noexcept;

  std::optional<linalg::Fft<T>> periodic_;
  std::optional<linalg::RealTransform<T>> walled_;
  Index numbers_;
  double unit_;
};

/// Blocks of sequences along an axis, each in the order in which it is transformed fastest: element
/// j of sequence b lies at j stride() + b distance(). Threads may share it.
template <class T>
class BlockWaves {
 public:
  /// Of at most `count` sequences.
  BlockWaves(const Axis& axis, Index count);

  Index stride() const { return row_ ? 1 : count_; }
  Index distance() const { return row_ ? pitch_ : 1; }
  /// The numbers of a block.
  Index size() const { return count_ * pitch_; }
  /// The first `count` sequences of a block, into another block.
  void forward(const std::complex<T>* from, std::complex<T>* to, Index count) const noexcept;
  void inverse(const std::complex<T>* from, std::complex<T>* to, Index count) const noexcept;
  double unit() const { return unit_; }

 private:
  Index count_, pitch_;
  std::optional<linalg::Fft<T>> row_;         ///< one sequence
  std::optional<AxisWaves<T>> side_by_side_;  ///< all of them
  double unit_;
};

/// The cells of a row, [Ny, Nz, D, D], into waves along y and, where there is one, along z, from
/// one array to another or in place. Threads may share it.
template <class T>
class RowWaves {
 public:
  explicit RowWaves(const Grid& grid);

  void forward(std::complex<T>* from, std::complex<T>* to) const noexcept;  ///< `from` is lost
  void inverse(const std::complex<T>* from, std::complex<T>* to) const noexcept;
  /// The factor by which forward, then inverse, multiplies.
  double unit() const { return along_y_.unit() * (along_z_ ? along_z_->unit() : 1); }

 private:
  AxisWaves<T> along_y_;
  std::optional<AxisWaves<T>> along_z_;
  Index lines_, line_;  ///< along z, and the numbers of each
};

}  // namespace lior::field
