// SPDX-License-Identifier: Apache-2.0
#include "lior/nn/compat_mamba.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "nn/kernels/compat_mamba.inl.h"
#include <hwy/foreach_target.h>
#include "nn/kernels/compat_mamba.inl.h"

#if HWY_ONCE
#include <array>
#include <cmath>

#include "lior/core/denormals.h"
#include "lior/core/parallel.h"
#include "lior/linalg/gemm.h"
#include "lior/nn/layer_norm.h"
#include "lior/nn/linear.h"
#include "lior/simd/dispatch.h"
#include "nn/arguments.h"

namespace lior::nn {
namespace {

using linalg::MatrixView;
using linalg::Transpose;

constexpr int kSideBySide = 2;  // sequences: one alone waits for its own products
constexpr Index kTokensPerThread = 1024;

/// The diagonal of T: Re 0..7, Im 0..7.
template <class T>
std::array<T, 16> diagonal(const CompatTransition<const T>& transition) {
  std::array<T, 16> scales;
  for (std::size_t k = 0; k < 8; ++k) {
    const T length = std::clamp(transition.sigma[k], T(0.5), T(2)) *  //
                     (1 + T(0.1) * transition.omega[k]);
    scales[k] = length * std::cos(transition.theta[k]);
    scales[8 + k] = length * std::sin(transition.theta[k]);
  }
  return scales;
}

}  // namespace

template <class T>
void compat_recurrence_forward(const CompatTransition<const T>& transition, View<const T, 3> u,
                               View<T, 2> state, View<T, 3> invariants) {
  const Index B = u.extent(0), N = u.extent(1);
  check_size(transition.theta, 8, "theta");
  check_size(transition.omega, 8, "omega");
  check_size(transition.sigma, 8, "sigma");
  check_shape(u, {B, N, 16}, "u");
  check_shape(state, {B, 16}, "state");
  check_shape(invariants, {B, N, 8}, "invariants");

  constexpr T kSigns[8] = {1, -1, -1, -1, -1, -1, -1, -1};
  const std::array<T, 16> scales = diagonal(transition);
  const auto pair = LIOR_SIMD_TABLE(compat_recurrence_run<kSideBySide, T>).chosen();
  const auto single = LIOR_SIMD_TABLE(compat_recurrence_run<1, T>).chosen();
  const Index pairs_per_thread = 1 + kTokensPerThread / (kSideBySide * std::max<Index>(N, 1));
  parallel_for(
      (B + kSideBySide - 1) / kSideBySide, pairs_per_thread, [&](Index begin, Index end, int) {
        const FlushDenormals flush;
        for (Index b = kSideBySide * begin; b < std::min(kSideBySide * end, B); b += kSideBySide) {
          const auto run = b + kSideBySide <= B ? pair : single;
          run(N, scales.data(), kSigns, u.data() + b * N * 16, state.data() + b * 16,
              invariants.data() + b * N * 8);
        }
      });
}

template <class T>
void compat_mamba_forward(const CompatMambaShape& shape,
                          const CompatMambaParameters<const T>& parameters, View<const T, 2> x,
                          View<T, 2> state, View<T, 2> out, Arena& workspace) {
  const Index B = shape.batch, N = shape.length, D = shape.d_model, E = shape.expanded;
  const Index R = shape.rows();
  const Arena::Scope scope(workspace);
  const auto x_in = workspace.take<T, 2>({R, E});
  const auto gated = workspace.take<T, 2>({R, E});  // the gate, then y
  const auto u = workspace.take<T, 2>({R, 16});
  const auto invariants = workspace.take<T, 2>({R, 8});
  const auto read_columns = workspace.take<T, 2>({8, E});
  const auto mean = workspace.take<T, 1>({R}), inv_deviation = workspace.take<T, 1>({R});
  if (workspace.planning()) return;

  check_shape(x, {R, D}, "x");
  check_shape(out, {R, D}, "out");
  check_shape(state, {B, 16}, "state");
  check_shape(parameters.basis, {E, 16}, "basis");
  check_shape(parameters.read_weight, {E, 8}, "read_weight");
  check_shape(parameters.out_weight, {D, E}, "out_weight");
  check_size(parameters.read_bias, E, "read_bias");
  check_size(parameters.out_bias, D, "out_bias");

  linear_forward<T>(x, parameters.in_weight, parameters.in_bias, x_in);
  linalg::gemm<T>(Transpose::no, Transpose::no, 1, x_in, parameters.basis, 0, MatrixView<T>(u));
  layer_norm_forward<T>(u, parameters.u_gain, parameters.u_bias, kLayerNormEpsilon, u, mean.span(),
                        inv_deviation.span());
  compat_recurrence_forward<T>(parameters.transition, u.template reshaped<3>({B, N, 16}), state,
                               invariants.template reshaped<3>({B, N, 8}));

  for (Index e = 0; e < E; ++e) {
    for (Index k = 0; k < 8; ++k) read_columns(k, e) = parameters.read_weight(e, k);
  }
  linear_forward<T>(x_in, parameters.gate_weight, parameters.gate_bias, gated);
  const auto gate = LIOR_SIMD_TABLE(compat_gate_rows<T>).chosen();
  parallel_for(R, rows_per_thread(E), [&](Index begin, Index end, int) {
    const MatrixView<T> rows = MatrixView<T>(gated).block(begin, 0, end - begin, E);
    gate(invariants.data() + 8 * begin, read_columns.data(), parameters.read_bias.data(), rows,
         rows);
  });

  parallel_for(R, rows_per_thread(D), [&](Index begin, Index end, int) {
    for (Index r = begin; r < end; ++r) {
      for (Index k = 0; k < D; ++k) out(r, k) = x(r, k) + parameters.out_bias[k];
    }
  });
  linalg::gemm<T>(Transpose::no, Transpose::yes, 1, gated, parameters.out_weight, 1,
                  MatrixView<T>(out));
  layer_norm_forward<T>(out, parameters.norm_gain, parameters.norm_bias, kLayerNormEpsilon, out,
                        mean.span(), inv_deviation.span());
}

#define LIOR_INSTANTIATE(T)                                                                   \
  template void compat_recurrence_forward(const CompatTransition<const T>&, View<const T, 3>, \
                                          View<T, 2>, View<T, 3>);                            \
  template void compat_mamba_forward(const CompatMambaShape&,                                 \
                                     const CompatMambaParameters<const T>&, View<const T, 2>, \
                                     View<T, 2>, View<T, 2>, Arena&)
LIOR_INSTANTIATE(float);
LIOR_INSTANTIATE(double);
#undef LIOR_INSTANTIATE

}  // namespace lior::nn
#endif
