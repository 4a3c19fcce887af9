#pragma once
/// The causal field layer: norm, associator current, LIoR memory along time, gate, residual.

#include <span>

#include "lior/core/arena.h"
#include "lior/memory/causal_convolution.h"
#include "lior/nn/associator_current.h"

namespace lior::nn {

struct CausalFieldShape {
  Index batch = 0;
  Index length = 0;
  Index heads = 0;
  Index d_model = 0;

  Index rows() const { return batch * length; }
  Index field_width() const { return kCurrentWidth * heads; }
  Index factor_width() const { return kCurrentFactors * heads; }
  Index projection_width() const { return factor_width() + field_width(); }
};

/// Values of one layer's parameters (T const), or where their gradients are summed.
template <class T>
struct CausalFieldParameters {
  std::span<T> norm_gain;  ///< [D]
  View<T, 2> in_weight;    ///< [64 H, D]: a, b, c head by head, over W_g
  std::span<T> in_bias;    ///< [64 H]
  View<T, 2> transport;    ///< P [H, 8]
  View<T, 2> memory;       ///< [H, 12]: raw parameters of each head's kernel
  View<T, 2> out_weight;   ///< W_o [D, 16 H]
};

/// The memories of one layer's heads, with tables of the parameters that they were last used with.
/// The power law has poles for 65,536 steps at 1e-4. One call at a time.
template <class T>
class FieldMemory {
 public:
  explicit FieldMemory(Index heads);
  /// The memories of these parameters [H, 12]. Tables are remade where a number has changed.
  const memory::CausalConvolution<T>& with(View<const T, 2> parameters);
  /// Those that `with` gave last.
  const memory::CausalConvolution<T>& last() const { return convolution_; }
  /// [B, H, rows, 16]: one sequence's state is rows * 16 H doubles.
  Index state_rows() const { return convolution_.state_rows(); }

 private:
  memory::CausalConvolution<T> convolution_;
  Array<T, 2> made_of_;
};

/// What forward leaves for backward. R = B N rows. The first three are dear: products, the current
/// and the memory. The others follow from them and x in one pass each.
template <class T>
struct CausalFieldSaved {
  View<T, 2> projection;  ///< [R, 64 H]
  View<T, 2> current;     ///< [R, 16 H] j
  View<T, 2> field;       ///< [R, 16 H] m
  std::span<T> inv_rms;   ///< [R]
  View<T, 2> v;           ///< [R, D] RMSNorm(x)
  View<T, 2> gated;       ///< [R, 16 H] m * silu(W_g v)
};

template <class T>
CausalFieldSaved<T> take_saved(const CausalFieldShape& shape, Arena& arena);
/// The dear three alone; the others stay empty.
template <class T>
CausalFieldSaved<T> take_products(const CausalFieldShape& shape, Arena& arena);

/// out = x + W_o (m * silu(W_g v)),  v = RMSNorm(x),  (a, b, c, W_g v) = W_in v + bias,
/// j = ((a b) c - a (b c)) P/|P|,  m = memory of j along time (memory/causal_convolution.h).
///
/// x, out [R, D], R = B N, distinct; an empty out is left out. state [B, H, memory.state_rows(),
/// 16]: the poles before the call in, after it out; without data the sequences start and end with
/// the call. Cost: 160 R D H operations in matrix products, 2,300 a head and row in the current and
/// 1,600 in the memory. Bit-equal for equal thread counts. NaN spreads to later positions of its
/// sequence and to at most 3 earlier ones. Throws as PoleForm. Source: docs/math/conventions.md,
/// section 10.1.
template <class T>
void causal_field_forward(const CausalFieldShape& shape,
                          const CausalFieldParameters<const T>& parameters, FieldMemory<T>& memory,
                          View<const T, 2> x, View<double, 4> state,
                          const CausalFieldSaved<T>& saved, View<T, 2> out, Arena& arena);

/// dx [R, D] written: the gradient with respect to x, the residual's included; dx may be d_out.
/// d_parameters summed into. Of a call without state.
template <class T>
void causal_field_backward(const CausalFieldShape& shape,
                           const CausalFieldParameters<const T>& parameters, FieldMemory<T>& memory,
                           View<const T, 2> x, const CausalFieldSaved<T>& saved,
                           View<const T, 2> d_out, View<T, 2> dx,
                           const CausalFieldParameters<T>& d_parameters, Arena& arena);

}  // namespace lior::nn
