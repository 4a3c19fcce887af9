// Crank-Nicolson and Runge-Kutta.
#include <cmath>

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
CrankNicolson<T>::CrankNicolson(const Hamiltonian<T>& h, double dt)
    : h_(&h),
      dt_(dt),
      residual_(h.grid().shape()),
      direction_(h.grid().shape()),
      image_(h.grid().shape()),
      work_(h.grid().shape()),
      row_sums_(2 * h.grid().nx) {
  check_step(dt);
}

template <class T>
int CrankNicolson<T>::step(Field<T> t, ConstField<T> s) {
  constexpr int kMostIterations = 2000;
  const double tolerance = sizeof(T) == 8 ? 1e-14 : 1e-6;
  const double hbar = h_->physics().hbar;
  const T tau = static_cast<T>(dt_ / (2 * hbar)), kick = static_cast<T>(dt_ / hbar);
  const Index count = t.size();
  std::complex<T>*x = t.data(), *r = residual_.data(), *p = direction_.data(), *q = image_.data(),
  *w = work_.data();

  // b - A x at x = T is -2 i tau H T - i (dt/hbar) S; the normal residual is A^dagger of that.
  h_->apply(t, work_.view());
  for_entries(count, [&](Index k) {
    w[k] = times_i(-2 * tau, w[k]);
    if (!s.empty()) w[k] -= times_i(kick, s.data()[k]);
  });
  h_->apply(work_.view(), image_.view());
  for_entries(count, [&](Index k) { p[k] = r[k] = w[k] - times_i(tau, q[k]); });

  const auto size = [&](const Array<std::complex<T>, 4>& a) {
    return norm<T>(a.view(), h_->weight(), row_sums_.span());
  };
  const double goal = tolerance * tolerance * norm<T>(t, h_->weight(), row_sums_.span());
  double rr = size(residual_);
  for (int iteration = 0; iteration < kMostIterations; ++iteration) {
    if (rr <= goal) return iteration;
    h_->apply(direction_.view(), work_.view());  // A^dagger A p = p + tau^2 H H p
    h_->apply(work_.view(), image_.view());
    for_entries(count, [&](Index k) { q[k] = p[k] + tau * tau * q[k]; });
    const double curvature =
        inner<T>(direction_.view(), image_.view(), h_->weight(), row_sums_.span()).real();
    const T alpha = static_cast<T>(rr / curvature);
    for_entries(count, [&](Index k) {
      x[k] += alpha * p[k];
      r[k] -= alpha * q[k];
    });
    const double next = size(residual_);
    const T beta = static_cast<T>(next / rr);
    for_entries(count, [&](Index k) { p[k] = r[k] + beta * p[k]; });
    rr = next;
  }
  throw RunError(
      fmt::format("Crank-Nicolson did not converge in {} iterations at dt = {}; a smaller dt would",
                  kMostIterations, dt_));
}

template <class T>
double largest_stable_step(const Hamiltonian<T>& h) {
  double v = 0;
  for (const double value : h.v()) v = std::max(v, std::abs(value));
  double kinetic = 0;  // H's largest row sum without V: what 8 max(g) / dx^2 bounds
  if (h.varies()) {
    kinetic = h.highest() - *std::min_element(h.v().begin(), h.v().end());
  } else {
    const double hbar = h.physics().hbar, dx = h.grid().dx;
    kinetic = hbar * hbar / (2 * h.physics().mass) * 8 * std::max(h.gxx(), h.gyy()) / (dx * dx);
  }
  return 2.82 * h.physics().hbar / (v + kinetic);
}

template <class T>
RungeKutta4<T>::RungeKutta4(const Hamiltonian<T>& h, double dt)
    : h_(&h), dt_(dt), stage_(h.grid().shape()), slope_(h.grid().shape()), sum_(h.grid().shape()) {
  check_step(dt);
  const double largest = largest_stable_step(h);
  LIOR_CHECK(std::abs(dt) < largest,
             "rk4 is not stable at dt = {}; the largest step that is stable is {:.6g}", dt,
             largest);
}

template <class T>
void RungeKutta4<T>::step(Field<T> t, ConstField<T> s0, ConstField<T> s_before) {
  constexpr double kTime[] = {0, 0.5, 0.5, 1};
  constexpr double kShare[] = {1.0 / 6, 1.0 / 3, 1.0 / 3, 1.0 / 6};
  const Index count = t.size();
  const double unit = -dt_ / h_->physics().hbar;
  std::complex<T>*x = t.data(), *stage = stage_.data(), *slope = slope_.data(), *sum = sum_.data();
  std::copy_n(x, count, stage);
  std::copy_n(x, count, sum);
  for (int i = 0; i < 4; ++i) {
    h_->apply(stage_.view(), slope_.view());
    const T ahead = static_cast<T>(kTime[i]), share = static_cast<T>(unit * kShare[i]);
    const T next = static_cast<T>(i < 3 ? unit * kTime[i + 1] : 0);
    for_entries(count, [&](Index k) {
      std::complex<T> rate = slope[k];
      if (!s0.empty()) rate += s0.data()[k];
      if (!s_before.empty()) rate += ahead * (s0.data()[k] - s_before.data()[k]);
      sum[k] += times_i(share, rate);
      stage[k] = x[k] + times_i(next, rate);
    });
  }
  std::copy_n(sum, count, x);
}

template class CrankNicolson<float>;
template class CrankNicolson<double>;
template class RungeKutta4<float>;
template class RungeKutta4<double>;
template double largest_stable_step(const Hamiltonian<float>&);
template double largest_stable_step(const Hamiltonian<double>&);

}  // namespace lior::field
