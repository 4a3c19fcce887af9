// SPDX-License-Identifier: Apache-2.0
#pragma once
// Arguments of the kernels of gated linear attention.

#include "lior/linalg/matrix_view.h"

namespace lior::nn {

/// Widest head: a token's gates lie on a worker's stack, and so does a head's state.
inline constexpr Index kMostLinearWidth = 128;

template <class T>
linalg::MatrixView<T> rows_between(const linalg::MatrixView<T>& of, Index begin, Index end) {
  return of.block(begin, 0, end - begin, of.cols);
}

/// One head of one sequence: q, k, v and the gates' z, [N, E] each (T const), or their gradients.
template <class T>
struct LinearAttentionHead {
  linalg::MatrixView<T> q, k, v, z;
  std::remove_const_t<T> scale = 1;  ///< 1 / sqrt E, of what q reads

  /// Of some tokens.
  LinearAttentionHead rows(Index begin, Index end) const {
    const auto rows_of = [=](const auto& of) { return rows_between(of, begin, end); };
    return {rows_of(q), rows_of(k), rows_of(v), rows_of(z), scale};
  }
};

}  // namespace lior::nn
