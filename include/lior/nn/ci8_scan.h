// SPDX-License-Identifier: Apache-2.0
#pragma once
/// The geometric recurrence: a state of octonions, turned by unit octonions that the input chooses.

#include <span>

#include "lior/core/view.h"
#include "lior/linalg/matrix_view.h"
#include "lior/nn/mixer_config.h"

namespace lior::nn {

/// How a scan goes through time. All plans give the same to rounding, not bit for bit.
///
/// sequential: step by step, lanes over batch x heads. chunked: lanes over batch x chunks x heads,
/// each chunk from its true start. Where the gates of every head leave less than eps^2 of a state
/// within a chunk, the last steps before a chunk give its start; elsewhere the affine map of every
/// chunk does (lior/nn/scan_composition.h), at 3 to 4 times the arithmetic. automatic: what the
/// cost model of docs/decisions/040-scan-plans.md says is faster at these threads and level; never
/// chunked where sequential fills them.
enum class ScanPlan { sequential, chunked, automatic };

/// Most factors a token.
inline constexpr Index kMaxFactors = 8;

/// Shapes and options of one scan. A *projection* is a matrix [B N, width()], row b N + n holding
/// token n of sequence b, its columns in planes of H heads each:
///   w    8 factors   octonion of factor f at planes 8 f .. 8 f + 7; need not be of unit length
///   z    1           if gates
///   phi  1           if phase
///   c    S           if gates
struct ScanShape {
  Index batch = 0;
  Index length = 0;
  MixerConfig mixer;
  ScanPlan plan = ScanPlan::automatic;
  Index chunk = 0;  ///< steps of a chunk, rounded up to whole tiles; 0: the cost model's

  Index heads() const { return mixer.heads; }
  Index state_width() const { return mixer.state_width(); }
  Index z_plane() const { return 8 * mixer.factors; }
  Index phi_plane() const { return z_plane() + (mixer.gates ? 1 : 0); }
  Index c_plane() const { return phi_plane() + (mixer.phase ? 1 : 0); }
  Index planes() const { return c_plane() + (mixer.gates ? state_width() : 0); }
  Index width() const { return planes() * heads(); }
  /// Operations of the turns: 64 multiply-adds a token, head, factor and part of the state.
  double turn_flops() const {
    return 128.0 * static_cast<double>(batch * length * heads() * mixer.factors) *
           (mixer.complex_state ? 2 : 1);
  }
  /// Steps between the states that are kept for the way back, and of the work in first-level cache.
  Index tile_steps() const;
  Index tiles() const { return (length + tile_steps() - 1) / tile_steps(); }
};

/// Numbers of workspace with which a scan may run chunked, whatever the threads and the level.
Index ci8_scan_workspace(const ScanShape& shape);

/// h_n = a_n e^{i phi_n} F_k(... F_1(D h_{n-1})) + sqrt(1 - a_n^2) c_n, for each sequence and head,
/// with
///   a = sigmoid(z) (1 without gates, and then no c), u_f = w_f / |w_f| (e0 where |w_f| <= 1e-6),
///   F_f = R_u, L_u or B_u of u_f, D = diag(e^{i theta_k}).
///
/// initial [B, S, H]: h_0. angles [8, H]: theta, empty without rotation. states [B, N, S, H]: every
/// h_n; S = 8 real numbers, or 16: Re 0..7, Im 0..7. N = 0 leaves all untouched. workspace: as
/// ci8_scan_workspace says; with less, automatic runs sequentially and chunked throws.
///
/// Cost a token and head, real state, k = 1, right: 64 multiply-adds and one exponential; 16 of the
/// 64 where two-sided. Sequential and chunked are bit-equal across thread counts, automatic for
/// equal ones. With a = 1 the norm of h drifts by rounding alone (1.4e-5 in 16,384 float steps).
/// Denormals are flushed to zero. NaN, and a w whose square overflows, spread to all later states
/// of its head. Throws lior::Error when shapes or options do not fit. Source:
/// docs/math/conventions.md, section 4.
template <class T>
void ci8_scan_forward(const ScanShape& shape, linalg::MatrixView<const T> projection,
                      View<const T, 3> initial, View<const T, 2> angles, View<T, 4> states,
                      std::span<T> workspace = {});

/// The adjoint. d_states [B, N, S, H] is dL/dh_n of whatever reads the states; `states` are
/// forward's. Writes d_projection (the columns of this scan), d_initial [B, S, H] and d_angles [B,
/// 8, H]; sum the last two over B where sequences share them. Where |w| <= 1e-6 its gradient is 0.
/// Reads one state in tile_steps() and makes the others again: they cost less than their memory
/// traffic. Cost: about three times forward's.
template <class T>
void ci8_scan_backward(const ScanShape& shape, linalg::MatrixView<const T> projection,
                       View<const T, 3> initial, View<const T, 2> angles, View<const T, 4> states,
                       View<const T, 4> d_states, linalg::MatrixView<T> d_projection,
                       View<T, 3> d_initial, View<T, 3> d_angles, std::span<T> workspace = {});

/// The scan and what mixer.readout shows of it in one pass: q [B N, Q H] of lior/nn/readout.h, no
/// states. state [B, S, H]: h_0 in, h_N out. starts [B, tiles(), S, H], or empty: the states that
/// the way back begins its tiles from.
template <class T>
void ci8_scan_readout_forward(const ScanShape& shape, linalg::MatrixView<const T> projection,
                              View<const T, 2> angles, View<T, 3> state, View<T, 4> starts,
                              linalg::MatrixView<T> q, std::span<T> workspace = {});

/// dq [B N, Q H]; d_state [B, S, H]: dL/dh_N in, dL/dh_0 out. The rest as in ci8_scan_backward.
template <class T>
void ci8_scan_readout_backward(const ScanShape& shape, linalg::MatrixView<const T> projection,
                               View<const T, 2> angles, View<const T, 4> starts,
                               linalg::MatrixView<const T> dq, linalg::MatrixView<T> d_projection,
                               View<T, 3> d_state, View<T, 3> d_angles,
                               std::span<T> workspace = {});

namespace reference {
/// The same in the plain text of the formulas, one number at a time, sequentially.
template <class T>
void ci8_scan_forward(const ScanShape& shape, linalg::MatrixView<const T> projection,
                      View<const T, 3> initial, View<const T, 2> angles, View<T, 4> states);
template <class T>
void ci8_scan_backward(const ScanShape& shape, linalg::MatrixView<const T> projection,
                       View<const T, 3> initial, View<const T, 2> angles, View<const T, 4> states,
                       View<const T, 4> d_states, linalg::MatrixView<T> d_projection,
                       View<T, 3> d_initial, View<T, 3> d_angles);
}  // namespace reference

}  // namespace lior::nn
