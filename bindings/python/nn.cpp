#include <nanobind/stl/string.h>

#include "bindings.h"
#include "lior/nn/ci8_scan.h"
#include "lior/nn/compat_mamba.h"
#include "lior/nn/geometric_mamba.h"
#include "lior/nn/readout.h"
#include "transition.h"
#include "workspace.h"

namespace lior::python {
namespace {

using linalg::MatrixView;
using nn::GeometricMambaParameters;
using nn::GeometricMambaSaved;
using nn::GeometricMambaShape;
using nn::MixerConfig;
using nn::Readout;
using nn::ScanShape;

constexpr Choice<Readout> kReadouts[] = {{"linear", Readout::linear},
                                         {"quadratic", Readout::quadratic},
                                         {"linear_quadratic", Readout::linear_quadratic},
                                         {"invariants", Readout::invariants}};

void init_mixer(MixerConfig* self, Index heads, Index factors, const std::string& transition,
                bool complex_state, bool gates, bool phase, bool rotation,
                const std::string& readout) {
  LIOR_CHECK(heads >= 1, "heads is {}; expected at least 1", heads);
  LIOR_CHECK(factors >= 1 && factors <= nn::kMaxFactors, "factors is {}; expected 1 to {}", factors,
             nn::kMaxFactors);
  LIOR_CHECK(complex_state || !(phase || rotation),
             "phase and rotation need complex_state; expected complex_state=True or neither");
  new (self) MixerConfig{.heads = heads,
                         .factors = factors,
                         .transition = transition_of(transition),
                         .complex_state = complex_state,
                         .gates = gates,
                         .phase = phase,
                         .rotation = rotation,
                         .readout = choose("readout", readout, kReadouts)};
}

/// The scan's arrays, and their shape, which the projection [B, N, P] gives.
template <class T>
struct Scan {
  ScanShape shape;
  View<const T, 2> projection;
  View<const T, 3> initial;
  View<const T, 2> angles;

