// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>

#include "lior/nn/spinor_map.h"

namespace lior::nn::reference {

template <class T>
void spinor_map_forward(linalg::MatrixView<const T> octets, linalg::MatrixView<T> z) {
  for (Index r = 0; r < octets.rows; ++r) {
    for (Index head = 0; head < octets.cols / 24; ++head) {
      for (Index k = 0; k < 8; ++k) {
        const T A = octets(r, 24 * head + k), B = octets(r, 24 * head + 8 + k);
        const T theta = octets(r, 24 * head + 16 + k);
        z(r, 16 * head + k) = A * std::exp(std::clamp<T>(theta, -5, 5)) + B * std::cos(theta);
        z(r, 16 * head + 8 + k) = B * std::sin(theta);
      }
    }
  }
}

template void spinor_map_forward(linalg::MatrixView<const float>, linalg::MatrixView<float>);
template void spinor_map_forward(linalg::MatrixView<const double>, linalg::MatrixView<double>);

}  // namespace lior::nn::reference
