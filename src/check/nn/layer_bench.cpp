// Whole layers beside the time of their matrix products alone: a ratio of 1 would be a layer whose
// scan, norms, read-outs and gates cost nothing.
#include <cmath>
#include <limits>

#include "lior/check/compare.h"
#include "lior/check/registry.h"
#include "lior/core/buffer.h"
#include "lior/core/random.h"
#include "lior/linalg/gemm.h"
#include "lior/nn/compat_mamba.h"
#include "lior/nn/geometric_mamba.h"

namespace lior::check {
namespace {

using linalg::MatrixView;
using linalg::Transpose;
using nn::CompatMambaParameters;
using nn::CompatMambaShape;
using nn::GeometricMambaParameters;
using nn::GeometricMambaSaved;
using nn::GeometricMambaShape;
using nn::MixerConfig;
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

/// One exact layer, forward and backward.
template <class T>
struct ExactLayer {
  explicit ExactLayer(const GeometricMambaShape& of) : shape(of), arena(std::size_t{1} << 30) {
    const Index R = shape.rows(), D = shape.d_model, P = shape.projection_width();
    const Index Q = shape.read_width();
    const double small = 1 / std::sqrt(static_cast<double>(D));
    x = random_array<T, 2>(arena, {R, D}, 1);
    d_out = random_array<T, 2>(arena, {R, D}, 2);
    const auto parameter = [&](std::uint64_t stream) {
      return GeometricMambaParameters<T>{
          .norm_gain = random_array<T, 1>(arena, {D}, stream).span(),
          .in_weight = random_array<T, 2>(arena, {P, D}, stream + 1, small),
          .in_bias = random_array<T, 1>(arena, {P}, stream + 2).span(),
          .read_weight = random_array<T, 2>(arena, {D, Q}, stream + 3, small),
          .out_weight = random_array<T, 2>(arena, {D, D}, stream + 4, small),
          .initial = {},
          .angles = {}};
    };
    values = parameter(10);
    gradients = parameter(20);
    saved = nn::take_saved<T>(shape, arena);
    out = random_array<T, 2>(arena, {R, D}, 3);
    dx = random_array<T, 2>(arena, {R, D}, 4);
    state = arena.take<T, 3>(saved.state.shape());
    std::fill(state.begin(), state.end(), T(0));
  }

  void run() {
    std::fill(state.begin(), state.end(), T(0));
    run_from_state();
  }
  void run_from_state() {
    const GeometricMambaParameters<const T> read{
        values.norm_gain,  values.in_weight, values.in_bias, values.read_weight,
        values.out_weight, values.initial,   values.angles};
    nn::geometric_mamba_forward<T>(shape, read, x, state, saved, out);
    nn::geometric_mamba_backward<T>(shape, read, x, saved, d_out, dx, gradients, arena);
  }

  GeometricMambaShape shape;
  Arena arena;
  View<T, 2> x, d_out, out, dx;
  View<T, 3> state;
  GeometricMambaParameters<T> values, gradients;
  GeometricMambaSaved<T> saved;
};

/// The same products, forward and backward, on arrays of their own.
struct ExactProducts {
  explicit ExactProducts(const GeometricMambaShape& shape) : arena(std::size_t{1} << 30) {
    const Index R = shape.rows(), D = shape.d_model, P = shape.projection_width();
    const Index Q = shape.read_width();
    v = random_array<float, 2>(arena, {R, D}, 1);
    projection = random_array<float, 2>(arena, {R, P}, 2);
    q = random_array<float, 2>(arena, {R, Q}, 3);
    gated = random_array<float, 2>(arena, {R, D}, 4);
    out = random_array<float, 2>(arena, {R, D}, 5);
    in_weight = random_array<float, 2>(arena, {P, D}, 6);
    read_weight = random_array<float, 2>(arena, {D, Q}, 7);
    out_weight = random_array<float, 2>(arena, {D, D}, 8);
    d_in_weight = arena.take<float, 2>({P, D});
    d_read_weight = arena.take<float, 2>({D, Q});
    d_out_weight = arena.take<float, 2>({D, D});
    d_narrow = random_array<float, 2>(arena, {R, D}, 9);
    d_q = arena.take<float, 2>({R, Q});
  }

