// SPDX-License-Identifier: Apache-2.0
// The CI8 recurrence and its read-outs: value, gradients and repeatability of every option, and the
// statements that hold without a reference.
#include "lior/check/op_harness.h"
#include "lior/check/registry.h"
#include "lior/nn/ci8_scan.h"
#include "lior/nn/readout.h"

namespace lior::check {
namespace {

using algebra::Transition;
using nn::MixerConfig;
using nn::Readout;
using nn::ScanShape;

template <class T>
linalg::MatrixView<T> rows_of(const Tensor<T>& tensor) {
  return View<T, 2>(tensor);
}

/// The scan as an op of the harness.
Op scan_op(std::string name, const ScanShape& shape) {
  const Index B = shape.batch, N = shape.length, H = shape.heads(), S = shape.state_width();
  const bool rotation = shape.mixer.rotation;
  Op op{.name = "ci8_scan." + std::move(name),
        .module = "nn",
        .shape = fmt::format("B={} N={} H={}", B, N, H)};
  op.inputs = {{"projection", {B * N, shape.width()}}, {"initial", {B, S, H}}};
  if (rotation) op.inputs.push_back({"angles", {8, H}});
  op.outputs = {{"states", {B, N, S, H}}};

  op.reference = [shape]<class T>(Inputs<T> in, Outputs<T> out, Arena&) {
    nn::reference::ci8_scan_forward<T>(shape, rows_of(in("projection")), in("initial"),
                                       in.optional("angles"), out("states"));
  };
  const Index room = nn::ci8_scan_workspace(shape);
  op.forward = [shape, room]<class T>(Inputs<T> in, Outputs<T> out, Arena& arena) {
    nn::ci8_scan_forward<T>(shape, rows_of(in("projection")), in("initial"), in.optional("angles"),
                            out("states"), arena.take<T, 1>({room}).span());
  };
  /// The backward pass behind the forward pass that it needs.
  const auto both = [=](auto forward, auto backward) {
    return [=]<class T>(Inputs<T> in, Inputs<T> gradient, Outputs<T> d, Arena& arena) {
      const View<const T, 2> angles = in.optional("angles");
      const View<T, 4> states = arena.take<T, 4>({B, N, S, H});
      const View<T, 3> d_angles = arena.take<T, 3>({B, 8, H});
      forward(shape, rows_of(in("projection")), View<const T, 3>(in("initial")), angles, states);
      backward(shape, rows_of(in("projection")), View<const T, 3>(in("initial")), angles,
               View<const T, 4>(states), View<const T, 4>(gradient("states")),
               rows_of(d("projection")), View<T, 3>(d("initial")), d_angles);
      if (!rotation) return;
      const View<T, 2> sum = d("angles");
      for (Index b = 0; b < B; ++b) {
        for (Index i = 0; i < sum.size(); ++i) sum.data()[i] += d_angles[b].data()[i];
      }
    };
  };
  op.backward = [=]<class T>(Inputs<T> in, Inputs<T> gradient, Outputs<T> d, Arena& arena) {
    const auto workspace = arena.take<T, 1>({room}).span();
    both([&](const auto&... all) { nn::ci8_scan_forward<T>(all..., workspace); },
         [&](const auto&... all) { nn::ci8_scan_backward<T>(all..., workspace); })
        .template operator()<T>(in, gradient, d, arena);
  };
  op.reference_backward =
      both([](const auto&... all) { nn::reference::ci8_scan_forward(all...); },
           [](const auto&... all) { nn::reference::ci8_scan_backward(all...); });
  op.workspace = static_cast<std::size_t>(B * (N * S + 8) * H + room) * sizeof(double) + 256;
  // States of unit size carry the rounding of every step before.
  op.value_roundings = 32 + 4.0 * static_cast<double>(N);
  op.gradient_roundings = 128 + 16.0 * static_cast<double>(N);
  const double tokens = static_cast<double>(B * N), width = static_cast<double>(shape.width());
  const double state = static_cast<double>(S * H);
  op.forward_cost = {.flops = shape.turn_flops(), .numbers = tokens * (width + state)};
  // The adjoint, and the states made again, are three more turns.
  op.backward_cost = {.flops = 4 * shape.turn_flops(), .numbers = tokens * (3 * width + 3 * state)};
  return op;
}

/// The scan and its read-out in one pass, beside the references of both.
Op scan_readout_op(std::string name, const ScanShape& shape) {
  const Index B = shape.batch, N = shape.length, H = shape.heads(), S = shape.state_width();
  const Index Q = nn::readout_width(shape.mixer.readout, shape.mixer.complex_state);
  const bool rotation = shape.mixer.rotation;
  const Index room = nn::ci8_scan_workspace(shape);
  Op op{.name = "ci8_scan_readout." + std::move(name),
        .module = "nn",
        .shape = fmt::format("B={} N={} H={}", B, N, H)};
  op.inputs = {{"projection", {B * N, shape.width()}}, {"initial", {B, S, H}}};
  if (rotation) op.inputs.push_back({"angles", {8, H}});
  op.outputs = {{"q", {B * N, Q * H}}, {"end", {B, S, H}}};

  op.reference = [=]<class T>(Inputs<T> in, Outputs<T> out, Arena& arena) {
    const View<T, 4> states = arena.take<T, 4>({B, N, S, H});
    nn::reference::ci8_scan_forward<T>(shape, rows_of(in("projection")), in("initial"),
                                       in.optional("angles"), states);
    nn::reference::readout_forward<T>(shape.mixer, states.template reshaped<2>({B * N, S * H}),
                                      rows_of(out("q")));
    const View<T, 3> end = out("end");
    for (Index b = 0; b < B; ++b) {
      std::copy(states[b][N - 1].begin(), states[b][N - 1].end(), end[b].begin());
    }
  };
  const auto forward = [=]<class T>(Inputs<T> in, View<T, 3> state, View<T, 4> starts, Tensor<T> q,
                                    Arena& arena) {
    std::copy_n(in("initial").data, state.size(), state.data());
    nn::ci8_scan_readout_forward<T>(shape, rows_of(in("projection")), in.optional("angles"), state,
                                    starts, rows_of(q), arena.take<T, 1>({room}).span());
  };
  op.forward = [=]<class T>(Inputs<T> in, Outputs<T> out, Arena& arena) {
    forward.template operator()<T>(in, out("end"), {}, out("q"), arena);
  };
  op.backward = [=]<class T>(Inputs<T> in, Inputs<T> gradient, Outputs<T> d, Arena& arena) {
    const View<T, 2> q = arena.take<T, 2>({B * N, Q * H});
    const View<T, 3> state = arena.take<T, 3>({B, S, H}), d_angles = arena.take<T, 3>({B, 8, H});
    const View<T, 4> starts = arena.take<T, 4>({B, shape.tiles(), S, H});
    const Index q_shape[] = {B * N, Q * H};
    forward.template operator()<T>(in, state, starts, Tensor<T>{"q", q.data(), q_shape}, arena);
    const View<T, 3> d_state = d("initial");
    std::copy_n(gradient("end").data, d_state.size(), d_state.data());
    nn::ci8_scan_readout_backward<T>(shape, rows_of(in("projection")), in.optional("angles"),
                                     starts, rows_of(gradient("q")), rows_of(d("projection")),
                                     d_state, d_angles, arena.take<T, 1>({room}).span());
    if (!rotation) return;
    const View<T, 2> sum = d("angles");
    for (Index b = 0; b < B; ++b) {
      for (Index i = 0; i < sum.size(); ++i) sum.data()[i] += d_angles[b].data()[i];
    }
  };
  op.workspace = static_cast<std::size_t>(B * (N * (S + Q) + 2 * S * N + 16 * S) * H + 2 * room) *
                     sizeof(double) +
                 1024;
  op.value_roundings = 64 + 8.0 * static_cast<double>(N);  // squares of the scan's states
  op.gradient_roundings = 256 + 32.0 * static_cast<double>(N);
  return op;
}

Op readout_op(std::string name, const MixerConfig& mixer, Index rows) {
  const Index H = mixer.heads, S = mixer.state_width();
  const Index Q = nn::readout_width(mixer.readout, mixer.complex_state);
  Op op{.name = "readout." + std::move(name),
        .module = "nn",
        .shape = fmt::format("R={} H={}", rows, H),
        .inputs = {{"states", {rows, S * H}}},
        .outputs = {{"q", {rows, Q * H}}}};
  op.reference = [mixer]<class T>(Inputs<T> in, Outputs<T> out, Arena&) {
    nn::reference::readout_forward<T>(mixer, rows_of(in("states")), rows_of(out("q")));
  };
  op.forward = [mixer]<class T>(Inputs<T> in, Outputs<T> out, Arena&) {
    nn::readout_forward<T>(mixer, rows_of(in("states")), rows_of(out("q")));
  };
  op.backward = [mixer]<class T>(Inputs<T> in, Inputs<T> gradient, Outputs<T> d, Arena&) {
    nn::readout_backward<T>(mixer, rows_of(in("states")), rows_of(gradient("q")),
                            rows_of(d("states")));
  };
  op.forward_cost = {.numbers = static_cast<double>(rows * (S + Q) * H)};
  return op;
}

}  // namespace

void add_nn_scan_checks(Registry& registry) {
  constexpr Index B = 2, N = 19;
  // Heads below, at and across the lanes of every level: packed and in place.
  for (const Index heads : {1, 3, 16}) {
    add_checks(registry, scan_op(fmt::format("default.{}_heads", heads),
                                 {B, N, MixerConfig{.heads = heads}}));
  }
  const std::pair<const char*, Transition> transitions[] = {{"right", Transition::right},
                                                            {"left", Transition::left},
                                                            {"two_sided", Transition::two_sided}};
  for (const auto& [name, transition] : transitions) {
    for (const bool complex_state : {false, true}) {
      add_checks(registry,
                 scan_op(fmt::format("{}.{}.2_factors", name, complex_state ? "complex" : "real"),
                         {B, N,
                          MixerConfig{.heads = 5,
                                      .factors = 2,
                                      .transition = transition,
                                      .complex_state = complex_state}}));
    }
  }
  add_checks(registry, scan_op("no_gates", {B, N, MixerConfig{.heads = 4, .gates = false}}));
  add_checks(
      registry,
      scan_op("phase", {B, N, MixerConfig{.heads = 4, .complex_state = true, .phase = true}}));
  add_checks(
      registry,
      scan_op("rotation_without_gates",
              {B, N,
               MixerConfig{.heads = 4, .complex_state = true, .gates = false, .rotation = true}}));
  add_checks(registry, scan_op("everything", {B, N,
                                              MixerConfig{.heads = 8,
                                                          .factors = 4,
                                                          .transition = Transition::two_sided,
                                                          .complex_state = true,
                                                          .phase = true,
                                                          .rotation = true}}));
  // Chunks of two tiles and a tail, every kind of map.
  const auto chunked = [](const MixerConfig& mixer) {
    return ScanShape{B, 61, mixer, nn::ScanPlan::chunked, 2 * ScanShape{1, 1, mixer}.tile_steps()};
  };
  for (const auto& [name, transition] : transitions) {
    add_checks(registry, scan_op(fmt::format("chunked.{}", name),
                                 chunked({.heads = 3, .transition = transition})));
    add_checks(registry, scan_op(fmt::format("chunked.{}.complex.2_factors", name),
                                 chunked({.heads = 4,
                                          .factors = 2,
                                          .transition = transition,
                                          .complex_state = true,
                                          .phase = true})));
  }
  add_checks(registry, scan_op("chunked.no_gates", chunked({.heads = 8, .gates = false})));
  const MixerConfig everything{.heads = 3,
                               .factors = 2,
                               .transition = Transition::left,
                               .complex_state = true,
                               .phase = true,
                               .rotation = true};
  add_checks(registry, scan_op("chunked.everything", chunked(everything)));
  add_checks(registry, scan_readout_op("everything", {B, N, everything}));
  add_checks(registry, scan_readout_op("chunked.everything", chunked(everything)));
  // From five factors on a tile is one step.
  for (Index factors = 5; factors <= nn::kMaxFactors; ++factors) {
    MixerConfig many = everything;
    many.factors = factors;
    many.transition = transitions[factors % 3].second;
    const std::string name = fmt::format("{}_factors", factors);
    add_checks(registry, scan_op(name, {B, N, many}));
    add_checks(registry, scan_readout_op(name, {B, N, many}));
    add_checks(registry, scan_readout_op("chunked." + name, chunked(many)));
  }
  const std::pair<const char*, Readout> readouts[] = {
      {"linear", Readout::linear},
      {"quadratic", Readout::quadratic},
      {"linear_quadratic", Readout::linear_quadratic},
      {"invariants", Readout::invariants}};
  for (const auto& [name, readout] : readouts) {
    for (const Index heads : {3, 16}) {
      add_checks(registry,
                 scan_readout_op(fmt::format("{}.{}_heads", name, heads),
                                 {B, N, MixerConfig{.heads = heads, .readout = readout}}));
    }
  }

  for (const auto& [name, readout] : readouts) {
    for (const bool complex_state : {false, true}) {
      for (const Index heads : {3, 16}) {
        add_checks(
            registry,
            readout_op(
                fmt::format("{}.{}.{}_heads", name, complex_state ? "complex" : "real", heads),
                MixerConfig{.heads = heads, .complex_state = complex_state, .readout = readout},
                21));
      }
    }
  }
}

void add_nn_scan_benches(Registry& registry) {
  // Heads that fill whole vectors are read in place; twelve are packed.
  const MixerConfig wide{.heads = 32, .complex_state = true, .readout = Readout::invariants};
  const MixerConfig narrow{.heads = 12};
  add_benches<float>(registry, scan_op("complex", {4, 2048, wide}));
  add_benches<float>(registry, scan_op("real", {16, 256, narrow}));
  add_benches<float>(registry, readout_op("invariants", wide, 4 * 2048));
  add_benches<float>(registry, readout_op("linear_quadratic", narrow, 16 * 256));
}

}  // namespace lior::check
