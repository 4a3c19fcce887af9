// SPDX-License-Identifier: Apache-2.0
// Whole layers beside the time of their matrix products alone: a ratio of 1 would be a layer whose
// scan, norms, read-outs and gates cost nothing.
#include <cmath>
#include <limits>

#include "check/nn/lone_layer.h"
#include "lior/check/compare.h"
#include "lior/check/registry.h"
#include "lior/core/buffer.h"
#include "lior/core/random.h"
#include "lior/linalg/gemm.h"
#include "lior/nn/compat_mamba.h"

namespace lior::check {
namespace {

using linalg::MatrixView;
using linalg::Transpose;
using nn::CompatMambaParameters;
using nn::CompatMambaShape;
using nn::Readout;

/// y = x W^T, without the copy of a bias.
template <class T>
void product(View<T, 2> x, View<T, 2> weight, View<T, 2> y) {
  linalg::gemm<T>(Transpose::no, Transpose::yes, 1, x, weight, 0, MatrixView<T>(y));
}

/// dW = dy^T x, dx = dy W.
template <class T>
void adjoint_products(View<T, 2> x, View<T, 2> weight, View<T, 2> dy, View<T, 2> d_weight,
                      View<T, 2> dx) {
  linalg::gemm<T>(Transpose::yes, Transpose::no, 1, dy, x, 0, MatrixView<T>(d_weight));
  linalg::gemm<T>(Transpose::no, Transpose::no, 1, dy, weight, 0, MatrixView<T>(dx));
}

template <class T, std::size_t Rank>
View<T, Rank> random_array(Arena& arena, const Shape<Rank>& shape, std::uint64_t stream,
                           double deviation = 1) {
  const View<T, Rank> array = arena.take<T, Rank>(shape);
  Random(31, stream).fill_normal(array.span(), deviation);
  return array;
}

/// Rows [first, first + count) of each sequence.
template <class To, class From>
void copy_tokens(View<From, 2> from, Index from_length, Index first, View<To, 2> to, Index count,
                 Index batch) {
  for (Index b = 0; b < batch; ++b) {
    for (Index n = 0; n < count; ++n) {
      const auto row = from[b * from_length + first + n];
      std::copy(row.begin(), row.end(), to[b * count + n].begin());
    }
  }
}

/// The products of a layer, forward and backward, on arrays of their own.
struct LayerProducts {
  LayerProducts(const nn::Layout& layout, Index rows) : arena(std::size_t{1} << 30) {
    std::uint64_t stream = 0;
    for (const nn::Parameter& p : layout.parameters()) {
      if (!p.decay) continue;  // gains, biases and the like are in no product
      const Index O = p.shape[0], K = p.shape[1];
      all.push_back({.weight = random_array<float, 2>(arena, {O, K}, ++stream),
                     .d_weight = arena.take<float, 2>({O, K}),
                     .in = random_array<float, 2>(arena, {rows, K}, ++stream),
                     .d_in = arena.take<float, 2>({rows, K}),
                     .out = arena.take<float, 2>({rows, O}),
                     .d_out = random_array<float, 2>(arena, {rows, O}, ++stream)});
    }
  }
  void run() {
    for (const auto& p : all) product(p.in, p.weight, p.out);
    for (const auto& p : all) adjoint_products(p.in, p.weight, p.d_out, p.d_weight, p.d_in);
  }
  /// Operations of run().
  static double flops(const nn::Layout& layout, Index rows) {
    double sum = 0;
    for (const nn::Parameter& p : layout.parameters()) {
      if (p.decay) sum += 3 * 2 * static_cast<double>(rows) * static_cast<double>(p.size);
    }
    return sum;
  }

