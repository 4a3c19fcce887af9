// SPDX-License-Identifier: Apache-2.0
#include <nanobind/stl/vector.h>

#include "bindings.h"
#include "lior/nn/compat_mamba.h"
#include "workspace.h"

namespace lior::python {
namespace {

/// The original's parameters by its own names, in the order of CompatMambaParameters.
template <class T>
nn::CompatMambaParameters<const T> layer_parameters(Call& call,
                                                    const std::vector<Argument>& parameters) {
  LIOR_CHECK(parameters.size() == 16, "{} parameters came; the layer has 16", parameters.size());
  auto next = parameters.begin();
  const auto matrix = [&](const char* name, Dim rows, Dim columns) {
    return call.in<T>(name, *next++, {rows, columns});
  };
  const auto vector = [&](const char* name, Dim size) {
    return call.in<T>(name, *next++, {size}).span();
  };
  nn::CompatMambaParameters<const T> p;
  p.in_weight = matrix("in_proj.weight", 'E', 'D');
  p.in_bias = vector("in_proj.bias", 'E');
  p.basis = matrix("wedge.basis", 'E', 16);
  p.u_gain = vector("wedge.layer_norm.weight", 16);
  p.u_bias = vector("wedge.layer_norm.bias", 16);
  p.transition.theta = vector("trinor.theta", 8);
  p.transition.omega = vector("trinor.omega", 8);
  p.transition.sigma = vector("trinor.sigma", 8);
  p.read_weight = matrix("spinor.projection.weight", 'E', 8);
  p.read_bias = vector("spinor.projection.bias", 'E');
  p.gate_weight = matrix("gate.weight", 'E', 'E');
  p.gate_bias = vector("gate.bias", 'E');
  p.out_weight = matrix("out_proj.weight", 'D', 'E');
  p.out_bias = vector("out_proj.bias", 'D');
  p.norm_gain = vector("norm.weight", 'D');
  p.norm_bias = vector("norm.bias", 'D');
  return p;
}

NumPy mamba(const std::vector<Argument>& parameters, const Argument& x, const Output& state,
            const Outputs& out) {
  return for_real("x", x, [&]<class T>() {
    Call call(out);
    const auto in = call.in<T>("x", x, {'B', 'N', 'D'});
    const auto p = layer_parameters<T>(call, parameters);
    const auto h = call.state<T>("state", state, {'B', 16});
    const auto y = call.out<T>({'B', 'N', 'D'});
    const nn::CompatMambaShape shape{call['B'], call['N'], call['D'], call['E']};
    const Shape<2> flat{shape.rows(), shape.d_model};
    return call.run_watched([&] {
      with_arena([&](Arena& arena) {
        nn::compat_mamba_forward<T>(shape, p, in.reshaped(flat), h, y.reshaped(flat), arena);
      });
    });
  });
}

}  // namespace

void bind_compat(nb::module_& m) {
  m.def(
      "mamba", &mamba, "parameters"_a, "x"_a, "state"_a, nb::kw_only(), "out"_a = nb::none(),
      R"(The original program's geometric Mamba layer: x (B, N, D) -> (B, N, D); state (B, 16) goes on.

parameters: its 16 arrays in the order of nn::CompatMambaParameters, the basis as one (E, 16).
Source: docs/math/conventions.md, section 4.5.)");
}

}  // namespace lior::python
