// SPDX-License-Identifier: Apache-2.0
#pragma once
/// The inputs of an evolution beside its Hamiltonian and its start.

#include "lior/field/hamiltonian_in_time.h"

namespace lior::field {

/// J(x, y, z, t) at the numbers of a row: j has Ny Nz D^2 places, [Ny Nz, D, D]. As
/// PotentialInTime.
template <class T>
using CurrentInTime = std::function<void(double time, Index row, std::span<std::complex<T>> j)>;

/// Fields are [Nx, Ny, D, D]; a part that is empty is 0.
template <class T>
struct Inputs {
  ConstField<T> evidence{};            ///< E of Bayes' rule
  ConstField<T> current{};             ///< J
  View<const double, 2> absorption{};  ///< W >= 0, [Nx, Ny]
  PotentialInTime potential{};         ///< U(t), beside the Hamiltonian's V
  CurrentInTime<T> current_in_time{};  ///< J(t), beside J

  bool driven() const { return !current.empty() || current_in_time != nullptr; }
};

}  // namespace lior::field
