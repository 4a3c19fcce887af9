// SPDX-License-Identifier: Apache-2.0
// Attention in tiles beside attention with its score matrices in memory, forward and backward, at
// one number of tokens and growing lengths.
#include <cmath>
#include <limits>

#include "lior/check/compare.h"
#include "lior/check/registry.h"
#include "lior/core/parallel.h"
#include "lior/core/random.h"
#include "lior/linalg/gemm.h"
#include "lior/nn/tiled_attention.h"
#include "lior/simd/math.h"

namespace lior::check {
namespace {

using linalg::gemm;
using linalg::MatrixView;
using linalg::Transpose;
using nn::TiledAttentionShape;

constexpr Index kTokens = 8192;

void multiply(MatrixView<const float> a, Transpose ta, MatrixView<const float> b, Transpose tb,
              float beta, MatrixView<float> c) {
  gemm<float>(ta, tb, 1, a, b, beta, c);
}

/// One worker's matrices of [N, N] numbers.
struct Squares {
  explicit Squares(Index length, Index count) : storage({count, length, length}), size(length) {}
  MatrixView<float> operator[](Index i) { return {storage.view()[i].data(), size, size}; }
  Array<float, 3> storage;
  Index size;
};

/// Weights of row i, in place of its scores; the hidden part is zero.
void softmax_row(MatrixView<float> scores, Index i) {
  float* row = scores.data + i * scores.stride;
  float largest = row[0], sum = 0;
  for (Index j = 0; j <= i; ++j) largest = std::max(largest, row[j]);
  for (Index j = 0; j <= i; ++j) row[j] -= largest;
  const std::span<float> seen(row, static_cast<std::size_t>(i + 1));
  simd::evaluate<float>(simd::Elementary::exp, seen, seen);
  for (const float weight : seen) sum += weight;
  for (float& weight : seen) weight *= 1 / sum;
  std::fill(row + i + 1, row + scores.cols, 0.0f);
}

/// dL/ds of row i, in place of dL/da.
void softmax_row_backward(MatrixView<float> weights, MatrixView<float> gradient, Index i) {
  const float* a = weights.data + i * weights.stride;
  float* g = gradient.data + i * gradient.stride;
  float mean = 0;
  for (Index j = 0; j <= i; ++j) mean += a[j] * g[j];
  for (Index j = 0; j <= i; ++j) g[j] = a[j] * (g[j] - mean);
  std::fill(g + i + 1, g + gradient.cols, 0.0f);
}

/// One side's arrays. q is z, and dq is dz, where scores are those of spinors.
struct Arrays {
  explicit Arrays(const TiledAttentionShape& of)
      : shape(of),
        q({of.rows(), of.heads * of.key_width}),
        k(q.shape()),
        v({of.rows(), of.heads * of.value_width}),
        d_out(v.shape()),
        out(v.shape()),
        dq(q.shape()),
        dk(q.shape()),
        dv(v.shape()),
        mix({of.heads, 4}),
        d_mix(mix.shape()),
        log_sums({of.batch, of.heads, of.length}),
        arena(workspace()) {
    Random random(17);
    for (Array<float, 2>* numbers : {&q, &k, &v, &d_out, &mix}) {
      random.fill_normal(numbers->span(), 0.7);
    }
  }
  /// One head of one sequence.
  MatrixView<float> head(Array<float, 2>& all, Index unit) const {
    const Index width = all.shape()[1] / shape.heads, N = shape.length;
    return MatrixView<float>(all.view())
        .block(unit / shape.heads * N, unit % shape.heads * width, N, width);
  }
  std::size_t workspace() {
    Arena planned = Arena::planner();
    if (shape.key_width == nn::kSpinorWidth) {
      nn::spinor_attention_backward<float>(shape, q.view(), v.view(), mix.view(), out.view(),
                                           log_sums.view(), d_out.view(), dq.view(), dv.view(),
                                           d_mix.view(), planned);
    }
    return planned.peak();
  }
  double difference(const Arrays& other) const {
    return std::max({relative_difference(out.span(), other.out.span()),
                     relative_difference(dq.span(), other.dq.span()),
                     relative_difference(dk.span(), other.dk.span()),
                     relative_difference(dv.span(), other.dv.span())});
  }

