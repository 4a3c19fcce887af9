// SPDX-License-Identifier: Apache-2.0
#pragma once
/// The memory of a run, known before any of it is taken, and what its blocks keep for that.

#include <vector>

#include "lior/nn/model.h"
#include "lior/train/config.h"

namespace lior::train {

struct RunMemory {
  std::vector<nn::Keep> kept;  ///< by each block, from its forward to its backward
  std::size_t step_bytes = 0;  ///< the arena of the largest step
  /// Everything: model, gradients and their sum over micro-batches, optimiser, arena, batch,
  /// evaluator, a copy of the best weights, a text that is held, and the process itself
  /// (kProcessBytes).
  std::size_t bytes = 0;

  Index blocks_that_keep(nn::Keep keep) const;
  /// What config.memory_budget leaves where the arena is not held.
  std::size_t left_between_steps(const Config& config) const;
};

/// Memory of the process before a run takes any: libraries and their tables. 32 MB were seen on
/// Debian 12, whatever the run.
inline constexpr std::size_t kProcessBytes = 35'000'000;

/// The plan of a run, or of one of its `ranks`, whose steps take batches of these shapes [B, N],
/// with `evaluated` sequences in an evaluation (0: there is none), with a copy of its best weights
/// where `keeps_best`, and `held_text` bytes of data in memory. Within config.memory_budget, with
/// as little computed again as that takes: from the first block on blocks give up norms, read-outs
/// and gates, then all but their input. Throws lior::Error with both numbers where even the least
/// does not fit the budget, or the plan not the memory that is available.
RunMemory plan_memory(const Config& config, std::span<const Shape<2>> batches, Index evaluated,
                      bool keeps_best = false, std::size_t held_text = 0, Index ranks = 1);

}  // namespace lior::train
