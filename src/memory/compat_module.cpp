// SPDX-License-Identifier: Apache-2.0
#include "lior/memory/compat_module.h"

#include <cmath>
#include <vector>

namespace lior::memory::compat {
namespace {

double gelu(double x) { return 0.5 * x * (1 + std::erf(x / std::sqrt(2.0))); }

double control_scalar(const ModuleParameters& p, View<const double, 1> m) {
  double j = p.out_bias(0);
  for (Index i = 0; i < p.hidden_bias.size(); ++i) {
    double hidden = p.hidden_bias(i);
    for (Index c = 0; c < m.size(); ++c) hidden += p.hidden_weight(i, c) * m(c);
    j += p.out_weight(0, i) * gelu(hidden);
  }
  return j;
}

}  // namespace

void module_forward(const ModuleParameters& p, View<const double, 3> x, ModuleState state,
                    View<double, 3> out) {
  const auto [batch, length, channels] = x.shape();
  const Index hidden = p.hidden_bias.size(), delay = state.buffer.extent(1);
  LIOR_CHECK(length >= 1 && delay >= 1, "x has shape {} and the buffer {}; expected N >= 1, p >= 1",
             to_string(x.shape()), to_string(state.buffer.shape()));
  check_shape(out, x.shape(), "out");
  check_shape(p.hidden_weight, {hidden, channels}, "hidden_weight");
  check_shape(p.out_weight, {1, hidden}, "out_weight");
  check_shape(p.out_bias, {1}, "out_bias");
  check_shape(state.m, {batch, channels}, "m");
  check_shape(state.buffer, {batch, delay, channels}, "buffer");
  check_shape(state.j, {batch, 1}, "j");

  const KernelValues kernel = values(p.kernel);
  const double w0 = kernel.w[0];
  std::vector<double> lag(static_cast<std::size_t>(length));
  normalised_kernel(kernel, lag);

  for (Index b = 0; b < batch; ++b) {
    for (Index n = 0; n < length; ++n) {
      for (Index c = 0; c < channels; ++c) {
        double sum = 0;
        for (Index k = 0; k <= n; ++k) sum += lag[k] * x(b, n - k, c);
        out(b, n, c) = w0 * x(b, n, c) + (1 - w0) * sum;
      }
    }
    const double j = control_scalar(p, state.m[b]);
    const View<double, 2> buffer = state.buffer[b];
    for (Index c = 0; c < channels; ++c) {
      const double last = x(b, length - 1, c);
      state.m(b, c) = recurrence_step(p.recurrence, state.m(b, c), last, buffer(0, c), j);
      for (Index row = 0; row + 1 < delay; ++row) buffer(row, c) = buffer(row + 1, c);
      buffer(delay - 1, c) = last;
    }
    state.j(b, 0) = j;
  }
}

}  // namespace lior::memory::compat
