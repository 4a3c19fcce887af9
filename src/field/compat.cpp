// SPDX-License-Identifier: Apache-2.0
#include "lior/field/compat.h"

#include <cmath>
#include <vector>

namespace lior::field::compat {

using std::complex;

void second_difference(ConstComplex t, int axis, Complex out) {
  check_shape(out, t.shape(), "out");
  const auto [nx, ny, d, columns] = t.shape();
  for (Index i = 0; i < nx; ++i) {
    for (Index j = 0; j < ny; ++j) {
      const Index i1 = axis == 0 ? (i + 1) % nx : i, i0 = axis == 0 ? (i + nx - 1) % nx : i;
      const Index j1 = axis == 1 ? (j + 1) % ny : j, j0 = axis == 1 ? (j + ny - 1) % ny : j;
      for (Index a = 0; a < d; ++a) {
        for (Index b = 0; b < columns; ++b) {
          out(i, j, a, b) = t(i1, j1, a, b) + t(i0, j0, a, b) - 2.0 * t(i, j, a, b);
        }
      }
    }
  }
}

void hamiltonian(ConstComplex t, ConstComplex v, double hbar, double mass, double g0, double g1,
                 Complex out) {
  if (!v.empty()) check_shape(v, t.shape(), "V");
  Array<complex<double>, 4> other(t.shape());
  second_difference(t, 1, out);
  second_difference(t, 0, other.view());
  const double scale = -hbar * hbar / (2 * mass);
  for (Index k = 0; k < t.size(); ++k) {
    out.data()[k] = scale * (g0 * out.data()[k] + g1 * other.data()[k]);
    if (!v.empty()) out.data()[k] += v.data()[k] * t.data()[k];
  }
}

void potential(Potential kind, double strength, Complex out) {
  const auto [nx, ny, d, columns] = out.shape();
  Array<double, 2> v({nx, ny});
  fill_potential(kind, strength, {.nx = nx, .ny = ny, .d = d, .dx = 1}, v.view());
  for (Index i = 0; i < nx; ++i) {
    for (Index j = 0; j < ny; ++j) {
      for (Index a = 0; a < d; ++a) {
        for (Index b = 0; b < columns; ++b) out(i, j, a, b) = a == b ? v(i, j) : 0;
      }
    }
  }
}

void weights(ConstComplex t, ConstComplex evidence, double tau, View<double, 4> out) {
  check_shape(evidence, t.shape(), "E");
  check_shape(out, t.shape(), "out");
  for (Index k = 0; k < t.size(); ++k) {
    out.data()[k] = std::exp(-std::norm(t.data()[k] - evidence.data()[k]) / tau);
  }
}

void posterior(ConstComplex t, ConstComplex evidence, double tau, Complex out) {
  check_shape(evidence, t.shape(), "E");
  check_shape(out, t.shape(), "out");
  double sum = 0;
  for (Index k = 0; k < t.size(); ++k) {
    const double w = std::exp(-std::norm(t.data()[k] - evidence.data()[k]) / tau);
    out.data()[k] = w * t.data()[k];
    sum += w * std::norm(t.data()[k]);
  }
  for (complex<double>& entry : out) entry /= sum + 1e-12;
}

void bayes_term(ConstComplex t_prev, ConstComplex evidence, double lambda, double tau,
                Complex out) {
  posterior(t_prev, evidence, tau, out);
  for (Index k = 0; k < out.size(); ++k) {
    out.data()[k] = lambda * (out.data()[k] - t_prev.data()[k]);
  }
}

void fractional_weights(double alpha, double dt, std::span<double> out) {
  double sum = 0;
  for (std::size_t j = 0; j < out.size(); ++j) {
    sum += out[j] = std::pow((static_cast<double>(j) + 1e-8) * dt, alpha - 1) / std::tgamma(alpha);
  }
  for (double& w : out) w /= sum;
}

void memory_term(View<const complex<double>, 5> history, double lambda, double alpha, double dt,
                 Complex out) {
  check_shape(history,
              {history.extent(0), out.extent(0), out.extent(1), out.extent(2), out.extent(3)},
              "history");
  std::vector<double> w(static_cast<std::size_t>(history.extent(0)));
  fractional_weights(alpha, dt, w);
  std::fill(out.begin(), out.end(), complex<double>{});
  for (Index j = 0; j < history.extent(0); ++j) {
    for (Index k = 0; k < out.size(); ++k) {
      out.data()[k] += lambda * w[static_cast<std::size_t>(j)] * history[j].data()[k];
    }
  }
}

void step(const Settings& s, Index step, ConstComplex t_prev, ConstComplex evidence,
          ConstComplex current, Complex t, View<complex<double>, 5> work) {
  check_shape(t_prev, t.shape(), "T_prev");
  check_shape(current, t.shape(), "J");
  check_shape(work, {2, t.extent(0), t.extent(1), t.extent(2), t.extent(3)}, "work");
  const double stored = static_cast<double>(std::min(step, s.memory_window));
  const double w = std::clamp(s.alpha * std::log(1 + stored) * s.lambda_f, 0.0, 1.0);
  const Complex h = work[0], bayes = work[1];
  hamiltonian(t, {}, s.hbar, s.mass, 1, 1, h);
  bayes_term(t_prev, evidence, s.lambda_qr, s.tau, bayes);
  for (Index k = 0; k < t.size(); ++k) {
    const complex<double> rate =
        -(1 - w) * h.data()[k] / s.hbar + bayes.data()[k] + current.data()[k];
    t.data()[k] += s.dt / (complex<double>(0, 1) * s.hbar) * rate;
  }
}

}  // namespace lior::field::compat
