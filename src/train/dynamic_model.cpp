// SPDX-License-Identifier: Apache-2.0
#include "lior/train/dynamic_model.h"

#include <algorithm>

#include "lior/train/checkpoint.h"

namespace lior::train {
namespace {

constexpr double kClip = 1;  // of the gradient's norm

bool takes_steps(const nn::ModelConfig& config) {
  return config.count_orders == 0 || config.recent_orders > 0;
}

}  // namespace

DynamicModel::DynamicModel(nn::Model<float>& model, double rate) : model_(model), rate_(rate) {
  LIOR_CHECK(rate >= 0, "the rate of learning while reading is {}; it must be at least 0", rate);
  if (model.counts() != nullptr) counts_.emplace(model);
  if (rate == 0 || !takes_steps(model.config())) {
    LIOR_CHECK(counts_,
               "the model has no counts, and at a rate of 0 nothing else learns while it reads");
    rate_ = 0;
    return;
  }
  before_.assign(model.values().begin(), model.values().end());
  optimizer_.emplace(OptimizerConfig{.weight_decay = 0}, tensors_of(model.parameters()));
  arena_.emplace(model.training_bytes(1, kDynamicWindow));
}

DynamicModel::~DynamicModel() { std::ranges::copy(before_, model_.values().begin()); }

void DynamicModel::start() {
  if (counts_) counts_->start();
  place_ += std::ssize(waiting_);
  waiting_.clear();
}

void DynamicModel::read(std::span<const std::int32_t> tokens) {
  if (counts_) counts_->read(tokens);
  if (rate_ == 0) return;
  waiting_.insert(waiting_.end(), tokens.begin(), tokens.end());
  Index begin = 0;
  for (; std::ssize(waiting_) > begin + kDynamicWindow; begin += kDynamicWindow) {
    learn(std::span(waiting_).subspan(static_cast<std::size_t>(begin), kDynamicWindow + 1),
          place_ + begin);
  }
  waiting_.erase(waiting_.begin(), waiting_.begin() + begin);
  place_ += begin;
}

void DynamicModel::look_into(std::span<const std::int32_t> tokens) {
  if (counts_) counts_->look_into(tokens);
}

/// A step on the targets that follow the first of these tokens.
void DynamicModel::learn(std::span<const std::int32_t> tokens, Index place) {
  const Shape<2> shape{1, kDynamicWindow};
  arena_->reset();
  model_.loss_and_gradients({tokens.data(), shape}, {tokens.data() + 1, shape}, *arena_,
                            counts_ ? std::span(&place, 1) : std::span<const Index>());
  const double norm = optimizer_->measure(model_.gradients(), model_.row_gradients());
  optimizer_->step(rate_, norm > kClip ? kClip / norm : 1, model_.values(), model_.gradients(),
                   model_.row_gradients());
}

}  // namespace lior::train
