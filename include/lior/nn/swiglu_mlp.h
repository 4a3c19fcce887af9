#pragma once
/// The second half of a block: norm, SwiGLU, residual.

#include <span>

#include "lior/core/arena.h"
#include "lior/core/view.h"

namespace lior::nn {

/// Values of the parameters (T const), or where their gradients are summed. F is the hidden width.
template <class T>
struct SwigluMlpParameters {
  std::span<T> norm_gain;  ///< [D]
  View<T, 2> in_weight;    ///< [2 F, D]: W_a over W_b
  View<T, 2> out_weight;   ///< [D, F]
};

/// What forward leaves for backward. The others follow from ab and x in one pass each.
template <class T>
struct SwigluMlpSaved {
  View<T, 2> ab;         ///< [R, 2 F]
  std::span<T> inv_rms;  ///< [R]
  View<T, 2> v;          ///< [R, D] RMSNorm(x)
  View<T, 2> hidden;     ///< [R, F] silu(a) * b
};

template <class T>
SwigluMlpSaved<T> take_saved(Index rows, Index d_model, Index hidden, Arena& arena);

/// out = x + W_o (silu(W_a v) * W_b v), v = RMSNorm(x). x, out [R, D], distinct; an empty out is
/// left out: `saved` alone is filled.
/// Cost: 6 R D F operations. Bit-equal for equal thread counts. NaN stays in its row.
/// Source: Shazeer, "GLU variants improve transformer", arXiv:2002.05202.
template <class T>
void swiglu_mlp_forward(const SwigluMlpParameters<const T>& parameters, View<const T, 2> x,
                        const SwigluMlpSaved<T>& saved, View<T, 2> out);

/// Fills all of `saved` but ab again, from x and ab: what forward left, bit for bit.
template <class T>
void swiglu_mlp_restore(const SwigluMlpParameters<const T>& parameters, View<const T, 2> x,
                        const SwigluMlpSaved<T>& saved);

/// dx [R, D] written, the residual's gradient included; dx may be d_out. d_parameters summed into.
template <class T>
void swiglu_mlp_backward(const SwigluMlpParameters<const T>& parameters, View<const T, 2> x,
                         const SwigluMlpSaved<T>& saved, View<const T, 2> d_out, View<T, 2> dx,
                         const SwigluMlpParameters<T>& d_parameters, Arena& arena);

}  // namespace lior::nn