  TiledAttentionShape shape;
  Array<float, 2> q, k, v, d_out, out, dq, dk, dv, mix, d_mix;
  Array<float, 3> log_sums;
  Arena arena;
};

void tiled_dot(Arrays& x) {
  nn::dot_attention_forward<float>(x.shape, x.q.view(), x.k.view(), x.v.view(), {}, {},
                                   x.out.view(), x.log_sums.view());
  nn::dot_attention_backward<float>(x.shape, x.q.view(), x.k.view(), x.v.view(), {}, x.out.view(),
                                    x.log_sums.view(), x.d_out.view(), x.dq.view(), x.dk.view(),
                                    x.dv.view());
}

void tiled_spinor(Arrays& x) {
  nn::spinor_attention_forward<float>(x.shape, x.q.view(), x.v.view(), x.mix.view(), {},
                                      x.out.view(), x.log_sums.view());
  nn::spinor_attention_backward<float>(x.shape, x.q.view(), x.v.view(), x.mix.view(), x.out.view(),
                                       x.log_sums.view(), x.d_out.view(), x.dq.view(), x.dv.view(),
                                       x.d_mix.view(), x.arena);
}

/// A head: scores, weights and their gradients as matrices, by library products.
void matrix_dot(Arrays& x, Squares& squares, Index unit) {
  const auto q = x.head(x.q, unit), k = x.head(x.k, unit), v = x.head(x.v, unit);
  const auto dq = x.head(x.dq, unit), d_out = x.head(x.d_out, unit);
  const MatrixView<float> weights = squares[0], gradient = squares[1];
  const float scale = 1 / std::sqrt(static_cast<float>(q.cols));
  gemm<float>(Transpose::no, Transpose::yes, scale, q, k, 0, weights);
  for (Index i = 0; i < q.rows; ++i) softmax_row(weights, i);
  multiply(weights, Transpose::no, v, Transpose::no, 0, x.head(x.out, unit));

  multiply(weights, Transpose::yes, d_out, Transpose::no, 0, x.head(x.dv, unit));
  multiply(d_out, Transpose::no, v, Transpose::yes, 0, gradient);
  for (Index i = 0; i < q.rows; ++i) softmax_row_backward(weights, gradient, i);
  gemm<float>(Transpose::no, Transpose::no, scale, gradient, k, 0, dq);
  gemm<float>(Transpose::yes, Transpose::no, scale, gradient, q, 0, x.head(x.dk, unit));
}

/// The same with the products p, w and c of spinors as matrices.
void matrix_spinor(Arrays& x, Squares& squares, Index unit) {
  const auto z = x.head(x.q, unit), v = x.head(x.v, unit), d_out = x.head(x.d_out, unit);
  const auto dz = x.head(x.dq, unit);
  const Index N = z.rows;
  const MatrixView<float> p = squares[0], w = squares[1], c = squares[2], weights = squares[3],
                          gradient = squares[4];
  Array<float, 3> turned({2, N, 16}), partial({3, N, 16});  // [-im | re] and [re | -im]
  for (Index i = 0; i < N; ++i) {
    for (Index k = 0; k < 8; ++k) {
      turned(0, i, k) = -z(i, 8 + k), turned(0, i, 8 + k) = z(i, k);
      turned(1, i, k) = z(i, k), turned(1, i, 8 + k) = -z(i, 8 + k);
    }
  }
  const MatrixView<float> for_w = turned.view()[0], for_c = turned.view()[1];
  multiply(z, Transpose::no, z, Transpose::yes, 0, p);
  multiply(for_w, Transpose::no, z, Transpose::yes, 0, w);
  multiply(for_c, Transpose::no, z, Transpose::yes, 0, c);
  const float* l = x.mix.view()[unit % x.shape.heads].data();
  const float scale = 1 / std::sqrt(8.0f);
  for (Index i = 0; i < N; ++i) {
    const float *pi = &p(i, 0), *wi = &w(i, 0), *ci = &c(i, 0);
    float* s = &weights(i, 0);
    for (Index j = 0; j <= i; ++j) {
      s[j] = scale * (l[0] * pi[j] + l[1] * wi[j] + l[2] / 8 * (pi[j] * pi[j] + wi[j] * wi[j]) +
                      l[3] * ci[j]);
    }
    softmax_row(weights, i);
  }
  multiply(weights, Transpose::no, v, Transpose::no, 0, x.head(x.out, unit));

  multiply(weights, Transpose::yes, d_out, Transpose::no, 0, x.head(x.dv, unit));
  multiply(d_out, Transpose::no, v, Transpose::yes, 0, gradient);
  for (Index i = 0; i < N; ++i) {
    softmax_row_backward(weights, gradient, i);
    float *pi = &p(i, 0), *wi = &w(i, 0), *ci = &c(i, 0);
    const float* g = &gradient(i, 0);
    for (Index j = 0; j < N; ++j) {
      pi[j] = scale * g[j] * (l[0] + l[2] / 4 * pi[j]);
      wi[j] = scale * g[j] * (l[1] + l[2] / 4 * wi[j]);
      ci[j] = scale * g[j] * l[3];
    }
  }
  // As keys, then as queries; what the turned rows got is turned back.
  multiply(p, Transpose::yes, z, Transpose::no, 0, dz);
  multiply(w, Transpose::yes, for_w, Transpose::no, 1, dz);
  multiply(c, Transpose::yes, for_c, Transpose::no, 1, dz);
  multiply(p, Transpose::no, z, Transpose::no, 1, dz);
  const MatrixView<float> to_w = partial.view()[0], to_c = partial.view()[1];
  multiply(w, Transpose::no, z, Transpose::no, 0, to_w);
  multiply(c, Transpose::no, z, Transpose::no, 0, to_c);
  for (Index i = 0; i < N; ++i) {
    for (Index k = 0; k < 8; ++k) {
      dz(i, k) += to_w(i, 8 + k) + to_c(i, k);
      dz(i, 8 + k) -= to_w(i, k) + to_c(i, 8 + k);
    }
  }
}

using MatrixForm = void (*)(Arrays&, Squares&, Index);
using TiledForm = void (*)(Arrays&);

/// `products`: multiply-adds a pair, forward and backward, of which none is done twice.
void add_attention(Registry& registry, const char* name, Index length, Index width, double products,
                   Index squares, MatrixForm matrix_form, TiledForm tiled_form) {
  const TiledAttentionShape shape{.batch = kTokens / length,
                                  .length = length,
                                  .heads = 2,
                                  .key_width = width,
                                  .value_width = width,
                                  .window = 0};
  const auto N = static_cast<double>(length);
  const double pairs = static_cast<double>(shape.batch * shape.heads) * N * (N + 1) / 2;
  registry.benches.push_back(
      {.name = std::string(name) + ".beside_score_matrix",
       .shape = fmt::format("B={} N={} H={} E={}", shape.batch, length, shape.heads, width),
       .dtype = "f32",
       .flops = 2 * products * pairs,
       .prepare = [=] {
         const auto before = std::make_shared<Arrays>(shape),
                    after = std::make_shared<Arrays>(shape);
         std::vector<std::shared_ptr<Squares>> of_worker;
         for (int t = 0; t < threads(); ++t) {
           of_worker.push_back(std::make_shared<Squares>(length, squares));
         }
         return BenchRun{
             .before =
                 [=] {
                   parallel_for(shape.batch * shape.heads, 1,
                                [&](Index begin, Index end, int worker) {
                                  for (Index unit = begin; unit < end; ++unit) {
                                    matrix_form(*before, *of_worker[worker], unit);
                                  }
                                });
                 },
             .after = [=] { tiled_form(*after); },
             .error = [=] { return after->difference(*before); },
             // Sums of up to 8,192 products, of weights that carry the rounding of large scores.
             .tolerance = 4096 * std::numeric_limits<float>::epsilon()};
       }});
}

}  // namespace

void add_nn_attention_benches(Registry& registry) {
  for (const Index length : {64, 256, 1024, 4096, 8192}) {
    add_attention(registry, "dot_attention", length, 32, 6 * 32, 2, matrix_dot, tiled_dot);
    add_attention(registry, "spinor_attention", length, 16, 9 * 16, 5, matrix_spinor, tiled_spinor);
  }
}

}  // namespace lior::check
