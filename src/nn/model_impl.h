// SPDX-License-Identifier: Apache-2.0
// The parts of a model, for the files that make it: parameters, layers, states, training step.
#pragma once

#include <algorithm>
#include <array>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "lior/nn/count_scores.h"
#include "lior/nn/cross_entropy.h"
#include "lior/nn/model.h"
#include "lior/nn/ngram.h"
#include "lior/nn/residual_block.h"

namespace lior::nn {

using Tokens = View<const std::int32_t, 2>;
template <class T>
using Layers = std::span<const std::unique_ptr<Layer<T>>>;

/// visit(sequence, its last row) of each that has a token.
template <class Visit>
void for_last_rows(const Sequences& sequences, const Visit& visit) {
  sequences.for_each_call([&](Index first, Index row, const Sequences& call) {
    for (Index b = 0; b < call.batch && call.length > 0; ++b) {
      visit(first + b, row + (b + 1) * call.length - 1);
    }
  });
}

/// Right answers at the last position of each sequence.
void count_last(const Sequences& sequences, Tokens targets, std::span<const std::int32_t> predicted,
                LossResult& result);

/// Of one of the calls that make a call, its first row given (Sequences::for_each_call).
inline Tokens tokens_of(Tokens all, Index row, const Sequences& call) {
  return {all.data() + row, {call.batch, call.length}};
}

/// What a rank works on of a call's sequences: all of it, or a stretch.
template <class T>
struct OwnPart {
  Sequences sequences;
  Tokens tokens, targets;
  linalg::MatrixView<const T> history{};  // of the tokens before, as a state has it; or no data
  std::span<const Index> places{};        // of its first tokens in a counted text

  /// The last `size` tokens before `count` of the sequences.
  linalg::MatrixView<const T> last_before(Index size, Index first, Index count) const {
    return history.data == nullptr ? history
                                   : history.block(first, history.cols - size, count, size);
  }
};

/// The sums of a loss, and the right answers at the last position of each sequence, where that is
/// here.
template <class T>
LossResult loss_result(const CrossEntropy& sums, const OwnPart<T>& own,
                       std::span<const std::int32_t> predicted, bool planning) {
  LossResult result{.loss_sum = sums.loss_sum, .targets = sums.targets, .correct = sums.correct};
  if (!planning && own.sequences.stretch.is_last()) {
    count_last(own.sequences, own.targets, predicted, result);
  }
  return result;
}

/// The sums of all stretches' results, on all ranks.
LossResult sum_of_stretches(const Stretch& stretch, const LossResult& own, Arena& arena);
/// whole [B, N] from the predictions of each stretch, on all ranks.
void gather_stretches(const Stretch& stretch, std::span<const std::int32_t> own,
                      View<std::int32_t, 2> whole, Arena& arena);

/// The gradients of n-gram rows: at the embedding, and before the output's norm.
template <class T>
struct NgramGradients {
  RowGrouping grouping;
  RowGroups groups;
  std::array<Buffer<T>, 2> buffers;
  std::array<RowGradient<T>, 2> rows;

  static std::size_t bytes(Index entries, Index tables, Index width) {
    return RowGrouping::bytes(entries) +
           static_cast<std::size_t>(tables * entries * width) * sizeof(T);
  }
  /// Room for so many look-ups, where there is less.
  void reserve(Index entries, Index tables, Index width) {
    if (entries <= grouping.entries()) return;
    grouping = RowGrouping(entries);
    for (Index i = 0; i < tables; ++i) buffers[i] = Buffer<T>(entries * width);
  }
  void take(std::size_t table, Index parameter, View<const T, 2> dx, T scale) {
    const View<T, 2> to(buffers[table].data(), {std::ssize(groups.rows), dx.extent(1)});
    ngram_backward<T>(groups, dx, to, scale);
    rows[table] = {.parameter = parameter, .rows = groups.rows, .values = to};
  }
};

template <class T>
struct Model<T>::Impl {
  explicit Impl(const ModelConfig& settings);
  void allocate();

  ModelConfig config;
  Layout layout;
  Slot embedding, norm, output, output_bias;
  std::vector<std::unique_ptr<Layer<T>>> layers;  // of each block its convolution, mixer, SwiGLU
  std::vector<Keep> kept;                         // of each block
  NgramShape ngram_shape;
  Slot ngram, ngram_output;
  Slot count_weight, count_sureness, count_bias;
  std::shared_ptr<const TextCounts> counts;
  Buffer<T> values, gradients;
  NgramGradients<T> ngram_gradients;
  Dropout dropout;
  linalg::Precision precision = linalg::Precision::float32;

  /// The numbers of a step's masks: of the n-grams, and of each layer.
  static constexpr Index kNgramPlace = 0;
  Index place_of(Layers<T> from) const { return 1 + (from.data() - layers.data()); }

