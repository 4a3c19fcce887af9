#include "lior/algebra/octonion.h"

namespace lior::algebra::reference {
namespace {

template <class T>
struct Quaternion {
  T w, x, y, z;
};

template <class T>
Quaternion<T> conj(Quaternion<T> a) {
  return {a.w, -a.x, -a.y, -a.z};
}

template <class T>
Quaternion<T> operator*(Quaternion<T> a, Quaternion<T> b) {
  return {a.w * b.w - a.x * b.x - a.y * b.y - a.z * b.z,  //
          a.w * b.x + a.x * b.w + a.y * b.z - a.z * b.y,  //
          a.w * b.y - a.x * b.z + a.y * b.w + a.z * b.x,  //
          a.w * b.z + a.x * b.y - a.y * b.x + a.z * b.w};
}

template <class T>
Quaternion<T> operator+(Quaternion<T> a, Quaternion<T> b) {
  return {a.w + b.w, a.x + b.x, a.y + b.y, a.z + b.z};
}

template <class T>
Quaternion<T> operator-(Quaternion<T> a, Quaternion<T> b) {
  return {a.w - b.w, a.x - b.x, a.y - b.y, a.z - b.z};
}

}  // namespace

template <class T>
void octonion_multiply(View<const T, 2> x, View<const T, 2> y, View<T, 2> out) {
  for (Index n = 0; n < x.extent(1); ++n) {
    const Quaternion<T> a{x(0, n), x(1, n), x(2, n), x(3, n)};
    const Quaternion<T> b{x(4, n), x(5, n), x(6, n), x(7, n)};
    const Quaternion<T> c{y(0, n), y(1, n), y(2, n), y(3, n)};
    const Quaternion<T> d{y(4, n), y(5, n), y(6, n), y(7, n)};

    const Quaternion<T> first = a * c - conj(d) * b;
    const Quaternion<T> second = d * a + b * conj(c);

    out(0, n) = first.w, out(1, n) = first.x, out(2, n) = first.y, out(3, n) = first.z;
    out(4, n) = second.w, out(5, n) = second.x, out(6, n) = second.y, out(7, n) = second.z;
  }
}

template void octonion_multiply(View<const float, 2>, View<const float, 2>, View<float, 2>);
template void octonion_multiply(View<const double, 2>, View<const double, 2>, View<double, 2>);

}  // namespace lior::algebra::reference
