// SPDX-License-Identifier: Apache-2.0
#include <cmath>
#include <numbers>

#include "lior/linalg/real_transform.h"

namespace lior::linalg::reference {

template <class T>
void real_transform(RealBasis basis, bool inverse, Index length, Index count,
                    const std::complex<T>* in, std::complex<T>* out) {
  const auto wave = [&](Index k, Index j) {
    const Index steps = basis == RealBasis::sine ? k + 1 : k;
    const double angle = std::numbers::pi * static_cast<double>(steps * (2 * j + 1)) /
                         static_cast<double>(2 * length);
    return basis == RealBasis::sine ? std::sin(angle) : std::cos(angle);
  };
  // The inverse counts the wave that is its own image once: the last sine, the first cosine.
  const Index once = basis == RealBasis::sine ? length - 1 : 0;
  for (Index to = 0; to < length; ++to) {
    for (Index b = 0; b < count; ++b) {
      std::complex<double> sum = 0;
      for (Index from = 0; from < length; ++from) {
        const double factor =
            inverse ? wave(from, to) * (from == once ? 1 : 2) : 2 * wave(to, from);
        sum += factor * std::complex<double>(in[from * count + b]);
      }
      out[to * count + b] = std::complex<T>(sum);
    }
  }
}

template void real_transform(RealBasis, bool, Index, Index, const std::complex<float>*,
                             std::complex<float>*);
template void real_transform(RealBasis, bool, Index, Index, const std::complex<double>*,
                             std::complex<double>*);

}  // namespace lior::linalg::reference