  std::span<const T> weights() const { return values.span(); }
  std::span<const T> norm_gain() const { return norm.vector_in(weights()); }
  Classifier<T> classifier(View<const T, 2> x, std::optional<CountScores<T>>& terms) const {
    return {x, output.in(weights()), output_bias.vector_in(weights()), terms ? &*terms : nullptr};
  }
  /// The terms that counts add to the scores of up to `most` rows at a time; nothing where there
  /// are none.
  void make_terms(const CountedRows<T>& rows, std::span<T> d_values, Index most, Arena& arena,
                  std::optional<CountScores<T>>& terms) const;
  Layers<T> block(std::size_t i) const {
    const std::size_t size = layers.size() / kept.size();
    return Layers<T>(layers).subspan(i * size, size);
  }
  Index ngram_tables() const { return ngram_shape.longest == 0 ? 0 : config.ngram_output ? 2 : 1; }
  /// Which of the parameters the first of them is.
  Index ngram_parameter() const { return std::ssize(layout.parameters()) - ngram_tables(); }
  Index ngram_entries(Index tokens) const { return tokens * ngram_shape.orders(); }
  Index layers_state_size() const;
  /// Tokens that the state holds.
  Index history_size() const {
    return std::max<Index>({ngram_shape.history(), config.count_orders - 1,
                            config.recent_orders - 1, config.recent_window - 1, 0});
  }
  linalg::MatrixView<T> history(View<T, 2> state) const {
    return linalg::MatrixView<T>(state).block(0, layers_state_size(), state.extent(0),
                                              history_size());
  }
  Index state_size() const { return layers_state_size() + history_size(); }
  void initial_state(View<T, 2> state) const;

  /// Tokens [B, N] as whole sequences, with the stretch of them that is this rank's; or packed
  /// ones, of tokens [1, R]. Throws lior::Error where lengths do not fit, or ranks cannot share
  /// them.
  Sequences sequences_of(Tokens tokens, std::span<const Index> lengths,
                         comm::Communicator& ranks) const;
  /// Throws lior::Error unless so many ranks may share such sequences.
  void check_shared(Index whole, Index ranks) const;
  /// `history` (or no data) is what comes before the sequences.
  OwnPart<T> own_part(const Sequences& whole, Tokens tokens, Tokens targets,
                      linalg::MatrixView<const T> history, std::span<const Index> places,
                      Arena& arena) const;

  /// RMSNorm of what leaves the last layer, [R, D]; the layers' part of `state` goes on to the last
  /// token.
  View<T, 2> infer(const OwnPart<T>& own, View<T, 2> state, Arena& arena) const;
  LossResult evaluate(const Sequences& whole, Tokens tokens, Tokens targets, View<T, 2> state,
                      Arena& arena, View<std::int32_t, 2> predicted) const;
  /// Bytes of the arena that a rank needs for its stretch of these.
  std::size_t training_bytes(const Sequences& whole) const;
  std::size_t inference_bytes(const Sequences& whole) const;
  /// The rows of n-grams.
  void look_up(const OwnPart<T>& own, View<std::int32_t, 2> rows) const;
  /// The history after the tokens, in place.
  void remember(const Sequences& whole, Tokens tokens, View<T, 2> state) const;

  /// One call of loss_and_gradients; model_step.cpp.
  struct Pass {
    const Impl& model;
    OwnPart<T> own;
    std::span<T> d_values;
    NgramGradients<T>& d_ngrams;
    Arena& arena;
    Index of = 0;  // targets that the loss is the mean over
    Dropout dropout = dropout_of(model.dropout, own.sequences.stretch);
    View<std::int32_t, 2> ngram_rows{};  // of every token

    static constexpr Index kNgramPlace = Impl::kNgramPlace;
    /// Of the rows that dropout leaves.
    T ngram_scale() const { return static_cast<T>(1 / (1 - dropout.rate)); }
    static Dropout dropout_of(Dropout all, const Stretch& stretch) {
      all.stretch = stretch;
      return all;
    }
    /// A call of `layer` that has no room yet for what it saves.
    LayerCall<T> call_of(const Layer<T>& layer, View<const T, 2> x) const {
      return {own.sequences, model.weights(), x, {.plan = layer.plan(own.sequences)},
              arena,         model.precision};
    }
    LossResult run();
    LossResult through_blocks(std::size_t first, View<const T, 2> x, View<T, 2> dx) const;
    template <class Rest>
    LossResult through_layers(Layers<T> layers, Keep keep, View<const T, 2> x, View<T, 2> dx,
                              const Rest& rest) const;
    void forward(Layers<T> block, View<const T, 2> x, View<T, 2> out) const;
    void drop(Layers<T> from, View<const T, 2> x, View<T, 2> out) const;
    LossResult through_loss(View<const T, 2> x, View<T, 2> dx) const;
    View<const T, 2> with_output_ngrams(View<const T, 2> x) const;
  };
};

}  // namespace lior::nn
