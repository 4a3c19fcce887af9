// SPDX-License-Identifier: Apache-2.0
#pragma once
/// The master equation, all terms:
/// i hbar dT/dt = H[T] - i W T + g |T|^2 T + Lambda_QR - Lambda_F + J.
///
///   Lambda_QR = lambda_qr (B(T_prev) - T_prev): constant between updates of T_prev;
///   Lambda_F(t) = (lambda_f / Gamma(alpha)) int_0^t (t-s)^{alpha-1} T(s) ds, by poles;
///   J: a constant field of the caller's;
///   W >= 0: what absorbs, as at the rim of a grid whose other side nothing shall reach: norm
///   falls; g |T|^2 T: of each entry by itself, Gross and Pitaevskii's equation where D = 1.
///
/// Strang and Chebyshev: T <- T - (i dt / 2 hbar) S(T) before and after the unitary step.
/// Crank-Nicolson: S extrapolated to t + dt/2; Runge-Kutta: to the time of each stage.

#include <memory>
#include <variant>

#include "lior/field/integrator.h"
#include "lior/field/scheme.h"
#include "lior/memory/fractional.h"

namespace lior::field {

struct Settings {
  Scheme scheme = Scheme::strang;
  double dt = 0.005;
  Symbol symbol = Symbol::discrete;
  Time time = Time::real;
  double lambda_qr = 0;
  double tau = 0.5;
  BayesMode mode = BayesMode::source;
  Index update_every = 0;  ///< T_prev <- T each so many steps; 0: T_prev stays what T was at first
  double lambda_f = 0;
  double alpha = 0.5;
  double tolerance = 1e-6;  ///< of the memory's sum of exponentials
  Index horizon = 1 << 20;  ///< steps that it holds for
  double nonlinearity = 0;  ///< g
};

/// The order of convergence in dt at a fixed time, for smooth fields: 2, or 4 of yoshida4 and rk4;
/// infinite of chebyshev without sources. With memory min(1 + alpha, 2), since what it adds starts
/// as t^alpha, which no scheme sees as smooth. Where the field relaxes, 1. `driven`: by a current.
double convergence_order(const Settings& settings, bool driven = false);

/// Bytes of the arrays that a Hamiltonian and an Evolution of these settings keep; `varies`: the
/// metric does; `driven`: by a current J. For comparing with what there is before anything is
/// taken. Throws lior::Error as Grid::check does.
template <class T>
Index planned_bytes(const Grid& grid, const Settings& settings, bool varies, bool driven);
/// Bytes of Evolution::visit_state's arrays.
template <class T>
Index state_bytes(const Grid& grid, const Settings& settings, bool driven);

/// A field under way. Allocates when made; a step does not.
template <class T>
class Evolution {
 public:
  /// evidence and current: [Nx, Ny, D, D] or empty (absent: 0); copied; so is absorption, W: [Nx,
  /// Ny]. Throws lior::Error for any
  /// setting that cannot run, before the first step: tau <= 0, alpha outside (0, 1), shapes that
  /// differ, a scheme that cannot take the metric, the sources, the symbol or imaginary time
  /// (scheme.h), a step too large to be stable or to end (with the largest that is not).
  Evolution(const Hamiltonian<T>& h, const Settings& settings, ConstField<T> start,
            ConstField<T> evidence = {}, ConstField<T> current = {},
            View<const double, 2> absorption = {});

  /// `steps` steps. One call of n steps and n calls of one agree to rounding (without sources a
  /// splitting merges the kicks between steps). `stop` is asked about every step, of chebyshev also
  /// within one, and ends the run early: the field is that after step().  Throws lior::RunError
  /// past the memory's horizon and where a solver fails.
  void run(Index steps, const Stop& stop = {});

  ConstField<T> field() const { return t_.view(); }
  Index step() const { return step_; }
  double time() const { return static_cast<double>(step_) * settings_.dt; }
  int poles() const { return memory_ ? memory_->poles() : 0; }
  double pole_error() const { return pole_error_; }  ///< certified; 0 without memory
  /// dx^2 (Re sum sqrt(g) tr(T^dagger H[T]) + g/2 sum |T_ij|^4) of any field T, which real time
  /// keeps where there are no sources; these are left out, and H has the
  /// integrator's Laplacian: with Symbol::continuous that of the plane waves. `work` holds a field,
  /// row_sums 2 Nx numbers.
  double energy(ConstField<T> t, Field<T> work, std::span<double> row_sums) const;

  /// visit(name, numbers) for every array that the future depends on: what a checkpoint holds.
  template <class Visit>
  void visit_state(Visit&& visit) {
    visit("field", reals(t_));
    if (sources_) visit("source", reals(source_));
    if (!memory_) return;
    visit("memory.term", reals(term_));
    visit("memory.term_before", reals(term_before_));
    visit("memory.states", memory_->states());
    visit("memory.last", memory_->last_sample());
    visit("memory.tail", memory_->saved_tail());
  }
  /// After the arrays were filled from a checkpoint.
  void resume_at(Index step) {
    step_ = step, carried_ = false;
    if (memory_) memory_->resume_at(step);
  }

 private:
  using Number = std::complex<T>;
  using FieldArray = Array<Number, 4>;
  static std::span<T> reals(FieldArray& a) {
    return {reinterpret_cast<T*>(a.data()), static_cast<std::size_t>(2 * a.size())};
  }
  void update_source();
  void renew_source();
  void kick(bool at_end);
  void accept();
  void step_with_sources();
  bool step_chebyshev(Chebyshev<T>& integrator, const Stop& stop);
  void run_explicit(RungeKutta<T>& integrator, Index steps, const Stop& stop);
  void run_splitting(Splitting<T>& integrator, Index steps, const Stop& stop);
  void check_horizon() const;

  const Hamiltonian<T>* h_;
  Settings settings_;
  bool sources_, driven_;  ///< any at all; by J
  bool carried_ = false;   ///< the integrator knows the normaliser of T
  double pole_error_ = 0;
  Index step_ = 0;
  std::variant<std::unique_ptr<Splitting<T>>, std::unique_ptr<CrankNicolson<T>>,
               std::unique_ptr<RungeKutta<T>>, std::unique_ptr<Chebyshev<T>>>
      integrator_;
  FieldArray t_, evidence_, current_, source_, bayes_;  ///< source_ = Lambda_QR + J
  FieldArray before_step_;  ///< of chebyshev, whose steps can be ended within
  std::unique_ptr<memory::FractionalIntegral<T>> memory_;
  FieldArray term_, term_before_;    ///< the integral at this step and the one before
  FieldArray total_, total_before_;  ///< S, for Crank-Nicolson
  Buffer<double> row_sums_;
};

}  // namespace lior::field
