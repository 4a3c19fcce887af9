// SPDX-License-Identifier: Apache-2.0
// The layers for XLA.

#include "layer.h"
#include "operations.h"

namespace lior::python {
namespace {

/// The layer that options describe: kind, d_model, and the kind's own under "options".
std::shared_ptr<Layer> layer_of(const Options& options) {
  auto layer = std::make_shared<Layer>(options.get<std::string>("kind"),
                                       options.get<Index>("d_model"), 1, options.part("options"));
  layer->block<float>(), layer->block<double>();  // now: calls come from several threads
  return layer;
}

/// in[first], in[first + 1], ... as the layer's parameters, in the order of its `shapes`.
NamedArguments parameters_of(Layer& layer, Arguments in, std::size_t first) {
  NamedArguments parameters;
  for (const nn::Parameter& p : layer.block<float>().layout.parameters()) {
    parameters.items.emplace_back(p.name, in[first++]);
  }
  return parameters;
}

/// No state is given.
Output none() { return {.object = nb::handle(Py_None)}; }

/// (x, parameters ...) -> out.
Operation layer_operation(const Options& options) {
  return [layer = layer_of(options)](Arguments in, Outputs& out) {
    layer_run(*layer, parameters_of(*layer, in, 1), in[0], none(), out);
  };
}

/// (x, parameters ...) -> (out, saved).
Operation layer_forward_operation(const Options& options) {
  return [layer = layer_of(options)](Arguments in, Outputs& out) {
    layer_forward(*layer, parameters_of(*layer, in, 1), in[0], none(), out);
  };
}

/// (x, saved, d_out, parameters ...) -> (dx, gradients ...).
Operation layer_backward_operation(const Options& options) {
  return [layer = layer_of(options)](Arguments in, Outputs& out) {
    layer_backward(*layer, parameters_of(*layer, in, 3), in[0], in[1], in[2], none(), out);
  };
}

/// (x, state, parameters ...) -> (out, next state).
Operation layer_step_operation(const Options& options) {
  return [layer = layer_of(options)](Arguments in, Outputs& out) {
    const Output state = state_in_place(in[1], out);
    layer_run(*layer, parameters_of(*layer, in, 2), in[0], state, out);
    want_state(in[1], out);
  };
}

/// (x, state, parameters ...) -> (out, saved, next state).
Operation layer_step_forward_operation(const Options& options) {
  return [layer = layer_of(options)](Arguments in, Outputs& out) {
    const Output state = state_in_place(in[1], out);
    layer_forward(*layer, parameters_of(*layer, in, 2), in[0], state, out);
    want_state(in[1], out);
  };
}

/// (x, saved, d_out, gradient of the next state, parameters ...) ->
/// (dx, gradients ..., that of the state).
Operation layer_step_backward_operation(const Options& options) {
  return [layer = layer_of(options)](Arguments in, Outputs& out) {
    const Output d_state = state_in_place(in[3], out);
    layer_backward(*layer, parameters_of(*layer, in, 4), in[0], in[1], in[2], d_state, out);
    want_state(in[3], out);
  };
}

/// parameters ... -> the state before the first token.
Operation layer_start_operation(const Options& options) {
  return [layer = layer_of(options), batch = options.get<Index>("batch"),
          dtype = options.get<std::string>("dtype")](Arguments in, Outputs& out) {
    layer_initial_state(*layer, batch, parameters_of(*layer, in, 0), dtype, out);
  };
}

}  // namespace

void define_layer_operations() {
  define_operation("layer", &layer_operation);
  define_operation("layer_forward", &layer_forward_operation);
  define_operation("layer_backward", &layer_backward_operation);
  define_operation("layer_step", &layer_step_operation);
  define_operation("layer_step_forward", &layer_step_forward_operation);
  define_operation("layer_step_backward", &layer_step_backward_operation);
  define_operation("layer_start", &layer_start_operation);
}

}  // namespace lior::python
