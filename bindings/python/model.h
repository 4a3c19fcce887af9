// SPDX-License-Identifier: Apache-2.0
#pragma once
// lior.train.Model, which more than one file binds.

#include <mutex>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "arrays.h"
#include "lior/linalg/gemm.h"
#include "lior/nn/model.h"
#include "lior/nn/stretch.h"
#include "lior/train/config.h"
#include "train.h"

namespace lior::python {

/// Lengths of packed sequences, in the one row of a call; or none: each row is a sequence.
class Lengths {
 public:
  /// Of a call that has read its tokens [B, N].
  Lengths(Call& call, const Argument& given) {
    if (given.is_none()) return;
    const auto numbers = call.integers("lengths", given, {'S'});
    LIOR_CHECK(!numbers.empty(), "lengths are empty; expected the length of each sequence");
    lengths_.assign(numbers.begin(), numbers.end());
    // Before memory is planned for as many tokens as they say.
    const Index rows = nn::Sequences::packed(lengths_).rows();
    LIOR_CHECK(call['B'] == 1 && rows == call['N'],
               "lengths are of {} tokens in one row; tokens is [{}, {}]", rows, call['B'],
               call['N']);
  }

  std::span<const Index> span() const { return lengths_; }
  Index sequences(Call& call) const { return lengths_.empty() ? call['B'] : std::ssize(lengths_); }

 private:
  std::vector<Index> lengths_;
};

/// nn::Model<float>, one call at a time.
class Model {
 public:
  /// Products as in the program: bfloat16 where it is asked for and the processor has it.
  explicit Model(const train::Config& config) : model_(config.model) {
    if (linalg::bf16_is_native()) model_.set_precision(config.dtype);
  }
  explicit Model(nn::Model<float> model) : model_(std::move(model)) {}
  Model(Model&& other) noexcept : model_(std::move(other.model_)) {}

  nn::Model<float>& get() { return model_; }
  std::mutex& mutex() { return mutex_; }

  void initialize(std::uint64_t seed) { model_.initialize(seed); }

  NumPy initial_state(Index batch) {
    Call call;
    const auto state = call.out<float>({batch, model_.state_size()});
    return call.run([&] { model_.initial_state(state); });
  }

  NumPy logits(const Argument& tokens, const Output& state, const Argument& given,
               const Outputs& out) {
    Call call(out);
    const auto input = call.integers("tokens", tokens, {'B', 'N'});
    const Lengths lengths(call, given);
    const Index sequences = lengths.sequences(call);
    const auto start = state_of(call, state, sequences);
    const auto scores = call.out<float>({sequences, model_.config().classes});
    return call.run_watched([&] {
      in_arena(input, lengths, start, [&](View<float, 2> h, Arena& arena) {
        model_.logits(input, h, scores, arena, lengths.span());
      });
    });
  }

  nn::LossResult evaluate(const Argument& tokens, const Argument& targets, const Output& state,
                          const Argument& given) {
    Call call;
    const auto input = call.integers("tokens", tokens, {'B', 'N'});
    const auto wanted = call.integers("targets", targets, {'B', 'N'});
    const Lengths lengths(call, given);
    const auto start = state_of(call, state, lengths.sequences(call));
    nn::LossResult result;
    call.run_watched([&] {
      in_arena(input, lengths, start, [&](View<float, 2> h, Arena& arena) {
        result = model_.evaluate(input, wanted, h, arena, {}, comm::alone(), lengths.span());
      });
    });
    return result;
  }

  nn::LossResult loss_and_gradients(const Argument& tokens, const Argument& targets,
                                    const Argument& places, const Argument& given) {
    Call call;
    const auto input = call.integers("tokens", tokens, {'B', 'N'});
    const auto wanted = call.integers("targets", targets, {'B', 'N'});
    const Lengths lengths(call, given);
    const auto begins = call.in_or_none<Index>("places", places, {lengths.sequences(call)});
    nn::LossResult result;
    call.run_watched([&] {
      const std::lock_guard lock(mutex_);
      const std::size_t bytes = lengths.span().empty()
                                    ? model_.training_bytes(input.extent(0), input.extent(1))
                                    : model_.training_bytes(lengths.span());
      result = model_.loss_and_gradients(input, wanted, arena(bytes), begins.span(), 0,
                                         comm::alone(), lengths.span());
    });
    return result;
  }

  std::optional<Counts> counts() const {
    if (model_.counts() == nullptr) return {};
    return Counts{model_.counts(), model_.config().vocabulary};
  }
  void set_counts(const Counts& counts) {
    LIOR_CHECK(counts.vocabulary == model_.config().vocabulary,
               "counts are of {} different tokens; the model has {}", counts.vocabulary,
               model_.config().vocabulary);
    const std::lock_guard lock(mutex_);
    model_.set_counts(counts.shared);
  }

 private:
  /// The caller's state, or an empty view for None: the state before the first token.
  View<float, 2> state_of(Call& call, const Output& state, Index sequences) {
    if (state.object.is_none()) return {nullptr, {sequences, 0}};
    return call.state<float>("state", state, {sequences, model_.state_size()});
  }

  template <class Body>
  void in_arena(View<const std::int32_t, 2> tokens, const Lengths& lengths, View<float, 2> state,
                Body&& body) {
    const std::lock_guard lock(mutex_);
    const std::size_t bytes = lengths.span().empty()
                                  ? model_.inference_bytes(tokens.extent(0), tokens.extent(1))
                                  : model_.inference_bytes(lengths.span());
    Array<float, 2> initial({state.empty() ? state.extent(0) : 0, model_.state_size()});
    if (state.empty()) {
      state = initial.view();
      model_.initial_state(state);
    }
    body(state, arena(bytes));
  }

  /// An arena of at least so many bytes, kept for the next call.
  Arena& arena(std::size_t bytes) {
    if (!arena_ || arena_->capacity() < bytes) arena_.emplace(bytes);
    arena_->reset();
    return *arena_;
  }

  nn::Model<float> model_;
  std::mutex mutex_;
  std::optional<Arena> arena_;
};

}  // namespace lior::python
