// SPDX-License-Identifier: Apache-2.0
#include <nanobind/stl/string.h>

#include "bindings.h"
#include "lior/nn/ci8_scan.h"
#include "lior/nn/compat_mamba.h"
#include "lior/nn/readout.h"
#include "operations.h"
#include "representation.h"
#include "transition.h"
#include "workspace.h"

namespace lior::python {
namespace {

using nn::MixerConfig;
using nn::ScanShape;

MixerConfig mixer_of(Index heads, Index factors, const std::string& transition, bool complex_state,
                     bool gates, bool phase, bool rotation, const std::string& readout) {
  LIOR_CHECK(heads >= 1, "heads is {}; expected at least 1", heads);
  LIOR_CHECK(factors >= 1 && factors <= nn::kMaxFactors, "factors is {}; expected 1 to {}", factors,
             nn::kMaxFactors);
  LIOR_CHECK(complex_state || !(phase || rotation),
             "phase and rotation need complex_state; expected complex_state=True or neither");
  return {.heads = heads,
          .factors = factors,
          .transition = transition_of(transition),
          .complex_state = complex_state,
          .gates = gates,
          .phase = phase,
          .rotation = rotation,
          .readout = parse_name<nn::Readout>(readout, "readout")};
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
  /// With it the scan may run in chunks, where that is faster.
  std::span<T> workspace(Arena& arena) const {
    return arena.take<T, 1>({nn::ci8_scan_workspace(shape)}).span();
  }
};

NumPy ci8_scan_forward(const MixerConfig& mixer, const Argument& projection,
                       const Argument& initial, const Argument& angles, const Outputs& out) {
  return for_real("projection", projection, [&]<class T>() {
    Call call(out);
    const Scan<T> scan(call, mixer, projection, initial, angles);
    const auto states = call.out<T>({'B', 'N', mixer.state_width(), mixer.heads});
    return call.run_watched([&] {
      with_arena([&](Arena& arena) {
        const auto workspace = scan.workspace(arena);
        if (arena.planning()) return;
        nn::ci8_scan_forward<T>(scan.shape, scan.projection, scan.initial, scan.angles, states,
                                workspace);
      });
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
    return call.run_watched([&] {
      with_arena([&](Arena& arena) {
        const auto workspace = scan.workspace(arena);
        if (arena.planning()) return;
        nn::ci8_scan_backward<T>(
            scan.shape, scan.projection, scan.initial, scan.angles, h, d_h,
            d_projection.template reshaped<2>({scan.projection.extent(0), scan.shape.width()}),
            d_initial, mixer.rotation ? d_angles : View<T, 3>(), workspace);
      });
    });
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
    return call.run_watched([&] {
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
    return call.run_watched([&] {
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
    return call.run_watched([&] {
      std::copy(start.begin(), start.end(), last.begin());
      nn::compat_recurrence_forward<T>(transition, input, last, invariants);
    });
  });
}

MixerConfig mixer_of(const Options& options) {
  return mixer_of(options.get<Index>("heads"), options.get<Index>("factors"),
                  options.get<std::string>("transition"), options.get<bool>("complex_state"),
                  options.get<bool>("gates"), options.get<bool>("phase"),
                  options.get<bool>("rotation"), "linear_quadratic");
}

/// (projection, initial[, angles]) -> states.
Operation scan_operation(const Options& options) {
  return [mixer = mixer_of(options)](Arguments in, Outputs& out) {
    ci8_scan_forward(mixer, in[0], in[1], in.or_none(2), out);
  };
}

/// (projection, initial, states, d_states[, angles]) -> (d_projection, d_initial, d_angles).
Operation scan_backward_operation(const Options& options) {
  return [mixer = mixer_of(options)](Arguments in, Outputs& out) {
    ci8_scan_backward(mixer, in[0], in[1], in.or_none(4), in[2], in[3], out);
  };
}

MixerConfig reader_of(const Options& options) {
  return mixer_of(options.get<Index>("heads"), 1, "right", options.get<bool>("complex_state"), true,
                  false, false, options.get<std::string>("readout"));
}

/// states -> what heads show.
Operation readout_operation(const Options& options) {
  return [reader = reader_of(options)](Arguments in, Outputs& out) {
    readout_forward(reader, in[0], out);
  };
}

/// (states, dq) -> d_states.
Operation readout_backward_operation(const Options& options) {
  return [reader = reader_of(options)](Arguments in, Outputs& out) {
    readout_backward(reader, in[0], in[1], out);
  };
}

}  // namespace

void bind_nn(nb::module_& m) {
  define_operation("ci8_scan", &scan_operation);
  define_operation("ci8_scan_backward", &scan_backward_operation);
  define_operation("readout", &readout_operation);
  define_operation("readout_backward", &readout_backward_operation);
  bind_layers(m);
  bind_layer(m);
  nb::class_<MixerConfig>(m, "MixerConfig", R"(The options of a geometric recurrence.

h_t = a_t e^(i phi_t) F(x_t) D h_(t-1) + b_t. Source: docs/math/conventions.md, section 4.)")
      .def(
          "__init__",
          [](MixerConfig* self, Index heads, Index factors, const std::string& transition,
             bool complex_state, bool gates, bool phase, bool rotation,
             const std::string& readout) {
            new (self) MixerConfig(mixer_of(heads, factors, transition, complex_state, gates, phase,
                                            rotation, readout));
          },
          nb::kw_only(), "heads"_a = 8, "factors"_a = 1, "transition"_a = "right",
          "complex_state"_a = false, "gates"_a = true, "phase"_a = false, "rotation"_a = false,
          "readout"_a = "linear_quadratic",
          R"(factors: unit octonions a head and token, 1 to 8. transition: 'right', 'left', 'two_sided'.
complex_state: 16 numbers a head instead of 8. gates: a_t and b_t; without them a learned unit state
is turned, and nothing else. phase (phi_t) and rotation (D = diag(e^(i theta_k))) need complex_state.
readout: 'linear', 'quadratic', 'linear_quadratic', 'invariants'.)")
      .def("__repr__", shows({"heads", "factors", "transition", "complex_state", "gates", "phase",
                              "rotation", "readout"}))
      .def_ro("heads", &MixerConfig::heads)
      .def_ro("factors", &MixerConfig::factors)
      .def_prop_ro("transition",
                   [](const MixerConfig& mixer) { return std::string(name(mixer.transition)); })
      .def_ro("complex_state", &MixerConfig::complex_state)
      .def_ro("gates", &MixerConfig::gates)
      .def_ro("phase", &MixerConfig::phase)
      .def_ro("rotation", &MixerConfig::rotation)
      .def_prop_ro("readout",
                   [](const MixerConfig& mixer) { return std::string(name(mixer.readout)); })
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
