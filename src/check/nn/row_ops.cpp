// SPDX-License-Identifier: Apache-2.0
// The row-wise ops of layers: each registered once for value, gradient, repeatability and speed.
#include <vector>

#include "lior/check/op_harness.h"
#include "lior/linalg/matrix_view.h"
#include "lior/nn/activation.h"
#include "lior/nn/cross_entropy.h"
#include "lior/nn/dropout.h"
#include "lior/nn/embedding.h"
#include "lior/nn/layer_norm.h"
#include "lior/nn/linear.h"
#include "lior/nn/ngram.h"
#include "lior/nn/rms_norm.h"
#include "lior/nn/short_convolution.h"

namespace lior::check {
namespace {

template <class T>
linalg::MatrixView<T> matrix(Tensor<T> tensor) {
  return View<T, 2>(tensor);
}

/// Tokens and labels come as numbers; `offset` is added to each.
template <class T>
std::vector<std::int32_t> labels(Tensor<const T> numbers, std::int32_t offset = 0) {
  std::vector<std::int32_t> result;
  for (Index i = 0; i < numbers.size(); ++i) {
    result.push_back(static_cast<std::int32_t>(numbers[i]) + offset);
  }
  return result;
}

template <class T>
void copy(std::span<const T> from, std::span<T> to) {
  std::copy(from.begin(), from.end(), to.begin());
}

std::size_t megabytes(double numbers) {
  return static_cast<std::size_t>(8 * numbers) + (std::size_t{1} << 20);
}

Op rms_norm(Index R, Index K) {
  using namespace nn;
  const double numbers = static_cast<double>(R * K);
  return {
      .name = "rms_norm",
      .module = "nn",
      .shape = fmt::format("R={} K={}", R, K),
      .inputs = {{"x", {R, K}}, {"gain", {K}}},
      .outputs = {{"y", {R, K}}},
      .reference =
          []<class T>(Inputs<T> in, Outputs<T> out, Arena&) {
            reference::rms_norm_forward<T>(matrix(in("x")), in("gain"), kRmsNormEpsilon,
                                           matrix(out("y")));
          },
      .forward =
          [=]<class T>(Inputs<T> in, Outputs<T> out, Arena& arena) {
            rms_norm_forward<T>(matrix(in("x")), in("gain"), kRmsNormEpsilon, matrix(out("y")),
                                arena.take<T, 1>({R}).span());
          },
      .backward =
          [=]<class T>(Inputs<T> in, Inputs<T> gradient, Outputs<T> d, Arena& arena) {
            const View<T, 2> y = arena.take<T, 2>({R, K});
            const View<T, 1> inv_rms = arena.take<T, 1>({R});
            rms_norm_forward<T>(matrix(in("x")), in("gain"), kRmsNormEpsilon, y, inv_rms.span());
            rms_norm_backward<T>(matrix(in("x")), in("gain"), inv_rms.span(), matrix(gradient("y")),
                                 Store::write, matrix(d("x")), d("gain"), arena);
          },
      .reference_backward =
          []<class T>(Inputs<T> in, Inputs<T> gradient, Outputs<T> d, Arena&) {
            reference::rms_norm_backward<T>(matrix(in("x")), in("gain"), kRmsNormEpsilon,
                                            matrix(gradient("y")), matrix(d("x")), d("gain"));
          },
      .workspace = megabytes(numbers),
      .forward_cost = {.flops = 4 * numbers, .numbers = 2 * numbers},
      .backward_cost = {.flops = 14 * numbers, .numbers = 5 * numbers}};
}

Op layer_norm(Index R, Index K) {
  using namespace nn;
  const double numbers = static_cast<double>(R * K);
  return {.name = "layer_norm",
          .module = "nn",
          .shape = fmt::format("R={} K={}", R, K),
          .inputs = {{"x", {R, K}, normal(1, 3)}, {"gain", {K}}, {"bias", {K}}},
          .outputs = {{"y", {R, K}}},
          .reference =
              []<class T>(Inputs<T> in, Outputs<T> out, Arena&) {
                reference::layer_norm_forward<T>(matrix(in("x")), in("gain"), in("bias"),
                                                 kLayerNormEpsilon, matrix(out("y")));
              },
          .forward =
              [=]<class T>(Inputs<T> in, Outputs<T> out, Arena& arena) {
                layer_norm_forward<T>(matrix(in("x")), in("gain"), in("bias"), kLayerNormEpsilon,
                                      matrix(out("y")), arena.take<T, 1>({R}).span(),
                                      arena.take<T, 1>({R}).span());
              },
          .backward =
              [=]<class T>(Inputs<T> in, Inputs<T> gradient, Outputs<T> d, Arena& arena) {
                const View<T, 2> y = arena.take<T, 2>({R, K});
                const View<T, 1> mean = arena.take<T, 1>({R}), inverse = arena.take<T, 1>({R});
                layer_norm_forward<T>(matrix(in("x")), in("gain"), in("bias"), kLayerNormEpsilon, y,
                                      mean.span(), inverse.span());
                layer_norm_backward<T>(matrix(in("x")), in("gain"), mean.span(), inverse.span(),
                                       matrix(gradient("y")), Store::write, matrix(d("x")),
                                       d("gain"), d("bias"), arena);
              },
          .reference_backward =
              []<class T>(Inputs<T> in, Inputs<T> gradient, Outputs<T> d, Arena&) {
                reference::layer_norm_backward<T>(matrix(in("x")), in("gain"), kLayerNormEpsilon,
                                                  matrix(gradient("y")), matrix(d("x")), d("gain"),
                                                  d("bias"));
              },
          .workspace = megabytes(numbers),
          .forward_cost = {.flops = 7 * numbers, .numbers = 2 * numbers},
          .backward_cost = {.flops = 24 * numbers, .numbers = 5 * numbers}};
}

Op gate(Index R, Index F) {
  using namespace nn;
  const double numbers = static_cast<double>(R * F);
  return {.name = "gate",
          .module = "nn",
          .shape = fmt::format("R={} F={}", R, F),
          .inputs = {{"p", {R, F}}, {"g", {R, F}, normal(3)}},
          .outputs = {{"y", {R, F}}},
          .reference =
              []<class T>(Inputs<T> in, Outputs<T> out, Arena&) {
                reference::gate_forward<T>(matrix(in("p")), matrix(in("g")), matrix(out("y")));
              },
          .forward =
              []<class T>(Inputs<T> in, Outputs<T> out, Arena&) {
                gate_forward<T>(matrix(in("p")), matrix(in("g")), matrix(out("y")));
              },
          .backward =
              []<class T>(Inputs<T> in, Inputs<T> gradient, Outputs<T> d, Arena&) {
                gate_backward<T>(matrix(in("p")), matrix(in("g")), matrix(gradient("y")),
                                 matrix(d("p")), matrix(d("g")));
              },
          .reference_backward =
              []<class T>(Inputs<T> in, Inputs<T> gradient, Outputs<T> d, Arena&) {
                reference::gate_backward<T>(matrix(in("p")), matrix(in("g")), matrix(gradient("y")),
                                            matrix(d("p")), matrix(d("g")));
              },
          // An exponential is 20 operations, a division 1.
          .forward_cost = {.flops = 24 * numbers, .numbers = 3 * numbers},
          .backward_cost = {.flops = 29 * numbers, .numbers = 5 * numbers}};
}

Op swiglu(Index R, Index F) {
  using namespace nn;
  const double numbers = static_cast<double>(R * F);
  return {.name = "swiglu",
          .module = "nn",
          .shape = fmt::format("R={} F={}", R, F),
          .inputs = {{"ab", {R, 2 * F}}},
          .outputs = {{"y", {R, F}}},
          .reference =
              [=]<class T>(Inputs<T> in, Outputs<T> out, Arena&) {
                const auto ab = matrix(in("ab"));
                reference::gate_forward<T>(ab.block(0, F, R, F), ab.block(0, 0, R, F),
                                           matrix(out("y")));
              },
          .forward = []<class T>(Inputs<T> in, Outputs<T> out,
                                 Arena&) { swiglu_forward<T>(matrix(in("ab")), matrix(out("y"))); },
          .backward =
              []<class T>(Inputs<T> in, Inputs<T> gradient, Outputs<T> d, Arena&) {
                swiglu_backward<T>(matrix(in("ab")), matrix(gradient("y")), matrix(d("ab")));
              },
          .reference_backward =
              [=]<class T>(Inputs<T> in, Inputs<T> gradient, Outputs<T> d, Arena&) {
                const auto ab = matrix(in("ab"));
                const auto d_ab = matrix(d("ab"));
                reference::gate_backward<T>(ab.block(0, F, R, F), ab.block(0, 0, R, F),
                                            matrix(gradient("y")), d_ab.block(0, F, R, F),
                                            d_ab.block(0, 0, R, F));
              },
          .forward_cost = {.flops = 24 * numbers, .numbers = 3 * numbers},
          .backward_cost = {.flops = 29 * numbers, .numbers = 5 * numbers}};
}

Op gelu(Index R, Index F) {
  using namespace nn;
  const double numbers = static_cast<double>(R * F);
  return {.name = "gelu",
          .module = "nn",
          .shape = fmt::format("R={} F={}", R, F),
          .inputs = {{"x", {R, F}, normal(2)}},
          .outputs = {{"y", {R, F}}},
          .reference =
              []<class T>(Inputs<T> in, Outputs<T> out, Arena&) {
                reference::gelu_forward<T>(matrix(in("x")), matrix(out("y")));
              },
          .forward = []<class T>(Inputs<T> in, Outputs<T> out,
                                 Arena&) { gelu_forward<T>(matrix(in("x")), matrix(out("y"))); },
          .backward =
              []<class T>(Inputs<T> in, Inputs<T> gradient, Outputs<T> d, Arena&) {
                gelu_backward<T>(matrix(in("x")), matrix(gradient("y")), matrix(d("x")));
              },
          .reference_backward =
              []<class T>(Inputs<T> in, Inputs<T> gradient, Outputs<T> d, Arena&) {
                reference::gelu_backward<T>(matrix(in("x")), matrix(gradient("y")), matrix(d("x")));
              },
          .forward_cost = {.flops = 60 * numbers, .numbers = 2 * numbers},
          .backward_cost = {.flops = 64 * numbers, .numbers = 3 * numbers}};
}

Op embedding(Index R, Index V, Index D) {
  using namespace nn;
  const double numbers = static_cast<double>(R * D);
  return {.name = "embedding",
          .module = "nn",
          .shape = fmt::format("R={} V={} D={}", R, V, D),
          .inputs = {{"table", {V, D}}, {"tokens", {R}, integers(V), false}},
          .outputs = {{"out", {R, D}}},
          .reference =
              []<class T>(Inputs<T> in, Outputs<T> out, Arena&) {
                reference::embedding_forward<T>(matrix(in("table")), labels(in("tokens")),
                                                matrix(out("out")));
              },
          .forward =
              []<class T>(Inputs<T> in, Outputs<T> out, Arena&) {
                embedding_forward<T>(matrix(in("table")), labels(in("tokens")), matrix(out("out")));
              },
          .backward =
              []<class T>(Inputs<T> in, Inputs<T> gradient, Outputs<T> d, Arena&) {
                embedding_backward<T>(labels(in("tokens")), matrix(gradient("out")),
                                      matrix(d("table")));
              },
          .reference_backward =
              []<class T>(Inputs<T> in, Inputs<T> gradient, Outputs<T> d, Arena&) {
                reference::embedding_backward<T>(labels(in("tokens")), matrix(gradient("out")),
                                                 matrix(d("table")));
              },
          .forward_cost = {.numbers = numbers},  // the table stays in cache
          .backward_cost = {.flops = numbers, .numbers = numbers},
          .traffic = Traffic::write};
}

/// x plus the rows of its n-grams, and the gradient by rows, scattered into a whole table.
Op ngrams(Index B, Index N, const nn::NgramShape& shape, Index D) {
  using namespace nn;
  const Index R = B * N, entries = R * shape.orders();
  const double numbers = static_cast<double>(entries * D);
  const auto tokens_of = [=](std::span<const std::int32_t> tokens) {
    return View<const std::int32_t, 2>(tokens.data(), {B, N});
  };
  return {
      .name = "ngrams",
      .module = "nn",
      .shape = fmt::format("B={} N={} longest={} bits={} D={}", B, N, shape.longest, shape.bits, D),
      .inputs = {{"table", {shape.rows(), D}}, {"tokens", {R}, integers(3), false}, {"x", {R, D}}},
      .outputs = {{"sum", {R, D}}},
      .reference =
          [=]<class T>(Inputs<T> in, Outputs<T> out, Arena&) {
            std::copy_n(in("x").data, R * D, out("sum").data);
            const auto tokens = labels(in("tokens"));
            reference::ngram_forward<T>(shape, matrix(in("table")), tokens_of(tokens),
                                        matrix(out("sum")));
          },
      .forward =
          [=]<class T>(Inputs<T> in, Outputs<T> out, Arena& arena) {
            std::copy_n(in("x").data, R * D, out("sum").data);
            const auto tokens = labels(in("tokens"));
            const auto rows = arena.take<std::int32_t, 2>({R, shape.orders()});
            ngram_rows<T>(shape, tokens_of(tokens), {}, rows);
            ngram_forward<T>(matrix(in("table")), rows, matrix(out("sum")));
          },
      .backward =
          [=]<class T>(Inputs<T> in, Inputs<T> gradient, Outputs<T> d, Arena& arena) {
            const auto tokens = labels(in("tokens"));
            const auto rows = arena.take<std::int32_t, 2>({R, shape.orders()});
            ngram_rows<T>(shape, tokens_of(tokens), {}, rows);
            RowGrouping grouping(entries);
            const RowGroups groups = grouping.group(rows);
            const auto count = static_cast<Index>(groups.rows.size());
            const auto of_rows = arena.take<T, 2>({count, D});
            ngram_backward<T>(groups, matrix(gradient("sum")), of_rows);
            for (Index k = 0; k < count; ++k) {
              std::copy_n(of_rows[k].data(), D, d("table").data + groups.rows[k] * D);
            }
            std::copy_n(gradient("sum").data, R * D, d("x").data);
          },
      .reference_backward =
          [=]<class T>(Inputs<T> in, Inputs<T> gradient, Outputs<T> d, Arena&) {
            const auto tokens = labels(in("tokens"));
            reference::ngram_backward<T>(shape, tokens_of(tokens), matrix(gradient("sum")),
                                         matrix(d("table")));
            std::copy_n(gradient("sum").data, R * D, d("x").data);
          },
      .workspace = static_cast<std::size_t>(entries * (D + 1) * 8 + 4096),
      .forward_cost = {.flops = numbers, .numbers = numbers},
      .backward_cost = {.flops = numbers, .numbers = 2 * numbers}};
}

/// x + m f, the branch f given as x + f.
Op dropout(Index R, Index D) {
  using namespace nn;
  const Dropout how{.rate = 0.3, .seed = 6, .step = 7};
  constexpr Index kPlace = 2;
  const double numbers = static_cast<double>(R * D);
  return {.name = "dropout",
          .module = "nn",
          .shape = fmt::format("R={} D={}", R, D),
          .inputs = {{"x", {R, D}}, {"f", {R, D}}},
          .outputs = {{"y", {R, D}}},
          .reference =
              [=]<class T>(Inputs<T> in, Outputs<T> out, Arena&) {
                for (Index i = 0; i < R * D; ++i) {
                  const double m = reference::dropout_mask(how, kPlace, i / D, i % D, D);
                  out("y")[i] = static_cast<T>(in("x")[i] + m * in("f")[i]);
                }
              },
          .forward =
              [=]<class T>(Inputs<T> in, Outputs<T> out, Arena&) {
                for (Index i = 0; i < R * D; ++i) out("y")[i] = in("x")[i] + in("f")[i];
                dropout_forward<T>(how, kPlace, in("x"), out("y"));
              },
          .backward =
              [=]<class T>(Inputs<T>, Inputs<T> gradient, Outputs<T> d, Arena&) {
                std::copy_n(gradient("y").data, R * D, d("f").data);
                dropout_backward<T>(how, kPlace, d("f"), d("x"));
                for (Index i = 0; i < R * D; ++i) d("x")[i] += d("f")[i];
              },
          .reference_backward =
              [=]<class T>(Inputs<T>, Inputs<T> gradient, Outputs<T> d, Arena&) {
                for (Index i = 0; i < R * D; ++i) {
                  const double m = reference::dropout_mask(how, kPlace, i / D, i % D, D);
                  d("f")[i] = static_cast<T>(m * gradient("y")[i]);
                  d("x")[i] = gradient("y")[i];
                }
              },
          .forward_cost = {.flops = 3 * numbers, .numbers = 3 * numbers},
          .backward_cost = {.flops = 3 * numbers, .numbers = 3 * numbers}};
}

Op short_convolution(Index B, Index N, Index K, Index D) {
  using namespace nn;
  const double numbers = static_cast<double>(B * N * D),
               products = static_cast<double>(K) * numbers;
  return {.name = "short_convolution",
          .module = "nn",
          .shape = fmt::format("B={} N={} K={} D={}", B, N, K, D),
          .inputs = {{"x", {B * N, D}}, {"taps", {K, D}}},
          .outputs = {{"out", {B * N, D}}},
          .reference =
              [=]<class T>(Inputs<T> in, Outputs<T> out, Arena&) {
                reference::short_convolution_forward<T>(B, in("x"), in("taps"), out("out"));
              },
          .forward =
              [=]<class T>(Inputs<T> in, Outputs<T> out, Arena&) {
                short_convolution_forward<T>(B, in("x"), in("taps"), {}, out("out"));
              },
          .backward =
              [=]<class T>(Inputs<T> in, Inputs<T> gradient, Outputs<T> d, Arena&) {
                copy<T>(gradient("out"), d("x"));
                short_convolution_backward<T>(B, in("x"), in("taps"), d("x"), d("taps"));
              },
          .reference_backward =
              [=]<class T>(Inputs<T> in, Inputs<T> gradient, Outputs<T> d, Arena&) {
                copy<T>(gradient("out"), d("x"));
                reference::short_convolution_backward<T>(B, in("x"), in("taps"), d("x"), d("taps"));
              },
          .forward_cost = {.flops = 2 * products, .numbers = 2 * numbers},
          .backward_cost = {.flops = 4 * products, .numbers = 3 * numbers}};
}

Op linear(Index R, Index K, Index O) {
  using namespace nn;
  const double products = static_cast<double>(R) * K * O;
  const double numbers = static_cast<double>(R * K + O * K + R * O);
  return {
      .name = "linear",
      .module = "nn",
      .shape = fmt::format("R={} K={} O={}", R, K, O),
      .inputs = {{"x", {R, K}}, {"weight", {O, K}}, {"bias", {O}}},
      .outputs = {{"y", {R, O}}},
      .reference =
          []<class T>(Inputs<T> in, Outputs<T> out, Arena&) {
            reference::linear_forward<T>(matrix(in("x")), matrix(in("weight")), in("bias"),
                                         matrix(out("y")));
          },
      .forward =
          []<class T>(Inputs<T> in, Outputs<T> out, Arena&) {
            linear_forward<T>(matrix(in("x")), matrix(in("weight")), in("bias"), matrix(out("y")));
          },
      .backward =
          []<class T>(Inputs<T> in, Inputs<T> gradient, Outputs<T> d, Arena& arena) {
            linear_backward<T>(matrix(in("x")), matrix(in("weight")), matrix(gradient("y")),
                               Store::write, matrix(d("x")), matrix(d("weight")), d("bias"), arena);
          },
      .reference_backward =
          []<class T>(Inputs<T> in, Inputs<T> gradient, Outputs<T> d, Arena&) {
            reference::linear_backward<T>(matrix(in("x")), matrix(in("weight")),
                                          matrix(gradient("y")), matrix(d("x")),
                                          matrix(d("weight")), d("bias"));
          },
      .equal_across_threads = false,
      .workspace = megabytes(64.0 * O),
      .forward_cost = {.flops = 2 * products, .numbers = numbers},
      .backward_cost = {.flops = 4 * products, .numbers = 2 * numbers}};
}

/// Every seventh row or so does not count: the labels -1 .. V-1 are equally likely.
Op cross_entropy(Index R, Index K, Index V) {
  using namespace nn;
  const double products = static_cast<double>(R) * K * V;
  const double numbers = static_cast<double>(2 * R * K + 2 * V * K);
  const auto scale = 1 / static_cast<double>(R);
  return {.name = "cross_entropy",
          .module = "nn",
          .shape = fmt::format("R={} K={} V={}", R, K, V),
          .inputs = {{"x", {R, K}},
                     {"weight", {V, K}},
                     {"bias", {V}},
                     {"targets", {R}, integers(V + 1), false}},
          .outputs = {{"loss", {1}}},
          .reference =
              [=]<class T>(Inputs<T> in, Outputs<T> out, Arena&) {
                const Classifier<T> classifier{matrix(in("x")), matrix(in("weight")), in("bias")};
                const auto total =
                    reference::cross_entropy_forward<T>(classifier, labels(in("targets"), -1), {});
                out("loss")[0] = static_cast<T>(scale * total.loss_sum);
              },
          .forward =
              [=]<class T>(Inputs<T> in, Outputs<T> out, Arena& arena) {
                const Classifier<T> classifier{matrix(in("x")), matrix(in("weight")), in("bias")};
                const auto total =
                    cross_entropy_forward<T>(classifier, labels(in("targets"), -1), {}, arena);
                out("loss")[0] = static_cast<T>(scale * total.loss_sum);
              },
          .backward =
              [=]<class T>(Inputs<T> in, Inputs<T> gradient, Outputs<T> d, Arena& arena) {
                const Classifier<T> classifier{matrix(in("x")), matrix(in("weight")), in("bias")};
                cross_entropy_backward<T>(classifier, labels(in("targets"), -1), {},
                                          scale * gradient("loss")[0], Store::write, matrix(d("x")),
                                          matrix(d("weight")), d("bias"), arena);
              },
          .reference_backward =
              [=]<class T>(Inputs<T> in, Inputs<T> gradient, Outputs<T> d, Arena&) {
                const Classifier<T> classifier{matrix(in("x")), matrix(in("weight")), in("bias")};
                reference::cross_entropy_backward<T>(classifier, labels(in("targets"), -1),
                                                     scale * gradient("loss")[0], matrix(d("x")),
                                                     matrix(d("weight")), d("bias"));
              },
          .equal_across_threads = false,
          .workspace = megabytes(65.0 * V + std::max(128.0 * V, 262144.0)),
          .forward_cost = {.flops = 2 * products, .numbers = numbers / 2},
          .backward_cost = {.flops = 6 * products, .numbers = numbers}};
}

}  // namespace

void add_nn_op_checks(Registry& registry) {
  // Lengths that leave a tail at every level, and rows past one block of a parameter's sum.
  for (const Op& op :
       {rms_norm(70, 37), layer_norm(70, 37), gate(9, 37), swiglu(9, 21), gelu(9, 37),
        embedding(50, 11, 37), ngrams(3, 17, {.longest = 4, .bits = 5}, 37), dropout(19, 37),
        short_convolution(3, 7, 4, 37), short_convolution(2, 3, 5, 19), linear(70, 19, 23),
        cross_entropy(300, 13, 1021)}) {
    add_checks(registry, op);
  }
}

void add_nn_op_benches(Registry& registry) {
  // Row counts of one training step, B 16 x N 256, at the widths of the `small` preset; activations
  // exceed the caches.
  for (const Op& op : {rms_norm(32768, 512), layer_norm(32768, 512), gate(32768, 512),
                       swiglu(16384, 1024), gelu(32768, 512), embedding(32768, 256, 512),
                       ngrams(16, 256, {.longest = 6, .bits = 16}, 128), dropout(4096, 320),
                       short_convolution(16, 2048, 4, 512), linear(4096, 256, 1024),
                       cross_entropy(4096, 256, 256)}) {
    add_benches<float>(registry, op);
  }
}

}  // namespace lior::check
