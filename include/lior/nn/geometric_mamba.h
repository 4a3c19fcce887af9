#pragma once
/// The geometric Mamba layer: norm, projection, CI8 scan, read-out, gate, residual.

#include <span>

#include "lior/core/arena.h"
#include "lior/nn/ci8_scan.h"
#include "lior/nn/readout.h"

namespace lior::nn {

/// Sizes that follow from a layer's options. P columns of the projection feed the scan, D the gate.
struct GeometricMambaShape {
  ScanShape scan;
  Index d_model = 0;

  Index rows() const { return scan.batch * scan.length; }
  Index read_width() const {
    return readout_width(scan.mixer.readout, scan.mixer.complex_state) * scan.heads();
  }
  Index projection_width() const { return scan.width() + d_model; }
};

/// Values of one layer's parameters (T const), or where their gradients are summed.
template <class T>
struct GeometricMambaParameters {
  std::span<T> norm_gain;  ///< [D]
  View<T, 2> in_weight;    ///< [P + D, D]: W_in over W_g
  std::span<T> in_bias;    ///< [P + D]
  View<T, 2> read_weight;  ///< W_q [D, Q H]
  View<T, 2> out_weight;   ///< W_o [D, D]
  View<T, 2> initial;      ///< [S, H], only without gates: each head's column, normalised, is h_0
  View<T, 2> angles;       ///< theta [8, H], only with rotation
};

/// What forward leaves for backward. R = B N rows. The first three are dear: products, and where
/// the scan's tiles begin; its states are never stored. The others follow from them and x in one
/// pass each.
template <class T>
struct GeometricMambaSaved {
  View<T, 2> projection;  ///< [R, P + D]
  View<T, 4> starts;      ///< [B, tiles, S, H]
  View<T, 2> p;           ///< [R, D] W_q q
  std::span<T> inv_rms;   ///< [R]
  View<T, 2> v;           ///< [R, D] RMSNorm(x)
  View<T, 2> q;           ///< [R, Q H]
  View<T, 2> gated;       ///< [R, D] p * silu(W_g v)
  View<T, 3> state;       ///< [B, S, H] restore's own
  std::span<T> scan_workspace;
};

template <class T>
GeometricMambaSaved<T> take_saved(const GeometricMambaShape& shape, Arena& arena);
/// The dear ones alone; the others stay empty.
template <class T>
GeometricMambaSaved<T> take_products(const GeometricMambaShape& shape, Arena& arena);

/// out = x + W_o (W_q q * silu(W_g v)),  v = RMSNorm(x),  (w, z, phi, c) = W_in v + bias,
/// h = ci8_scan(w, z, phi, c),  q = readout(h).
///
/// x, out [R, D], R = B N, distinct; an empty out is left out: `saved` alone is filled.
/// state [B, S, H]: h_0 in, h_N out (N = 0 leaves it).
/// Cost: 2 R D (P + 2 D + Q H) operations in matrix products, and the scan. Bit-equal for equal
/// thread counts. NaN spreads to later positions of its sequence. Source: docs/math/conventions.md,
/// section 4.
template <class T>
void geometric_mamba_forward(const GeometricMambaShape& shape,
                             const GeometricMambaParameters<const T>& parameters,
                             View<const T, 2> x, View<T, 3> state,
                             const GeometricMambaSaved<T>& saved, View<T, 2> out);

/// Fills the cheap half of `saved` again, from x and the dear one: what forward left, bit for bit.
template <class T>
void geometric_mamba_restore(const GeometricMambaShape& shape,
                             const GeometricMambaParameters<const T>& parameters,
                             View<const T, 2> x, const GeometricMambaSaved<T>& saved);

/// dx [R, D] written: the gradient with respect to x, the residual's included; dx may be d_out.
/// d_parameters summed into. Without gates the state that forward was given must be
/// initial_state's.
template <class T>
void geometric_mamba_backward(const GeometricMambaShape& shape,
                              const GeometricMambaParameters<const T>& parameters,
                              View<const T, 2> x, const GeometricMambaSaved<T>& saved,
                              View<const T, 2> d_out, View<T, 2> dx,
                              const GeometricMambaParameters<T>& d_parameters, Arena& arena);

/// The state before the first token, [B, S, H]: zero with gates, the learned unit state without.
template <class T>
void geometric_mamba_initial_state(const MixerConfig& mixer, View<const T, 2> initial,
                                   View<T, 3> state);

}  // namespace lior::nn
