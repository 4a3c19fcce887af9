// SPDX-License-Identifier: Apache-2.0
// The layers that are a core in a residual block: each core beside its formula, each layer beside
// the formula of the block, and the causality of mixers.
#include <cmath>
#include <cstring>
#include <vector>

#include "lior/check/op_harness.h"
#include "lior/check/registry.h"
#include "lior/memory/causal_convolution.h"
#include "lior/nn/activation.h"
#include "lior/nn/associator_current.h"
#include "lior/nn/ci8_scan.h"
#include "lior/nn/linear.h"
#include "lior/nn/mixers.h"
#include "lior/nn/readout.h"
#include "lior/nn/rms_norm.h"
#include "lior/nn/spinor_map.h"
#include "lior/nn/tiled_attention.h"

namespace lior::check {
namespace {

using algebra::Transition;
using linalg::MatrixView;
using nn::ModelConfig;
using nn::Readout;

template <class T>
View<T, 2> matrix(const Tensor<T>& tensor) {
  return tensor;
}

Op current_op(Index R, Index H) {
  Op op{.name = "associator_current",
        .module = "nn",
        .shape = fmt::format("R={} H={}", R, H),
        .inputs = {{"factors", {R, nn::kCurrentFactors * H}}, {"transport", {H, 8}}},
        .outputs = {{"current", {R, nn::kCurrentWidth * H}}}};
  op.reference = []<class T>(Inputs<T> in, Outputs<T> out, Arena&) {
    nn::reference::associator_current_forward<T>(matrix(in("factors")), in("transport"),
                                                 matrix(out("current")));
  };
  op.forward = []<class T>(Inputs<T> in, Outputs<T> out, Arena&) {
    nn::associator_current_forward<T>(matrix(in("factors")), in("transport"),
                                      matrix(out("current")));
  };
  op.backward = [=]<class T>(Inputs<T> in, Inputs<T> gradient, Outputs<T> d, Arena& arena) {
    const auto current = arena.take<T, 2>({R, nn::kCurrentWidth * H});
    nn::associator_current_forward<T>(matrix(in("factors")), in("transport"), current);
    nn::associator_current_backward<T>(matrix(in("factors")), in("transport"), current,
                                       matrix(gradient("current")), matrix(d("factors")),
                                       d("transport"), arena);
  };
  op.workspace = 1 << 20;
  return op;
}

Op spinor_map_op(Index R, Index H) {
  Op op{.name = "spinor_map",
        .module = "nn",
        .shape = fmt::format("R={} H={}", R, H),
        .inputs = {{"octets", {R, 24 * H}, normal(2)}},  // some Theta are clamped
        .outputs = {{"z", {R, 16 * H}}}};
  op.reference = []<class T>(Inputs<T> in, Outputs<T> out, Arena&) {
    nn::reference::spinor_map_forward<T>(matrix(in("octets")), matrix(out("z")));
  };
  op.forward = []<class T>(Inputs<T> in, Outputs<T> out, Arena&) {
    nn::spinor_map_forward<T>(matrix(in("octets")), matrix(out("z")));
  };
  op.backward = []<class T>(Inputs<T> in, Inputs<T> gradient, Outputs<T> d, Arena&) {
    nn::spinor_map_backward<T>(matrix(in("octets")), matrix(gradient("z")), matrix(d("octets")));
  };
  return op;
}

/// The arguments of a core's reference.
template <class T>
struct ReferenceCall {
  const ModelConfig& config;
  nn::Sequences sequences;
  Inputs<T> in;  ///< the layer's own parameters are among them
  MatrixView<const T> columns;
  View<const T, 2> state;  ///< [B, state_size]: before the first token; empty where there is none
  View<T, 2> end;          ///< [B, state_size]: after the last one; empty: not asked for
  Arena& arena;

