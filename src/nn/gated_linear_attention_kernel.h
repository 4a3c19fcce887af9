// SPDX-License-Identifier: Apache-2.0
#pragma once
// Arguments of the kernels of gated linear attention.

#include "lior/linalg/matrix_view.h"

namespace lior::nn {

/// Widest head: a token's gates lie on a worker's stack, and so does a head's state.
inline constexpr Index kMostLinearWidth = 128;

/// One head of one sequence: q, k, v and the gates' z, [N, E] each (T const), or their gradients.
template <class T>
struct LinearAttentionHead {
  linalg::MatrixView<T> q, k, v, z;
  std::remove_const_t<T> scale = 1;  ///< 1 / sqrt E, of what q reads
};

}  // namespace lior::nn
