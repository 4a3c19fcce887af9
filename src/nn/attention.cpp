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
#include "nn/attention_state.h"
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
    dot_attention_forward<T>(tiled(call.sequences), part(c, 0), part(c, 1), part(c, 2),
                             slopes_.view(), state, y, call.saved.template array<3>("log_sums"));
  }

  void backward(const CoreCall<T>& call, View<const T, 2> y, View<T, 2> dy, MatrixView<T> d_columns,
                std::span<T>, MatrixView<T>) const override {
    if (call.arena.planning()) return;
    const auto c = call.columns;
    dot_attention_backward<T>(tiled(call.sequences), part(c, 0), part(c, 1), part(c, 2),
                              slopes_.view(), y, call.saved.template array<3>("log_sums"), dy,
                              part(d_columns, 0), part(d_columns, 1), part(d_columns, 2));
  }

  bool can_be_shared() const override { return true; }

  /// Keys and values of the window before a stretch come from other ranks, one's at a time; or
  /// where a state is kept, which is as large as they are, they are added to it.
  void forward_shared(const CoreCall<T>& call, MatrixView<T> state, View<T, 2> y) const override {
    Arena& arena = call.arena;
    const Halo halo(call.sequences, tiled_.reach());
    const auto kv = keys_and_values(call.columns);
    if (state.cols > 0) {
      append_halo<T>(halo, tiled_, kv, state, arena);
      forward(call, state, y);
      return call.sequences.stretch.share_last(state, arena);
    }
    forward(call, state, y);
    halo.visit<T>(kv, arena, [&](MatrixView<const T> earlier, Index count, Index distance) {
      if (arena.planning()) return;
      dot_attention_forward_earlier<T>(tiled(call.sequences), {count, distance},
                                       part(call.columns, 0), part(earlier, 0), part(earlier, 1),
                                       slopes_.view(), y, call.saved.template array<3>("log_sums"));
    });
  }

  void backward_shared(const CoreCall<T>& call, View<const T, 2> y, View<T, 2> dy,
                       MatrixView<T> d_columns, std::span<T> d_values) const override {
    Arena& arena = call.arena;
    backward(call, y, dy, d_columns, d_values, {});
    const Halo halo(call.sequences, tiled_.reach());
    halo.visit_back<T>(
        keys_and_values(call.columns), keys_and_values(d_columns), arena,
        [&](MatrixView<const T> earlier, MatrixView<T> d_earlier, Index count, Index distance) {
          if (arena.planning()) return;
          dot_attention_backward_earlier<T>(
              tiled(call.sequences), {count, distance}, part(call.columns, 0), part(earlier, 0),
              part(earlier, 1), slopes_.view(), y, call.saved.template array<3>("log_sums"), dy,
              part(d_columns, 0), part(d_earlier, 0), part(d_earlier, 1));
        });
  }

 private:
  /// Queries, keys or values; or keys or values of an array of both.
  template <class U>
  MatrixView<U> part(MatrixView<U> columns, Index i) const {
    return columns.block(0, i * d_model_, columns.rows, d_model_);
  }
  template <class U>
  MatrixView<U> keys_and_values(MatrixView<U> columns) const {
    return columns.block(0, d_model_, columns.rows, 2 * d_model_);
  }
  TiledAttentionShape tiled(const Sequences& sequences) const {
    TiledAttentionShape shape = tiled_;
    shape.batch = sequences.batch;
    shape.length = sequences.length;
    return shape;
  }

  TiledAttentionShape tiled_;  ///< without sequences
  Index d_model_;
  Array<T, 1> slopes_;
};

}  // namespace

LIOR_CORE(attention_core, Attention);

}  // namespace lior::nn
