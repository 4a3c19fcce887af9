// The mixers beside geometric Mamba, their ops and their streaming: causal field, geometric
// attention, attention.
#include <cmath>
#include <cstring>

#include "lior/check/compare.h"
#include "lior/check/op_harness.h"
#include "lior/check/registry.h"
#include "lior/nn/activation.h"
#include "lior/nn/attention.h"
#include "lior/nn/causal_field.h"
#include "lior/nn/geometric_attention.h"
#include "lior/nn/linear.h"
#include "lior/nn/rms_norm.h"
#include "lior/nn/spinor_map.h"

namespace lior::check {
namespace {

using linalg::MatrixView;
using nn::AttentionShape;
using nn::CausalFieldShape;
using nn::GeometricAttentionShape;

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

// A layer as the functions below see it: its parameters, and itself as reference, forward and
// backward.

struct FieldLayer {
  CausalFieldShape shape;

  static constexpr const char* kName = "causal_field";
  std::vector<OpInput> parameters() const {
    const Index D = shape.d_model, H = shape.heads;
    const double small = 1 / std::sqrt(static_cast<double>(D));
    return {{"in_weight", {shape.projection_width(), D}, normal(0.5 * small)},
            {"in_bias", {shape.projection_width()}, normal(0.5)},
            {"transport", {H, 8}},
            {"memory", {H, memory::kKernelParameters}, normal(0.3)},
            {"out_weight", {D, shape.field_width()}, normal(small)}};
  }
  template <class T, class Tensors>
  static nn::CausalFieldParameters<T> of(const Tensors& named) {
    return {.norm_gain = named("norm"),
            .in_weight = named("in_weight"),
            .in_bias = named("in_bias"),
            .transport = named("transport"),
            .memory = named("memory"),
            .out_weight = named("out_weight")};
  }
  /// The memory has checks of its own; the rest is by the reference of each part.
  template <class T>
  void reference(Inputs<T> in, View<T, 2> out, Arena& arena) const {
    const Index R = shape.rows(), F = shape.field_width();
    const auto values = of<const T>(in);
    const auto saved = nn::take_saved<T>(shape, arena);
    nn::reference::rms_norm_forward<T>(matrix(in("x")), values.norm_gain, nn::kRmsNormEpsilon,
                                       saved.v);
    nn::reference::linear_forward<T>(saved.v, values.in_weight, values.in_bias, saved.projection);
    const MatrixView<T> projection(saved.projection);
    nn::reference::associator_current_forward<T>(projection.block(0, 0, R, shape.factor_width()),
                                                 values.transport, saved.current);
    nn::FieldMemory<T> memory(shape.heads);
    const Shape<4> sequences{shape.batch, shape.length, shape.heads, nn::kCurrentWidth};
    memory.with(values.memory)
        .forward(saved.current.template reshaped<4>(sequences),
                 saved.field.template reshaped<4>(sequences), arena);
    nn::reference::gate_forward<T>(saved.field, projection.block(0, shape.factor_width(), R, F),
                                   saved.gated);
    nn::reference::linear_forward<T>(saved.gated, values.out_weight, {}, out);
  }
  template <class T>
  auto forward(Inputs<T> in, View<T, 2> out, Arena& arena) const {
    nn::FieldMemory<T> memory(shape.heads);
    const auto saved = nn::take_saved<T>(shape, arena);
    nn::causal_field_forward<T>(shape, of<const T>(in), memory, in("x"), {}, saved, out, arena);
    return saved;
  }
  template <class T, class Saved>
  void backward(Inputs<T> in, const Saved& saved, Inputs<T> gradient, Outputs<T> d,
                Arena& arena) const {
    nn::FieldMemory<T> memory(shape.heads);
    nn::causal_field_backward<T>(shape, of<const T>(in), memory, in("x"), saved, gradient("out"),
                                 d("x"), of<T>(d), arena);
  }
};

struct GeometricLayer {
  GeometricAttentionShape shape;

  static constexpr const char* kName = "geometric_attention";
  std::vector<OpInput> parameters() const {
    const Index D = shape.d_model;
    const double small = 1 / std::sqrt(static_cast<double>(D));
    return {{"in_weight", {shape.projection_width(), D}, normal(0.5 * small)},
            {"in_bias", {shape.projection_width()}, normal(0.2)},
            {"mix", {shape.tiled.heads, 4}, normal(0.5)},
            {"out_weight", {D, shape.value_width()}, normal(small)}};
  }
  template <class T, class Tensors>
  static nn::GeometricAttentionParameters<T> of(const Tensors& named) {
    return {.norm_gain = named("norm"),
            .in_weight = named("in_weight"),
            .in_bias = named("in_bias"),
            .mix = named("mix"),
            .out_weight = named("out_weight")};
  }
  template <class T>
  void reference(Inputs<T> in, View<T, 2> out, Arena& arena) const {
    const Index R = shape.rows(), O = shape.octet_width();
    const auto values = of<const T>(in);
    const auto saved = nn::take_saved<T>(shape, arena);
    nn::reference::rms_norm_forward<T>(matrix(in("x")), values.norm_gain, nn::kRmsNormEpsilon,
                                       saved.v);
    nn::reference::linear_forward<T>(saved.v, values.in_weight, values.in_bias, saved.projection);
    const MatrixView<T> projection(saved.projection);
    nn::reference::spinor_map_forward<T>(projection.block(0, 0, R, O), saved.z);
    nn::reference::spinor_attention_forward<T>(shape.tiled, saved.z,
                                               projection.block(0, O, R, shape.value_width()),
                                               values.mix, saved.attended);
    nn::reference::linear_forward<T>(saved.attended, values.out_weight, {}, out);
  }
  template <class T>
  auto forward(Inputs<T> in, View<T, 2> out, Arena& arena) const {
    const auto saved = nn::take_saved<T>(shape, arena);
    nn::geometric_attention_forward<T>(shape, of<const T>(in), in("x"), {}, saved, out);
    return saved;
  }
  template <class T, class Saved>
  void backward(Inputs<T> in, const Saved& saved, Inputs<T> gradient, Outputs<T> d,
                Arena& arena) const {
    nn::geometric_attention_backward<T>(shape, of<const T>(in), in("x"), saved, gradient("out"),
                                        d("x"), of<T>(d), arena);
  }
};

struct SoftmaxLayer {
  AttentionShape shape;

