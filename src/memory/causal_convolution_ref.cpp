// SPDX-License-Identifier: Apache-2.0
#include "lior/memory/causal_convolution.h"

namespace lior::memory::reference {

template <class T>
void causal_convolution(View<const T, 2> raw, const PowerLawRule& rule, View<const T, 4> x,
                        View<T, 4> y) {
  const auto [batch, length, heads, channels] = x.shape();
  std::vector<double> kappa(static_cast<std::size_t>(length));
  for (Index h = 0; h < heads; ++h) {
    std::array<double, kKernelParameters> parameters;
    std::copy_n(raw[h].begin(), kKernelParameters, parameters.begin());
    const PoleForm form(KernelParameters::from(parameters), rule);
    for (Index k = 0; k < length; ++k) kappa[k] = form.kappa(k);
    for (Index b = 0; b < batch; ++b) {
      for (Index n = 0; n < length; ++n) {
        for (Index c = 0; c < channels; ++c) {
          double sum = form.w0() * x(b, n, h, c);
          for (Index k = 0; k <= n; ++k) sum += kappa[k] * x(b, n - k, h, c);
          y(b, n, h, c) = static_cast<T>(sum);
        }
      }
    }
  }
}

template void causal_convolution(View<const float, 2>, const PowerLawRule&, View<const float, 4>,
                                 View<float, 4>);
template void causal_convolution(View<const double, 2>, const PowerLawRule&, View<const double, 4>,
                                 View<double, 4>);

}  // namespace lior::memory::reference
