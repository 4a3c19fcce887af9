// SPDX-License-Identifier: Apache-2.0
#include <numbers>

#include "lior/linalg/fft.h"

namespace lior::linalg {

Index fft_good_length(Index n) {
  for (Index length = std::max<Index>(n, 1);; ++length) {
    Index rest = length;
    for (const Index prime : {2, 3, 5}) {
      while (rest % prime == 0) rest /= prime;
    }
    if (rest == 1) return length;
  }
}

namespace reference {

template <class T>
void fft(const FftLayout& layout, int sign, const std::complex<T>* in, std::complex<T>* out) {
  const Index n = layout.length;
  for (Index b = 0; b < layout.count; ++b) {
    for (Index k = 0; k < n; ++k) {
      std::complex<double> sum = 0;
      for (Index j = 0; j < n; ++j) {
        const double angle = sign * 2 * std::numbers::pi * static_cast<double>(j * k % n) / n;
        sum += std::complex<double>(in[b * layout.distance + j * layout.stride]) *
               std::polar(1.0, angle);
      }
      out[b * layout.distance + k * layout.stride] = std::complex<T>(sum);
    }
  }
}

template void fft(const FftLayout&, int, const std::complex<float>*, std::complex<float>*);
template void fft(const FftLayout&, int, const std::complex<double>*, std::complex<double>*);

}  // namespace reference
}  // namespace lior::linalg
