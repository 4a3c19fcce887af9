// SPDX-License-Identifier: Apache-2.0
#include <cmath>

#include "lior/algebra/octonion.h"
#include "lior/nn/associator_current.h"

namespace lior::nn::reference {
namespace {

using algebra::Octonion;

/// re + I im, where I commutes with everything.
template <class T>
struct Ci8 {
  Octonion<T> re, im;
};

template <class T>
Ci8<T> operator*(const Ci8<T>& x, const Ci8<T>& y) {
  return {x.re * y.re - x.im * y.im, x.re * y.im + x.im * y.re};
}

template <class T>
Octonion<T> read(const T* numbers) {
  Octonion<T> x;
  for (int k = 0; k < 8; ++k) x.e[k] = numbers[k];
  return x;
}

}  // namespace

template <class T>
void associator_current_forward(linalg::MatrixView<const T> factors, View<const T, 2> transport,
                                linalg::MatrixView<T> current) {
  for (Index head = 0; head < transport.extent(0); ++head) {
    Octonion<T> p = read(transport[head].data());
    T square = 0;
    for (const T component : p.e) square += component * component;
    for (T& component : p.e) component /= std::sqrt(square);
    for (Index r = 0; r < factors.rows; ++r) {
      const T* row = &factors(r, head * kCurrentFactors);
      const Ci8<T> a{read(row), read(row + 8)}, b{read(row + 16), read(row + 24)},
          c{read(row + 32), read(row + 40)};
      const Ci8<T> left = (a * b) * c, right = a * (b * c);
      const Octonion<T> re = (left.re - right.re) * p, im = (left.im - right.im) * p;
      for (int k = 0; k < 8; ++k) {
        current(r, head * kCurrentWidth + k) = re.e[k];
        current(r, head * kCurrentWidth + 8 + k) = im.e[k];
      }
    }
  }
}

template void associator_current_forward(linalg::MatrixView<const float>, View<const float, 2>,
                                         linalg::MatrixView<float>);
template void associator_current_forward(linalg::MatrixView<const double>, View<const double, 2>,
                                         linalg::MatrixView<double>);

}  // namespace lior::nn::reference
