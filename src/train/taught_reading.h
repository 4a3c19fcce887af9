// SPDX-License-Identifier: Apache-2.0
#pragma once
/// What reads the states of a model whose turns are exact (lior/train/crystallise.h).

#include <vector>

#include "lior/nn/model.h"
#include "lior/train/automaton.h"

namespace lior::train {

/// Trains the weights that read the states, and no others, on random words of `seed`, with the
/// automaton's outputs as targets. The turns stay exact, so each state is one point, and few steps
/// suffice. Of heads that are not `read` nothing is read afterwards either.
///
/// Cost: kReadingSteps training steps of 4,096 tokens, and an optimiser's memory. Bit-equal for
/// equal thread counts.
void teach_reading(nn::Model<float>& model, const Automaton& automaton,
                   const std::vector<bool>& read, std::uint64_t seed);

inline constexpr Index kReadingSteps = 200;

}  // namespace lior::train
