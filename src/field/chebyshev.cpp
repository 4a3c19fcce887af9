// SPDX-License-Identifier: Apache-2.0
#include <cmath>

#include "lior/core/parallel.h"
#include "lior/field/bessel.h"
#include "lior/field/integrator.h"

namespace lior::field {
namespace {

constexpr double kMostApplications = 1e6;  ///< of H in a step: minutes on a small grid

}  // namespace

template <class T>
Chebyshev<T>::Chebyshev(const Hamiltonian<T>& h, double dt)
    : h_(&h),
      centre_((h.highest() + h.lowest()) / 2),
      half_width_(std::max((h.highest() - h.lowest()) / 2, 1e-300)),
      before_(h.grid().shape()),
      now_(h.grid().shape()),
      next_(h.grid().shape()) {
  LIOR_CHECK(std::isfinite(dt) && dt != 0, "the time step is {}; expected a finite number != 0",
             dt);
  // e^{-i z x} = sum_k (2 - [k = 0]) (-i)^k J_k(z) T_k(x) for |x| <= 1, after the centre's phase.
  const double hbar = h.physics().hbar, z = half_width_ * dt / hbar;
  LIOR_CHECK(
      std::abs(z) <= kMostApplications,
      "a chebyshev step of dt = {} takes {:.3g} applications of H; the largest dt that works "
      "is {:.6g} ({:.0f} applications), a larger dx allows more",
      dt, std::abs(z), kMostApplications * hbar / half_width_, kMostApplications);
  const std::complex<double> phase = std::polar(1.0, -centre_ * dt / hbar);
  const std::complex<double> turns[] = {{1, 0}, {0, -1}, {-1, 0}, {0, 1}};
  const std::vector<double> bessel = bessel_j(std::abs(z));
  coefficient_.reserve(bessel.size());
  for (std::size_t k = 0; k < bessel.size(); ++k) {
    const std::complex<double> turn = turns[k % 4];
    coefficient_.push_back((k == 0 ? 1.0 : 2.0) * bessel[k] * phase *
                           (z > 0 ? turn : std::conj(turn)));
  }
}

template <class T>
bool Chebyshev<T>::step(Field<T> t, const Stop& stop) {
  using Number = std::complex<T>;
  constexpr Index kGrain = 16384;
  const Index count = t.size();
  Number* x = t.data();
  Array<Number, 4>*before = &before_, *now = &now_, *next = &next_;
  // T_0 = x, T_1 = A x, T_{k+1} = 2 A T_k - T_{k-1}, A = (H - centre) / half width.
  std::copy_n(x, count, now->data());
  const auto times = [](Number a, Number b) {
    return Number(a.real() * b.real() - a.imag() * b.imag(),
                  a.real() * b.imag() + a.imag() * b.real());
  };
  for (Index k = 0; k < count; ++k) x[k] = times(Number(coefficient_[0]), x[k]);
  for (std::size_t order = 1; order < coefficient_.size(); ++order) {
    if (stop && stop()) return false;
    h_->apply(now->view(), next->view());
    const T scale = static_cast<T>((order == 1 ? 1 : 2) / half_width_);
    const T shift = static_cast<T>(centre_);
    const Number c = Number(coefficient_[order]);
    Number *below = before->data(), *here = now->data(), *above = next->data();
    parallel_for(count, kGrain, [&](Index begin, Index end, int) {
      for (Index k = begin; k < end; ++k) {
        above[k] = scale * (above[k] - shift * here[k]);
        if (order > 1) above[k] -= below[k];
        x[k] += times(c, above[k]);
      }
    });
    Array<Number, 4>* const free = before;
    before = now, now = next, next = free;
  }
  return true;
}

template class Chebyshev<float>;
template class Chebyshev<double>;

}  // namespace lior::field
