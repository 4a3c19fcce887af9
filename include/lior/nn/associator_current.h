// SPDX-License-Identifier: Apache-2.0
#pragma once
/// The current of the causal field: how far three complex octonions are from associating.
///
///   J = (a b) c - a (b c),   j = J p,   p = P/|P|
///
/// J vanishes where a, b and c lie in one quaternion subalgebra. Right multiplication by a head's
/// unit octonion p turns both parts of J and keeps its length. Where |P| <= 1e-6, p = 1 and P has
/// gradient 0. Source: docs/math/conventions.md, sections 3 and 10.

#include "lior/core/arena.h"
#include "lior/linalg/matrix_view.h"

namespace lior::nn {

/// Numbers of one head: a, b and c in, j out; each re 0..7, then im 0..7.
inline constexpr Index kCurrentFactors = 48;
inline constexpr Index kCurrentWidth = 16;

/// factors [R, 48 H], current [R, 16 H], rows may be strided, heads side by side; transport [H, 8]
/// holds P.
///
/// Cost: 1,152 multiply-adds a head and row, lanes over rows. Accuracy: 64 eps |a| |b| |c| an
/// entry. Threads over rows; bit-equal across thread counts. NaN stays in its row and head. Throws
/// lior::Error when shapes do not fit.
template <class T>
void associator_current_forward(linalg::MatrixView<const T> factors, View<const T, 2> transport,
                                linalg::MatrixView<T> current);

/// d_factors written, d_transport [H, 8] summed into. Cost: 2,944 multiply-adds a head and row.
/// Sums over rows run in a fixed order.
template <class T>
void associator_current_backward(linalg::MatrixView<const T> factors, View<const T, 2> transport,
                                 linalg::MatrixView<const T> current,
                                 linalg::MatrixView<const T> d_current,
                                 linalg::MatrixView<T> d_factors, View<T, 2> d_transport,
                                 Arena& workspace);

namespace reference {
template <class T>
void associator_current_forward(linalg::MatrixView<const T> factors, View<const T, 2> transport,
                                linalg::MatrixView<T> current);
}  // namespace reference

}  // namespace lior::nn
