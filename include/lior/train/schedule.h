// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Schedules of a run: its learning rate, and the length of its sequences.

#include <vector>

#include "lior/core/view.h"

namespace lior::train {

struct ScheduleConfig {
  double warmup = 0.02;  ///< part of the run in which the rate rises from 0 in a straight line
  double floor = 0.1;    ///< the rate's last value over its largest
};

/// Factor of the learning rate at `progress` in [0, 1] (outside: its nearest end):
///   progress/warmup, then floor + (1 - floor) (1 + cos pi s)/2 with s = (progress - warmup)/(1 -
///   warmup).
double schedule_factor(const ScheduleConfig& config, double progress);

struct CurriculumConfig {
  Index start = 0;  ///< first length; 0: the full length at once
  Index batch = 0;  ///< most sequences a step at shorter lengths; 0: no more than at the full one
  double accuracy = 0.99;  ///< a batch at least this right counts as learnt
  Index patience = 3;      ///< learnt batches in a row that end a length
  Index generators = 0;    ///< until words of this length are learnt, they are made of a group's
                           ///< generators; 0, or no group: of all elements at once
  Index finish = 0;  ///< learnt batches in a row at the full length that end the run; 0: none do
};

/// A length whose batches stay under this accuracy ...
inline constexpr double kLostAccuracy = 0.3;
/// ... for this many in a row has been lost again: half of it comes back.
inline constexpr Index kLostPatience = 50;

/// Lengths start, 2 start, 4 start, ... and the full length, each until it is learnt; with
/// `generators`, lengths from the start up to that first, over the small alphabet. Where a run
/// stands is a function of the accuracies that it has seen; `state` goes into the checkpoint.
class Curriculum {
 public:
  /// `shortest`: what sequences need at least.
  Curriculum(const CurriculumConfig& config, Index shortest, Index full);

  Index length() const { return state_.length; }
  /// Whether sequences are still made of generators alone.
  bool over_generators() const { return state_.over_generators; }
  /// All lengths of the way, in order.
  std::vector<Index> lengths() const;
  /// Sequences of a step at `length` for a run that takes `batch` at the full length: as many
  /// tokens as there, but no more sequences than the setting. Throws lior::Error unless batch >= 1
  /// and 1 <= length <= the full one.
  Index batch(Index batch, Index length) const;
  /// True when the full length has been learnt for `finish` batches.
  bool finished() const;
  /// Takes in one batch's accuracy at length().
  void observe(double accuracy);

  struct State {
    Index length = 0;
    Index streak = 0;  ///< learnt batches in a row, at this length
    Index lost = 0;    ///< batches in a row under kLostAccuracy
    bool over_generators = false;
  };
  const State& state() const { return state_; }
  void restore(const State& state);

 private:
  CurriculumConfig config_;
  Index start_, full_;
  State state_;
};

}  // namespace lior::train
