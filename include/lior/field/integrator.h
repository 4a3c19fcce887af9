// SPDX-License-Identifier: Apache-2.0
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
/// sum sqrt(g) |T|^2 where the metric varies. To rounding: in float a splitting's errors add up, so
/// that sum |T|^2 drifts by about 1e-7 of itself a step. All allocate when made, and not in a step
/// (Splitting and RungeKutta: again if threads() grew). All are bit-equal across thread counts, and
/// reversible to what the table says for the norm: a step of -dt undoes one of dt (Runge-Kutta: to
/// its order). Where ranks share the grid (Grid::share) fields are the rows of this one, the bits
/// are those of one process, and making an integrator and a step are collective.

#include <functional>
#include <memory>
#include <vector>

#include "lior/field/axis_waves.h"
#include "lior/field/hamiltonian_in_time.h"
#include "lior/field/scheme.h"

namespace lior::field {

/// Whether a run is to end before its last step; nothing: never.
using Stop = std::function<bool()>;

template <class T>
struct SourceTerms;

/// exp(-i V a_0) FFT^-1 exp(-i K b_1) FFT exp(-i V a_1) ...: Strang (order 2) or Yoshida (order 4).
/// Between walls sine or cosine transforms take the FFT's place.
///
/// Kicks of neighbouring steps in one run are merged, and the kick rides in the sweep of the row
/// transforms: two sweeps over the field a Strang step. In imaginary time (order 2 only) dt stands
/// for -i dt, and every step ends by restoring sum |T|^2. With a nonlinearity V is V + g |T_ij|^2
/// for each entry, which a kick in real time does not change, so that kicks stay exact; in
/// imaginary time both kicks of a step take |T_ij|^2 from its start, whose norm is not yet lost, so
/// that the ground state is exact to dt^2. A potential that follows the time is taken where the
/// drifts have brought the time, t + (b_1 + ... + b_k) dt for a_k, which keeps the order.
///
/// Where ranks share the grid each transforms its rows, and as many whole columns, which it has on
/// loan from all (comm::Loan): a sweep over the columns sends 2 (1 - 1/P) of the field.
template <class T>
class Splitting {
 public:
  /// Throws lior::Error where the metric varies, dt is 0 or not finite, or order is not 2 or 4
  /// (2 in imaginary time). nonlinearity: g. absorption: W >= 0, [Nx, Ny], which makes V - i W of
  /// V; empty: 0. Throws where it is negative or not finite. potential: U(t), in real time only.
  Splitting(const Hamiltonian<T>& h, double dt, int order, Symbol symbol = Symbol::discrete,
            Time time = Time::real, double nonlinearity = 0, View<const double, 2> absorption = {},
            const PotentialInTime& potential = {});
  /// source: a constant S (order 2 in real time only), or empty: T <- T - (i dt / 2 hbar) S before
  /// and after each step, both in the sweep of the kicks. `stop` is asked after each step. Returns
  /// the steps made. `first` is the number of the first step, which is at first * dt. Throws
  /// lior::Error when shapes differ.
  Index run(Field<T> t, Index steps, ConstField<T> source = {}, const Stop& stop = {},
            Index first = 0);
  /// out = H[in] with the splitting's own Laplacian, U left out. Throws lior::Error when shapes
  /// differ.
  void apply(ConstField<T> in, Field<T> out);

 private:
  using Number = std::complex<T>;
  /// e^{-i (V + g |T|^2) f dt / hbar}, without i in imaginary time: the factors of V, and the
  /// angle g f dt / hbar. Where W absorbs, |T|^2 falls during the kick: each cell has an angle, g
  /// hbar^-1 times the integral of e^{-2 W s / hbar} over f dt.
  struct Kick {
    Buffer<Number> factors;
    double fraction;  ///< f
    T angle;
    Buffer<T> angles{};
  };
  /// The parts of one sweep over the rows, in this order.
  struct RowSweep {
    bool back = false;
    const Kick* kick = nullptr;
    const Number* source = nullptr;
    T amount = 0;
    const Kick* next_kick = nullptr;
    bool forth = false;
  };
  /// Some rows of some columns.
  struct RowsOfColumns {
    Number* data;
    Index rows;
  };
  struct Transpose;
  void rows(Number* data, const RowSweep& sweep);
  void columns(Number* data, const Number* drift);
  void whole_columns(std::span<const RowsOfColumns> parts, Index cells, const Number* drift);
  void move_to(double step, Kick* kick);
  Index run_real(Number* data, Index steps, const Number* source, const Stop& stop, Index first);

