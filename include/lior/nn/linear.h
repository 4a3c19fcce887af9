// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Affine maps of rows.

#include <span>

#include "lior/core/arena.h"
#include "lior/linalg/matrix_view.h"
#include "lior/linalg/precision.h"
#include "lior/nn/gradient.h"

namespace lior::nn {

/// y = x W^T + b. x [R, K], weight W [O, K], y [R, O], rows may be strided (a block of columns of a
/// wider array); bias b [O], or empty for none.
///
/// Cost: 2 R K O operations (linalg/gemm.h). Accuracy: K eps |x| |W|, entry by entry. Bit-equal for
/// equal thread counts. Throws lior::Error when shapes do not fit.
template <class T>
void linear_forward(linalg::MatrixView<const T> x, linalg::MatrixView<const T> weight,
                    std::span<const T> bias, linalg::MatrixView<T> y);

/// dx = dy W (written or added),  d_weight += dy^T x,  d_bias += sum_r dy.
/// An empty dx (of no columns) or d_bias is left out.
template <class T>
void linear_backward(linalg::MatrixView<const T> x, linalg::MatrixView<const T> weight,
                     linalg::MatrixView<const T> dy, Store store, linalg::MatrixView<T> dx,
                     linalg::MatrixView<T> d_weight, std::span<T> d_bias, Arena& workspace);

/// Both with products in `precision`: rounded factors lie in the workspace (linalg/gemm.h). On an
/// arena that only counts they take their room and compute nothing.
template <class T>
void linear_forward(linalg::Precision precision, linalg::MatrixView<const T> x,
                    linalg::MatrixView<const T> weight, std::span<const T> bias,
                    linalg::MatrixView<T> y, Arena& workspace);
template <class T>
void linear_backward(linalg::Precision precision, linalg::MatrixView<const T> x,
                     linalg::MatrixView<const T> weight, linalg::MatrixView<const T> dy,
                     Store store, linalg::MatrixView<T> dx, linalg::MatrixView<T> d_weight,
                     std::span<T> d_bias, Arena& workspace);

namespace reference {
template <class T>
void linear_forward(linalg::MatrixView<const T> x, linalg::MatrixView<const T> weight,
                    std::span<const T> bias, linalg::MatrixView<T> y);
template <class T>
void linear_backward(linalg::MatrixView<const T> x, linalg::MatrixView<const T> weight,
                     linalg::MatrixView<const T> dy, linalg::MatrixView<T> dx,
                     linalg::MatrixView<T> d_weight, std::span<T> d_bias);
}  // namespace reference

}  // namespace lior::nn
