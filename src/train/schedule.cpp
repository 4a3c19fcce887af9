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
  state_.length = config.start == 0 ? full : std::clamp(config.start, shortest, full);
}

bool Curriculum::finished() const {
  return config_.finish > 0 && state_.length == full_ && state_.streak >= config_.finish;
}

void Curriculum::observe(double accuracy) {
  state_.streak = accuracy >= config_.accuracy ? state_.streak + 1 : 0;
  if (state_.length < full_ && state_.streak >= config_.patience) {
    state_ = {.length = std::min(2 * state_.length, full_), .streak = 0};
  }
}

void Curriculum::restore(const State& state) {
  LIOR_CHECK(
      state.length >= 1 && state.length <= full_ && state.streak >= 0,
      "a curriculum cannot stand at length {} after {} learnt batches; the full length is {}",
      state.length, state.streak, full_);
  state_ = state;
}

}  // namespace lior::train