  Grid grid_;
  Time time_;
  double dt_, hbar_;
  int stages_;
  std::vector<double> ends_;  ///< b_1 + ... + b_k after each stage
  /// Of the first half of a step, which is the same backwards; then the kick of two steps.
  std::vector<Kick> kicks_;
  std::vector<Buffer<Number>> drifts_;  ///< likewise; of columns, [Ny, Nx] each, 1 / cells included
  Buffer<Number> kinetic_;              ///< the kinetic energies, the same way
  Buffer<T> density_;  ///< |T|^2 at the start of a step in imaginary time; empty: not needed
  Array<double, 2> v_;
  Buffer<double> absorption_;  ///< empty: 0
  HamiltonianInTime<T> moving_;
  RowWaves<T> row_;
  BlockWaves<T> column_;
  Buffer<Number> columns_, rows_;         ///< two blocks, and two rows, a thread
  std::shared_ptr<Transpose> transpose_;  ///< null where no ranks share the grid
  Buffer<double> row_sums_;
  Array<double, 2> ones_;
};

/// (1 + i dt H / 2 hbar) T' = (1 - i dt H / 2 hbar) T - (i dt / hbar) S, by conjugate gradients on
/// the normal equations, in the inner product of sqrt(g).
template <class T>
class CrankNicolson {
 public:
  CrankNicolson(const Hamiltonian<T>& h, double dt, const PotentialInTime& potential = {});
  /// s: S at t + dt/2, or empty for 0; middle: t + dt/2, the time of U. Returns the iterations.
  /// Throws lior::RunError when 2,000 do not reach a residual of 1e-14 (float: 1e-6) of the field
  /// or of the first one, the larger.
  int step(Field<T> t, ConstField<T> s = {}, double middle = 0);

 private:
  HamiltonianInTime<T> h_;
  double dt_;
  Array<std::complex<T>, 4> residual_, direction_, image_, work_;
  Buffer<double> row_sums_;
};

/// The largest step of Runge-Kutta 4 that is stable: 2.82 hbar / (max |V| + K), K the largest
/// eigenvalue that H can have without V: (hbar^2/2m) 4 (g^xx/dx^2 + g^yy/dy^2 + g^zz/dz^2) of a
/// constant metric.
template <class T>
double largest_stable_step(const Hamiltonian<T>& h);
/// The same with V + U in place of V, u: [Nx, Ny].
template <class T>
double largest_stable_step(const Hamiltonian<T>& h, View<const double, 2> u);

/// The sources of explicit steps beside H; a part that is empty is 0. All [Nx, Ny, D, D].
///
///   S = constant + lambda (B(T_n) - T_n) - lambda_f (term + c (term - term_before)),
///
/// at the fraction c of step n: B by `evidence` and tau (bayes.h), of the field at each step's
/// start; term: the memory's integral then, which goes on as it went in the step before.
template <class T>
struct Sources {
  ConstField<T> constant{};
  ConstField<T> evidence{};
  double lambda = 0;
  double tau = 1;
  /// The field is as the last run with this evidence and tau left it, so that its normaliser is
  /// known; false: it is summed in a sweep of its own.
  bool carried = false;
  ConstField<T> term{};
  ConstField<T> term_before{};
  double lambda_f = 0;
};

/// Classical Runge-Kutta of order 4, or forward Euler (order 1, which grows every mode: the
/// original's).
///
/// H is linear and S linear in c, so that the four stages are Taylor's, innermost first:
///   T' = R_1,   R_j = T - (i dt / j hbar)(H R_{j+1} + S_j),   R_5 = T,   S_j = S at c = 1/(j+1)
/// (c = 0 for j = 4). A step is one sweep: stages follow each other through the rows, one row
/// behind, so that each number of T and of the sources is read once from memory and T' is written
/// once. Bayes' normaliser is summed by the sweep that writes a field, for the one that reads it
/// (relative error of a weight w: 4 eps (1 + |ln w|)). Without evidence several steps go through
/// in one sweep, with the same bits. Threads over rows; bit-equal across thread counts. Where ranks
/// share the grid a sweep takes as many rows as it has stages from beside a rank's own, on either
/// side, of the field and of each source.
template <class T>
class RungeKutta {
 public:
  /// Throws lior::Error unless order is 1 or 4, for order 4 where |dt| is above the largest stable
  /// step, which it names, and where the grid has three dimensions: RungeKuttaInTime takes it.
  RungeKutta(const Hamiltonian<T>& h, double dt, int order = 4);
  ~RungeKutta();
  /// t <- t after `steps` steps; it may change places with an array of this object's. With a term
  /// of memory steps <= 1. at_once: the steps of one sweep; 0: as many as serve. Throws lior::Error
  /// when shapes differ, tau is not finite and > 0, or at_once times the order exceeds 64.
  void run(Array<std::complex<T>, 4>& t, Index steps, const Sources<T>& sources = {},
           Index at_once = 0);

