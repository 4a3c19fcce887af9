// SPDX-License-Identifier: Apache-2.0
#include "layer.h"

#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/vector.h>

#include <mutex>
#include <optional>

#include "bindings.h"
#include "lior/nn/activation.h"
#include "representation.h"
#include "workspace.h"

namespace lior::python {
namespace {

using linalg::MatrixView;

/// Options as Python's keywords.
class Keywords {
 public:
  explicit Keywords(const nb::kwargs& given) : given_(given) {}
  bool contains(const std::string& name) const { return given_.contains(name.c_str()); }
  std::size_t size() const { return given_.size(); }
  std::vector<std::string> names() const {
    std::vector<std::string> names;
    for (const auto& [key, value] : given_) names.emplace_back(nb::str(key).c_str());
    return names;
  }
  template <class Value>
  Value get(const std::string& name) const {
    return nb::cast<Value>(given_[name.c_str()]);
  }

 private:
  const nb::kwargs& given_;
};

nb::object option_value(Index value) { return nb::cast(value); }
nb::object option_value(bool value) { return nb::cast(value); }
template <class E>
requires(std::is_enum_v<E>) nb::object option_value(E value) {
  return nb::cast(std::string(name(value)));
}

/// The parameters by the layout's names, checked; `inner`: the core's own alone.
template <class T>
class Parameters {
 public:
  /// Whether it belongs to the core, and not to a projection before or behind it.
  static bool is_inner(std::string_view name) {
    return !name.starts_with("norm.") && !name.starts_with("in.") && !name.starts_with("out.") &&
           name != "initial";
  }

  Parameters(Call& call, Layer& layer, const NamedArguments& given, bool inner)
      : layout_(layer.block<T>().layout) {
    for (const nn::Parameter& p : layout_.parameters()) {
      if (inner && !is_inner(p.name)) continue;
      const Argument& argument = given.at(p.name);
      const T* data = p.shape.size() == 1
                          ? call.in<T>(p.name.c_str(), argument, {p.shape[0]}).data()
                          : call.in<T>(p.name.c_str(), argument, {p.shape[0], p.shape[1]}).data();
      parts_.push_back({data, nullptr, &p});
    }
    for (const auto& [name, argument] : given.items) {
      LIOR_CHECK(std::any_of(parts_.begin(), parts_.end(),
                             [&](const Part& part) { return part.of->name == name; }),
                 "parameters have '{}', which this {} layer does not use", name, layer.kind());
    }
  }

  /// Gradients by the same names, the next outputs of the call.
  void want_gradients(Call& call) {
    for (Part& part : parts_) {
      const std::vector<Index>& shape = part.of->shape;
      part.gradient = shape.size() == 1 ? call.out<T>({shape[0]}).data()
                                        : call.out<T>({shape[0], shape[1]}).data();
    }
  }
  /// (the first result, a dict of the gradients, which are the others); nothing where arrays are no
  /// objects.
  Result named_gradients(const Result& result) const {
    if (!result.object.is_valid()) return {};
    // One output, of a core without parameters, comes as an array and not as a tuple.
    const nb::tuple results = nb::isinstance<nb::tuple>(result.object)
                                  ? nb::borrow<nb::tuple>(result.object)
                                  : nb::make_tuple(result.object);
    nb::dict named;
    for (std::size_t i = 0; i < parts_.size(); ++i) {
      named[parts_[i].of->name.c_str()] = results[1 + i];
    }
    return {nb::make_tuple(results[0], named)};
  }

  /// All in one buffer, as a model has them.
  std::span<const T> values(Arena& arena) const {
    const auto flat = arena.take<T, 1>({layout_.size()}).span();
    for (const Part& part : parts_) {
      if (!arena.planning()) std::copy_n(part.values, part.of->size, flat.data() + part.of->offset);
    }
    return flat;
  }
  std::span<T> zeros(Arena& arena) const {
    const auto flat = arena.take<T, 1>({layout_.size()}).span();
    if (!arena.planning()) std::fill(flat.begin(), flat.end(), T(0));
    return flat;
  }
  void give(std::span<const T> sums) const {
    for (const Part& part : parts_) {
      std::copy_n(sums.data() + part.of->offset, part.of->size, part.gradient);
    }
  }

