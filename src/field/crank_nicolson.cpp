// SPDX-License-Identifier: Apache-2.0
#include <cmath>

#include "field/row_sums.h"
#include "lior/core/parallel.h"
#include "lior/field/diagnostics.h"
#include "lior/field/integrator.h"

namespace lior::field {
namespace {

constexpr Index kGrain = 16384;

/// body(k) for each of `count` entries, on all threads.
template <class Body>
void for_entries(Index count, const Body& body) {
  parallel_for(count, kGrain, [&](Index begin, Index end, int) {
    for (Index k = begin; k < end; ++k) body(k);
  });
}

/// i a z, without the NaN tests of operator*.
template <class T>
std::complex<T> times_i(T a, std::complex<T> z) {
  return {-a * z.imag(), a * z.real()};
}

void check_step(double dt) {
  LIOR_CHECK(std::isfinite(dt) && dt != 0, "the time step is {}; expected a finite number != 0",
             dt);
}

}  // namespace

template <class T>
CrankNicolson<T>::CrankNicolson(const Hamiltonian<T>& h, double dt,
                                const PotentialInTime& potential)
    : h_(h, potential),
      dt_(dt),
      residual_(h.grid().shape()),
      direction_(h.grid().shape()),
      image_(h.grid().shape()),
      work_(h.grid().shape()),
      row_sums_(2 * h.grid().all_nx()) {
  check_step(dt);
}

template <class T>
int CrankNicolson<T>::step(Field<T> t, ConstField<T> s, double middle) {
  constexpr int kMostIterations = 2000;
  const double tolerance = sizeof(T) == 8 ? 1e-14 : 1e-6;
  const double hbar = h_.still().physics().hbar;
  const View<const double, 2> weight = h_.still().weight();
  h_.move_to(middle);
  // Sums of squares of a tiny or a huge field leave a double's range. The equation is linear: its
  // solution times a power of 2 has the same digits.
  const RowSums sums(row_sums_.span(), h_.still().grid());
  const auto size = [&](ConstField<T> a) { return norm<T>(a, weight, sums); };
  double field_size = size(t);
  const T unit =
      field_size > 1e-240 && field_size < 1e240 ? T(1) : unit_of<T>(t.span(), sums.share);
  if (unit != 1) {
    for (std::complex<T>& entry : t) entry *= unit;
    field_size = size(t);
  }
  const T tau = static_cast<T>(dt_ / (2 * hbar)), kick = unit * static_cast<T>(dt_ / hbar);
  const Index count = t.size();
  std::complex<T>*x = t.data(), *r = residual_.data(), *p = direction_.data(), *q = image_.data(),
  *w = work_.data();

  // b - A x at x = T is -2 i tau H T - i (dt/hbar) S; the normal residual is A^dagger of that.
  h_.apply(t, work_.view());
  for_entries(count, [&](Index k) {
    w[k] = times_i(-2 * tau, w[k]);
    if (!s.empty()) w[k] -= times_i(kick, s.data()[k]);
  });
  h_.apply(work_.view(), image_.view());
  for_entries(count, [&](Index k) { p[k] = r[k] = w[k] - times_i(tau, q[k]); });

  double rr = size(residual_.view());
  const double goal = tolerance * tolerance * std::max(field_size, rr);
  for (int iteration = 0; iteration < kMostIterations; ++iteration) {
    if (rr <= goal) {
      if (unit != 1) {
        for (std::complex<T>& entry : t) entry /= unit;
      }
      return iteration;
    }
    h_.apply(direction_.view(), work_.view());  // A^dagger A p = p + tau^2 H H p
    h_.apply(work_.view(), image_.view());
    for_entries(count, [&](Index k) { q[k] = p[k] + tau * tau * q[k]; });
    const double curvature = inner<T>(direction_.view(), image_.view(), weight, sums).real();
    const T alpha = static_cast<T>(rr / curvature);
    for_entries(count, [&](Index k) {
      x[k] += alpha * p[k];
      r[k] -= alpha * q[k];
    });
    const double next = size(residual_.view());
    const T beta = static_cast<T>(next / rr);
    for_entries(count, [&](Index k) { p[k] = r[k] + beta * p[k]; });
    rr = next;
  }
  throw RunError(
      fmt::format("Crank-Nicolson did not converge in {} iterations at dt = {}; a smaller dt would",
                  kMostIterations, dt_));
}

template class CrankNicolson<float>;
template class CrankNicolson<double>;

}  // namespace lior::field
