#pragma once
/// Softmax attention as a layer: norm, projections, causal attention in tiles, residual.
///
/// Positions enter by slopes on distances (ALiBi), s_ij = q_i . k_j / sqrt E - 2^{-8 (h+1)/H} (i -
/// j) in head h, and by nothing else. Rotary embeddings would need the absolute position of every
/// token in the state and meet angles at long lengths that training never showed; distances need
/// neither, so a sliding window of keys and values is the whole state.

#include <span>

#include "lior/core/arena.h"
#include "lior/nn/tiled_attention.h"

namespace lior::nn {

/// D = heads * head width; `tiled` has key_width = value_width = D / heads.
struct AttentionShape {
  TiledAttentionShape tiled;
  Index d_model = 0;

  Index rows() const { return tiled.rows(); }
};

/// Throws lior::Error unless heads divide d_model into widths that the tiles take.
AttentionShape attention_shape(Index batch, Index length, Index d_model, Index heads, Index window);

/// Values of one layer's parameters (T const), or where their gradients are summed.
template <class T>
struct AttentionParameters {
  std::span<T> norm_gain;  ///< [D]
  View<T, 2> in_weight;    ///< [3 D, D]: W_q over W_k over W_v
  std::span<T> in_bias;    ///< [3 D]
  View<T, 2> out_weight;   ///< W_o [D, D]
};

/// What forward leaves for backward. R = B N rows. The first four are dear: products and the
/// attention. The others follow from x in one pass.
template <class T>
struct AttentionSaved {
  View<T, 2> projection;  ///< [R, 3 D]
  View<T, 1> slopes;      ///< [H]
  View<T, 2> attended;    ///< [R, D]
  View<T, 3> log_sums;    ///< [B, H, N]
  std::span<T> inv_rms;   ///< [R]
  View<T, 2> v;           ///< [R, D] RMSNorm(x)
};

template <class T>
AttentionSaved<T> take_saved(const AttentionShape& shape, Arena& arena);
/// The dear four alone; the others stay empty.
template <class T>
AttentionSaved<T> take_products(const AttentionShape& shape, Arena& arena);

/// out = x + W_o attention(q, k, v),  (q, k, v) = W_in RMSNorm(x) + bias.
///
/// x, out [R, D], distinct; an empty out is left out. state [B, tiled.state_size()]: as in
/// tiled_attention.h, of the last W positions; without data the sequences start and end with the
/// call. Cost: 8 R D^2 operations in matrix products, and the attention. Bit-equal for equal thread
/// counts. NaN spreads to later positions of its sequence, and to at most 63 earlier ones.
template <class T>
void attention_forward(const AttentionShape& shape, const AttentionParameters<const T>& parameters,
                       View<const T, 2> x, linalg::MatrixView<T> state,
                       const AttentionSaved<T>& saved, View<T, 2> out);

/// dx [R, D] written: the gradient with respect to x, the residual's included; dx may be d_out.
/// d_parameters summed into. Of a call that nothing came before.
template <class T>
void attention_backward(const AttentionShape& shape, const AttentionParameters<const T>& parameters,
                        View<const T, 2> x, const AttentionSaved<T>& saved, View<const T, 2> d_out,
                        View<T, 2> dx, const AttentionParameters<T>& d_parameters, Arena& arena);

}  // namespace lior::nn
