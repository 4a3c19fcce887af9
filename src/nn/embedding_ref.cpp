// SPDX-License-Identifier: Apache-2.0
#include "lior/nn/embedding.h"

namespace lior::nn::reference {

template <class T>
void embedding_forward(linalg::MatrixView<const T> table, std::span<const std::int32_t> tokens,
                       linalg::MatrixView<T> out) {
  for (Index r = 0; r < out.rows; ++r) {
    for (Index k = 0; k < out.cols; ++k) out(r, k) = table(tokens[r], k);
  }
}

template <class T>
void embedding_backward(std::span<const std::int32_t> tokens, linalg::MatrixView<const T> d_out,
                        linalg::MatrixView<T> d_table) {
  for (Index r = 0; r < d_out.rows; ++r) {
    for (Index k = 0; k < d_out.cols; ++k) d_table(tokens[r], k) += d_out(r, k);
  }
}

#define LIOR_INSTANTIATE(T)                                                                    \
  template void embedding_forward(linalg::MatrixView<const T>, std::span<const std::int32_t>,  \
                                  linalg::MatrixView<T>);                                      \
  template void embedding_backward(std::span<const std::int32_t>, linalg::MatrixView<const T>, \
                                   linalg::MatrixView<T>)
LIOR_INSTANTIATE(float);
LIOR_INSTANTIATE(double);
#undef LIOR_INSTANTIATE

}  // namespace lior::nn::reference
