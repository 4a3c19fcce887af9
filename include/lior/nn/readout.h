// SPDX-License-Identifier: Apache-2.0
#pragma once
/// The numbers that a head shows of its state: its components, and the bilinears that do not see
/// its sign.

#include "lior/linalg/matrix_view.h"
#include "lior/nn/mixer_config.h"

namespace lior::nn {

/// Numbers a head: see Readout.
Index readout_width(Readout readout, bool complex_state);

/// q = readout(h), row by row and head by head. states [R, S H] and q [R, Q H] are planes in each
/// row: component c of head i at column c H + i. Order of Q: linear, the S components; quadratic,
/// |h_0|^2 .. |h_7|^2, then for j < k in lexicographic order Re (and Im, complex states) of h_j
/// conj(h_k); invariants, the 8 squares, then Re (and Im) of h_k conj(h_0), k = 1..7;
/// linear_quadratic, linear first.
///
/// Cost a row and head: at most 112 multiply-adds; bound by the numbers moved. Accuracy: two
/// roundings an entry. Threads over rows; bit-equal across thread counts. NaN passes through.
/// Throws lior::Error when shapes do not fit. Source: docs/math/conventions.md, section 4.
template <class T>
void readout_forward(const MixerConfig& mixer, linalg::MatrixView<const T> states,
                     linalg::MatrixView<T> q);

/// d_states [R, S H] = the gradient with respect to the states, from dq [R, Q H]. Written, not
/// added.
template <class T>
void readout_backward(const MixerConfig& mixer, linalg::MatrixView<const T> states,
                      linalg::MatrixView<const T> dq, linalg::MatrixView<T> d_states);

namespace reference {
template <class T>
void readout_forward(const MixerConfig& mixer, linalg::MatrixView<const T> states,
                     linalg::MatrixView<T> q);
}  // namespace reference

}  // namespace lior::nn
