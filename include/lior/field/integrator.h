#pragma once
/// One step of i hbar dT/dt = H[T] + S, five ways.
///
/// | scheme | order | keeps sum |T|^2 (S = 0) | metric |
/// |---|---|---|---|
/// | Strang splitting, kinetic step by FFT | 2 | to rounding | constant |
/// | Yoshida splitting | 4 | to rounding | constant |
/// | Crank-Nicolson | 2 | to its solver's tolerance | any |
/// | Runge-Kutta | 4 | no; stable to a largest step | any |
/// | Chebyshev | exact in time | to its tolerance | any |
///
/// sum sqrt(g) |T|^2 where the metric varies. All allocate when made, and not in a step (Splitting:
/// again if threads() grew). All are bit-equal across thread counts, and reversible to what the
/// table says for the norm: a step of -dt undoes one of dt (Runge-Kutta: to its order).

#include <vector>

#include "lior/field/hamiltonian.h"
#include "lior/linalg/fft.h"

namespace lior::field {

/// The FFT's Laplacian: that of the three-point differences, or of the continuous plane wave.
enum class Symbol { discrete, continuous };
enum class Time { real, imaginary };

/// exp(-i V a_0) FFT^-1 exp(-i K b_1) FFT exp(-i V a_1) ...: Strang (order 2) or Yoshida (order 4).
///
/// Kicks of neighbouring steps in one run are merged, and the kick rides in the sweep of the row
/// transforms: two sweeps over the field a Strang step. In imaginary time (order 2 only) dt stands
/// for -i dt, and every step ends by restoring sum |T|^2.
template <class T>
class Splitting {
 public:
  /// Throws lior::Error where the metric varies, dt is 0 or not finite, or order is not 2 or 4
  /// (2 in imaginary time).
  Splitting(const Hamiltonian<T>& h, double dt, int order, Symbol symbol = Symbol::discrete,
            Time time = Time::real);
  void run(Field<T> t, Index steps);

 private:
  using Number = std::complex<T>;
  void rows(Number* data, const Number* kick, bool back, bool forth);
  void columns(Number* data, const Number* drift);
  void run_real(Number* data, Index steps);

  Grid grid_;
  Time time_;
  int stages_;
  std::vector<Buffer<Number>> kicks_;   ///< stages + 1 of one step, then the merged one
  std::vector<Buffer<Number>> drifts_;  ///< [Nx, Ny] each, 1 / (Nx Ny) included
  linalg::Fft<T> row_, column_;
  Buffer<Number> columns_;  ///< one block a thread
  Buffer<double> row_sums_;
  Array<double, 2> ones_;
};

/// (1 + i dt H / 2 hbar) T' = (1 - i dt H / 2 hbar) T - (i dt / hbar) S, by conjugate gradients on
/// the normal equations, in the inner product of sqrt(g).
template <class T>
class CrankNicolson {
 public:
  CrankNicolson(const Hamiltonian<T>& h, double dt);
  /// s: S at t + dt/2, or empty for 0. Returns the iterations. Throws lior::RunError when 2,000 do
  /// not reach a relative residual of 1e-14 (float: 1e-6).
  int step(Field<T> t, ConstField<T> s = {});

 private:
  const Hamiltonian<T>* h_;
  double dt_;
  Array<std::complex<T>, 4> residual_, direction_, image_, work_;
  Buffer<double> row_sums_;
};

/// The largest step of Runge-Kutta 4 that is stable: 2.82 hbar / (max |V| + (hbar^2/2m) 8
/// max(g)/dx^2).
template <class T>
double largest_stable_step(const Hamiltonian<T>& h);

/// Classical Runge-Kutta with S(t + c dt) = s0 + c (s0 - s_before) at its stages.
template <class T>
class RungeKutta4 {
 public:
  /// Throws lior::Error that names the largest stable step where |dt| is above it.
  RungeKutta4(const Hamiltonian<T>& h, double dt);
  void step(Field<T> t, ConstField<T> s0 = {}, ConstField<T> s_before = {});

 private:
  const Hamiltonian<T>* h_;
  double dt_;
  Array<std::complex<T>, 4> stage_, slope_, sum_;
};

/// exp(-i H dt / hbar) as a sum of Chebyshev polynomials of H: about |dt| (highest - lowest) /
/// (2 hbar) + 30 applications of H. The oracle of the others, at any step.
template <class T>
class Chebyshev {
 public:
  Chebyshev(const Hamiltonian<T>& h, double dt);
  void step(Field<T> t);
  Index terms() const { return static_cast<Index>(coefficient_.size()); }

 private:
  const Hamiltonian<T>* h_;
  double centre_, half_width_;
  std::vector<std::complex<double>> coefficient_;
  Array<std::complex<T>, 4> before_, now_, next_;
};

}  // namespace lior::field
