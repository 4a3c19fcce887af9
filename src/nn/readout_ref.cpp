// SPDX-License-Identifier: Apache-2.0
#include <complex>
#include <vector>

#include "lior/nn/readout.h"

namespace lior::nn::reference {
namespace {

template <class T>
std::vector<T> shown(Readout readout, bool complex_state, const std::complex<T> (&h)[8]) {
  std::vector<T> q;
  const auto show = [&](std::complex<T> value) {
    q.push_back(value.real());
    if (complex_state) q.push_back(value.imag());
  };
  if (readout == Readout::linear || readout == Readout::linear_quadratic) {
    for (const auto& component : h) q.push_back(component.real());
    for (const auto& component : h) {
      if (complex_state) q.push_back(component.imag());
    }
  }
  if (readout == Readout::linear) return q;
  for (const auto& component : h) q.push_back(std::norm(component));
  if (readout == Readout::invariants) {
    for (int k = 1; k < 8; ++k) show(h[k] * std::conj(h[0]));
    return q;
  }
  for (int j = 0; j < 8; ++j) {
    for (int k = j + 1; k < 8; ++k) show(h[j] * std::conj(h[k]));
  }
  return q;
}

}  // namespace

template <class T>
void readout_forward(const MixerConfig& mixer, linalg::MatrixView<const T> states,
                     linalg::MatrixView<T> q) {
  const Index H = mixer.heads;
  for (Index row = 0; row < states.rows; ++row) {
    for (Index head = 0; head < H; ++head) {
      std::complex<T> h[8];
      for (Index k = 0; k < 8; ++k) {
        h[k].real(states(row, k * H + head));
        if (mixer.complex_state) h[k].imag(states(row, (8 + k) * H + head));
      }
      Index c = 0;
      for (const T value : shown(mixer.readout, mixer.complex_state, h)) {
        q(row, c++ * H + head) = value;
      }
    }
  }
}

template void readout_forward(const MixerConfig&, linalg::MatrixView<const float>,
                              linalg::MatrixView<float>);
template void readout_forward(const MixerConfig&, linalg::MatrixView<const double>,
                              linalg::MatrixView<double>);

}  // namespace lior::nn::reference
