// SPDX-License-Identifier: Apache-2.0
#include "lior/algebra/octonion.h"
#include "lior/algebra/quaternion.h"

namespace lior::algebra::reference {

template <class T>
void octonion_multiply(View<const T, 2> x, View<const T, 2> y, View<T, 2> out) {
  for (Index n = 0; n < x.extent(1); ++n) {
    const Quaternion<T> a{x(0, n), x(1, n), x(2, n), x(3, n)};
    const Quaternion<T> b{x(4, n), x(5, n), x(6, n), x(7, n)};
    const Quaternion<T> c{y(0, n), y(1, n), y(2, n), y(3, n)};
    const Quaternion<T> d{y(4, n), y(5, n), y(6, n), y(7, n)};

    const Quaternion<T> first = a * c - conjugate(d) * b;
    const Quaternion<T> second = d * a + b * conjugate(c);

    out(0, n) = first.w, out(1, n) = first.x, out(2, n) = first.y, out(3, n) = first.z;
    out(4, n) = second.w, out(5, n) = second.x, out(6, n) = second.y, out(7, n) = second.z;
  }
}

template void octonion_multiply(View<const float, 2>, View<const float, 2>, View<float, 2>);
template void octonion_multiply(View<const double, 2>, View<const double, 2>, View<double, 2>);

}  // namespace lior::algebra::reference
