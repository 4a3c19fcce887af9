// SPDX-License-Identifier: Apache-2.0
// Softmax attention: y = attention(q, k, v), columns q | k | v of D numbers, H heads in each.
//
// Positions enter by slopes on distances (ALiBi), s_ij = q_i . k_j / sqrt E - 2^{-8 (h+1)/H} (i -
// j) in head h, and by nothing else. Rotary embeddings would need the absolute position of every
// token in the state and meet angles at long lengths that training never showed; distances need
// neither, so a sliding window of keys and values is the whole state.
#include <cmath>

#include "lior/core/buffer.h"
#include "lior/nn/tiled_attention.h"
#include "nn/cores.h"

namespace lior::nn {
namespace {

using linalg::MatrixView;

TiledAttentionShape heads_of(const ModelConfig& config) {
  const Index D = config.d_model, H = config.attention_heads;
  LIOR_CHECK(H >= 1 && D % H == 0,
             "attention_heads = {} cannot share d_model = {} evenly; it must divide it", H, D);
  LIOR_CHECK(D / H <= kMostHeadWidth,
             "attention_heads = {} of d_model = {} are {} wide; at most {} fit the tiles", H, D,
             D / H, kMostHeadWidth);
  return {.heads = H, .key_width = D / H, .value_width = D / H, .window = config.attention_window};
}

template <class T>
class Attention final : public Core<T> {
 public:
  explicit Attention(const ModelConfig& config)
      : tiled_(heads_of(config)), d_model_(config.d_model), slopes_({tiled_.heads}) {
    for (Index head = 0; head < tiled_.heads; ++head) {
      slopes_(head) = static_cast<T>(
          std::exp2(-8 * static_cast<double>(head + 1) / static_cast<double>(tiled_.heads)));
    }
  }

  CoreShape shape() const override { return {.in = 3 * d_model_, .out = d_model_}; }
  Index state_size() const override { return tiled_.state_size(); }

  void save(const Sequences& sequences, SavedPlan& plan) const override {
    plan.keep("log_sums", Shape<3>{sequences.batch, tiled_.heads, sequences.length});
  }

  void forward(const CoreCall<T>& call, MatrixView<T> state, View<T, 2> y) const override {
    if (call.arena.planning()) return;
    const auto c = call.columns;
    dot_attention_forward<T>(tiled(call), part(c, 0), part(c, 1), part(c, 2), slopes_.view(), state,
                             y, call.saved.template array<3>("log_sums"));
  }

  void backward(const CoreCall<T>& call, View<const T, 2> y, View<T, 2> dy, MatrixView<T> d_columns,
                std::span<T>, MatrixView<T>) const override {
    if (call.arena.planning()) return;
    const auto c = call.columns;
    dot_attention_backward<T>(tiled(call), part(c, 0), part(c, 1), part(c, 2), slopes_.view(), y,
                              call.saved.template array<3>("log_sums"), dy, part(d_columns, 0),
                              part(d_columns, 1), part(d_columns, 2));
  }

 private:
  /// Queries, keys or values.
  template <class U>
  MatrixView<U> part(MatrixView<U> columns, Index i) const {
    return columns.block(0, i * d_model_, columns.rows, d_model_);
  }
  TiledAttentionShape tiled(const CoreCall<T>& call) const {
    TiledAttentionShape shape = tiled_;
    shape.batch = call.sequences.batch;
    shape.length = call.sequences.length;
    return shape;
  }

  TiledAttentionShape tiled_;  ///< without sequences
  Index d_model_;
  Array<T, 1> slopes_;
};

}  // namespace

LIOR_CORE(attention_core, Attention);

}  // namespace lior::nn
