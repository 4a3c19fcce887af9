// SPDX-License-Identifier: Apache-2.0
#include "lior/train/schedule.h"

#include <cmath>
#include <numbers>

namespace lior::train {

double schedule_factor(const ScheduleConfig& config, double progress) {
  progress = std::clamp(progress, 0.0, 1.0);
  if (progress < config.warmup) return progress / config.warmup;
  const double s = config.warmup < 1 ? (progress - config.warmup) / (1 - config.warmup) : 0;
  return config.floor + (1 - config.floor) * (1 + std::cos(std::numbers::pi * s)) / 2;
}

Curriculum::Curriculum(const CurriculumConfig& config, Index shortest, Index full)
    : config_(config), full_(full) {
  LIOR_CHECK(full >= shortest, "length = {}; these sequences need at least {}", full, shortest);
  start_ = config.start == 0 ? full : std::clamp(config.start, shortest, full);
  state_ = {.length = start_, .over_generators = config.generators > 0};
}

std::vector<Index> Curriculum::lengths() const {
  std::vector<Index> lengths;
  for (Index length = start_; length < full_; length *= 2) lengths.push_back(length);
  lengths.push_back(full_);
  return lengths;
}

Index Curriculum::batch(Index batch, Index length) const {
  LIOR_CHECK(batch >= 1 && length >= 1 && length <= full_,
             "{} sequences of length {} are no batch; expected at least 1 and a length of 1 to {}",
             batch, length, full_);
  const Index most = std::max(config_.batch, batch);
  return std::min(most, saturating_product(batch, full_) / length);
}

bool Curriculum::finished() const {
  return config_.finish > 0 && !state_.over_generators && state_.length == full_ &&
         state_.streak >= config_.finish;
}

void Curriculum::observe(double accuracy) {
  state_.streak = accuracy >= config_.accuracy ? state_.streak + 1 : 0;
  state_.lost = accuracy < kLostAccuracy ? state_.lost + 1 : 0;
  const bool learnt = state_.streak >= config_.patience;
  const bool over_generators = state_.over_generators;
  if (learnt && over_generators && state_.length >= std::min(config_.generators, full_)) {
    state_ = {.length = start_};
  } else if (learnt && state_.length < full_) {
    state_ = {.length = std::min(2 * state_.length, full_), .over_generators = over_generators};
  } else if (state_.length > start_ && state_.lost >= kLostPatience) {
    state_ = {.length = std::max(state_.length / 2, start_), .over_generators = over_generators};
  }
}

void Curriculum::restore(const State& state) {
  LIOR_CHECK(
      state.length >= 1 && state.length <= full_ && state.streak >= 0 && state.lost >= 0,
      "a curriculum cannot stand at length {} after {} learnt batches; the full length is {}",
      state.length, state.streak, full_);
  state_ = state;
}

}  // namespace lior::train
