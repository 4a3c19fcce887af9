// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Causal attention in tiles: no array of N x N numbers, forward or backward.
///
///   out_i = sum_j a_ij v_j,   a_ij = e^{s_ij} / sum_j' e^{s_ij'}   over the visible j, i - W < j
///   <= i.
///
/// Each head on its own. A tile of queries passes over tiles of keys with a running maximum and sum
/// (the online softmax) and leaves only L_i = ln sum_j e^{s_ij}, from which backward makes the
/// weights of each tile again. Two forms of the score s share the engine:
/// - dot: s_ij = q_i . k_j / sqrt(E) - slope (i - j);
/// - spinor: q = k = z in C^8; p = Re(z_i^dagger z_j), w = Im(z_i^dagger z_j), c = Re(z_i^T z_j),
///   s_ij = (l1 p + l2 w + l3 (p^2 + w^2)/8 + l4 c) / sqrt 8: tensor term, wedge (w_ij = -w_ji),
///   spinor term and contraction.
///
/// Sources: Milakov, Gimelshein, arXiv:1805.02867; Dao et al., arXiv:2205.14135; Press, Smith,
/// Lewis, arXiv:2108.12409 (slopes); Liu, Zaharia, Abbeel, arXiv:2310.01889 (keys in parts);
/// docs/math/conventions.md, section 10 (spinor scores).

#include <limits>

#include "lior/core/arena.h"
#include "lior/linalg/matrix_view.h"

namespace lior::nn {

/// Widths of a head's key (E) and value (F) end here: tiles live on a worker's stack.
inline constexpr Index kMostHeadWidth = 128;

/// The numbers of a spinor key: re 0..7, then im 0..7.
inline constexpr Index kSpinorWidth = 16;

struct TiledAttentionShape {
  Index batch = 0;
  Index length = 0;  ///< N queries a sequence
  Index heads = 0;
  Index key_width = 0;    ///< E: numbers of one head's query and key; kSpinorWidth in spinor form
  Index value_width = 0;  ///< F
  Index window = 0;       ///< W: positions that a query sees, its own among them; 0: all

