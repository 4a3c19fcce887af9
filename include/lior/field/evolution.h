// SPDX-License-Identifier: Apache-2.0
#pragma once
/// The master equation, all terms:
/// i hbar dT/dt = H[T] + U T - i W T + g |T|^2 T + Lambda_QR - Lambda_F + J.
///
///   Lambda_QR = lambda_qr (B(T_prev) - T_prev): constant between updates of T_prev;
///   Lambda_F(t) = (lambda_f / Gamma(alpha)) int_0^t (t-s)^{alpha-1} T(s) ds, by poles;
///   J: a field of the caller's, constant or a function of time;
///   U(t): a potential that follows the time, beside H's V;
///   W >= 0: what absorbs, as at the rim of a grid whose other side nothing shall reach: norm
///   falls; g |T|^2 T: of each entry by itself, Gross and Pitaevskii's equation where D = 1.
///
/// Strang and Chebyshev: T <- T - (i dt / 2 hbar) S(T) before and after the unitary step.
/// Crank-Nicolson: S extrapolated to t + dt/2; Runge-Kutta: to the time of each stage. U and J(t)
/// are taken at these times too, U of a splitting where its drifts have brought the time.

#include <memory>

#include "lior/field/driving.h"
#include "lior/field/integrator.h"
#include "lior/field/settings.h"

namespace lior::field {

/// The order of convergence in dt at a fixed time, for smooth fields: 2, or 4 of yoshida4 and rk4;
/// infinite of chebyshev without sources. With memory min(1 + alpha, 2), since what it adds starts
/// as t^alpha, which no scheme sees as smooth. Where the field relaxes, 1. `driven`: by a current.
double convergence_order(const Settings& settings, bool driven = false);

/// The options of an evolution that take memory.
struct Load {
  bool varies = false;   ///< the metric, in space
  bool oblique = false;  ///< the metric has parts off its diagonal
  bool driven = false;   ///< by a current, constant or in time
  bool potential_in_time = false;
  bool current_in_time = false;
};
/// Bytes of the arrays that a Hamiltonian and an Evolution of these settings keep. For comparing
/// with what there is before anything is taken. Throws lior::Error as Grid::check and, for numbers
/// of no use, Evolution do.
template <class T>
Index planned_bytes(const Grid& grid, const Settings& settings, const Load& load);
/// Bytes of Evolution::visit_state's arrays.
template <class T>
Index state_bytes(const Grid& grid, const Settings& settings, bool driven);

template <class T>
class Stepper;

/// A field under way. Allocates when made; a step does not.
template <class T>
class Evolution {
 public:
  /// start and the arrays of `inputs` are copied. Throws lior::Error for any setting that cannot
  /// run, before the first step: tau <= 0, alpha outside (0, 1), shapes that differ, numbers that
  /// are not finite, a scheme that
  /// cannot take the metric, the potential, the sources, the symbol or imaginary time (scheme.h), a
  /// step too large to be stable or to end (with the largest that is not).
  Evolution(const Hamiltonian<T>& h, const Settings& settings, ConstField<T> start,
            const Inputs<T>& inputs = {});
  ~Evolution();
  Evolution(Evolution&&) noexcept;
  Evolution& operator=(Evolution&&) noexcept;

  /// `steps` steps. One call of n steps and n calls of one agree to rounding (without sources a
  /// splitting merges the kicks between steps). `stop` is asked about every step, of chebyshev also
  /// within one, and ends the run early: the field is that after step().  Throws lior::RunError
  /// past the memory's horizon and where a solver fails.
  void run(Index steps, const Stop& stop = {});

  ConstField<T> field() const { return t_.view(); }
  Index step() const { return step_; }
  double time() const { return static_cast<double>(step_) * settings_.dt; }
  int poles() const { return driving_ ? driving_->poles() : 0; }
  /// Certified; 0 without memory.
  double pole_error() const { return driving_ ? driving_->pole_error() : 0; }
  /// dx dy dz (Re sum sqrt(g) tr(T^dagger (H + U)[T]) + g/2 sum |T_ij|^4) of any field T, with U at
  /// `time`; real time keeps it where there are no sources and U is 0. Sources are left out, and H
  /// has the integrator's Laplacian: with Symbol::continuous that of the plane waves. `work` holds
  /// a field, row_sums 2 Nx numbers.
  double energy(ConstField<T> t, double time, Field<T> work, RowSums row_sums) const;

  /// visit(name, numbers) for every array that the future depends on: what a checkpoint holds.
  template <class Visit>
  void visit_state(Visit&& visit) {
    visit("field", reals(t_));
    if (driving_) driving_->visit_state(visit);
  }
  /// After the arrays were filled from a checkpoint.
  void resume_at(Index step);

 private:
  const Hamiltonian<T>* h_;
  Settings settings_;
  PotentialInTime potential_;
  Index step_ = 0;
  Array<std::complex<T>, 4> t_;
  std::unique_ptr<Driving<T>> driving_;  ///< null without sources
  std::unique_ptr<Stepper<T>> stepper_;
};

}  // namespace lior::field