  Scan(Call& call, const MixerConfig& mixer, const Argument& projection_, const Argument& initial_,
       const Argument& angles_)
      : shape{.mixer = mixer} {
    const auto columns = call.in<T>("projection", projection_, {'B', 'N', shape.width()});
    shape.batch = call['B'];
    shape.length = call['N'];
    projection = columns.template reshaped<2>({shape.batch * shape.length, shape.width()});
    initial = call.in<T>("initial", initial_, {'B', mixer.state_width(), mixer.heads});
    angles = call.in_or_none<T>("angles", angles_, {8, mixer.heads});
    LIOR_CHECK(mixer.rotation != angles.empty(), "angles are {}; expected {}",
               angles.empty() ? "None" : "given",
               mixer.rotation ? "an array (8, H), since mixer.rotation is True"
                              : "None, since mixer.rotation is False");
  }
};

NumPy ci8_scan_forward(const MixerConfig& mixer, const Argument& projection,
                       const Argument& initial, const Argument& angles, const Outputs& out) {
  return for_real("projection", projection, [&]<class T>() {
    Call call(out);
    const Scan<T> scan(call, mixer, projection, initial, angles);
    const auto states = call.out<T>({'B', 'N', mixer.state_width(), mixer.heads});
    return call.run([&] {
      nn::ci8_scan_forward<T>(scan.shape, scan.projection, scan.initial, scan.angles, states);
    });
  });
}

Triple ci8_scan_backward(const MixerConfig& mixer, const Argument& projection,
                         const Argument& initial, const Argument& angles, const Argument& states,
                         const Argument& d_states, const Outputs& out) {
  return for_real("projection", projection, [&]<class T>() {
    Call call(out);
    const Scan<T> scan(call, mixer, projection, initial, angles);
    const Index S = mixer.state_width(), H = mixer.heads;
    const auto h = call.in<T>("states", states, {'B', 'N', S, H});
    const auto d_h = call.in<T>("d_states", d_states, {'B', 'N', S, H});
    const auto d_projection = call.out<T>({'B', 'N', scan.shape.width()});
    const auto d_initial = call.out<T>({'B', S, H});
    const auto d_angles = call.out<T>({'B', 8, H}, Start::zeros);
    return call.run([&] {
      nn::ci8_scan_backward<T>(
          scan.shape, scan.projection, scan.initial, scan.angles, h, d_h,
          d_projection.template reshaped<2>({scan.projection.extent(0), scan.shape.width()}),
          d_initial, mixer.rotation ? d_angles : View<T, 3>());
    });
  });
}

/// Arrays [B, N, K] as rows [B N, K].
template <class T>
View<T, 2> rows(View<T, 3> array) {
  return array.template reshaped<2>({array.extent(0) * array.extent(1), array.extent(2)});
}

/// What the arrays of a layer are called in dicts: the names that the program's files use.
constexpr std::string_view kLayerNames[] = {"norm.gain",  "in.weight", "in.bias", "read.weight",
                                            "out.weight", "initial",   "angles"};

/// Whether a layer of this mixer has the parameter.
bool has_parameter(const MixerConfig& mixer, std::string_view name) {
  if (name == "initial") return !mixer.gates;
  if (name == "angles") return mixer.rotation;
  return std::find(std::begin(kLayerNames), std::end(kLayerNames), name) != std::end(kLayerNames);
}

/// The arrays of a dict of parameters, checked.
template <class T>
GeometricMambaParameters<const T> layer_parameters(Call& call, const GeometricMambaShape& shape,
                                                   const nb::dict& given) {
  const MixerConfig& mixer = shape.scan.mixer;
  const auto at = [&](const char* name) {
    LIOR_CHECK(given.contains(name), "parameters lack '{}'", name);
    return nb::cast<Argument>(given[name]);
  };
  for (const auto& [key, value] : given) {
    const std::string name = nb::str(key).c_str();
    LIOR_CHECK(has_parameter(mixer, name), "parameters have '{}', which this mixer does not use",
               name);
  }
  const Index D = shape.d_model, P = shape.projection_width(), H = mixer.heads;
  return {
      .norm_gain = call.in<T>("norm.gain", at("norm.gain"), {D}).span(),
      .in_weight = call.in<T>("in.weight", at("in.weight"), {P, D}),
      .in_bias = call.in<T>("in.bias", at("in.bias"), {P}).span(),
      .read_weight = call.in<T>("read.weight", at("read.weight"), {D, shape.read_width()}),
      .out_weight = call.in<T>("out.weight", at("out.weight"), {D, D}),
      .initial = mixer.gates ? View<const T, 2>()
                             : call.in<T>("initial", at("initial"), {mixer.state_width(), H}),
      .angles = mixer.rotation ? call.in<T>("angles", at("angles"), {8, H}) : View<const T, 2>()};
}

GeometricMambaShape layer_shape(const MixerConfig& mixer, const Argument& x) {
  GeometricMambaShape shape{.scan = {.mixer = mixer}};
  LIOR_CHECK(x.array.is_valid() && x.array.ndim() == 3,
             "x is no array of 3 axes; expected "
             "(B, N, D)");
  shape.scan.batch = static_cast<Index>(x.array.shape(0));
  shape.scan.length = static_cast<Index>(x.array.shape(1));
  shape.d_model = static_cast<Index>(x.array.shape(2));
  return shape;
}

/// What forward leaves: its dear half in these arrays, the rest, which restore fills, in the arena.
template <class T>
GeometricMambaSaved<T> saved_in(const GeometricMambaShape& shape, Arena& arena,
                                View<T, 3> projection, View<T, 4> starts, View<T, 3> p) {
  const Index R = shape.rows(), D = shape.d_model;
  const nn::ScanShape& scan = shape.scan;
  return {.projection = rows(projection),
          .starts = starts,
          .p = rows(p),
          .inv_rms = arena.take<T, 1>({R}).span(),
          .v = arena.take<T, 2>({R, D}),
          .q = arena.take<T, 2>({R, shape.read_width()}),
          .gated = arena.take<T, 2>({R, D}),
          .state = arena.take<T, 3>({scan.batch, scan.state_width(), scan.heads()}),
          .scan_workspace = arena.take<T, 1>({nn::ci8_scan_workspace(scan)}).span()};
}

/// (out, the last state, projection, starts, p): the last three are for backward.
nb::typed<nb::tuple, NumPy, NumPy, NumPy, NumPy, NumPy> geometric_mamba_forward(
    const MixerConfig& mixer, const nb::dict& parameters, const Argument& x, const Argument& state,
    const Outputs& out) {
  return for_real("x", x, [&]<class T>() {
    Call call(out);
    const GeometricMambaShape shape = layer_shape(mixer, x);
    const Index S = mixer.state_width(), H = mixer.heads;
    const auto input = call.in<T>("x", x, {'B', 'N', 'D'});
    const auto start = call.in<T>("state", state, {'B', S, H});
    const auto values = layer_parameters<T>(call, shape, parameters);
    const auto result = call.out<T>({'B', 'N', 'D'});
    const auto last = call.out<T>({'B', S, H});
    const auto projection = call.out<T>({'B', 'N', shape.projection_width()});
    const auto starts = call.out<T>({'B', shape.scan.tiles(), S, H});
    const auto p = call.out<T>({'B', 'N', 'D'});
    return call.run([&] {
      std::copy(start.begin(), start.end(), last.begin());
      with_arena([&](Arena& arena) {
        const auto saved = saved_in<T>(shape, arena, projection, starts, p);
        if (arena.planning()) return;
        nn::geometric_mamba_forward<T>(shape, values, rows(input), last, saved, rows(result));
      });
    });
  });
}

nb::typed<nb::tuple, NumPy, nb::dict> geometric_mamba_backward(
    const MixerConfig& mixer, const nb::dict& parameters, const Argument& x,
    const Argument& projection, const Argument& starts, const Argument& p, const Argument& d_out) {
  return for_real("x", x, [&]<class T>() {
    Call call;
    const GeometricMambaShape shape = layer_shape(mixer, x);
    const Index S = mixer.state_width(), H = mixer.heads;
    const Index D = shape.d_model, P = shape.projection_width(), Q = shape.read_width();
    const auto input = call.in<T>("x", x, {'B', 'N', 'D'});
    const auto columns = call.in<T>("projection", projection, {'B', 'N', P});
    const auto tiles = call.in<T>("starts", starts, {'B', shape.scan.tiles(), S, H});
    const auto read = call.in<T>("p", p, {'B', 'N', 'D'});
    const auto gradient = call.in<T>("d_out", d_out, {'B', 'N', 'D'});
    const auto values = layer_parameters<T>(call, shape, parameters);
    const auto dx = call.out<T>({'B', 'N', 'D'});
    const GeometricMambaParameters<T> sums{
        .norm_gain = call.out<T>({D}, Start::zeros).span(),
        .in_weight = call.out<T>({P, D}, Start::zeros),
        .in_bias = call.out<T>({P}, Start::zeros).span(),
        .read_weight = call.out<T>({D, Q}, Start::zeros),
        .out_weight = call.out<T>({D, D}, Start::zeros),
        .initial = mixer.gates ? View<T, 2>() : call.out<T>({S, H}, Start::zeros),
        .angles = mixer.rotation ? call.out<T>({8, H}, Start::zeros) : View<T, 2>()};
    const nb::tuple results = call.run([&] {
      with_arena([&](Arena& arena) {
        const auto saved =
            saved_in<T>(shape, arena, as_writable(columns), as_writable(tiles), as_writable(read));
        if (!arena.planning()) {
          nn::geometric_mamba_restore<T>(shape, values, rows(input), saved);
        }
        nn::geometric_mamba_backward<T>(shape, values, rows(input), saved, rows(gradient), rows(dx),
                                        sums, arena);
      });
    });
    nb::dict gradients;
    std::size_t next = 1;
    for (const std::string_view name : kLayerNames) {
      if (has_parameter(mixer, name)) gradients[name.data()] = results[next++];
    }
    return Result{nb::make_tuple(results[0], gradients)};
  });
}

NumPy geometric_mamba_initial_state(const MixerConfig& mixer, Index batch, const Argument& initial,
                                    const std::string& dtype) {
  return for_dtype(dtype, [&]<class T>() {
    Call call;
    const auto learned = call.in_or_none<T>("initial", initial, {mixer.state_width(), mixer.heads});
    LIOR_CHECK(mixer.gates || !learned.empty(),
               "initial is None; expected an array (S, H), since mixer.gates is False");
    const auto state = call.out<T>({batch, mixer.state_width(), mixer.heads});
    return call.run([&] { nn::geometric_mamba_initial_state<T>(mixer, learned, state); });
  });
}

NumPy readout_forward(const MixerConfig& mixer, const Argument& states, const Outputs& out) {
  return for_real("states", states, [&]<class T>() {
    Call call(out);
    const Index S = mixer.state_width(), H = mixer.heads;
    const Index Q = nn::readout_width(mixer.readout, mixer.complex_state);
    const auto h = call.in<T>("states", states, {'B', 'N', S, H});
    const Index R = call['B'] * call['N'];
    const auto q = call.out<T>({'B', 'N', Q, H});
    return call.run([&] {
      nn::readout_forward<T>(mixer, h.template reshaped<2>({R, S * H}),
                             q.template reshaped<2>({R, Q * H}));
    });
  });
}

NumPy readout_backward(const MixerConfig& mixer, const Argument& states, const Argument& dq,
                       const Outputs& out) {
  return for_real("states", states, [&]<class T>() {
    Call call(out);
    const Index S = mixer.state_width(), H = mixer.heads;
    const Index Q = nn::readout_width(mixer.readout, mixer.complex_state);
    const auto h = call.in<T>("states", states, {'B', 'N', S, H});
    const auto gradient = call.in<T>("dq", dq, {'B', 'N', Q, H});
    const Index R = call['B'] * call['N'];
    const auto d_states = call.out<T>({'B', 'N', S, H});
    return call.run([&] {
      nn::readout_backward<T>(mixer, h.template reshaped<2>({R, S * H}),
                              gradient.template reshaped<2>({R, Q * H}),
                              d_states.template reshaped<2>({R, S * H}));
    });
  });
}

/// One call of compat_recurrence_forward: the state goes in and comes out.
Pair compat_recurrence(const Argument& theta, const Argument& omega, const Argument& sigma,
                       const Argument& u, const Argument& state) {
  return for_real("u", u, [&]<class T>() {
    Call call;
    const nn::CompatTransition<const T> transition{call.in<T>("theta", theta, {8}).span(),
                                                   call.in<T>("omega", omega, {8}).span(),
                                                   call.in<T>("sigma", sigma, {8}).span()};
    const auto input = call.in<T>("u", u, {'B', 'N', 16});
    const auto start = call.in<T>("state", state, {'B', 16});
    const auto invariants = call.out<T>({'B', 'N', 8});
    const auto last = call.out<T>({'B', 16});
    return call.run([&] {
      std::copy(start.begin(), start.end(), last.begin());
      nn::compat_recurrence_forward<T>(transition, input, last, invariants);
    });
  });
}

}  // namespace

void bind_nn(nb::module_& m) {
  bind_layers(m);
  nb::class_<MixerConfig>(m, "MixerConfig", R"(The options of a geometric recurrence.

h_t = a_t e^(i phi_t) F(x_t) D h_(t-1) + b_t. Source: docs/math/conventions.md, section 4.)")
      .def(
          "__init__", &init_mixer, nb::kw_only(), "heads"_a = 8, "factors"_a = 1,
          "transition"_a = "right", "complex_state"_a = false, "gates"_a = true, "phase"_a = false,
          "rotation"_a = false, "readout"_a = "linear_quadratic",
          R"(factors: unit octonions a head and token, 1 to 8. transition: 'right', 'left', 'two_sided'.
complex_state: 16 numbers a head instead of 8. gates: a_t and b_t; without them a learned unit state
is turned, and nothing else. phase (phi_t) and rotation (D = diag(e^(i theta_k))) need complex_state.
readout: 'linear', 'quadratic', 'linear_quadratic', 'invariants'.)")
      .def_ro("heads", &MixerConfig::heads)
      .def_ro("factors", &MixerConfig::factors)
      .def_ro("complex_state", &MixerConfig::complex_state)
      .def_ro("gates", &MixerConfig::gates)
      .def_ro("phase", &MixerConfig::phase)
      .def_ro("rotation", &MixerConfig::rotation)
      .def_prop_ro("state_width", &MixerConfig::state_width, "S: 8, or 16 of a complex state.")
      .def_prop_ro(
          "projection_width",
          [](const MixerConfig& mixer) { return ScanShape{.mixer = mixer}.width(); },
          "P: columns that the scan reads.")
      .def_prop_ro(
          "readout_width",
          [](const MixerConfig& mixer) {
            return nn::readout_width(mixer.readout, mixer.complex_state);
          },
          "Q: numbers that a head shows.");

  m.def("ci8_scan_forward", &ci8_scan_forward, "mixer"_a, "projection"_a, "initial"_a,
        "angles"_a.none() = nb::none(), nb::kw_only(), "out"_a = nb::none(),
        R"(Every state (B, N, S, H) of the geometric recurrence

h_n = a_n e^(i phi_n) F_k(... F_1(D h_(n-1))) + sqrt(1 - a_n^2) c_n, a = sigmoid(z), u_f = w_f / |w_f|.

projection: (B, N, P), planes of H heads: w (8 a factor), z if gates, phi if phase, c (S) if gates.
initial: h_0 (B, S, H). angles: theta (8, H) if rotation. NaN spreads to later states of its head.
Source: docs/math/conventions.md, section 4.)");
  m.def(
      "ci8_scan_backward", &ci8_scan_backward, "mixer"_a, "projection"_a, "initial"_a,
      "angles"_a.none(), "states"_a, "d_states"_a, nb::kw_only(), "out"_a = nb::none(),
      R"((d_projection (B, N, P), d_initial (B, S, H), d_angles (B, 8, H)) from d_states: (B, N, S, H)
and forward's states. Sum the last two over B where sequences share them.)");
  m.def(
      "geometric_mamba_forward", &geometric_mamba_forward, "mixer"_a, "parameters"_a, "x"_a,
      "state"_a, nb::kw_only(), "out"_a = nb::none(),
      R"(out = x + W_o (W_q readout(h) * silu(W_g v)), v = RMSNorm(x), h = ci8_scan(W_in v + bias).

x: (B, N, D); state: h_0 (B, S, H). parameters: a dict of norm.gain (D,), in.weight (P + D, D), W_in
over W_g, in.bias (P + D,), read.weight (D, Q H), out.weight (D, D), initial (S, H) only without
gates, angles (8, H) only with rotation. Returns (out, last state, projection (B, N, P + D), starts
(B, tiles, S, H), p (B, N, D)): the last three are for backward.
Source: docs/math/conventions.md, section 4.)");
  m.def(
      "geometric_mamba_backward", &geometric_mamba_backward, "mixer"_a, "parameters"_a, "x"_a,
      "projection"_a, "starts"_a, "p"_a, "d_out"_a,
      R"((dx, dict of gradients) from d_out: (B, N, D), at forward's x and what it left. Without gates its
state must have been geometric_mamba_initial_state's.)");
  m.def("geometric_mamba_initial_state", &geometric_mamba_initial_state, "mixer"_a, "batch"_a,
        "initial"_a.none() = nb::none(), nb::kw_only(), "dtype"_a = "float32",
        "(B, S, H): zero with gates; without, each head's column of initial: (S, H), normalised.");
  m.def(
      "readout_forward", &readout_forward, "mixer"_a, "states"_a, nb::kw_only(),
      "out"_a = nb::none(),
      R"(What heads show of their states (B, N, S, H): (B, N, Q, H). linear: the components; quadratic:
|h_0|^2 .. |h_7|^2, then Re (and Im) of h_j conj(h_k), j < k; invariants: the squares, then Re (and
Im) of h_k conj(h_0).)");
  m.def("readout_backward", &readout_backward, "mixer"_a, "states"_a, "dq"_a, nb::kw_only(),
        "out"_a = nb::none(), "d_states: (B, N, S, H) from dq: (B, N, Q, H).");
  m.def(
      "compat_recurrence", &compat_recurrence, "theta"_a, "omega"_a, "sigma"_a, "u"_a, "state"_a,
      R"((invariants (B, N, 8), last state (B, 16)) of the original program's recurrence, to compare
with it: h_n = (T h_(n-1)) (x) u_n, u: (B, N, 16). Source: docs/math/conventions.md, section 4.5.)");
}

}  // namespace lior::python
