// SPDX-License-Identifier: Apache-2.0
#include "lior/nn/compat_mamba.h"

#include <algorithm>
#include <cmath>
#include <complex>

#include "lior/algebra/compat.h"
#include "lior/nn/layer_norm.h"
#include "lior/nn/linear.h"

namespace lior::nn::reference {

template <class T>
void compat_recurrence_forward(const CompatTransition<const T>& transition, View<const T, 3> u,
                               View<T, 2> state, View<T, 3> invariants) {
  const Index B = u.extent(0), N = u.extent(1);
  for (Index b = 0; b < B; ++b) {
    const View<T, 2> h = state[b].template reshaped<2>({16, 1});
    for (Index n = 0; n < N; ++n) {
      for (Index k = 0; k < 8; ++k) {
        const T scale =
            std::clamp(transition.sigma[k], T(0.5), T(2)) * (1 + T(0.1) * transition.omega[k]);
        const std::complex<T> turned =
            std::complex<T>(h(k, 0), h(8 + k, 0)) * (scale * std::polar(T(1), transition.theta[k]));
        h(k, 0) = turned.real();
        h(8 + k, 0) = turned.imag();
      }
      algebra::compat::reference::componentwise_multiply<T>(
          h, u[b][n].template reshaped<2>({16, 1}), h);
      for (Index k = 0; k < 8; ++k) {
        const T square = h(k, 0) * h(k, 0) + h(8 + k, 0) * h(8 + k, 0);
        invariants(b, n, k) = k == 0 ? square : -square;
      }
    }
  }
}

template <class T>
void compat_mamba_forward(const CompatMambaShape& shape,
                          const CompatMambaParameters<const T>& parameters, View<const T, 2> x,
                          View<T, 2> state, View<T, 2> out, Arena& workspace) {
  const Arena::Scope scope(workspace);
  const Index R = shape.rows(), E = shape.expanded;
  const auto x_in = workspace.take<T, 2>({R, E});
  const auto gate = workspace.take<T, 2>({R, E});
  const auto y = workspace.take<T, 2>({R, E});
  const auto u = workspace.take<T, 2>({R, 16});
  const auto invariants = workspace.take<T, 2>({R, 8});

  linear_forward<T>(x, parameters.in_weight, parameters.in_bias, x_in);
  for (Index r = 0; r < R; ++r) {
    for (Index k = 0; k < 16; ++k) {
      u(r, k) = 0;
      for (Index e = 0; e < E; ++e) u(r, k) += x_in(r, e) * parameters.basis(e, k);
    }
  }
  layer_norm_forward<T>(u, parameters.u_gain, parameters.u_bias, kLayerNormEpsilon, u);
  reference::compat_recurrence_forward<T>(
      parameters.transition, u.template reshaped<3>({shape.batch, shape.length, 16}), state,
      invariants.template reshaped<3>({shape.batch, shape.length, 8}));

  linear_forward<T>(invariants, parameters.read_weight, parameters.read_bias, y);
  linear_forward<T>(x_in, parameters.gate_weight, parameters.gate_bias, gate);
  for (Index i = 0; i < y.size(); ++i) y.data()[i] *= 1 / (1 + std::exp(-gate.data()[i]));
  linear_forward<T>(y, parameters.out_weight, parameters.out_bias, out);
  for (Index i = 0; i < x.size(); ++i) out.data()[i] += x.data()[i];
  layer_norm_forward<T>(out, parameters.norm_gain, parameters.norm_bias, kLayerNormEpsilon, out);
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

}  // namespace lior::nn::reference
