// SPDX-License-Identifier: Apache-2.0
#include <cmath>
#include <complex>

#include "lior/nn/ci8_scan.h"

namespace lior::nn::reference {
namespace {

using algebra::Octonion;
using algebra::Transition;

template <class T>
Octonion<T> normalized(const Octonion<T>& w) {
  T square = 0;
  for (const T component : w.e) square += component * component;
  const T norm = std::sqrt(square);
  if (norm <= T(1e-6)) return Octonion<T>{{1}};
  Octonion<T> u = w;
  for (T& component : u.e) component *= norm / square;  // NaN, not 0, where the square overflows
  return u;
}

template <class T>
Octonion<T> turned(Transition transition, const Octonion<T>& u, const Octonion<T>& x) {
  switch (transition) {
    case Transition::right: return x * u;
    case Transition::left: return u * x;
    case Transition::two_sided: break;
  }
  return (u * x) * u;
}

/// du += the gradient with respect to u of g . turned(u, x); gives back that with respect to x.
template <class T>
Octonion<T> turned_adjoint(Transition transition, const Octonion<T>& u, const Octonion<T>& x,
                           const Octonion<T>& g, Octonion<T>& du) {
  switch (transition) {
    case Transition::right: du = du + conjugate(x) * g; return g * conjugate(u);
    case Transition::left: du = du + g * conjugate(x); return conjugate(u) * g;
    case Transition::two_sided: break;
  }
  const Octonion<T> inner = g * conjugate(u);  // of (u x) u, then of u x
  du = du + conjugate(u * x) * g + inner * conjugate(x);
  return conjugate(u) * inner;
}

}  // namespace

template <class T>
void ci8_scan_forward(const ScanShape& shape, linalg::MatrixView<const T> projection,
                      View<const T, 3> initial, View<const T, 2> angles, View<T, 4> states) {
  const MixerConfig& mixer = shape.mixer;
  const Index H = shape.heads();
  for (Index b = 0; b < shape.batch; ++b) {
    for (Index head = 0; head < H; ++head) {
      Octonion<T> real, imaginary;  // h
      for (Index k = 0; k < 8; ++k) {
        real.e[k] = initial(b, k, head);
        if (mixer.complex_state) imaginary.e[k] = initial(b, 8 + k, head);
      }
      for (Index n = 0; n < shape.length; ++n) {
        const T* row = projection.data + (b * shape.length + n) * projection.stride + head;
        const auto plane = [&](Index p) { return row[p * H]; };

        if (mixer.rotation) {  // D h
          for (Index k = 0; k < 8; ++k) {
            const auto x =
                std::complex<T>(real.e[k], imaginary.e[k]) * std::polar(T(1), angles(k, head));
            real.e[k] = x.real();
            imaginary.e[k] = x.imag();
          }
        }
        for (Index factor = 0; factor < mixer.factors; ++factor) {
          Octonion<T> w;
          for (Index k = 0; k < 8; ++k) w.e[k] = plane(8 * factor + k);
          const Octonion<T> u = normalized(w);
          real = turned(mixer.transition, u, real);
          imaginary = turned(mixer.transition, u, imaginary);
        }
        T a = 1, b_scale = 0;
        if (mixer.gates) {
          const T z = plane(shape.z_plane());
          a = 1 / (1 + std::exp(-z));
          b_scale = std::sqrt(1 / (1 + std::exp(z)) * (1 + a));  // sqrt((1 - a)(1 + a))
        }
        const T phi = mixer.phase ? plane(shape.phi_plane()) : T(0);
        for (Index k = 0; k < 8; ++k) {
          const auto h = std::complex<T>(real.e[k], imaginary.e[k]) * std::polar(a, phi);
          real.e[k] = h.real();
          imaginary.e[k] = h.imag();
          if (mixer.gates) {
            real.e[k] += b_scale * plane(shape.c_plane() + k);
            if (mixer.complex_state) imaginary.e[k] += b_scale * plane(shape.c_plane() + 8 + k);
          }
          states(b, n, k, head) = real.e[k];
          if (mixer.complex_state) states(b, n, 8 + k, head) = imaginary.e[k];
        }
      }
    }
  }
}

template <class T>
void ci8_scan_backward(const ScanShape& shape, linalg::MatrixView<const T> projection,
                       View<const T, 3> initial, View<const T, 2> angles, View<const T, 4> states,
                       View<const T, 4> d_states, linalg::MatrixView<T> d_projection,
                       View<T, 3> d_initial, View<T, 3> d_angles) {
  using Complex = std::complex<T>;
  const MixerConfig& mixer = shape.mixer;
  const Index H = shape.heads();
  const int parts = mixer.complex_state ? 2 : 1;
  const auto component = [](const Octonion<T>(&x)[2], Index k) {
    return Complex(x[0].e[k], x[1].e[k]);
  };
  for (Index b = 0; b < shape.batch; ++b) {
    for (Index head = 0; head < H; ++head) {
      Octonion<T> g[2];  // dL/dh_n through later steps; Re and Im
      if (mixer.rotation) {
        for (Index k = 0; k < 8; ++k) d_angles(b, k, head) = 0;
      }
      for (Index n = shape.length; n-- > 0;) {
        const Index row = b * shape.length + n;
        const auto plane = [&](Index p) { return projection(row, p * H + head); };
        const auto d_plane = [&](Index p) -> T& { return d_projection(row, p * H + head); };
        const auto angle = [&](Index k) { return mixer.rotation ? angles(k, head) : T(0); };

        Octonion<T> x[kMaxFactors + 1][2], w[kMaxFactors];  // x[f] goes into factor f
        for (int part = 0; part < parts; ++part) {
          for (Index k = 0; k < 8; ++k) {
            const Index p = 8 * part + k;
            x[0][part].e[k] = n > 0 ? states(b, n - 1, p, head) : initial(b, p, head);
            g[part].e[k] += d_states(b, n, p, head);
          }
        }
        for (Index k = 0; k < 8; ++k) {
          const Complex turned = component(x[0], k) * std::polar(T(1), angle(k));
          x[0][0].e[k] = turned.real();
          x[0][1].e[k] = turned.imag();
        }
        for (Index f = 0; f < mixer.factors; ++f) {
          for (Index k = 0; k < 8; ++k) w[f].e[k] = plane(8 * f + k);
          for (int part = 0; part < parts; ++part) {
            x[f + 1][part] = turned(mixer.transition, normalized(w[f]), x[f][part]);
          }
        }
        const auto& y = x[mixer.factors];

        // h = a e^{i phi} y + b c
        const T z = mixer.gates ? plane(shape.z_plane()) : T(0);
        const T a = mixer.gates ? 1 / (1 + std::exp(-z)) : T(1);
        const T phi = mixer.phase ? plane(shape.phi_plane()) : T(0);
        if (mixer.gates) {
          const T rest = 1 / (1 + std::exp(z));  // 1 - a
          T c_dot_g = 0, y_dot_g = 0;
          for (Index k = 0; k < 8 * parts; ++k) {
            c_dot_g += plane(shape.c_plane() + k) * g[k / 8].e[k % 8];
            d_plane(shape.c_plane() + k) = std::sqrt(rest * (1 + a)) * g[k / 8].e[k % 8];
          }
          for (Index k = 0; k < 8; ++k) {
            y_dot_g +=
                (std::conj(component(g, k)) * std::polar(T(1), phi) * component(y, k)).real();
          }
          d_plane(shape.z_plane()) =
              a * rest * y_dot_g - a * a * std::sqrt(rest / (1 + a)) * c_dot_g;
        }
        T d_phi = 0;
        for (Index k = 0; k < 8; ++k) {
          const Complex back = component(g, k) * std::polar(a, -phi);
          d_phi += (std::conj(back) * Complex(0, 1) * component(y, k)).real();
          g[0].e[k] = back.real();
          g[1].e[k] = back.imag();
        }
        if (mixer.phase) d_plane(shape.phi_plane()) = d_phi;

        for (Index f = mixer.factors; f-- > 0;) {
          const Octonion<T> u = normalized(w[f]);
          Octonion<T> du;
          for (int part = 0; part < parts; ++part) {
            g[part] = turned_adjoint(mixer.transition, u, x[f][part], g[part], du);
          }
          const T length = std::sqrt(dot(w[f], w[f])), along = dot(u, du);
          for (Index k = 0; k < 8; ++k) {
            d_plane(8 * f + k) = length > T(1e-6) ? (du.e[k] - u.e[k] * along) / length : T(0);
          }
        }
        for (Index k = 0; k < 8; ++k) {
          const Complex G = component(g, k);
          if (mixer.rotation) {
            d_angles(b, k, head) += (std::conj(G) * Complex(0, 1) * component(x[0], k)).real();
          }
          const Complex back = G * std::polar(T(1), -angle(k));
          g[0].e[k] = back.real();
          g[1].e[k] = back.imag();
        }
      }
      for (Index k = 0; k < 8 * parts; ++k) d_initial(b, k, head) = g[k / 8].e[k % 8];
    }
  }
}

#define LIOR_INSTANTIATE(T)                                                                        \
  template void ci8_scan_forward(const ScanShape&, linalg::MatrixView<const T>, View<const T, 3>,  \
                                 View<const T, 2>, View<T, 4>);                                    \
  template void ci8_scan_backward(const ScanShape&, linalg::MatrixView<const T>, View<const T, 3>, \
                                  View<const T, 2>, View<const T, 4>, View<const T, 4>,            \
                                  linalg::MatrixView<T>, View<T, 3>, View<T, 3>)

LIOR_INSTANTIATE(float);
LIOR_INSTANTIATE(double);
#undef LIOR_INSTANTIATE

}  // namespace lior::nn::reference
