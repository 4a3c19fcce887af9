// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Root-mean-square normalisation of rows.

#include <span>

#include "lior/core/arena.h"
#include "lior/linalg/matrix_view.h"
#include "lior/nn/gradient.h"

namespace lior::nn {

inline constexpr double kRmsNormEpsilon = 1e-6;

/// y_r = i_r x_r * gain,  i_r = 1 / sqrt(mean_k x_rk^2 + epsilon).
///
/// x, y [R, K], rows may be strided, y may be x; gain [K]; inv_rms [R] is saved for backward.
/// Cost: x twice (the second time from cache) and y once. Accuracy: a few roundings an entry.
/// Threads over rows; bit-equal across thread counts. NaN stays in its row.
/// Throws lior::Error when shapes do not fit. Source: Zhang, Sennrich, "Root mean square layer
/// normalization", NeurIPS 2019.
template <class T>
void rms_norm_forward(linalg::MatrixView<const T> x, std::span<const T> gain, double epsilon,
                      linalg::MatrixView<T> y, std::span<T> inv_rms);

/// With g = dy * gain:  dx = i (g - x i^2 mean_k(g x)),  d_gain += sum_r dy x i.
/// dx may be dy where it is written. Parameter sums run in a fixed order over blocks of rows.
template <class T>
void rms_norm_backward(linalg::MatrixView<const T> x, std::span<const T> gain,
                       std::span<const T> inv_rms, linalg::MatrixView<const T> dy, Store store,
                       linalg::MatrixView<T> dx, std::span<T> d_gain, Arena& workspace);

namespace reference {
template <class T>
void rms_norm_forward(linalg::MatrixView<const T> x, std::span<const T> gain, double epsilon,
                      linalg::MatrixView<T> y);
template <class T>
void rms_norm_backward(linalg::MatrixView<const T> x, std::span<const T> gain, double epsilon,
                       linalg::MatrixView<const T> dy, linalg::MatrixView<T> dx,
                       std::span<T> d_gain);
}  // namespace reference

}  // namespace lior::nn