  Index rows() const { return batch * length; }
  /// Positions before its own that a query sees at most.
  Index reach() const { return window == 0 ? std::numeric_limits<Index>::max() : window - 1; }
  /// Numbers of one sequence's state: a count of positions, below 2 W, and W rows of keys and
  /// values, a ring: position n is row n mod W. Zero before the first token. 0 without a window.
  Index state_size() const {
    return window == 0 ? 0 : 1 + window * heads * (key_width + value_width);
  }
};

/// Keys and values of tokens before a call's own, of the same sequences: so many of each, the first
/// of them `distance` >= count tokens before the first query.
struct EarlierKeys {
  Index count = 0;
  Index distance = 0;
};

/// out, log_sums from q, k, v.
///
/// q, k [R, H E], v, out [R, H F], R = B N, rows may be strided, head h in columns h E (h F) on;
/// log_sums [B, H, N] for backward. slopes [H] >= 0, or empty for none. state [B, state_size()]:
/// what came before the call in, the same after it out; without data nothing came before and
/// nothing is kept. Any split of a sequence into calls gives one call's result, to rounding.
///
/// Cost: N^2 / 2 (E + F) multiply-adds a head, and an exponential a pair; beyond the arguments, up
/// to 0.5 MB of each worker's stack. Accuracy: 16 eps (1 + |s|) of the largest v. Threads over
/// sequences, heads and tiles of queries; bit-equal across thread counts. An output does not change
/// by a bit with later tokens that are finite; a NaN or Inf at position j reaches the outputs from
/// j - 63 on. Throws lior::Error when shapes do not fit, or a width is past kMostHeadWidth.
template <class T>
void dot_attention_forward(const TiledAttentionShape& shape, linalg::MatrixView<const T> q,
                           linalg::MatrixView<const T> k, linalg::MatrixView<const T> v,
                           View<const T, 1> slopes, linalg::MatrixView<T> state,
                           linalg::MatrixView<T> out, View<T, 3> log_sums);

/// dq, dk, dv, overwritten, of a call that nothing came before. Cost: N^2 / 2 (3 E + 2 F)
/// multiply-adds a head: scores are computed again. Threads over sequences, heads and groups of 128
/// positions or more, of which a small call has at most 32; bit-equal across thread counts.
template <class T>
void dot_attention_backward(const TiledAttentionShape& shape, linalg::MatrixView<const T> q,
                            linalg::MatrixView<const T> k, linalg::MatrixView<const T> v,
                            View<const T, 1> slopes, linalg::MatrixView<const T> out,
                            View<const T, 3> log_sums, linalg::MatrixView<const T> d_out,
                            linalg::MatrixView<T> dq, linalg::MatrixView<T> dk,
                            linalg::MatrixView<T> dv);

/// Goes on with earlier keys, k [B count, H E] and v [B count, H F]: out and log_sums come in as
/// those of other keys, and go out as those of all, to rounding. Cost of a pair, accuracy, threads
/// and errors as above; distance < count is an error too.
template <class T>
void dot_attention_forward_earlier(const TiledAttentionShape& shape, EarlierKeys earlier,
                                   linalg::MatrixView<const T> q, linalg::MatrixView<const T> k,
                                   linalg::MatrixView<const T> v, View<const T, 1> slopes,
                                   linalg::MatrixView<T> out, View<T, 3> log_sums);

/// What earlier keys add to the gradient: dq is summed into; dk, dv [B count, ..] are overwritten.
/// out and log_sums are those of all keys.
template <class T>
void dot_attention_backward_earlier(const TiledAttentionShape& shape, EarlierKeys earlier,
                                    linalg::MatrixView<const T> q, linalg::MatrixView<const T> k,
                                    linalg::MatrixView<const T> v, View<const T, 1> slopes,
                                    linalg::MatrixView<const T> out, View<const T, 3> log_sums,
                                    linalg::MatrixView<const T> d_out, linalg::MatrixView<T> dq,
                                    linalg::MatrixView<T> dk, linalg::MatrixView<T> dv);

/// The same with spinor scores: z [R, 16 H], a head's 8 real parts before its 8 imaginary ones;
/// mix [H, 4] holds l1..l4. Cost: two products of 16 a pair for p, w and c together.
template <class T>
void spinor_attention_forward(const TiledAttentionShape& shape, linalg::MatrixView<const T> z,
                              linalg::MatrixView<const T> v, View<const T, 2> mix,
                              linalg::MatrixView<T> state, linalg::MatrixView<T> out,
                              View<T, 3> log_sums);

/// dz, dv overwritten, d_mix [H, 4] summed into, of a call that nothing came before. The workspace
/// holds at most as much as z and a few numbers.
template <class T>
void spinor_attention_backward(const TiledAttentionShape& shape, linalg::MatrixView<const T> z,
                               linalg::MatrixView<const T> v, View<const T, 2> mix,
                               linalg::MatrixView<const T> out, View<const T, 3> log_sums,
                               linalg::MatrixView<const T> d_out, linalg::MatrixView<T> dz,
                               linalg::MatrixView<T> dv, View<T, 2> d_mix, Arena& workspace);

/// Earlier keys with spinor scores: `keys` [B count, 16 H] are their z.
template <class T>
void spinor_attention_forward_earlier(const TiledAttentionShape& shape, EarlierKeys earlier,
                                      linalg::MatrixView<const T> z,
                                      linalg::MatrixView<const T> keys,
                                      linalg::MatrixView<const T> v, View<const T, 2> mix,
                                      linalg::MatrixView<T> out, View<T, 3> log_sums);

/// dz and d_mix are summed into; d_keys, dv [B count, ..] are overwritten.
template <class T>
void spinor_attention_backward_earlier(const TiledAttentionShape& shape, EarlierKeys earlier,
                                       linalg::MatrixView<const T> z,
                                       linalg::MatrixView<const T> keys,
                                       linalg::MatrixView<const T> v, View<const T, 2> mix,
                                       linalg::MatrixView<const T> out, View<const T, 3> log_sums,
                                       linalg::MatrixView<const T> d_out, linalg::MatrixView<T> dz,
                                       linalg::MatrixView<T> d_keys, linalg::MatrixView<T> dv,
                                       View<T, 2> d_mix, Arena& workspace);

/// state [B, state_size()] <- the same after the keys and values k [R, H E], v [R, H F], without
/// queries. Throws lior::Error where shapes do not fit, or there is no window.
template <class T>
void append_to_attention_state(const TiledAttentionShape& shape, linalg::MatrixView<const T> k,
                               linalg::MatrixView<const T> v, linalg::MatrixView<T> state);

namespace reference {

/// p, w and c of two spinors of 16 numbers.
template <class T>
struct SpinorProducts {
  T tensor, wedge, contraction;
};
template <class T>
SpinorProducts<T> spinor_products(const T* query, const T* key);

/// A row of scores at a time. Nothing came before.
template <class T>
void dot_attention_forward(const TiledAttentionShape& shape, linalg::MatrixView<const T> q,
                           linalg::MatrixView<const T> k, linalg::MatrixView<const T> v,
                           View<const T, 1> slopes, linalg::MatrixView<T> out);
template <class T>
void spinor_attention_forward(const TiledAttentionShape& shape, linalg::MatrixView<const T> z,
                              linalg::MatrixView<const T> v, View<const T, 2> mix,
                              linalg::MatrixView<T> out);

}  // namespace reference

}  // namespace lior::nn
