// SPDX-License-Identifier: Apache-2.0
// The original's recurrence and layer: value, repeatability, and what follows from their formulas.
#include <cmath>

#include "lior/check/compare.h"
#include "lior/check/op_harness.h"
#include "lior/check/registry.h"
#include "lior/nn/compat_mamba.h"

namespace lior::check {
namespace {

using nn::CompatMambaParameters;
using nn::CompatMambaShape;
using nn::CompatTransition;

template <class T>
CompatTransition<const T> transition_of(Inputs<T> in) {
  return {in("theta"), in("omega"), in("sigma")};
}

/// Lengths on both sides of the clamp of sigma.
std::vector<OpInput> transition_inputs() {
  return {{"theta", {8}}, {"omega", {8}}, {"sigma", {8}, uniform(0.2, 2.4)}};
}

Op recurrence_op(Index B, Index N) {
  const double tokens = static_cast<double>(B * N);
  Op op{.name = fmt::format("compat_recurrence.{}_sequences", B),
        .module = "nn",
        .shape = fmt::format("B={} N={}", B, N),
        .inputs = transition_inputs(),
        .outputs = {{"invariants", {B, N, 8}}, {"state_final", {B, 16}}}};
  op.inputs.push_back({"u", {B, N, 16}});
  op.inputs.push_back({"state", {B, 16}});
  const auto run = [](auto function) {
    return [function]<class T>(Inputs<T> in, Outputs<T> out, Arena&) {
      const std::span<const T> start = in("state");
      const View<T, 2> state = out("state_final");
      std::copy(start.begin(), start.end(), state.begin());
      function(transition_of<T>(in), View<const T, 3>(in("u")), state,
               View<T, 3>(out("invariants")));
    };
  };
  op.reference = run([]<class T>(CompatTransition<const T> transition, View<const T, 3> u,
                                 View<T, 2> state, View<T, 3> invariants) {
    nn::reference::compat_recurrence_forward<T>(transition, u, state, invariants);
  });
  op.forward = run([]<class T>(CompatTransition<const T> transition, View<const T, 3> u,
                               View<T, 2> state, View<T, 3> invariants) {
    nn::compat_recurrence_forward<T>(transition, u, state, invariants);
  });
  op.value_roundings = 32 + 8.0 * static_cast<double>(N);  // each step rounds the one before
  op.forward_cost = {.flops = 160 * tokens, .numbers = 24 * tokens};
  return op;
}

template <class T>
CompatMambaParameters<const T> layer_parameters(Inputs<T> in) {
  return {.in_weight = in("in_weight"),
          .in_bias = in("in_bias"),
          .basis = in("basis"),
          .u_gain = in("u_gain"),
          .u_bias = in("u_bias"),
          .transition = transition_of<T>(in),
          .read_weight = in("read_weight"),
          .read_bias = in("read_bias"),
          .gate_weight = in("gate_weight"),
          .gate_bias = in("gate_bias"),
          .out_weight = in("out_weight"),
          .out_bias = in("out_bias"),
          .norm_gain = in("norm_gain"),
          .norm_bias = in("norm_bias")};
}

Op layer_op(const CompatMambaShape& shape) {
  const Index R = shape.rows(), D = shape.d_model, E = shape.expanded;
  const double small = 1 / std::sqrt(static_cast<double>(E));
  Op op{.name = "compat_mamba",
        .module = "nn",
        .shape = fmt::format("B={} N={} D={} E={}", shape.batch, shape.length, D, E),
        .inputs = transition_inputs(),
        .outputs = {{"out", {R, D}}, {"state_final", {shape.batch, 16}}}};
  for (const OpInput& input : std::vector<OpInput>{{"x", {R, D}},
                                                   {"state", {shape.batch, 16}},
                                                   {"in_weight", {E, D}, normal(small)},
                                                   {"in_bias", {E}},
                                                   {"basis", {E, 16}, normal(small)},
                                                   {"u_gain", {16}, normal(0.1, 1)},
                                                   {"u_bias", {16}},
                                                   {"read_weight", {E, 8}, normal(0.3)},
                                                   {"read_bias", {E}},
                                                   {"gate_weight", {E, E}, normal(small)},
                                                   {"gate_bias", {E}},
                                                   {"out_weight", {D, E}, normal(small)},
                                                   {"out_bias", {D}},
                                                   {"norm_gain", {D}, normal(0.1, 1)},
                                                   {"norm_bias", {D}}}) {
    op.inputs.push_back(input);
  }
  const auto run = [shape](auto function) {
    return [=]<class T>(Inputs<T> in, Outputs<T> out, Arena& workspace) {
      const std::span<const T> start = in("state");
      const View<T, 2> state = out("state_final");
      std::copy(start.begin(), start.end(), state.begin());
      function(shape, layer_parameters<T>(in), View<const T, 2>(in("x")), state,
               View<T, 2>(out("out")), workspace);
    };
  };
  op.reference =
      run([]<class T>(const CompatMambaShape& of, CompatMambaParameters<const T> values,
                      View<const T, 2> x, View<T, 2> state, View<T, 2> out, Arena& workspace) {
        nn::reference::compat_mamba_forward<T>(of, values, x, state, out, workspace);
      });
  op.forward =
      run([]<class T>(const CompatMambaShape& of, CompatMambaParameters<const T> values,
                      View<const T, 2> x, View<T, 2> state, View<T, 2> out, Arena& workspace) {
        nn::compat_mamba_forward<T>(of, values, x, state, out, workspace);
      });
  op.workspace = static_cast<std::size_t>(R * (3 * E + 32) + 8 * E) * sizeof(double) + 4096;
  op.value_roundings = 256;  // of sums of E products through two norms and N steps
  op.equal_across_threads = false;
  return op;
}

/// Largest entry of the invariants and of the state after 20 steps from h_0 = 0.
double zero_state_error() {
  constexpr Index B = 3, N = 20;
  Array<double, 1> eight({8});
  Random(3).fill_uniform(eight.span(), 0.5, 2);
  Array<double, 3> u({B, N, 16}), invariants({B, N, 8});
  Array<double, 2> state({B, 16});
  Random(4).fill_normal(u.span());
  Random(5).fill_normal(invariants.span());
  const std::span<const double> parameters = eight.span();
  nn::compat_recurrence_forward<double>({parameters, parameters, parameters}, u.view(),
                                        state.view(), invariants.view());
  const Array<double, 3> zero({B, N, 8});
  const Array<double, 2> zero_state({B, 16});
  return std::max(max_difference(invariants.span(), zero.span()),
                  max_difference(state.span(), zero_state.span()));
}

}  // namespace

void add_nn_compat_checks(Registry& registry) {
  for (const Index sequences : {1, 2, 5}) add_checks(registry, recurrence_op(sequences, 19));
  add_checks(registry, layer_op({.batch = 3, .length = 7, .d_model = 12, .expanded = 21}));
  registry.checks.push_back({.name = "compat_recurrence.zero_stays_zero",
                             .module = "nn",
                             .dtype = "f64",
                             .shape = "B=3 N=20",
                             .tolerance = 0,
                             .error = zero_state_error});
}

void add_nn_compat_benches(Registry& registry) {
  Op op = recurrence_op(8, 512);
  op.name = "compat_recurrence";
  for (OpInput& input : op.inputs) {  // nearly orthogonal steps: states keep their size
    if (input.name == "omega") input.fill = normal(0);
    if (input.name == "sigma") input.fill = normal(0, 1);
    if (input.name == "u") input.fill = normal(0.02, std::sqrt(0.5));
  }
  add_benches<float>(registry, op);
}

}  // namespace lior::check
