// SPDX-License-Identifier: Apache-2.0
#include "lior/train/generate.h"

#include <algorithm>

namespace lior::train {

namespace {
constexpr auto kSeen = static_cast<std::size_t>(kRepetitionWindow);
}

Generator::Generator(const nn::Model<float>& model, const Sampling& sampling, std::uint64_t seed,
                     DynamicModel* learner)
    : model_(model),
      learner_(learner),
      sampler_(sampling, seed, model.config().classes),
      state_({1, model.state_size()}),
      scores_({1, model.config().classes}),
      arena_(model.inference_bytes(1, kWindow)) {
  LIOR_CHECK(model.config().classes == model.config().vocabulary,
             "a model with {} tokens and {} classes cannot go on with what it says; they must be "
             "equal",
             model.config().vocabulary, model.config().classes);
  model.initial_state(state_.view());
  if (learner_ != nullptr) learner_->start();
}

void Generator::read(std::span<const std::int32_t> tokens) {
  const auto size = static_cast<Index>(tokens.size());
  for (Index begin = 0; begin < size; begin += kWindow) {
    const Index width = std::min(kWindow, size - begin);
    see(tokens.subspan(static_cast<std::size_t>(begin), static_cast<std::size_t>(width)));
    arena_.reset();
    model_.logits(View<const std::int32_t, 2>(tokens.data() + begin, {1, width}), state_.view(),
                  scores_.view(), arena_);
    started_ = true;
  }
}

void Generator::see(std::span<const std::int32_t> tokens) {
  for (const std::int32_t token : tokens.last(std::min(tokens.size(), kSeen))) sampler_.saw(token);
  if (learner_ != nullptr) learner_->look_into(tokens);
}

Generator::Reading Generator::reading() const {
  return {{state_.span().begin(), state_.span().end()},
          {scores_.span().begin(), scores_.span().end()}};
}

void Generator::resume(const Reading& reading, std::span<const std::int32_t> tokens) {
  LIOR_CHECK(static_cast<Index>(reading.state.size()) == state_.size() &&
                 static_cast<Index>(reading.scores.size()) == scores_.size() && !tokens.empty(),
             "a reading of {} numbers and {} scores after {} tokens; expected {} and {}, after one "
             "at least",
             reading.state.size(), reading.scores.size(), tokens.size(), state_.size(),
             scores_.size());
  std::ranges::copy(reading.state, state_.data());
  std::ranges::copy(reading.scores, scores_.data());
  see(tokens);
  started_ = true;
}

std::int32_t Generator::next() {
  LIOR_CHECK(started_, "nothing to go on from: a prompt needs at least one token");
  const std::int32_t token = sampler_.draw(scores_.span());
  read({&token, 1});
  return token;
}

std::string write_text(const nn::Model<float>& model, const TokenizerPtr& tokenizer,
                       const Sampling& sampling, std::uint64_t seed, Index tokens) {
  Generator generator(model, sampling, seed);
  Decoder decoder(tokenizer, Decoder::Form::utf8);
  generator.read(encode(*tokenizer, "\n"));
  std::string text;
  for (Index i = 0; i < tokens; ++i) text += decoder.push(generator.next());
  return text + decoder.finish();
}

}  // namespace lior::train
