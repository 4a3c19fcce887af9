// SPDX-License-Identifier: Apache-2.0
#pragma once
/// The Hamiltonian under a potential that follows the time.

#include <functional>
#include <span>

#include "lior/field/hamiltonian.h"

namespace lior::field {

/// U(x, y, z, t) at the cells of a row: u has Ny Nz places. Threads call it at once; what it throws
/// reaches the caller of the step.
using PotentialInTime = std::function<void(double time, Index row, std::span<double> u)>;

/// H + U(t) at a time that can be moved. Without a potential it is H, with its bits.
template <class T>
class HamiltonianInTime {
 public:
  /// h must outlive it. Allocates Nx Ny numbers where there is a potential.
  HamiltonianInTime(const Hamiltonian<T>& h, const PotentialInTime& potential);

  bool moves() const { return static_cast<bool>(potential_); }
  /// U is that of `time` from here on. Throws what the potential throws.
  void move_to(double time);
  /// out = (H + U)[in], apart. A second sweep over `in` and `out` where it moves. Bit-equal across
  /// thread counts.
  void apply(ConstField<T> in, Field<T> out) const;
  /// out += U in.
  void add(ConstField<T> in, Field<T> out) const;

  const Hamiltonian<T>& still() const { return *h_; }
  View<const double, 2> u() const { return u_.view(); }  ///< [Nx, Ny]; empty where nothing moves

 private:
  const Hamiltonian<T>* h_;
  PotentialInTime potential_;
  Array<double, 2> u_;
};

}  // namespace lior::field
