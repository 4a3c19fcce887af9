// SPDX-License-Identifier: Apache-2.0
// The recorded file "geometric_mamba_legacy": one layer of the original in float64, its parameters
// under its own names.
#include <utility>

#include "lior/check/compare.h"
#include "lior/check/registry.h"
#include "lior/io/safetensors.h"
#include "lior/nn/compat_mamba.h"

namespace lior::check {
namespace {

using nn::CompatMambaParameters;
using nn::CompatMambaShape;

/// The recorded layer's tensors, and the layer run on them.
struct Recorded {
  explicit Recorded(const io::SafeTensors& file) {
    const auto& x_shape = file.info("x").shape;
    LIOR_CHECK(x_shape.size() == 3, "{}: x has shape {}; expected [B, N, D]", file.path(),
               io::to_string(x_shape));
    const Index B = x_shape[0], N = x_shape[1], D = x_shape[2];
    const Index E = file.info("param.in_proj.bias").shape.at(0), R = B * N;
    const auto vector = [&](const char* name, Index size) {
      return file.read_shaped<double, 1>(name, {size});
    };
    const auto matrix = [&](const char* name, Index rows, Index cols) {
      return file.read_shaped<double, 2>(name, {rows, cols});
    };
    const auto in_weight = matrix("param.in_proj.weight", E, D);
    const auto gate_weight = matrix("param.gate.weight", E, E);
    const auto out_weight = matrix("param.out_proj.weight", D, E);
    const auto read_weight = matrix("param.spinor.projection.weight", E, 8);
    const auto basis_re = matrix("param.wedge.basis_real", E, 8);
    const auto basis_im = matrix("param.wedge.basis_imag", E, 8);
    const auto in_bias = vector("param.in_proj.bias", E);
    const auto gate_bias = vector("param.gate.bias", E);
    const auto read_bias = vector("param.spinor.projection.bias", E);
    const auto out_bias = vector("param.out_proj.bias", D);
    const auto u_gain = vector("param.wedge.layer_norm.weight", 16);
    const auto u_bias = vector("param.wedge.layer_norm.bias", 16);
    const auto norm_gain = vector("param.norm.weight", D), norm_bias = vector("param.norm.bias", D);
    const auto theta = vector("param.trinor.theta", 8), omega = vector("param.trinor.omega", 8);
    const auto sigma = vector("param.trinor.sigma", 8);
    const auto x = file.read_shaped<double, 3>("x", {B, N, D});
    Array<double, 2> basis({E, 16});
    for (Index e = 0; e < E; ++e) {
      for (Index k = 0; k < 8; ++k) basis(e, k) = basis_re(e, k), basis(e, 8 + k) = basis_im(e, k);
    }

    state = matrix("state0", B, 16);
    y = Array<double, 3>({B, N, D});
    const CompatMambaShape shape{.batch = B, .length = N, .d_model = D, .expanded = E};
    const CompatMambaParameters<const double> parameters{
        .in_weight = in_weight.view(),
        .in_bias = in_bias.span(),
        .basis = std::as_const(basis).view(),
        .u_gain = u_gain.span(),
        .u_bias = u_bias.span(),
        .transition = {theta.span(), omega.span(), sigma.span()},
        .read_weight = read_weight.view(),
        .read_bias = read_bias.span(),
        .gate_weight = gate_weight.view(),
        .gate_bias = gate_bias.span(),
        .out_weight = out_weight.view(),
        .out_bias = out_bias.span(),
        .norm_gain = norm_gain.span(),
        .norm_bias = norm_bias.span()};
    const auto run = [&](Arena& workspace) {
      nn::compat_mamba_forward<double>(shape, parameters, x.view().reshaped<2>({R, D}),
                                       state.view(), y.view().reshaped<2>({R, D}), workspace);
    };
    Arena plan = Arena::planner();
    run(plan);
    Arena workspace(plan.peak());
    run(workspace);
  }

  Array<double, 3> y;
  Array<double, 2> state;
};

std::vector<Check> geometric_mamba_legacy_cases(std::shared_ptr<const io::SafeTensors> file) {
  constexpr double kRecordedTolerance = 1e-10;  // of float64 outputs, relative to the largest
  const std::string shape = file->contains("x") ? io::to_string(file->info("x").shape) : "";
  const auto check = [&](const char* output, auto error) {
    return Check{.name = std::string("cases.geometric_mamba_legacy.") + output,
                 .module = "nn",
                 .dtype = "f64",
                 .shape = shape,
                 .tolerance = kRecordedTolerance,
                 .error = error};
  };
  return {check("y",
                [file] {
                  return relative_difference(Recorded(*file).y.span(),
                                             file->read<double>("y").span());
                }),
          check("state_final", [file] {
            return relative_difference(Recorded(*file).state.span(),
                                       file->read<double>("state_final").span());
          })};
}

}  // namespace

void add_nn_cases(Registry& registry) {
  registry.cases.emplace_back("geometric_mamba_legacy", geometric_mamba_legacy_cases);
}

}  // namespace lior::check
