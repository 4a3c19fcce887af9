#include <cmath>

#include "lior/core/parallel.h"
#include "lior/field/integrator.h"

namespace lior::field {

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
  const double z = half_width_ * dt / h.physics().hbar;
  const std::complex<double> phase = std::polar(1.0, -centre_ * dt / h.physics().hbar);
  const std::complex<double> unit(0, z > 0 ? -1 : 1);
  std::complex<double> power = phase;
  for (int k = 0;; ++k) {
    const double bessel = std::cyl_bessel_j(k, std::abs(z));
    coefficient_.push_back((k == 0 ? 1.0 : 2.0) * power * bessel);
    if (k > std::abs(z) && std::abs(bessel) < 1e-17) break;
    power *= unit;
  }
}

template <class T>
void Chebyshev<T>::step(Field<T> t) {
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
}

template class Chebyshev<float>;
template class Chebyshev<double>;

}  // namespace lior::field
