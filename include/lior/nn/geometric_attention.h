#pragma once
/// Geometric attention: norm, spinors, causal attention by their inner products, residual.

#include <span>

#include "lior/core/arena.h"
#include "lior/nn/tiled_attention.h"

namespace lior::nn {

/// Numbers of one head's value.
inline constexpr Index kGeometricValueWidth = 16;

/// `tiled` has key_width = kSpinorWidth and value_width = kGeometricValueWidth.
struct GeometricAttentionShape {
  TiledAttentionShape tiled;
  Index d_model = 0;

  Index rows() const { return tiled.rows(); }
  Index octet_width() const { return 24 * tiled.heads; }
  Index value_width() const { return kGeometricValueWidth * tiled.heads; }
  Index projection_width() const { return octet_width() + value_width(); }
};

GeometricAttentionShape geometric_attention_shape(Index batch, Index length, Index d_model,
                                                  Index heads, Index window);

/// Values of one layer's parameters (T const), or where their gradients are summed.
template <class T>
struct GeometricAttentionParameters {
  std::span<T> norm_gain;  ///< [D]
  View<T, 2> in_weight;    ///< [40 H, D]: octets A, B, Theta head by head, over values
  std::span<T> in_bias;    ///< [40 H]
  View<T, 2> mix;          ///< [H, 4]: l1..l4
  View<T, 2> out_weight;   ///< W_o [D, 16 H]
};

/// What forward leaves for backward. R = B N rows. The first three are dear: products and the
/// attention. The others follow from them and x in one pass each.
template <class T>
struct GeometricAttentionSaved {
  View<T, 2> projection;  ///< [R, 40 H]
  View<T, 2> attended;    ///< [R, 16 H]
  View<T, 3> log_sums;    ///< [B, H, N]
  std::span<T> inv_rms;   ///< [R]
  View<T, 2> v;           ///< [R, D] RMSNorm(x)
  View<T, 2> z;           ///< [R, 16 H]
};

template <class T>
GeometricAttentionSaved<T> take_saved(const GeometricAttentionShape& shape, Arena& arena);
/// The dear three alone; the others stay empty.
template <class T>
GeometricAttentionSaved<T> take_products(const GeometricAttentionShape& shape, Arena& arena);

/// out = x + W_o attention(z, values),  (octets, values) = W_in RMSNorm(x) + bias,
/// z = spinor_map(octets), with the spinor scores of tiled_attention.h.
///
/// One map makes queries and keys, which makes the wedge antisymmetric. Scores know no positions
/// beyond the order of causality. x, out [R, D], distinct; an empty out is left out; state [B,
/// tiled.state_size()] as in tiled_attention.h; without data the sequences start and end with the
/// call. Cost: 112 R D H operations in matrix products, and the attention. Bit-equal for equal
/// thread counts. NaN spreads to later positions of its sequence, and to at most 63 earlier ones.
/// Source: docs/math/conventions.md, section 10.
template <class T>
void geometric_attention_forward(const GeometricAttentionShape& shape,
                                 const GeometricAttentionParameters<const T>& parameters,
                                 View<const T, 2> x, linalg::MatrixView<T> state,
                                 const GeometricAttentionSaved<T>& saved, View<T, 2> out);

/// dx [R, D] written: the gradient with respect to x, the residual's included; dx may be d_out.
/// d_parameters summed into. Of a call that nothing came before.
template <class T>
void geometric_attention_backward(const GeometricAttentionShape& shape,
                                  const GeometricAttentionParameters<const T>& parameters,
                                  View<const T, 2> x, const GeometricAttentionSaved<T>& saved,
                                  View<const T, 2> d_out, View<T, 2> dx,
                                  const GeometricAttentionParameters<T>& d_parameters,
                                  Arena& arena);

}  // namespace lior::nn