  void run() {
    product(v, in_weight, projection);
    product(q, read_weight, out);
    product(gated, out_weight, out);
    adjoint_products(gated, out_weight, out, d_out_weight, d_narrow);
    adjoint_products(q, read_weight, d_narrow, d_read_weight, d_q);
    adjoint_products(v, in_weight, projection, d_in_weight, d_narrow);
  }

  Arena arena;
  View<float, 2> v, projection, q, gated, out, d_narrow, d_q;
  View<float, 2> in_weight, read_weight, out_weight, d_in_weight, d_read_weight, d_out_weight;
};

/// The layer's last tokens against the same layer in double (which `lior verify` checks against its
/// reference), started from the state before them: no gradient comes from beyond the end.
double last_tokens_error(const ExactLayer<float>& layer) {
  constexpr Index kTokens = 16;
  GeometricMambaShape shape = layer.shape;
  const Index B = shape.scan.batch, N = shape.scan.length, D = shape.d_model;
  shape.scan.length = kTokens;
  ExactLayer<double> tail(shape);
  copy_tokens(layer.x, N, N - kTokens, tail.x, kTokens, B);
  copy_tokens(layer.d_out, N, N - kTokens, tail.d_out, kTokens, B);
  const auto copy = [](auto from, auto to) { std::copy(from.begin(), from.end(), to.begin()); };
  copy(layer.values.norm_gain, tail.values.norm_gain);
  copy(layer.values.in_weight, tail.values.in_weight);
  copy(layer.values.in_bias, tail.values.in_bias);
  copy(layer.values.read_weight, tail.values.read_weight);
  copy(layer.values.out_weight, tail.values.out_weight);
  // 16 tokens are whole tiles.
  const Index tile = (N - kTokens) / layer.shape.scan.tile_steps();
  for (Index b = 0; b < B; ++b) copy(layer.saved.starts[b][tile], tail.state[b]);
  tail.run_from_state();

  Array<double, 2> out({B * kTokens, D}), dx({B * kTokens, D});
  copy_tokens(layer.out, N, N - kTokens, out.view(), kTokens, B);
  copy_tokens(layer.dx, N, N - kTokens, dx.view(), kTokens, B);
  return std::max(relative_difference(out.span(), tail.out.span()),
                  relative_difference(dx.span(), tail.dx.span()));
}

void add_exact_layer(Registry& registry) {
  const GeometricMambaShape shape{
      .scan = {.batch = 4,
               .length = 2048,
               .mixer = {.heads = 32, .complex_state = true, .readout = Readout::invariants}},
      .d_model = 512};
  const auto R = static_cast<double>(shape.rows()), D = static_cast<double>(shape.d_model);
  const auto widths = static_cast<double>(shape.projection_width() + shape.read_width());
  registry.benches.push_back(
      {.name = "geometric_mamba.beside_its_products",
       .shape = fmt::format("B={} N={} D={} H={}", shape.scan.batch, shape.scan.length,
                            shape.d_model, shape.scan.heads()),
       .dtype = "f32",
       .flops = 3 * 2 * R * D * (widths + D),
       .prepare = [shape] {
         const auto products = std::make_shared<ExactProducts>(shape);
         const auto layer = std::make_shared<ExactLayer<float>>(shape);
         return BenchRun{.before = [=] { products->run(); },
                         .after = [=] { layer->run(); },
                         .error = [=] { return last_tokens_error(*layer); },
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
  add_exact_layer(registry);
  add_compat_layer(registry);
}

}  // namespace lior::check
