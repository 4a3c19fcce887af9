// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Products of matrices, all of them: float by oneDNN, double by Eigen, bf16 by oneDNN where the
/// processor has the instructions.

#include <type_traits>

#include "lior/core/arena.h"
#include "lior/core/float16.h"
#include "lior/linalg/matrix_view.h"
#include "lior/linalg/precision.h"

namespace lior::linalg {

/// Whether a factor is used as it lies or transposed.
enum class Transpose { no, yes };

/// C = alpha op(A) op(B) + beta C, where op(X) is X or its transpose.
///
/// op(A): [M, K], op(B): [K, N], C: [M, N]; C overlaps neither factor. beta = 0 writes C without
/// reading it, so C may hold anything then; K = 0 leaves beta C. Empty products are allowed.
/// Write `gemm<T>(...)` when an argument is a View: T is deduced from a MatrixView only.
///
/// Cost: 2 M N K operations on threads(); the libraries keep packing buffers of their own.
/// Accuracy: |error| <= K eps (|alpha| |A| |B|) + a rounding of beta C, element by element.
/// Bit-equal for equal shapes and thread counts. NaN and Inf pass through, except that alpha = 0
/// skips A B. Throws lior::Error when shapes do not fit or a stride is shorter than a row.
/// docs/decisions/001-matrix-products.md holds the measurements behind the choice of libraries.
template <class T>
void gemm(Transpose transpose_a, Transpose transpose_b, std::type_identity_t<T> alpha,
          MatrixView<const std::type_identity_t<T>> a, MatrixView<const std::type_identity_t<T>> b,
          std::type_identity_t<T> beta, MatrixView<T> c);

/// Whether this processor multiplies bf16 numbers itself (AVX-512 BF16 or AMX). Elsewhere the
/// library would emulate it, slower than float.
bool bf16_is_native();

/// C = op(A) op(B) + beta C: factors in bf16, sums and C in float. Shapes as in gemm.
///
/// Throws lior::Error where bf16_is_native() is false, and as gemm does.
void gemm_bf16(Transpose transpose_a, Transpose transpose_b, MatrixView<const BFloat16> a,
               MatrixView<const BFloat16> b, float beta, MatrixView<float> c);

/// C = op(A) op(B) + beta C with factors in `precision`. Shapes and errors as in gemm.
///
/// In bfloat16 floats are rounded first, into the workspace: 2 (M K + K N) bytes for as long as the
/// call where bf16_is_native(), which multiplies twice as fast as float; elsewhere 4 (M K + K N)
/// bytes and the same numbers, slower than in float32. Doubles are never rounded. On an arena that
/// only counts it takes its room and computes nothing.
template <class T>
void gemm(Precision precision, Transpose transpose_a, Transpose transpose_b,
          MatrixView<const std::type_identity_t<T>> a, MatrixView<const std::type_identity_t<T>> b,
          std::type_identity_t<T> beta, MatrixView<T> c, Arena& workspace);

namespace reference {
/// The sum over k, element by element.
template <class T>
void gemm(Transpose transpose_a, Transpose transpose_b, std::type_identity_t<T> alpha,
          MatrixView<const std::type_identity_t<T>> a, MatrixView<const std::type_identity_t<T>> b,
          std::type_identity_t<T> beta, MatrixView<T> c);
}  // namespace reference

}  // namespace lior::linalg