  View<T, 2> take(Index width) const { return arena.take<T, 2>({sequences.rows(), width}); }
};

// Each core in the plain text of its formula, from the reference of each part: y from the columns.

struct GeometricMambaReference {
  template <class T>
  void operator()(const ReferenceCall<T>& call, View<T, 2> y) const {
    const nn::MixerConfig& mixer = call.config.mixer;
    const nn::ScanShape scan{call.sequences.batch, call.sequences.length, mixer};
    const Index R = call.sequences.rows(), S = scan.state_width(), H = scan.heads();
    const auto states = call.arena.template take<T, 4>({scan.batch, scan.length, S, H});
    const View<T, 2> q = call.take(nn::readout_width(mixer.readout, mixer.complex_state) * H);
    nn::reference::ci8_scan_forward<T>(scan, call.columns,
                                       call.state.template reshaped<3>({scan.batch, S, H}),
                                       call.in.optional("angles"), states);
    for (Index b = 0; b < scan.batch && !call.end.empty(); ++b) {
      std::copy_n(states[b][scan.length - 1].data(), S * H, call.end[b].data());
    }
    nn::reference::readout_forward<T>(mixer, states.template reshaped<2>({R, S * H}), q);
    nn::reference::linear_forward<T>(q, matrix(call.in("readout.weight")), {}, y);
  }
};

/// The memory has checks of its own; the rest is by the reference of each part.
struct CausalFieldReference {
  template <class T>
  void operator()(const ReferenceCall<T>& call, View<T, 2> y) const {
    static const memory::PowerLawRule rule(1e-4, 65536);
    const Index H = call.config.causal_field_heads;
    const View<T, 2> current = call.take(nn::kCurrentWidth * H);
    nn::reference::associator_current_forward<T>(call.columns, call.in("transport"), current);
    memory::CausalConvolution<T> memory(H, rule);
    memory.set(call.in("memory"));
    const Shape<4> sequences{call.sequences.batch, call.sequences.length, H, nn::kCurrentWidth};
    memory.forward(current.template reshaped<4>(sequences), y.template reshaped<4>(sequences),
                   call.arena);
  }
};

struct GeometricAttentionReference {
  template <class T>
  void operator()(const ReferenceCall<T>& call, View<T, 2> y) const {
    const Index H = call.config.geometric_attention_heads, width = nn::kSpinorWidth;
    const View<T, 2> z = call.take(width * H);
    const auto columns = [&](Index first, Index count) {
      return call.columns.block(0, first, call.columns.rows, count);
    };
    nn::reference::spinor_map_forward<T>(columns(0, 24 * H), z);
    nn::reference::spinor_attention_forward<T>({.batch = call.sequences.batch,
                                                .length = call.sequences.length,
                                                .heads = H,
                                                .key_width = width,
                                                .value_width = width,
                                                .window = call.config.attention_window},
                                               z, columns(24 * H, width * H), call.in("mix"), y);
  }
};

struct AttentionReference {
  template <class T>
  void operator()(const ReferenceCall<T>& call, View<T, 2> y) const {
    const Index D = call.config.d_model, H = call.config.attention_heads;
    const auto slopes = call.arena.template take<T, 1>({H});
    for (Index head = 0; head < H; ++head) {
      slopes(head) =
          static_cast<T>(std::pow(2, -8 * static_cast<double>(head + 1) / static_cast<double>(H)));
    }
    const auto part = [&](Index i) { return call.columns.block(0, i * D, call.columns.rows, D); };
    nn::reference::dot_attention_forward<T>({.batch = call.sequences.batch,
                                             .length = call.sequences.length,
                                             .heads = H,
                                             .key_width = D / H,
                                             .value_width = D / H,
                                             .window = call.config.attention_window},
                                            part(0), part(1), part(2), slopes, y);
  }
};

struct GatedLinearAttentionReference {
  template <class T>
  void operator()(const ReferenceCall<T>& call, View<T, 2> y) const {
    const Index D = call.config.d_model, H = call.config.linear_attention_heads, E = D / H;
    const auto& c = call.columns;
    const Index N = call.sequences.length;
    for (Index b = 0; b < call.sequences.batch; ++b) {
      for (Index head = 0; head < H; ++head) {
        const View<const T, 2> start(call.state[b].data() + head * E * E, {E, E});
        std::vector<T> S(start.begin(), start.end());
        for (Index n = b * N; n < (b + 1) * N; ++n) {
          const auto at = [&](Index part, Index i) { return c(n, part * D + head * E + i); };
          for (Index f = 0; f < E; ++f) y(n, head * E + f) = 0;
          for (Index e = 0; e < E; ++e) {
            const T a = 1 / (1 + std::exp(-at(3, e)));
            for (Index f = 0; f < E; ++f) {
              T& s = S[static_cast<std::size_t>(e * E + f)];
              s = a * s + at(1, e) * at(2, f);
              y(n, head * E + f) += at(0, e) * s / std::sqrt(static_cast<T>(E));
            }
          }
        }
        if (!call.end.empty()) std::copy(S.begin(), S.end(), call.end[b].data() + head * E * E);
      }
    }
  }
};

struct SwigluMlpReference {
  template <class T>
  void operator()(const ReferenceCall<T>& call, View<T, 2> y) const {
    const Index F = call.config.mlp_hidden, R = call.columns.rows;
    nn::reference::gate_forward<T>(call.columns.block(0, F, R, F), call.columns.block(0, 0, R, F),
                                   y);
  }
};

template <class T>
void reference_core(std::string_view kind, const ReferenceCall<T>& call, View<T, 2> y) {
  if (kind == "geometric_mamba") return GeometricMambaReference()(call, y);
  if (kind == "causal_field") return CausalFieldReference()(call, y);
  if (kind == "geometric_attention") return GeometricAttentionReference()(call, y);
  if (kind == "attention") return AttentionReference()(call, y);
  if (kind == "gated_linear_attention") return GatedLinearAttentionReference()(call, y);
  if (kind == "swiglu_mlp") return SwigluMlpReference()(call, y);
  LIOR_CHECK(false, "layer {} has no reference in mixer_checks.cpp", kind);
}

/// A layer, its parameters in one flat buffer as a model has them, and as inputs of an op.
template <class T>
struct FlatLayer {
  FlatLayer(std::string_view kind, const ModelConfig& config)
      : block(nn::layer_block<T>(kind, config, "", layout)) {}

