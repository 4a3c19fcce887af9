// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Elementwise activations of matrices: the SiLU gate (and SwiGLU, which is one), and GELU.

#include "lior/linalg/matrix_view.h"

namespace lior::nn {

/// y = p * silu(g), silu(g) = g sigmoid(g). p, g, y [R, F], rows may be strided, y may be p or g.
///
/// Cost: three numbers moved and one exponential an entry. Accuracy: 4 ulp (lior/simd/math.h).
/// Threads over rows; bit-equal across thread counts. Throws lior::Error when shapes do not fit.
template <class T>
void gate_forward(linalg::MatrixView<const T> p, linalg::MatrixView<const T> g,
                  linalg::MatrixView<T> y);

/// With s = sigmoid(g):  dp = dy g s,  dg = dy p s (1 + g (1 - s)). Written; dp may be p or dy, dg
/// may be g.
template <class T>
void gate_backward(linalg::MatrixView<const T> p, linalg::MatrixView<const T> g,
                   linalg::MatrixView<const T> dy, linalg::MatrixView<T> dp,
                   linalg::MatrixView<T> dg);

/// SwiGLU: y = silu(a) * b of one projection [a | b], [R, 2F]; y [R, F]. A gate on its own halves.
/// Source: Shazeer, arXiv:2002.05202.
template <class T>
void swiglu_forward(linalg::MatrixView<const T> ab, linalg::MatrixView<T> y);

/// [da | db], [R, 2F], written; it may be ab.
template <class T>
void swiglu_backward(linalg::MatrixView<const T> ab, linalg::MatrixView<const T> dy,
                     linalg::MatrixView<T> d_ab);

/// y = x Phi(x) = x (1 + erf(x / sqrt 2)) / 2. x, y [R, F], rows may be strided, y may be x.
/// Cost, accuracy (12 + x^2 ulp) and threads as the gate's. Source: Hendrycks, Gimpel,
/// arXiv:1606.08415.
template <class T>
void gelu_forward(linalg::MatrixView<const T> x, linalg::MatrixView<T> y);

/// dx = dy (Phi(x) + x phi(x)). Written; it may be x or dy.
template <class T>
void gelu_backward(linalg::MatrixView<const T> x, linalg::MatrixView<const T> dy,
                   linalg::MatrixView<T> dx);

namespace reference {
template <class T>
void gate_forward(linalg::MatrixView<const T> p, linalg::MatrixView<const T> g,
                  linalg::MatrixView<T> y);
template <class T>
void gate_backward(linalg::MatrixView<const T> p, linalg::MatrixView<const T> g,
                   linalg::MatrixView<const T> dy, linalg::MatrixView<T> dp,
                   linalg::MatrixView<T> dg);
template <class T>
void gelu_forward(linalg::MatrixView<const T> x, linalg::MatrixView<T> y);
template <class T>
void gelu_backward(linalg::MatrixView<const T> x, linalg::MatrixView<const T> dy,
                   linalg::MatrixView<T> dx);
}  // namespace reference

}  // namespace lior::nn
