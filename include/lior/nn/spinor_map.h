// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Spinors from three real octets: the keys of geometric attention.
///
///   z = [A e^{clamp(Theta, -5, 5)} + B cos Theta | B sin Theta]  in C^8: 8 real parts, then 8
///   imaginary ones, componentwise.
///
/// Source: docs/math/conventions.md, section 10.

#include "lior/linalg/matrix_view.h"

namespace lior::nn {

/// octets [R, 24 H]: A, B, Theta of a head side by side; z [R, 16 H]; rows may be strided.
///
/// Cost: 40 numbers moved and 24 elementary functions a head and row. Accuracy: 8 eps of
/// |A| e^Theta + |B|. Threads over rows; bit-equal across thread counts. NaN stays in its
/// component. Throws lior::Error when shapes do not fit.
template <class T>
void spinor_map_forward(linalg::MatrixView<const T> octets, linalg::MatrixView<T> z);

/// d_octets written; it may be octets. Where Theta is clamped, the exponential's derivative is 0.
template <class T>
void spinor_map_backward(linalg::MatrixView<const T> octets, linalg::MatrixView<const T> dz,
                         linalg::MatrixView<T> d_octets);

namespace reference {
template <class T>
void spinor_map_forward(linalg::MatrixView<const T> octets, linalg::MatrixView<T> z);
}  // namespace reference

}  // namespace lior::nn
