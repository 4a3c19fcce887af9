// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Rows of a table, chosen by tokens.

#include <cstdint>
#include <span>

#include "lior/linalg/matrix_view.h"

namespace lior::nn {

/// out_r = table_{tokens_r}. table [V, D], tokens [R] in [0, V), out [R, D].
///
/// Threads over rows. Throws lior::Error when shapes do not fit, and names a token outside.
template <class T>
void embedding_forward(linalg::MatrixView<const T> table, std::span<const std::int32_t> tokens,
                       linalg::MatrixView<T> out);

/// d_table_{tokens_r} += d_out_r, r in order. Threads over columns: bit-equal across thread counts.
template <class T>
void embedding_backward(std::span<const std::int32_t> tokens, linalg::MatrixView<const T> d_out,
                        linalg::MatrixView<T> d_table);

namespace reference {
template <class T>
void embedding_forward(linalg::MatrixView<const T> table, std::span<const std::int32_t> tokens,
                       linalg::MatrixView<T> out);
template <class T>
void embedding_backward(std::span<const std::int32_t> tokens, linalg::MatrixView<const T> d_out,
                        linalg::MatrixView<T> d_table);
}  // namespace reference

}  // namespace lior::nn
