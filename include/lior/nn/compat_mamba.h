// SPDX-License-Identifier: Apache-2.0
#pragma once
/// The original program's geometric Mamba layer: kept to compare with its recorded outputs, and
/// nothing else stands on it. The layer of this project is geometric_mamba of nn/mixers.h.

#include <span>

#include "lior/core/arena.h"
#include "lior/linalg/matrix_view.h"

namespace lior::nn {

/// T = diag(clamp(sigma, 1/2, 2) (1 + omega / 10) e^{i theta}); each [8].
template <class T>
struct CompatTransition {
  std::span<T> theta, omega, sigma;
};

/// h_n = (T h_{n-1}) (x) u_n, for each sequence, with (x) the componentwise product of
/// algebra/compat.h; invariants_n = (|h_0|^2, -|h_1|^2, ..., -|h_7|^2), |h_k|^2 = Re^2 + Im^2.
///
/// u [B, N, 16], Re 0..7 then Im 0..7; state [B, 16]: h_0 in, h_N out; invariants [B, N, 8].
/// From h_0 = 0 the state is zero forever; from any other it grows or dies geometrically.
///
/// Cost a token: 80 multiply-adds and 24 numbers moved. Component j of a block of four meets
/// component j of the others only: a vector holds four of them, as they lie in memory, and two
/// sequences run side by side. Accuracy: n roundings of h_n. Threads over sequences; bit-equal
/// across thread counts. Denormals are flushed. NaN spreads to later tokens of its j. Throws
/// lior::Error when shapes do not fit. Source: docs/math/conventions.md, section 4.5.
template <class T>
void compat_recurrence_forward(const CompatTransition<const T>& transition, View<const T, 3> u,
                               View<T, 2> state, View<T, 3> invariants);

/// E = expand D.
struct CompatMambaShape {
  Index batch = 0;
  Index length = 0;
  Index d_model = 0;   ///< D
  Index expanded = 0;  ///< E

  Index rows() const { return batch * length; }
};

template <class T>
struct CompatMambaParameters {
  View<T, 2> in_weight;  ///< W_in [E, D]
  std::span<T> in_bias;
  View<T, 2> basis;             ///< [E, 16]: B_re | B_im
  std::span<T> u_gain, u_bias;  ///< [16], of the norm of u
  CompatTransition<T> transition;
  View<T, 2> read_weight;  ///< W_s [E, 8]
  std::span<T> read_bias;
  View<T, 2> gate_weight;  ///< W_g [E, E]
  std::span<T> gate_bias;
  View<T, 2> out_weight;  ///< W_out [D, E]
  std::span<T> out_bias;
  std::span<T> norm_gain, norm_bias;  ///< [D]
};

/// x_in = W_in x + b_in;  u = LayerNorm(x_in [B_re | B_im]);  inv = compat_recurrence(u);
/// y = (W_s inv + b_s) * sigmoid(W_g x_in + b_g);  out = LayerNorm(x + W_out y + b_out),
/// both norms with kLayerNormEpsilon.
///
/// x, out [R, D], R = B N, distinct; state [B, 16]: h_0 in, h_N out. `workspace` holds R (2 E + 26)
/// numbers and a little; a planning arena counts them. Cost: 2 R E (2 D + E + 16) operations in
/// matrix products; the read-out is computed where the gate is. Bit-equal for equal thread counts.
template <class T>
void compat_mamba_forward(const CompatMambaShape& shape,
                          const CompatMambaParameters<const T>& parameters, View<const T, 2> x,
                          View<T, 2> state, View<T, 2> out, Arena& workspace);

namespace reference {
/// The same in the plain text of their formulas.
template <class T>
void compat_recurrence_forward(const CompatTransition<const T>& transition, View<const T, 3> u,
                               View<T, 2> state, View<T, 3> invariants);
template <class T>
void compat_mamba_forward(const CompatMambaShape& shape,
                          const CompatMambaParameters<const T>& parameters, View<const T, 2> x,
                          View<T, 2> state, View<T, 2> out, Arena& workspace);
}  // namespace reference

}  // namespace lior::nn