  static constexpr const char* kName = "attention";
  std::vector<OpInput> parameters() const {
    const Index D = shape.d_model;
    const double small = 1 / std::sqrt(static_cast<double>(D));
    return {{"in_weight", {3 * D, D}, normal(small)},
            {"in_bias", {3 * D}, normal(0.2)},
            {"out_weight", {D, D}, normal(small)}};
  }
  template <class T, class Tensors>
  static nn::AttentionParameters<T> of(const Tensors& named) {
    return {.norm_gain = named("norm"),
            .in_weight = named("in_weight"),
            .in_bias = named("in_bias"),
            .out_weight = named("out_weight")};
  }
  template <class T>
  void reference(Inputs<T> in, View<T, 2> out, Arena& arena) const {
    const Index R = shape.rows(), D = shape.d_model, H = shape.tiled.heads;
    const auto values = of<const T>(in);
    const auto saved = nn::take_saved<T>(shape, arena);
    nn::reference::rms_norm_forward<T>(matrix(in("x")), values.norm_gain, nn::kRmsNormEpsilon,
                                       saved.v);
    nn::reference::linear_forward<T>(saved.v, values.in_weight, values.in_bias, saved.projection);
    const MatrixView<T> projection(saved.projection);
    for (Index head = 0; head < H; ++head) {
      saved.slopes(head) =
          static_cast<T>(std::pow(2, -8 * static_cast<double>(head + 1) / static_cast<double>(H)));
    }
    nn::reference::dot_attention_forward<T>(
        shape.tiled, projection.block(0, 0, R, D), projection.block(0, D, R, D),
        projection.block(0, 2 * D, R, D), saved.slopes, saved.attended);
    nn::reference::linear_forward<T>(saved.attended, values.out_weight, {}, out);
  }
  template <class T>
  auto forward(Inputs<T> in, View<T, 2> out, Arena& arena) const {
    const auto saved = nn::take_saved<T>(shape, arena);
    nn::attention_forward<T>(shape, of<const T>(in), in("x"), {}, saved, out);
    return saved;
  }
  template <class T, class Saved>
  void backward(Inputs<T> in, const Saved& saved, Inputs<T> gradient, Outputs<T> d,
                Arena& arena) const {
    nn::attention_backward<T>(shape, of<const T>(in), in("x"), saved, gradient("out"), d("x"),
                              of<T>(d), arena);
  }
};

template <class Layer>
Op layer_op(const Layer& layer, Index heads, Index length) {
  const Index R = layer.shape.rows(), D = layer.shape.d_model;
  Op op{.name = Layer::kName,
        .module = "nn",
        .shape = fmt::format("B={} N={} D={} H={}", R / length, length, D, heads)};
  op.inputs = {{"x", {R, D}}, {"norm", {D}, normal(0.1, 1)}};
  for (OpInput& input : layer.parameters()) op.inputs.push_back(std::move(input));
  op.outputs = {{"out", {R, D}}};
  op.reference = [layer]<class T>(Inputs<T> in, Outputs<T> out, Arena& arena) {
    const View<const T, 2> x = in("x");
    const View<T, 2> y = out("out");
    layer.template reference<T>(in, y, arena);
    for (Index i = 0; i < x.size(); ++i) y.data()[i] += x.data()[i];
  };
  op.forward = [layer]<class T>(Inputs<T> in, Outputs<T> out, Arena& arena) {
    layer.template forward<T>(in, out("out"), arena);
  };
  op.backward = [=]<class T>(Inputs<T> in, Inputs<T> gradient, Outputs<T> d, Arena& arena) {
    const auto out = arena.take<T, 2>({R, D});
    const auto saved = layer.template forward<T>(in, out, arena);
    layer.template backward<T>(in, saved, gradient, d, arena);
  };
  op.workspace = 1 << 21;
  op.value_roundings = 64;
  op.gradient_roundings = 512;
  op.equal_across_threads = false;  // matrix products promise equal counts only
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
  constexpr Index B = 2, N = 35, D = 16;
  add_layer(registry, layer_op(FieldLayer{{B, N, 3, D}}, 3, N), N);
  // Windows as long as the sequences: the last token sees the first.
  add_layer(registry, layer_op(GeometricLayer{nn::geometric_attention_shape(B, N, D, 2, N)}, 2, N),
            N);
  add_layer(registry, layer_op(SoftmaxLayer{nn::attention_shape(B, N, D, 4, N)}, 4, N), N);
}

}  // namespace lior::check