  struct Product {
    View<float, 2> weight, d_weight, in, d_in, out, d_out;
  };
  Arena arena;
  std::vector<Product> all;
};

/// The first tokens against the same layer in double (which `lior verify` checks against its
/// reference): later ones do not reach them.
double first_tokens_error(std::string_view kind, const nn::ModelConfig& config,
                          const LoneLayer<float>& layer) {
  constexpr Index kTokens = 16;
  const Index B = layer.sequences.batch, N = layer.sequences.length, D = config.d_model;
  LoneLayer<double> head(kind, config, {B, kTokens});
  copy_tokens(layer.x.view(), N, 0, head.x.view(), kTokens, B);
  std::copy(layer.values.begin(), layer.values.end(), head.values.begin());
  head.forward();
  Array<double, 2> out({B * kTokens, D});
  copy_tokens(layer.out.view(), N, 0, out.view(), kTokens, B);
  return relative_difference(out.span(), head.out.span());
}

void add_layer(Registry& registry, std::string_view kind, const nn::ModelConfig& config,
               Index heads) {
  const nn::Sequences sequences{4, 2048};
  nn::Layout layout;
  nn::layer_block<float>(kind, config, "", layout);
  registry.benches.push_back(
      {.name = std::string(kind) + ".beside_its_products",
       .shape = fmt::format("B={} N={} D={} H={}", sequences.batch, sequences.length,
                            config.d_model, heads),
       .dtype = "f32",
       .flops = LayerProducts::flops(layout, sequences.rows()),
       .prepare = [=] {
         const auto products = std::make_shared<LayerProducts>(layout, sequences.rows());
         const auto layer = std::make_shared<LoneLayer<float>>(kind, config, sequences);
         return BenchRun{.before = [=] { products->run(); },
                         .after =
                             [=] {
                               layer->forward();
                               layer->backward();
                             },
                         .error = [=] { return first_tokens_error(kind, config, *layer); },
                         // Sums of 512 products, four in a row, of a state of 100 steps' memory.
                         .tolerance = 4096 * std::numeric_limits<float>::epsilon()};
       }});
}

/// One compat layer, forward.
struct CompatLayer {
  explicit CompatLayer(const CompatMambaShape& of) : shape(of), arena(std::size_t{1} << 28) {
    const Index R = shape.rows(), D = shape.d_model, E = shape.expanded;
    const double small = 1 / std::sqrt(static_cast<double>(E));
    const auto vector = [&](Index size, std::uint64_t stream, double deviation = 1) {
      return random_array<float, 1>(arena, {size}, stream, deviation).span();
    };
    const auto matrix = [&](Index rows, Index cols, std::uint64_t stream) {
      return random_array<float, 2>(arena, {rows, cols}, stream, small);
    };
    values = {.in_weight = matrix(E, D, 1),
              .in_bias = vector(E, 2),
              .basis = matrix(E, 16, 3),
              .u_gain = vector(16, 4, 0.5),  // states fade slowly
              .u_bias = vector(16, 5, 0.5),
              .transition = {vector(8, 6), vector(8, 7), vector(8, 8)},
              .read_weight = matrix(E, 8, 9),
              .read_bias = vector(E, 10),
              .gate_weight = matrix(E, E, 11),
              .gate_bias = vector(E, 12),
              .out_weight = matrix(D, E, 13),
              .out_bias = vector(D, 14),
              .norm_gain = vector(D, 15),
              .norm_bias = vector(D, 16)};
    x = random_array<float, 2>(arena, {R, D}, 17);
    start = random_array<float, 2>(arena, {shape.batch, 16}, 18);
    state = arena.take<float, 2>({shape.batch, 16});
    out = arena.take<float, 2>({R, D});
    x_in = random_array<float, 2>(arena, {R, E}, 19);
    gate = random_array<float, 2>(arena, {R, E}, 20);
    u = arena.take<float, 2>({R, 16});
  }

  void run() {
    std::copy(start.begin(), start.end(), state.begin());
    nn::compat_mamba_forward<float>(shape, values, x, state, out, arena);
  }

  void products() {
    const auto multiply = [](Transpose transpose, View<const float, 2> a, View<const float, 2> b,
                             View<float, 2> c) {
      linalg::gemm<float>(Transpose::no, transpose, 1, a, b, 0, MatrixView<float>(c));
    };
    multiply(Transpose::yes, x, values.in_weight, x_in);
    multiply(Transpose::no, x_in, values.basis, u);
    multiply(Transpose::yes, x_in, values.gate_weight, gate);
    multiply(Transpose::yes, gate, values.out_weight, out);
  }

  /// The first tokens of each sequence against the reference: later ones do not reach them.
  double first_tokens_error() {
    constexpr Index kTokens = 16;
    run();  // the products wrote into out
    const Index B = shape.batch, D = shape.d_model;
    const CompatMambaShape head{B, kTokens, D, shape.expanded};
    Array<float, 2> head_x({head.rows(), D}), got({head.rows(), D}), want({head.rows(), D});
    Array<float, 2> head_state({B, 16});
    copy_tokens(x, shape.length, 0, head_x.view(), kTokens, B);
    copy_tokens(out, shape.length, 0, got.view(), kTokens, B);
    std::copy(start.begin(), start.end(), head_state.data());
    nn::reference::compat_mamba_forward<float>(head, values, head_x.view(), head_state.view(),
                                               want.view(), arena);
    return relative_difference(got.span(), want.span());
  }

  CompatMambaShape shape;
  Arena arena;
  CompatMambaParameters<const float> values;
  View<float, 2> x, start, state, out, x_in, gate, u;
};

void add_compat_layer(Registry& registry) {
  const CompatMambaShape shape{.batch = 8, .length = 512, .d_model = 256, .expanded = 512};
  const auto R = static_cast<double>(shape.rows()), D = static_cast<double>(shape.d_model);
  const auto E = static_cast<double>(shape.expanded);
  registry.benches.push_back({.name = "compat_mamba.beside_its_products",
                              .shape = fmt::format("B={} N={} D={} E={}", shape.batch, shape.length,
                                                   shape.d_model, shape.expanded),
                              .dtype = "f32",
                              .flops = 2 * R * E * (2 * D + E + 16),
                              .prepare = [shape] {
                                const auto layer = std::make_shared<CompatLayer>(shape);
                                return BenchRun{
                                    .before = [=] { layer->products(); },
                                    .after = [=] { layer->run(); },
                                    .error = [=] { return layer->first_tokens_error(); },
                                    // Sums of 512 products, three in a row.
                                    .tolerance = 1024 * std::numeric_limits<float>::epsilon()};
                              }});
}

}  // namespace

void add_nn_layer_benches(Registry& registry) {
  add_layer(registry, "geometric_mamba",
            {.d_model = 512,
             .mixer = {.heads = 32, .complex_state = true, .readout = Readout::invariants}},
            32);
  add_layer(registry, "causal_field", {.d_model = 512, .causal_field_heads = 32}, 32);
  add_compat_layer(registry);
}

}  // namespace lior::check
