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
  if (!(norm > T(1e-6))) return Octonion<T>{{1}};
  Octonion<T> u = w;
  for (T& component : u.e) component /= norm;
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

template void ci8_scan_forward(const ScanShape&, linalg::MatrixView<const float>,
                               View<const float, 3>, View<const float, 2>, View<float, 4>);
template void ci8_scan_forward(const ScanShape&, linalg::MatrixView<const double>,
                               View<const double, 3>, View<const double, 2>, View<double, 4>);

}  // namespace lior::nn::reference
