// SPDX-License-Identifier: Apache-2.0
#pragma once
// The integrators (integrator.h) as an evolution drives them: one call, whatever the scheme.

#include "lior/field/driving.h"
#include "lior/field/integrator.h"

namespace lior::field {

template <class T>
class Stepper {
 public:
  using FieldArray = Array<std::complex<T>, 4>;

  virtual ~Stepper() = default;

  /// t after `steps` steps, fewer where `stop` answers yes. step: the number of those made so far,
  /// counted on with each, so that it is right where something throws. driving: null without
  /// sources.
  virtual void run(FieldArray& t, Index& step, Index steps, Driving<T>* driving,
                   const Stop& stop) = 0;

  /// out = H[in] with the scheme's own Laplacian.
  virtual void apply(const Hamiltonian<T>& h, ConstField<T> in, Field<T> out) { h.apply(in, out); }

  /// t was written from outside since the last run.
  virtual void field_changed() {}
};

/// The stepper of settings.scheme. Throws as its integrator does.
template <class T>
std::unique_ptr<Stepper<T>> make_stepper(const Hamiltonian<T>& h, const Settings& settings,
                                         const Inputs<T>& inputs);

}  // namespace lior::field
