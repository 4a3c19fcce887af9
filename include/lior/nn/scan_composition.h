// SPDX-License-Identifier: Apache-2.0
#pragma once
/// A stretch of the geometric recurrence as one affine map of the state, h -> M h + b, and the
/// associative composition of such maps: what lets chunks, threads and ranks share one sequence.

#include "lior/nn/ci8_scan.h"

namespace lior::nn {

/// A map of every sequence and head, [B, 9, S, H]: component i of M e_j at (b, j, i, h) for the
/// eight units e_j, then b in place 8. S = 8, or 16: M is complex then, and linear over the complex
/// numbers.
inline constexpr Index kMapColumns = 9;

/// M = 1, b = 0.
template <class T>
void scan_map_identity(View<T, 4> map);

/// First `earlier`, then `later`: (M2 M1, M2 b1 + b2). Associative, not commutative. `out` may be
/// either. Cost: 576 multiply-adds a head, four times that complex. Rounding: M2 and M1 of norm at
/// most 1, as all maps of a scan are, err by 8 eps (|b1| + 1).
template <class T>
void scan_map_compose(View<const T, 4> earlier, View<const T, 4> later, View<T, 4> out);

/// out = M state + b, [B, S, H]. `out` may be state.
template <class T>
void scan_map_apply(View<const T, 4> map, View<const T, 3> state, View<T, 3> out);

/// out = M^dagger gradient + offset, [B, S, H]: a gradient through the stretch, from its end to its
/// start; offset is dL/dh_0 of what reads the states inside. `out` may be either.
template <class T>
void scan_map_apply_adjoint(View<const T, 4> map, View<const T, 3> gradient,
                            View<const T, 3> offset, View<T, 3> out);

/// The map of all of a scan's steps: h_N = M h_0 + b. Arguments as in ci8_scan_forward, N = 0 gives
/// the identity. Without rotation M is a product of gates, phases and turns, and the columns of its
/// turns cost 16 multiply-adds a step each (docs/math/conventions.md, section 4.6).
template <class T>
void ci8_scan_map(const ScanShape& shape, linalg::MatrixView<const T> projection,
                  View<const T, 2> angles, View<T, 4> map);

/// dL/dh_0 [B, S, H] of what reads q inside the stretch: ci8_scan_readout_backward from d_state =
/// 0, without its gradients of projections, at two thirds of its cost. d_angles [B, 8, H], with
/// rotation, is overwritten.
template <class T>
void ci8_scan_start_gradient(const ScanShape& shape, linalg::MatrixView<const T> projection,
                             View<const T, 2> angles, View<const T, 4> starts,
                             linalg::MatrixView<const T> dq, View<T, 3> d_initial,
                             View<T, 3> d_angles);

}  // namespace lior::nn
