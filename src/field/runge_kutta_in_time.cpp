// SPDX-License-Identifier: Apache-2.0
#include <cmath>

#include "field/field_array.h"
#include "lior/field/integrator.h"

namespace lior::field {

template <class T>
RungeKuttaInTime<T>::RungeKuttaInTime(const Hamiltonian<T>& h, double dt,
                                      const PotentialInTime& potential)
    : h_(h, potential),
      dt_(dt),
      stage_(h.grid().shape()),
      rate_(h.grid().shape()),
      sum_(h.grid().shape()),
      source_(h.grid().shape()) {
  LIOR_CHECK(std::isfinite(dt) && dt != 0, "the time step is {}; expected a finite number != 0",
             dt);
  h_.move_to(0);
  const double largest = largest_stable_step(h, h_.u());
  LIOR_CHECK(std::abs(dt) < largest,
             "rk4 is not stable at dt = {}; the largest step that is stable is {:.6g}", dt,
             largest);
}

template <class T>
void RungeKuttaInTime<T>::check_stable(double time) const {
  if (!h_.moves()) return;
  const double largest = largest_stable_step(h_.still(), h_.u());
  if (std::abs(dt_) < largest) return;
  throw RunError(fmt::format(
      "rk4 is not stable at dt = {} with the potential of time {:.6g}; the largest step "
      "that is stable is {:.6g}",
      dt_, time, largest));
}

template <class T>
void RungeKuttaInTime<T>::step(Field<T> t, double time, const Source& source) {
  using Number = std::complex<T>;
  check_shape(t, h_.still().grid().shape(), "the field");
  constexpr double kTime[] = {0, 0.5, 0.5, 1}, kShare[] = {1.0 / 6, 1.0 / 3, 1.0 / 3, 1.0 / 6};
  const double unit = dt_ / h_.still().physics().hbar;
  Number *x = t.data(), *stage = stage_.data(), *rate = rate_.data(), *sum = sum_.data();
  std::copy_n(x, t.size(), stage);
  std::copy_n(x, t.size(), sum);
  for (int k = 0; k < 4; ++k) {
    if (k == 0 || kTime[k] != kTime[k - 1]) {
      h_.move_to(time + kTime[k] * dt_);
      check_stable(time + kTime[k] * dt_);
      if (source) source(kTime[k], source_.view());
    }
    h_.apply(stage_.view(), rate_.view());
    const T share = static_cast<T>(unit * kShare[k]);
    const T next = static_cast<T>(k < 3 ? unit * kTime[k + 1] : 0);
    const Number* s = source ? source_.data() : nullptr;
    for_numbers(t.size(), [=](Index n) {
      const Number total = s == nullptr ? rate[n] : rate[n] + s[n];
      const Number turned(total.imag(), -total.real());  // -i (H + U)[T] - i S
      sum[n] += share * turned;
      stage[n] = x[n] + next * turned;
    });
  }
  std::copy_n(sum, t.size(), x);
}

template class RungeKuttaInTime<float>;
template class RungeKuttaInTime<double>;

}  // namespace lior::field
