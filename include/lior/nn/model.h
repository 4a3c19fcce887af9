// SPDX-License-Identifier: Apache-2.0
#pragma once
/// A sequence model: tokens in, scores of classes out, with a state of constant size between.

#include <cstdint>
#include <memory>
#include <span>

#include "lior/comm/communicator.h"
#include "lior/core/arena.h"
#include "lior/linalg/precision.h"
#include "lior/nn/config.h"
#include "lior/nn/counts.h"
#include "lior/nn/dropout.h"
#include "lior/nn/layout.h"
#include "lior/nn/row_gradient.h"

namespace lior::nn {

/// Sums over the targets of one call; a target < 0 does not count.
struct LossResult {
  double loss_sum = 0;  ///< -ln p(target), nats
  Index targets = 0;
  Index correct = 0;       ///< largest score is the target's (the lowest class in ties)
  Index last_targets = 0;  ///< the same at the last position of each sequence
  Index last_correct = 0;
};

/// The part of a block's arrays that a training step keeps between forward and backward.
enum class Keep {
  everything,  ///< all that backward reads
  products,    ///< outputs of products and scans; norms, read-outs and gates are computed again
  input,       ///< what came in; the block runs forward a second time
};

/// B sequences of N tokens; arrays are [B, N]. Or packed ones, of any `lengths`, one behind another
/// in a row of R tokens: arrays are [1, R], states and what else is of a sequence have a row for
/// each length. Each has then the scores, the state and the part in loss and gradients that it has
/// alone, to rounding, as documents that one row holds should; ranks share none of these, one by
/// one. Gradients are of the mean loss over counted targets. Everything but the constructor works
/// in the caller's arena: nothing per step allocates, but for row gradients where a call has more
/// tokens than all before it. Bit-equal for equal thread counts and SIMD levels.
template <class T>
class Model {
 public:
  /// Throws lior::Error on a configuration that cannot be.
  explicit Model(const ModelConfig& config);
  /// A model without numbers, to plan with: parameters(), state_size() and bytes only.
  static Model planner(const ModelConfig& config);
  ~Model();
  Model(Model&&) noexcept;
  Model& operator=(Model&&) noexcept;

  const ModelConfig& config() const;
  std::span<const Parameter> parameters() const;
  std::span<T> values();
  std::span<const T> values() const;
  /// Of the parameters that are not by_rows, which come first.
  std::span<T> gradients();
  std::span<const T> gradients() const;
  /// Of those that are (ngram.h): a table each, of the last loss_and_gradients.
  std::span<const RowGradient<T>> row_gradients() const;

  /// Start values, a function of the seed alone.
  void initialize(std::uint64_t seed);

  /// Sets what a training step keeps of each block (at first everything). Memory against time,
  /// with bit-equal gradients.
  void set_kept(std::span<const Keep> of_blocks);
  std::span<const Keep> kept() const;

  /// The parts that the next loss_and_gradients leaves out at random (at first nothing): of what
  /// each layer adds to its input, entries; of the n-grams, rows. The others are larger for that.
  /// Throws lior::Error unless the rate is in [0, 1).
  void set_dropout(const Dropout& dropout);

  /// The counts that a model with config().count_orders needs before it can predict: those of its
  /// training text, and what was read since, or nothing. Throws lior::Error unless their longest
  /// contexts are the model's.
  void set_counts(std::shared_ptr<const TextCounts> counts);
  const std::shared_ptr<const TextCounts>& counts() const;

  /// How the products of the layers take their factors in a training step; weights, gradients, the
  /// classifier's products and those that make a step's turns stay in full precision
  /// (docs/decisions/043-bf16.md). For Model<float>.
  void set_precision(linalg::Precision precision);

  /// Bytes of the arena that a call needs with these shapes; on each of `ranks` that share the
  /// sequences, at most.
  std::size_t training_bytes(Index batch, Index length, Index ranks = 1) const;
  std::size_t inference_bytes(Index batch, Index length, Index ranks = 1) const;
  /// The same of packed sequences.
  std::size_t training_bytes(std::span<const Index> lengths) const;
  std::size_t inference_bytes(std::span<const Index> lengths) const;
  /// Bytes that the model itself takes, at the first call with so many tokens, for row gradients.
  std::size_t row_gradient_bytes(Index batch, Index length) const;

  /// Numbers in one sequence's state, and the state before the first token: [B, state_size].
  Index state_size() const;
  void initial_state(View<T, 2> state) const;

  /// Overwrites gradients() and row_gradients(). Sequences start from the initial state. places
  /// [B]: where in the counted text each sequence begins, so that its counts lack that part of the
  /// text; < 0, or none at all: elsewhere. `of`: the counted targets that the loss is the mean
  /// over, where these are a part of a larger batch; 0: those of `targets`.
  ///
  /// `ranks` share the sequences: called with the same arguments on all of them, each works on its
  /// stretch (stretch.h), and gets the sums and gradients of that. Added up they are those of one
  /// rank, to rounding. Throws lior::Error where a layer cannot be shared, or a rank has no token.
  LossResult loss_and_gradients(View<const std::int32_t, 2> tokens,
                                View<const std::int32_t, 2> targets, Arena& arena,
                                std::span<const Index> places = {}, Index of = 0,
                                comm::Communicator& ranks = comm::alone(),
                                std::span<const Index> lengths = {});

  /// Loss only, from `state`, which then holds the state after the last token. `predicted` [B, N],
  /// unless it is empty, takes the class of the largest score, -1 where no target counts. `ranks`
  /// share the sequences, as there; all of them get the whole result, predictions and state.
  LossResult evaluate(View<const std::int32_t, 2> tokens, View<const std::int32_t, 2> targets,
                      View<T, 2> state, Arena& arena, View<std::int32_t, 2> predicted = {},
                      comm::Communicator& ranks = comm::alone(),
                      std::span<const Index> lengths = {}) const;

  /// Scores after the last token [B, classes], from `state`, which is updated. Throws lior::Error
  /// where a sequence has none.
  void logits(View<const std::int32_t, 2> tokens, View<T, 2> state, View<T, 2> last_logits,
              Arena& arena, std::span<const Index> lengths = {}) const;

 private:
  struct Impl;
  explicit Model(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace lior::nn