 private:
  struct Part {
    const T* values;
    T* gradient;
    const nn::Parameter* of;
  };
  const nn::Layout& layout_;
  std::vector<Part> parts_;
};

template <class T>
View<T, 2> rows(View<T, 3> array) {
  return array.template reshaped<2>({array.extent(0) * array.extent(1), array.extent(2)});
}

/// The kept block of what forward saved, or saves, and room for the rest.
template <class T>
nn::Saved<T> saved_in(const nn::SavedPlan& plan, View<T, 1> kept, Arena& arena) {
  return {plan, kept.data(), arena.take<T, 1>({plan.redone()}).data()};
}

/// A state that is read and written in place, or none.
template <class T>
MatrixView<T> state_or_none(Call& call, const char* name, const Output& given, Index size) {
  if (given.is_none()) return {};
  return call.state<T>(name, given, {'B', size});
}

void check_state_gradient(Layer& layer, const Output& d_state) {
  LIOR_CHECK(d_state.is_none() || layer.block<float>().layer->core().state_has_gradient(),
             "the state of a layer of kind {} has no gradient; expected d_state=None",
             layer.kind());
}

/// body(arena): counted, then run, with the layer to itself.
template <class Body>
void run_alone(Layer& layer, Body&& body) {
  const std::lock_guard lock(layer.mutex());
  with_arena(body);
}

nb::typed<nb::dict, nb::str, Sizes> shapes(Layer& self) {
  nb::dict all;
  for (const nn::Parameter& p : self.block<float>().layout.parameters()) {
    nb::list shape;
    for (const Index extent : p.shape) shape.append(extent);
    all[p.name.c_str()] = nb::tuple(shape);
  }
  return all;
}

NamedArrays start(Layer& self, std::uint64_t seed, const std::string& dtype) {
  return for_dtype(dtype, [&]<class T>() {
    const Block<T>& block = self.block<T>();
    Buffer<T> values(block.layout.size());
    nn::Initializer<T> initializer(values.span(), seed);
    block.layer->initialize(initializer);
    nb::dict all;
    for (const nn::Parameter& p : block.layout.parameters()) {
      void* data = nullptr;
      nb::object array = new_array(dtype_of<T>(), p.shape, data);
      std::copy_n(values.data() + p.offset, p.size, static_cast<T*>(data));
      all[p.name.c_str()] = array;
    }
    return all;
  });
}

}  // namespace

NamedValues Layer::options() const {
  nb::dict all;
  nn::visit_layer_options(config_, [&](const nn::LayerOption& option, const auto& member) {
    if (option.belongs_to(kind_))
      all[nb::str(option.name.data(), option.name.size())] = option_value(member);
  });
  return all;
}

Pair layer_forward(Layer& self, const NamedArguments& parameters, const Argument& x,
                   const Output& state, const Outputs& out) {
  return for_real("x", x, [&]<class T>() {
    Call call(out);
    const auto input = call.in<T>("x", x, {'B', 'N', self.d_model()});
    const Parameters<T> given(call, self, parameters, false);
    const nn::ResidualBlock<T>& layer = *self.block<T>().layer;
    const nn::Sequences sequences{call['B'], call['N']};
    const nn::SavedPlan plan = layer.plan(sequences);
    const auto h = state_or_none<T>(call, "state", state, layer.state_size());
    const auto result = call.out<T>({'B', 'N', self.d_model()});
    const auto kept = call.out<T>({plan.kept()});
    return Pair(call.run_watched([&] {
      run_alone(self, [&](Arena& arena) {
        layer.forward(
            {sequences, given.values(arena), rows(input), saved_in<T>(plan, kept, arena), arena}, h,
            rows(result));
      });
    }));
  });
}

ArrayAndGradients layer_backward(Layer& self, const NamedArguments& parameters, const Argument& x,
                                 const Argument& saved, const Argument& d_out,
                                 const Output& d_state, const Outputs& out) {
  return for_real("x", x, [&]<class T>() -> ArrayAndGradients {
    Call call(out);
    const auto input = call.in<T>("x", x, {'B', 'N', self.d_model()});
    Parameters<T> given(call, self, parameters, false);
    const nn::ResidualBlock<T>& layer = *self.block<T>().layer;
    const nn::Sequences sequences{call['B'], call['N']};
    const nn::SavedPlan plan = layer.plan(sequences);
    const auto kept = call.in<T>("saved", saved, {plan.kept()});
    const auto gradient = call.in<T>("d_out", d_out, {'B', 'N', self.d_model()});
    check_state_gradient(self, d_state);
    const auto dh = state_or_none<T>(call, "d_state", d_state, layer.state_size());
    const auto dx = call.out<T>({'B', 'N', self.d_model()});
    given.want_gradients(call);
    return given.named_gradients(call.run_watched([&] {
      run_alone(self, [&](Arena& arena) {
        const nn::LayerCall<T> pass{sequences, given.values(arena), rows(input),
                                    saved_in<T>(plan, as_writable(kept), arena), arena};
        const auto sums = given.zeros(arena);
        layer.restore(pass);
        if (!arena.planning()) std::copy(gradient.begin(), gradient.end(), dx.begin());
        layer.backward(pass, rows(dx), sums, dh);
        if (!arena.planning()) given.give(sums);
      });
    }));
  });
}

NumPy layer_run(Layer& self, const NamedArguments& parameters, const Argument& x,
                const Output& state, const Outputs& out) {
  return for_real("x", x, [&]<class T>() {
    Call call(out);
    const auto input = call.in<T>("x", x, {'B', 'N', self.d_model()});
    const Parameters<T> given(call, self, parameters, false);
    const nn::ResidualBlock<T>& layer = *self.block<T>().layer;
    const auto h = state_or_none<T>(call, "state", state, layer.state_size());
    const nn::Sequences sequences{call['B'], call['N']};
    const nn::SavedPlan plan = layer.plan(sequences);
    const auto result = call.out<T>({'B', 'N', self.d_model()});
    return call.run_watched([&] {
      run_alone(self, [&](Arena& arena) {
        const auto values = given.values(arena);
        const auto saved = nn::take_saved<T>(plan, arena);
        layer.forward({sequences, values, rows(input), saved, arena}, h, rows(result));
      });
    });
  });
}

NumPy layer_initial_state(Layer& self, Index batch, const NamedArguments& parameters,
                          const std::string& dtype, const Outputs& out) {
  LIOR_CHECK(batch >= 0, "batch is {}; expected at least 0", batch);
  return for_dtype(dtype, [&]<class T>() {
    Call call(out);
    Block<T>& block = self.block<T>();
    const Parameters<T> given(call, self, parameters, false);
    const auto state = call.out<T>({batch, block.layer->state_size()});
    return call.run_watched([&] {
      with_arena([&](Arena& arena) {
        const auto values = given.values(arena);
        if (!arena.planning()) block.layer->initial_state(values, state);
      });
    });
  });
}

namespace {

NumPy step(Layer& self, const NamedArguments& parameters, const Argument& x, const Output& state,
           const Outputs& out) {
  return layer_run(self, parameters, x, state, out);
}

/// Lengths of sequences that lie one behind another in the rows of one; or none: each row of a
/// batch is a sequence.
using Lengths = std::optional<std::vector<Index>>;

/// The sequences of [batch, length] rows, or of one row of these lengths, which must outlive them.
nn::Sequences sequences_of(Index batch, Index length, const Lengths& lengths) {
  if (!lengths) return {batch, length};
  const nn::Sequences packed = nn::Sequences::packed(*lengths);
  LIOR_CHECK(batch == 1 && packed.rows() == length,
             "lengths are of {} tokens in one row, one sequence behind another; projection is of "
             "{} rows of {}",
             packed.rows(), batch, length);
  return packed;
}

/// What a layer saves of a call between the two projections.
template <class T>
nn::SavedPlan inner_plan(Layer& layer, const nn::Sequences& sequences) {
  nn::SavedPlan plan;
  layer.block<T>().layer->core().save(sequences, plan);
  return plan;
}

/// The arrays of both passes between the two projections.
template <class T>
struct Inner {
  Inner(Call& call, Layer& layer, const Argument& projection_, const Lengths& lengths)
      : core(layer.block<T>().layer->core()), shape(core.shape()) {
    const Index gate = shape.gate ? shape.out : 0;
    projection = rows(call.in<T>("projection", projection_, {'B', 'N', shape.in + gate}));
    sequences = sequences_of(call['B'], call['N'], lengths);
    plan = inner_plan<T>(layer, sequences);
  }
  /// A state that is read and written in place, or none.
  MatrixView<T> state_or_none(Call& call, const char* name, const Output& given) const {
    if (given.is_none()) return {};
    return call.state<T>(name, given, {sequences.batch, core.state_size()});
  }
  template <class U>
  MatrixView<U> columns(View<U, 2> of) const {
    return MatrixView<U>(of).block(0, 0, of.extent(0), shape.in);
  }
  template <class U>
  MatrixView<U> gate(View<U, 2> of) const {
    return MatrixView<U>(of).block(0, shape.in, of.extent(0), shape.out);
  }

