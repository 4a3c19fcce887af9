// SPDX-License-Identifier: Apache-2.0
#include "lior/field/axis_waves.h"

#include <numbers>

namespace lior::field {

double wave_number(Index index, Index count, double spacing, Boundary ends) {
  Index half_waves = index;
  if (ends == Boundary::periodic) half_waves = 2 * (index <= count / 2 ? index : index - count);
  if (ends == Boundary::dirichlet) half_waves = index + 1;
  return std::numbers::pi * static_cast<double>(half_waves) /
         (static_cast<double>(count) * spacing);
}

template <class T>
AxisWaves<T>::AxisWaves(Boundary ends, Index length, Index count)
    : unit_(static_cast<double>(ends == Boundary::periodic ? length : 2 * length)) {
  if (ends == Boundary::periodic) {
    periodic_.emplace(linalg::FftLayout{length, count, count, 1});
  } else {
    walled_.emplace(
        ends == Boundary::dirichlet ? linalg::RealBasis::sine : linalg::RealBasis::cosine, length,
        count);
  }
}

template class AxisWaves<float>;
template class AxisWaves<double>;

}  // namespace lior::field
