// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Text out of a model, token by token, in memory that does not grow.

#include "lior/nn/model.h"
#include "lior/train/dynamic_model.h"
#include "lior/train/sampler.h"
#include "lior/train/tokenizer.h"

namespace lior::train {

/// One sequence that goes on: reads tokens, then gives the next one again and again.
class Generator {
 public:
  /// `learner`: of the same model, which has read other texts before. It starts a new one here, and
  /// looks into all that the generator reads and draws, in memory that grows by it; one generator
  /// at a time. Where it is null, the model looks into what its state holds.
  Generator(const nn::Model<float>& model, const Sampling& sampling, std::uint64_t seed,
            DynamicModel* learner = nullptr);

  static constexpr Index kWindow = 256;  ///< tokens that are read at a time

  /// Takes in tokens, at least one before the first `next`. Calls of kWindow tokens give the bits
  /// of one call.
  void read(std::span<const std::int32_t> tokens);

  /// Where a generator stands: to go on from it again, here or in another generator of the model.
  struct Reading {
    std::vector<float> state, scores;
  };
  Reading reading() const;
  /// Goes on from `reading`, to which `tokens` had led.
  void resume(const Reading& reading, std::span<const std::int32_t> tokens);

  /// Draws a token from the scores after all so far, and takes it in.
  std::int32_t next();

 private:
  void see(std::span<const std::int32_t> tokens);

  const nn::Model<float>& model_;
  DynamicModel* learner_;
  Sampler sampler_;
  Array<float, 2> state_;   // [1, state_size]
  Array<float, 2> scores_;  // [1, classes]
  Arena arena_;
  bool started_ = false;
};

/// A text of so many tokens, begun as after a line break: well-formed UTF-8.
std::string write_text(const nn::Model<float>& model, const TokenizerPtr& tokenizer,
                       const Sampling& sampling, std::uint64_t seed, Index tokens);

}  // namespace lior::train