  std::span<T> values(Inputs<T> in, Arena& arena) const {
    const auto flat = arena.take<T, 1>({layout.size()}).span();
    for (const nn::Parameter& p : layout.parameters()) {
      if (in.optional(p.name).data != nullptr) {
        std::copy_n(in(p.name).data, p.size, flat.data() + p.offset);
      }
    }
    return flat;
  }
  std::span<T> no_gradients(Arena& arena) const {
    const auto flat = arena.take<T, 1>({layout.size()}).span();
    std::fill(flat.begin(), flat.end(), T(0));
    return flat;
  }
  void give(std::span<const T> gradients, Outputs<T> d) const {
    for (const nn::Parameter& p : layout.parameters()) {
      const Tensor<T> to = d.optional(p.name);
      if (to.data != nullptr) std::copy_n(gradients.data() + p.offset, p.size, to.data);
    }
  }
  View<T, 2> initial_state(std::span<const T> values, Index batch, Arena& arena) const {
    const auto state = arena.take<T, 2>({batch, block->state_size()});
    block->initial_state(values, state);
    return state;
  }

  nn::Layout layout;
  std::unique_ptr<nn::ResidualBlock<T>> block;
};

/// Numbers of a size that keeps a layer's output, and its third derivatives, near 1.
OpInput parameter_input(const nn::Parameter& p) {
  if (p.name == "norm.weight") return {p.name, p.shape, normal(0.1, 1)};
  if (p.name == "in.bias" || p.name == "memory") return {p.name, p.shape, normal(0.3)};
  if (!p.decay) return {p.name, p.shape, normal()};
  const double small = 1 / std::sqrt(static_cast<double>(p.shape[1]));
  return {p.name, p.shape, normal(p.name == "in.weight" ? 0.5 * small : small)};
}

/// A whole layer: norm, projections, core, gate and residual.
Op layer_op(std::string_view kind, std::string variant, const ModelConfig& config,
            nn::Sequences sequences) {
  const Index R = sequences.rows(), D = config.d_model;
  Op op{.name = std::string(kind) + std::move(variant),
        .module = "nn",
        .shape = fmt::format("B={} N={} D={}", sequences.batch, sequences.length, D)};
  op.inputs = {{"x", {R, D}}};
  const FlatLayer<double> named(kind, config);
  for (const nn::Parameter& p : named.layout.parameters()) op.inputs.push_back(parameter_input(p));
  op.outputs = {{"out", {R, D}}};

  op.reference = [=]<class T>(Inputs<T> in, Outputs<T> out, Arena& arena) {
    const FlatLayer<T> layer(kind, config);
    const nn::CoreShape shape = layer.block->core().shape();
    const View<const T, 2> x = in("x"), weight = in("in.weight");
    const View<T, 2> v = arena.take<T, 2>({R, D}), y = arena.take<T, 2>({R, shape.out});
    const View<T, 2> projection = arena.take<T, 2>({R, weight.extent(0)}), result = out("out");
    const std::span<const T> bias = in.optional("in.bias");
    nn::reference::rms_norm_forward<T>(x, in("norm.weight"), nn::kRmsNormEpsilon, v);
    nn::reference::linear_forward<T>(v, weight, bias, projection);
    const MatrixView<const T> columns(projection);
    const auto state = layer.initial_state(layer.values(in, arena), sequences.batch, arena);
    reference_core<T>(
        kind, {config, sequences, in, columns.block(0, 0, R, shape.in), state, {}, arena}, y);
    if (shape.gate) {
      nn::reference::gate_forward<T>(y, columns.block(0, shape.in, R, shape.out), y);
    }
    nn::reference::linear_forward<T>(y, matrix(in("out.weight")), {}, result);
    for (Index i = 0; i < x.size(); ++i) result.data()[i] += x.data()[i];
  };
  op.forward = [=]<class T>(Inputs<T> in, Outputs<T> out, Arena& arena) {
    const FlatLayer<T> layer(kind, config);
    const auto saved = nn::take_saved<T>(layer.block->plan(sequences), arena);
    layer.block->forward({sequences, layer.values(in, arena), in("x"), saved, arena}, {},
                         out("out"));
  };
  op.backward = [=]<class T>(Inputs<T> in, Inputs<T> gradient, Outputs<T> d, Arena& arena) {
    const FlatLayer<T> layer(kind, config);
    const auto saved = nn::take_saved<T>(layer.block->plan(sequences), arena);
    const nn::LayerCall<T> call{sequences, layer.values(in, arena), in("x"), saved, arena};
    const auto sums = layer.no_gradients(arena);
    const View<T, 2> dx = d("x");
    layer.block->forward(call, {}, {});
    std::copy_n(gradient("out").data, dx.size(), dx.data());
    layer.block->backward(call, dx, sums);
    layer.give(sums, d);
  };
  op.workspace = 1 << 22;
  op.value_roundings = 64;
  op.gradient_roundings = 512;
  op.equal_across_threads = false;  // matrix products promise equal counts only
  return op;
}

/// The core alone, from a given state where that has a gradient: what PyTorch's layers call.
Op core_op(std::string_view kind, std::string variant, const ModelConfig& config,
           nn::Sequences sequences) {
  const FlatLayer<double> named(kind, config);
  const nn::Core<double>& of = named.block->core();
  const Index R = sequences.rows(), B = sequences.batch, in_width = of.shape().in;
  const bool with_state = of.state_has_gradient();
  const Index S = with_state ? of.state_size() : 0;
  Op op{.name = std::string(kind) + std::move(variant) + ".core",
        .module = "nn",
        .shape =
            fmt::format("B={} N={} in={} out={}", B, sequences.length, in_width, of.shape().out)};
  op.inputs = {{"columns", {R, in_width}, normal(0.5)}};
  if (with_state) op.inputs.push_back({"state", {B, S}});
  for (const nn::Parameter& p : named.layout.parameters()) {
    const bool own = !p.name.starts_with("norm.") && !p.name.starts_with("in.") &&
                     !p.name.starts_with("out.") && p.name != "initial";
    if (own) op.inputs.push_back(parameter_input(p));
  }
  op.outputs = {{"y", {R, of.shape().out}}};
  if (with_state) op.outputs.push_back({"end", {B, S}});

  const auto forward = [=]<class T>(const FlatLayer<T>& layer, const nn::CoreCall<T>& call,
                                    Inputs<T> in, View<T, 2> y, View<T, 2> end) {
    if (!with_state) return layer.block->core().forward(call, {}, y);
    std::copy_n(in("state").data, end.size(), end.data());
    layer.block->core().forward(call, end, y);
  };
  const auto call_of = [=]<class T>(const FlatLayer<T>& layer, Inputs<T> in, Arena& arena) {
    nn::SavedPlan plan;
    layer.block->core().save(sequences, plan);
    return nn::CoreCall<T>{sequences, layer.values(in, arena), matrix(in("columns")),
                           nn::take_saved<T>(plan, arena), arena};
  };
  op.reference = [=]<class T>(Inputs<T> in, Outputs<T> out, Arena& arena) {
    const FlatLayer<T> layer(kind, config);
    const View<T, 2> y = out("y");
    const auto state = with_state
                           ? View<const T, 2>(in("state"))
                           : layer.initial_state(layer.values(in, arena), sequences.batch, arena);
    const View<T, 2> end = with_state ? View<T, 2>(out("end")) : View<T, 2>();
    reference_core<T>(kind, {config, sequences, in, matrix(in("columns")), state, end, arena}, y);
  };
  op.forward = [=]<class T>(Inputs<T> in, Outputs<T> out, Arena& arena) {
    const FlatLayer<T> layer(kind, config);
    forward.template operator()<T>(layer, call_of.template operator()<T>(layer, in, arena), in,
                                   out("y"), with_state ? View<T, 2>(out("end")) : View<T, 2>());
  };
  op.backward = [=]<class T>(Inputs<T> in, Inputs<T> gradient, Outputs<T> d, Arena& arena) {
    const FlatLayer<T> layer(kind, config);
    const auto call = call_of.template operator()<T>(layer, in, arena);
    const View<const T, 2> given = gradient("y");
    const View<T, 2> y = arena.take<T, 2>(given.shape()), dy = arena.take<T, 2>(given.shape());
    const View<T, 2> end = arena.take<T, 2>({B, S});
    forward.template operator()<T>(layer, call, in, y, end);
    std::copy(given.begin(), given.end(), dy.begin());
    View<T, 2> d_state;
    if (with_state) {
      d_state = d("state");
      std::copy_n(gradient("end").data, d_state.size(), d_state.data());
    }
    const auto sums = layer.no_gradients(arena);
    layer.block->core().backward(call, y, dy, matrix(d("columns")), sums, d_state);
    layer.give(sums, d);
  };
  op.workspace = 1 << 22;
  op.value_roundings = 64;
  op.gradient_roundings = 512;
  op.equal_across_threads = false;
  return op;
}

/// The layer on its op's inputs, and on the same but for one token of the first sequence: entries
/// of earlier outputs, and of the second sequence's, that differ in a bit; over every token.
double changed_earlier_outputs(const Op& op, Index length) {
  std::vector<Buffer<float>> numbers;
  std::vector<Tensor<const float>> inputs;
  for (std::size_t i = 0; i < op.inputs.size(); ++i) {
    Index count = 1;
    for (const Index extent : op.inputs[i].shape) count *= extent;
    std::vector<double> values(static_cast<std::size_t>(count));
    Random random(5, i);
    op.inputs[i].fill(values, random);
    numbers.emplace_back(count);
    std::copy(values.begin(), values.end(), numbers.back().begin());
    inputs.push_back({op.inputs[i].name, numbers.back().data(), op.inputs[i].shape});
  }
  const Index rows = op.outputs[0].shape[0], width = op.outputs[0].shape[1];
  Arena arena(op.workspace);
  const auto run = [&] {
    const Arena::Scope scope(arena);
    std::vector<float> out(static_cast<std::size_t>(rows * width));
    const std::vector<Tensor<float>> outputs{{op.outputs[0].name, out.data(), op.outputs[0].shape}};
    op.forward.f32(Inputs<float>(inputs), Outputs<float>(outputs), arena);
    return out;
  };
  const std::vector<float> before = run();
  double changed = 0;
  for (Index n = 0; n < length; ++n) {
    const std::span<float> token(numbers[0].data() + n * width, static_cast<std::size_t>(width));
    const std::vector<float> kept(token.begin(), token.end());
    for (float& value : token) value = 1 - value;
    const std::vector<float> after = run();
    std::copy(kept.begin(), kept.end(), token.begin());
    for (Index i = 0; i < rows * width; ++i) {
      const bool later = i / width >= n && i / width < length;
      changed += !later && std::memcmp(&after[i], &before[i], sizeof(float)) != 0;
    }
    const Index next = std::min(n + 1, length - 1) * width;  // and the next one must see it
    changed += after[next] == before[next];
  }
  return changed;
}

/// Its op's rows, and its causality.
void add_layer(Registry& registry, const Op& op, Index length) {
  add_checks(registry, op);
  registry.checks.push_back({.name = op.name + ".causal",
                             .module = "nn",
                             .dtype = "f32",
                             .shape = op.shape,
                             .tolerance = 0,
                             .error = [=] { return changed_earlier_outputs(op, length); }});
}

}  // namespace

void add_nn_mixer_checks(Registry& registry) {
  add_checks(registry, current_op(37, 3));
  add_checks(registry, spinor_map_op(37, 3));
  constexpr nn::Sequences kSequences{2, 35};
  // Windows as long as the sequences: the last token sees the first.
  const ModelConfig config{.d_model = 16,
                           .mlp_hidden = 24,
                           .mixer = {.heads = 3},
                           .causal_field_heads = 3,
                           .geometric_attention_heads = 2,
                           .attention_heads = 4,
                           .attention_window = kSequences.length};
  for (const std::string_view kind : nn::layer_kinds()) {
    add_checks(registry, core_op(kind, "", config, kSequences));
    const Op op = layer_op(kind, "", config, kSequences);
    if (kind == "swiglu_mlp") {
      add_checks(registry, op);
    } else {
      add_layer(registry, op, kSequences.length);
    }
  }
  const std::pair<const char*, nn::MixerConfig> variants[] = {
      {".two_factors_left",
       {.heads = 4, .factors = 2, .transition = Transition::left, .readout = Readout::invariants}},
      {".no_gates",
       {.heads = 4, .transition = Transition::left, .gates = false, .readout = Readout::quadratic}},
      {".complex_everything",
       {.heads = 2,
        .factors = 2,
        .transition = Transition::two_sided,
        .complex_state = true,
        .phase = true,
        .rotation = true}}};
  for (const auto& [name, mixer] : variants) {
    ModelConfig other = config;
    other.mixer = mixer;
    add_checks(registry, layer_op("geometric_mamba", name, other, {2, 7}));
    add_checks(registry, core_op("geometric_mamba", name, other, {2, 7}));
  }
}

}  // namespace lior::check
