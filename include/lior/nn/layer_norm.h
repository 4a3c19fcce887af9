// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Layer normalisation of rows.

#include <span>

#include "lior/core/arena.h"
#include "lior/linalg/matrix_view.h"
#include "lior/nn/gradient.h"

namespace lior::nn {

inline constexpr double kLayerNormEpsilon = 1e-5;

/// y_r = i_r (x_r - m_r) * gain + bias,  m_r = mean_k x_rk,
/// i_r = 1 / sqrt(mean_k (x_rk - m_r)^2 + epsilon)  (the variance divides by K, not K - 1).
///
/// x, y [R, K], rows may be strided, y may be x; gain, bias [K]; mean, inv_deviation [R] are saved
/// for backward. Cost: x three times (twice from cache) and y once. Accuracy: a few roundings of
/// the row's largest |x|: the variance is of differences from the mean, never of squares. Threads
/// over rows; bit-equal across thread counts. NaN stays in its row.
/// Throws lior::Error when shapes do not fit. Source: Ba, Kiros, Hinton, arXiv:1607.06450.
template <class T>
void layer_norm_forward(linalg::MatrixView<const T> x, std::span<const T> gain,
                        std::span<const T> bias, double epsilon, linalg::MatrixView<T> y,
                        std::span<T> mean, std::span<T> inv_deviation);

/// With n = i (x - m) and g = dy * gain:  dx = i (g - mean_k g - n mean_k(g n)),
/// d_gain += sum_r dy n,  d_bias += sum_r dy.
/// dx may be dy where it is written. Parameter sums run in a fixed order over blocks of rows.
template <class T>
void layer_norm_backward(linalg::MatrixView<const T> x, std::span<const T> gain,
                         std::span<const T> mean, std::span<const T> inv_deviation,
                         linalg::MatrixView<const T> dy, Store store, linalg::MatrixView<T> dx,
                         std::span<T> d_gain, std::span<T> d_bias, Arena& workspace);

namespace reference {
template <class T>
void layer_norm_forward(linalg::MatrixView<const T> x, std::span<const T> gain,
                        std::span<const T> bias, double epsilon, linalg::MatrixView<T> y);
template <class T>
void layer_norm_backward(linalg::MatrixView<const T> x, std::span<const T> gain, double epsilon,
                         linalg::MatrixView<const T> dy, linalg::MatrixView<T> dx,
                         std::span<T> d_gain, std::span<T> d_bias);
}  // namespace reference

}  // namespace lior::nn
