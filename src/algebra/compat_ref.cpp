// SPDX-License-Identifier: Apache-2.0
#include "lior/algebra/compat.h"

namespace lior::algebra::compat::reference {
namespace {

template <class T>
using Eight = std::array<T, 8>;

/// x = re + I im.
template <class T>
struct Complex {
  Eight<T> re, im;
};

template <class T>
Complex<T> load(View<const T, 2> planes, Index n) {
  Complex<T> x;
  for (int k = 0; k < 8; ++k) x.re[k] = planes(k, n), x.im[k] = planes(8 + k, n);
  return x;
}

template <class T>
void store(const Complex<T>& x, View<T, 2> planes, Index n) {
  for (int k = 0; k < 8; ++k) planes(k, n) = x.re[k], planes(8 + k, n) = x.im[k];
}

template <class T>
Eight<T> product(const Eight<T>& a, const Eight<T>& b) {
  constexpr auto kStructure = fano_structure();
  Eight<T> out{};
  for (int p = 0; p < 8; ++p) {
    for (int q = 0; q < 8; ++q) {
      for (int r = 0; r < 8; ++r) out[r] += a[p] * b[q] * kStructure[p][q][r];
    }
  }
  return out;
}

template <class T>
Complex<T> product(const Complex<T>& x, const Complex<T>& y) {
  const Eight<T> ac = product(x.re, y.re), bd = product(x.im, y.im);
  const Eight<T> ad = product(x.re, y.im), bc = product(x.im, y.re);
  Complex<T> out;
  for (int k = 0; k < 8; ++k) out.re[k] = ac[k] - bd[k], out.im[k] = ad[k] + bc[k];
  return out;
}

}  // namespace

template <class T>
void componentwise_multiply(View<const T, 2> x, View<const T, 2> y, View<T, 2> out) {
  for (Index n = 0; n < x.extent(1); ++n) {
    for (int k = 0; k < 4; ++k) {
      const T A = x(k, n), B = x(4 + k, n), A1 = x(8 + k, n), B1 = x(12 + k, n);
      const T c = y(k, n), d = y(4 + k, n), c1 = y(8 + k, n), d1 = y(12 + k, n);
      out(k, n) = A * c - d * B;
      out(4 + k, n) = A1 * c1 - d1 * B1;
      out(8 + k, n) = d * A + B * c;
      out(12 + k, n) = d1 * A1 + B1 * c1;
    }
  }
}

template <class T>
void fano_multiply(View<const T, 2> x, View<const T, 2> y, View<T, 2> out) {
  for (Index n = 0; n < x.extent(1); ++n) {
    if (x.extent(0) == 16) {
      store(product(load(x, n), load(y, n)), out, n);
      continue;
    }
    Eight<T> a, b;
    for (int k = 0; k < 8; ++k) a[k] = x(k, n), b[k] = y(k, n);
    const Eight<T> ab = product(a, b);
    for (int k = 0; k < 8; ++k) out(k, n) = ab[k];
  }
}

template <class T>
void fano_associator(View<const T, 2> x, View<const T, 2> y, View<const T, 2> z, View<T, 2> out) {
  for (Index n = 0; n < x.extent(1); ++n) {
    const Complex<T> a = load(x, n), b = load(y, n), c = load(z, n);
    const Complex<T> left = product(product(a, b), c), right = product(a, product(b, c));
    for (int k = 0; k < 8; ++k) {
      out(k, n) = left.re[k] - right.re[k];
      out(8 + k, n) = left.im[k] - right.im[k];
    }
  }
}

#define LIOR_INSTANTIATE(T)                                                             \
  template void componentwise_multiply(View<const T, 2>, View<const T, 2>, View<T, 2>); \
  template void fano_multiply(View<const T, 2>, View<const T, 2>, View<T, 2>);          \
  template void fano_associator(View<const T, 2>, View<const T, 2>, View<const T, 2>, View<T, 2>);
LIOR_INSTANTIATE(float)
LIOR_INSTANTIATE(double)
#undef LIOR_INSTANTIATE

}  // namespace lior::algebra::compat::reference