  const nn::Core<T>& core;
  nn::CoreShape shape;
  nn::Sequences sequences;
  nn::SavedPlan plan;
  View<const T, 2> projection;
};

Triple inner_forward(Layer& self, const NamedArguments& parameters, const Argument& projection,
                     const Output& state, const Lengths& lengths, const Outputs& out) {
  return for_real("projection", projection, [&]<class T>() {
    Call call(out);
    const Inner<T> inner(call, self, projection, lengths);
    const Parameters<T> given(call, self, parameters, true);
    LIOR_CHECK(!state.is_none() || !self.has_initial(),
               "state is None; expected one, since this {} layer starts from its parameter "
               "'initial'",
               self.kind());
    const auto h = inner.state_or_none(call, "state", state);
    const auto z = call.out<T>({'B', 'N', inner.shape.out});
    const auto ungated = call.out<T>({'B', inner.shape.gate ? call['N'] : 0, inner.shape.out});
    const auto kept = call.out<T>({inner.plan.kept()});
    return call.run_watched([&] {
      run_alone(self, [&](Arena& arena) {
        const View<T, 2> y = rows(inner.shape.gate ? ungated : z);
        inner.core.forward({inner.sequences, given.values(arena), inner.columns(inner.projection),
                            saved_in<T>(inner.plan, kept, arena), arena},
                           h, y);
        if (arena.planning() || !inner.shape.gate) return;
        nn::gate_forward<T>(y, inner.gate(inner.projection), rows(z));
      });
    });
  });
}

ArrayAndGradients inner_backward(Layer& self, const NamedArguments& parameters,
                                 const Argument& projection, const Argument& y,
                                 const Argument& saved, const Argument& dz, const Output& d_state,
                                 const Lengths& lengths, const Outputs& out) {
  return for_real("projection", projection, [&]<class T>() -> ArrayAndGradients {
    Call call(out);
    const Inner<T> inner(call, self, projection, lengths);
    Parameters<T> given(call, self, parameters, true);
    const auto kept = call.in<T>("saved", saved, {inner.plan.kept()});
    const auto of_y = rows(call.in<T>("y", y, {'B', 'N', inner.shape.out}));
    const auto of_z = rows(call.in<T>("dz", dz, {'B', 'N', inner.shape.out}));
    check_state_gradient(self, d_state);
    const auto dh = inner.state_or_none(call, "d_state", d_state);
    const auto d_projection = call.out<T>({'B', 'N', inner.projection.extent(1)});
    given.want_gradients(call);
    return given.named_gradients(call.run_watched([&] {
      run_alone(self, [&](Arena& arena) {
        const nn::CoreCall<T> pass{inner.sequences, given.values(arena),
                                   inner.columns(inner.projection),
                                   saved_in<T>(inner.plan, as_writable(kept), arena), arena};
        const auto sums = given.zeros(arena);
        const auto dy = arena.take<T, 2>(of_y.shape());
        const auto again = inner.shape.keep_y ? as_writable(of_y) : arena.take<T, 2>(of_y.shape());
        inner.core.restore(pass, again);
        if (!arena.planning()) {
          std::copy(of_z.begin(), of_z.end(), dy.begin());
          if (inner.shape.gate) {
            nn::gate_backward<T>(of_y, inner.gate(inner.projection), dy, dy,
                                 inner.gate(rows(d_projection)));
          }
        }
        inner.core.backward(pass, again, dy, inner.columns(rows(d_projection)), sums, dh);
        if (!arena.planning()) given.give(sums);
      });
    }));
  });
}

std::vector<std::string> kinds() {
  const auto all = nn::layer_kinds();
  return {all.begin(), all.end()};
}

/// name -> key of a model's configuration.
nb::typed<nb::dict, nb::str, nb::str> layer_option_keys(const std::string& kind) {
  nn::ModelConfig config;
  nb::dict keys;
  nn::visit_layer_options(config, [&](const nn::LayerOption& option, auto&) {
    if (!option.belongs_to(kind)) return;
    keys[nb::str(option.name.data(), option.name.size())] =
        nb::str(option.key.data(), option.key.size());
  });
  return keys;
}

}  // namespace

void bind_layer(nb::module_& m) {
  define_layer_operations();
  m.def("layer_kinds", &kinds, "The kinds of lior.nn.Layer.");
  m.def("layer_option_keys", &layer_option_keys, "kind"_a,
        "The options of a kind, each with its key among a model's settings.");
  nb::class_<Layer>(
      m, "Layer",
      R"(One layer, out = x + W_o core(W_in RMSNorm(x) + bias), of a kind of layer_kinds().

It owns no numbers: parameters are a dict of arrays by the names that the program's files have
("norm.weight", "in.weight", ...). Formulas: docs/math/conventions.md, section 10.)")
      .def(
          "__init__",
          [](Layer* self, const std::string& kind, Index d_model, Index layers,
             const nb::kwargs& options) {
            new (self) Layer(kind, d_model, layers, Keywords(options));
          },
          nb::sig("def __init__(self, kind: str, d_model: int, *, layers: int = 1, "
                  "**options: typing.Any) -> None"),
          "kind"_a, "d_model"_a, nb::kw_only(), "layers"_a = 1, "options"_a,
          R"(layers: of the model that the layer is for; it sets the size that W_o starts with. options: those
of the kind, as in a model's configuration, by their short names (heads, window, factors, ...).)")
      .def("__repr__", shows({"kind", "d_model", "layers", "options"}))
      .def_prop_ro("kind", &Layer::kind)
      .def_prop_ro("d_model", &Layer::d_model)
      .def_prop_ro("layers", &Layer::layers, "Of the model that it is for.")
      .def_prop_ro("options", &Layer::options, "All options of the kind, by name.")
      .def_prop_ro("shapes", &shapes, "The shape of each parameter, by name.")
      .def_prop_ro(
          "inner_names",
          [](Layer& self) {
            std::vector<std::string> names;
            for (const nn::Parameter& p : self.block<float>().layout.parameters()) {
              if (Parameters<float>::is_inner(p.name)) names.push_back(p.name);
            }
            return names;
          },
          "The parameters that stand between the two projections.")
      .def_prop_ro(
          "projection_width",
          [](Layer& self) { return self.block<float>().layout.parameters()[1].shape[0]; },
          "Rows of W_in.")
      .def_prop_ro(
          "inner_shape",
          [](Layer& self) {
            const nn::CoreShape shape = self.block<float>().layer->core().shape();
            return std::tuple(shape.out, shape.gate,
                              self.block<float>().layer->core().state_has_gradient());
          },
          "(columns of z, whether it is gated, whether states have gradients).")
      .def(
          "state_size",
          [](Layer& self, const std::string& dtype) {
            return for_dtype(dtype, [&]<class T>() { return self.block<T>().layer->state_size(); });
          },
          nb::kw_only(), "dtype"_a = "float32", "Numbers in one sequence's state.")
      .def(
          "saved_size",
          [](Layer& self, Index batch, Index length) {
            return self.block<float>().layer->plan({batch, length}).kept();
          },
          "batch"_a, "length"_a, "Numbers that forward saves.")
      .def(
          "inner_saved_size",
          [](Layer& self, Index batch, Index length, const Lengths& lengths) {
            return inner_plan<float>(self, sequences_of(batch, length, lengths)).kept();
          },
          "batch"_a, "length"_a, "lengths"_a = nb::none(), "Numbers that inner_forward saves.")
      .def("start", &start, "seed"_a = 0, nb::kw_only(), "dtype"_a = "float32",
           "Start values, a dict: a function of the seed alone.")
      .def("initial_state", &layer_initial_state, "batch"_a, "parameters"_a, nb::kw_only(),
           "dtype"_a = "float32", "out"_a = nb::none(),
           "The state before the first token: (B, state_size).")
      .def(
          "forward", &layer_forward, "parameters"_a, "x"_a, "state"_a.none() = nb::none(),
          nb::kw_only(), "out"_a = nb::none(),
          R"((out (B, N, D), what backward needs) from x: (B, N, D). state: as step's; None: the initial one.)")
      .def(
          "backward", &layer_backward, "parameters"_a, "x"_a, "saved"_a, "d_out"_a,
          "d_state"_a.none() = nb::none(), nb::kw_only(), "out"_a = nb::none(),
          R"((dx (B, N, D), dict of gradients) from d_out: (B, N, D), at forward's x. d_state (B, state_size), where
forward had a state, of kinds whose states have gradients: that of the last state in, of the first out, in
place. out: dx, and the gradients in the order of shapes.)")
      .def(
          "step", &step, "parameters"_a, "x"_a, "state"_a, nb::kw_only(), "out"_a = nb::none(),
          R"(out (B, N, D) of x (B, N, D) that comes after what state (B, state_size) holds, which is updated in
place. Any split of a sequence into steps gives one call's result.)")
      .def(
          "inner_forward", &inner_forward, "parameters"_a, "projection"_a,
          "state"_a.none() = nb::none(), nb::kw_only(), "lengths"_a = nb::none(),
          "out"_a = nb::none(),
          R"((z (B, N, out), y, saved): what W_o reads, from W_in v + bias (B, N, P) and the parameters
inner_names; y and saved are for inner_backward, y empty where z is not gated. state: updated in place.
lengths: of sequences that lie one behind another in one row, B = 1; none sees another, and each has a
state of its own, (len(lengths), state_size).)")
      .def(
          "inner_backward", &inner_backward, "parameters"_a, "projection"_a, "y"_a, "saved"_a,
          "dz"_a, "d_state"_a.none() = nb::none(), nb::kw_only(), "lengths"_a = nb::none(),
          "out"_a = nb::none(),
          R"((d_projection, dict of gradients) from dz. y: forward's, or z where that was empty. d_state
(B, state_size): the gradient of the last state in, of the first out, in place.)");
}

}  // namespace lior::python
