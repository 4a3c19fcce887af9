// SPDX-License-Identifier: Apache-2.0
#pragma once
/// The sources of an evolution: S = Lambda_QR - Lambda_F + J (evolution.h), as they stand at a
/// step.

#include <memory>
#include <span>

#include "lior/field/inputs.h"
#include "lior/field/settings.h"
#include "lior/memory/fractional.h"

namespace lior::field {

/// Real and imaginary parts in turn.
template <class T>
std::span<T> reals(Array<std::complex<T>, 4>& a) {
  return {reinterpret_cast<T*>(a.data()), static_cast<std::size_t>(2 * a.size())};
}
template <class T>
std::span<const T> reals(const Array<std::complex<T>, 4>& a) {
  return {reinterpret_cast<const T*>(a.data()), static_cast<std::size_t>(2 * a.size())};
}

/// Allocates when made; a step does not. Fields are [Nx, Ny, D, D].
template <class T>
class Driving {
 public:
  using Number = std::complex<T>;
  using FieldArray = Array<Number, 4>;

  /// Evidence and current are copied. Throws lior::Error where shapes differ, and lior::Error of
  /// PowerLawRule for a memory that cannot be.
  Driving(const Grid& grid, double hbar, const Settings& settings, const FieldArray& start,
          const Inputs<T>& inputs);

  /// Before step number `step` (from 0): T_prev <- T where it is due. Throws lior::RunError past
  /// the memory's horizon.
  void begin_step(const FieldArray& t, Index step);
  /// The steps from `step` on, at most `steps`, through which constant() stays.
  Index steps_that_stay(Index step, Index steps) const;

  /// T <- T - (i dt / 2 hbar) S(T), at the start of step number `step` or at its end, where the
  /// memory's newest sample is T itself.
  void kick(FieldArray& t, Index step, bool at_end);
  /// The memory's term at the step just made, then its history moves on.
  void end_step(const FieldArray& t);
  /// out = S at step + share: the memory's part as it went on from the step before.
  void extrapolate(Index step, double share, Field<T> out);

  /// Lambda_QR of BayesMode::source, and J; without J(t).
  ConstField<T> constant() const { return source_.view(); }
  ConstField<T> evidence() const { return evidence_.view(); }
  ConstField<T> current() const { return current_.view(); }
  /// The memory's integral at this step and the one before; empty without memory.
  ConstField<T> term() const { return term_.view(); }
  ConstField<T> term_before(Index step) const {
    return step == 0 ? term_.view() : term_before_.view();
  }
  bool has_memory() const { return memory_ != nullptr; }
  bool follows_time() const { return current_in_time_ != nullptr; }  ///< there is a J(t)
  int poles() const { return memory_ ? memory_->poles() : 0; }
  double pole_error() const { return pole_error_; }  ///< certified; 0 without memory

  /// As Evolution::visit_state.
  template <class Visit>
  void visit_state(Visit&& visit) {
    visit("source", reals(source_));
    if (!memory_) return;
    visit("memory.term", reals(term_));
    visit("memory.term_before", reals(term_before_));
    visit("memory.states", memory_->states());
    visit("memory.last", memory_->last_sample());
    visit("memory.tail", memory_->saved_tail());
  }
  void resume_at(Index step) {
    if (memory_) memory_->resume_at(step);
  }

 private:
  void update_constant(const FieldArray& t);
  const Number* constant_at(double time);

  Settings settings_;
  double hbar_;
  FieldArray evidence_, current_, source_, bayes_;  ///< source_: constant()
  CurrentInTime<T> current_in_time_;
  FieldArray now_;  ///< source_ + J(t); empty without J(t)
  std::unique_ptr<memory::FractionalIntegral<T>> memory_;
  double pole_error_ = 0;
  FieldArray term_, term_before_;
  Grid grid_;
  Buffer<double> row_sums_;
};

/// Poles of the memory of these settings, as an evolution makes it.
memory::PowerLawRule memory_rule(const Settings& settings);

}  // namespace lior::field