 private:
  struct Plan;
  struct RowRead;
  struct Edges;
  struct Workspace;
  struct Sweep;
  struct Tile;
  Index steps_at_once() const;
  template <class Sum>
  void sum_parts(const Plan& plan, const Sum& sum);
  void keep_roots_of(const Plan& plan, ConstField<T> t, const SourceTerms<T>& terms);
  void sum_for_bayes(const Plan& plan, ConstField<T> t, const SourceTerms<T>& terms);
  void sweep(const Plan& plan, ConstField<T> from, Field<T> to, const SourceTerms<T>& terms);

  const Hamiltonian<T>* h_;
  double dt_;
  int order_;
  std::unique_ptr<Workspace> work_;
};

/// Runge-Kutta 4 where H or S follows the time, or the grid has three dimensions: stage by stage
/// from its tableau, at t, t + dt/2 and t + dt. Several sweeps a stage, where RungeKutta makes one
/// a step.
template <class T>
class RungeKuttaInTime {
 public:
  /// s <- S at the share of a step that has passed: 0, 1/2 or 1.
  using Source = std::function<void(double share, Field<T> s)>;

  /// Throws as RungeKutta.
  RungeKuttaInTime(const Hamiltonian<T>& h, double dt, const PotentialInTime& potential = {});
  /// source: empty for 0. Throws lior::RunError where the potential has grown so that dt is above
  /// the largest stable step.
  void step(Field<T> t, double time, const Source& source = {});

 private:
  void check_stable(double time) const;

  HamiltonianInTime<T> h_;
  double dt_;
  Array<std::complex<T>, 4> stage_, rate_, sum_, source_;
};

namespace reference {
/// out = t after one step, stage by stage from the tableau, a number at a time. `work`: three
/// fields.
template <class T>
void runge_kutta(const Hamiltonian<T>& h, double dt, int order, const Sources<T>& sources,
                 ConstField<T> t, Field<T> out, View<std::complex<T>, 5> work);
}  // namespace reference

/// exp(-i H dt / hbar) as a sum of Chebyshev polynomials of H: about |dt| (highest - lowest) /
/// (2 hbar) + 30 applications of H. The oracle of the others, at any step.
template <class T>
class Chebyshev {
 public:
  /// Throws lior::Error unless dt is finite and not 0, and where a step would take more than a
  /// million applications of H, with the largest dt that does not.
  Chebyshev(const Hamiltonian<T>& h, double dt);
  /// `stop` is asked before each application of H; where it answers yes, t is a part of the sum, of
  /// no use, and the result false.
  bool step(Field<T> t, const Stop& stop = {});
  Index terms() const { return static_cast<Index>(coefficient_.size()); }

 private:
  const Hamiltonian<T>* h_;
  double centre_, half_width_;
  std::vector<std::complex<double>> coefficient_;
  Array<std::complex<T>, 4> before_, now_, next_;
};

}  // namespace lior::field
