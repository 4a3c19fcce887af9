// SPDX-License-Identifier: Apache-2.0
#include "lior/algebra/ci8.h"

#include <cmath>

namespace lior::algebra::reference {
namespace {

/// x = re + I im.
template <class T>
struct Ci8 {
  Octonion<T> re, im;
};

template <class T>
Ci8<T> operator*(const Ci8<T>& x, const Ci8<T>& y) {
  return {x.re * y.re - x.im * y.im, x.re * y.im + x.im * y.re};
}

template <class T>
Ci8<T> operator-(const Ci8<T>& x, const Ci8<T>& y) {
  return {x.re - y.re, x.im - y.im};
}

template <class T>
Ci8<T> as_factor(const Ci8<T>& x, Factor factor) {
  return factor == Factor::plain ? x : Ci8<T>{conjugate(x.re), conjugate(x.im)};
}

template <class T>
Octonion<std::remove_const_t<T>> load_octonion(View<T, 2> planes, Index part, Index n) {
  Octonion<std::remove_const_t<T>> x;
  for (int k = 0; k < 8; ++k) x.e[k] = planes(8 * part + k, n);
  return x;
}

template <class T>
void store(const Octonion<T>& x, View<T, 2> planes, Index part, Index n) {
  for (int k = 0; k < 8; ++k) planes(8 * part + k, n) = x.e[k];
}

template <class T>
Ci8<T> load(View<const T, 2> planes, Index n) {
  return {load_octonion(planes, 0, n), load_octonion(planes, 1, n)};
}

template <class T>
void store(const Ci8<T>& x, View<T, 2> planes, Index n) {
  store(x.re, planes, 0, n);
  store(x.im, planes, 1, n);
}

/// F_u x, with B as the polynomial of u that apply's contract names.
template <class T>
Octonion<T> turned(Transition transition, const Octonion<T>& u, const Octonion<T>& x) {
  if (transition == Transition::right) return x * u;
  if (transition == Transition::left) return u * x;
  Octonion<T> out;
  for (int k = 0; k < 8; ++k) {
    out.e[k] = 2 * u.e[k] * dot(u, conjugate(x)) - conjugate(x).e[k];
  }
  return out;
}

}  // namespace

template <class T>
void ci8_multiply(View<const T, 2> x, View<const T, 2> y, View<T, 2> out, Factor x_factor,
                  Factor y_factor) {
  for (Index n = 0; n < x.extent(1); ++n) {
    store(as_factor(load(x, n), x_factor) * as_factor(load(y, n), y_factor), out, n);
  }
}

template <class T>
void ci8_associator(View<const T, 2> x, View<const T, 2> y, View<const T, 2> z, View<T, 2> out) {
  for (Index n = 0; n < x.extent(1); ++n) {
    const Ci8<T> a = load(x, n), b = load(y, n), c = load(z, n);
    store((a * b) * c - a * (b * c), out, n);
  }
}

template <class T>
void ci8_norm(View<const T, 2> x, View<T, 1> out) {
  for (Index n = 0; n < x.extent(1); ++n) {
    double squares = 0;
    for (Index k = 0; k < x.extent(0); ++k) squares += static_cast<double>(x(k, n)) * x(k, n);
    out(n) = static_cast<T>(std::sqrt(squares));
  }
}

template <class T>
void apply(Transition transition, View<const T, 2> u, View<const T, 2> x, View<T, 2> out) {
  for (Index n = 0; n < u.extent(1); ++n) {
    const Octonion<T> unit = load_octonion(u, 0, n);
    for (Index part = 0; part < x.extent(0) / 8; ++part) {
      const Octonion<T> state = load_octonion(x, part, n);
      switch (transition) {
        case Transition::right: store(state * unit, out, part, n); break;
        case Transition::left: store(unit * state, out, part, n); break;
        case Transition::two_sided: store(unit * state * unit, out, part, n); break;
      }
    }
  }
}

template <class T>
void apply_adjoint(Transition transition, View<const T, 2> u, View<const T, 2> x,
                   View<const T, 2> g, View<T, 2> dx, View<T, 2> du) {
  for (Index n = 0; n < u.extent(1); ++n) {
    const Octonion<T> unit = load_octonion(u, 0, n);
    const auto matrix = operator_matrix(transition, unit);
    Octonion<T> unit_gradient;
    for (Index part = 0; part < x.extent(0) / 8; ++part) {
      const Octonion<T> state = load_octonion(x, part, n), gradient = load_octonion(g, part, n);
      Octonion<T> pulled_back;
      for (int j = 0; j < 8; ++j) {
        for (int i = 0; i < 8; ++i) pulled_back.e[j] += matrix[i][j] * gradient.e[i];
      }
      for (int k = 0; k < 8; ++k) {
        const Octonion<T> step = basis_octonion<T>(k);
        unit_gradient.e[k] += dot(gradient, turned(transition, unit + step, state) -
                                                turned(transition, unit - step, state)) /
                              2;
      }
      store(pulled_back, dx, part, n);
    }
    store(unit_gradient, du, 0, n);
  }
}

#define LIOR_INSTANTIATE(T)                                                                       \
  template void ci8_multiply(View<const T, 2>, View<const T, 2>, View<T, 2>, Factor, Factor);     \
  template void ci8_associator(View<const T, 2>, View<const T, 2>, View<const T, 2>, View<T, 2>); \
  template void ci8_norm(View<const T, 2>, View<T, 1>);                                           \
  template void apply(Transition, View<const T, 2>, View<const T, 2>, View<T, 2>);                \
  template void apply_adjoint(Transition, View<const T, 2>, View<const T, 2>, View<const T, 2>,   \
                              View<T, 2>, View<T, 2>);
LIOR_INSTANTIATE(float)
LIOR_INSTANTIATE(double)
#undef LIOR_INSTANTIATE

}  // namespace lior::algebra::reference
