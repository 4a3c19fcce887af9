// SPDX-License-Identifier: Apache-2.0
#include "lior/algebra/quaternion.h"

namespace lior::algebra::reference {

template <class T>
void quaternion_multiply(View<const T, 2> p, View<const T, 2> q, View<T, 2> out) {
  for (Index n = 0; n < p.extent(1); ++n) {
    const Quaternion<T> product = Quaternion<T>{p(0, n), p(1, n), p(2, n), p(3, n)} *
                                  Quaternion<T>{q(0, n), q(1, n), q(2, n), q(3, n)};
    out(0, n) = product.w, out(1, n) = product.x, out(2, n) = product.y, out(3, n) = product.z;
  }
}

template <class T>
void quaternion_rotate(View<const T, 2> q, View<const T, 2> v, View<T, 2> out) {
  for (Index n = 0; n < q.extent(1); ++n) {
    const auto turned =
        rotate<T>({q(0, n), q(1, n), q(2, n), q(3, n)}, {v(0, n), v(1, n), v(2, n)});
    for (int k = 0; k < 3; ++k) out(k, n) = turned[static_cast<std::size_t>(k)];
  }
}

#define LIOR_INSTANTIATE(T)                                                          \
  template void quaternion_multiply(View<const T, 2>, View<const T, 2>, View<T, 2>); \
  template void quaternion_rotate(View<const T, 2>, View<const T, 2>, View<T, 2>)

LIOR_INSTANTIATE(float);
LIOR_INSTANTIATE(double);
#undef LIOR_INSTANTIATE

}  // namespace lior::algebra::reference
