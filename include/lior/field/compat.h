// SPDX-License-Identifier: Apache-2.0
#pragma once
/// The field as the original program computes it, in double and on a grid of spacing 1, to compare
/// with it: its names of the axes, its signs and its factors. Source: docs/math/conventions.md.

#include "lior/field/grid.h"

namespace lior::field::compat {

using ConstComplex = ConstField<double>;
using Complex = Field<double>;

/// The second difference along an axis of the array, periodic: axis 0, which the original calls y,
/// or 1, which it calls x.
void second_difference(ConstComplex t, int axis, Complex out);

/// H = -(hbar^2 / 2m)(g0 d2_axis1 + g1 d2_axis0) T + V . T, entry by entry; v may be empty.
void hamiltonian(ConstComplex t, ConstComplex v, double hbar, double mass, double g0, double g1,
                 Complex out);

/// V(x, y) of fill_potential on the diagonal, 0 off it.
void potential(Potential kind, double strength, Complex out);

/// w = exp(-|T - E|^2 / tau), real, entry by entry. out: [Nx, Ny, D, D].
void weights(ConstComplex t, ConstComplex evidence, double tau, View<double, 4> out);
/// w T / (sum w |T|^2 + 1e-12), the sum over the field.
void posterior(ConstComplex t, ConstComplex evidence, double tau, Complex out);
/// lambda (posterior(T_prev) - T_prev).
void bayes_term(ConstComplex t_prev, ConstComplex evidence, double lambda, double tau, Complex out);

/// t_j^{alpha-1} / Gamma(alpha) at t_j = (j + 1e-8) dt, divided by their sum.
void fractional_weights(double alpha, double dt, std::span<double> out);
/// lambda sum_j w_j T_j; history [M, Nx, Ny, D, D], oldest first.
void memory_term(View<const std::complex<double>, 5> history, double lambda, double alpha,
                 double dt, Complex out);

struct Settings {
  double hbar = 0.1, mass = 1, lambda_qr = 0.3, lambda_f = 0.05, alpha = 0.5, tau = 0.5;
  double dt = 0.005;
  Index memory_window = 4;
};

/// T += dt / (i hbar) (-(1 - w) H[T] / hbar + Lambda_QR + J), H without a potential, Lambda_QR from
/// t_prev, w = clamp(alpha ln(1 + n) lambda_f, 0, 1), n = min(step, memory_window) states stored
/// before. Explicit Euler: it grows every mode. `work` holds two fields.
void step(const Settings& settings, Index step, ConstComplex t_prev, ConstComplex evidence,
          ConstComplex current, Complex t, View<std::complex<double>, 5> work);

}  // namespace lior::field::compat
