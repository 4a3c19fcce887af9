// SPDX-License-Identifier: Apache-2.0
#include "train/taught_reading.h"

#include <algorithm>

#include "lior/core/random.h"
#include "lior/train/checkpoint.h"
#include "lior/train/optimizer.h"
#include "train/tracker_parameters.h"

namespace lior::train {
namespace {

constexpr Index kWords = 64, kLength = 64;  // a step
constexpr double kRate = 5e-3;              // at first; it falls to zero

/// Takes away what would move the turns, or have a silent head read again.
void hold(nn::Model<float>& model, const std::vector<bool>& read) {
  using namespace tracker_parameters;
  for (const nn::Parameter& p : model.parameters()) {
    const std::span<float> gradient = model.gradients().subspan(static_cast<std::size_t>(p.offset),
                                                                static_cast<std::size_t>(p.size));
    if (std::ranges::find(kMakeTurns, p.name) != kMakeTurns.end()) {
      std::ranges::fill(gradient, 0.0f);
    } else if (p.name == kReadout) {  // columns: heads of each number shown
      for (std::size_t k = 0; k < gradient.size(); ++k) {
        if (!read[k % read.size()]) gradient[k] = 0;
      }
    }
  }
}

}  // namespace

void teach_reading(nn::Model<float>& model, const Automaton& automaton,
                   const std::vector<bool>& read, std::uint64_t seed) {
  Optimizer<float> optimizer({.weight_decay = 0}, tensors_of(model.parameters()));
  Arena arena(model.training_bytes(kWords, kLength));
  Array<std::int32_t, 2> words({kWords, kLength}), outputs({kWords, kLength});
  Random random(seed);
  for (Index step = 0; step < kReadingSteps; ++step) {
    draw_words(automaton, random, words.view(), outputs.view());
    arena.reset();
    model.loss_and_gradients(std::as_const(words).view(), std::as_const(outputs).view(), arena);
    hold(model, read);
    optimizer.measure(model.gradients());
    const double left = 1 - static_cast<double>(step) / static_cast<double>(kReadingSteps);
    optimizer.step(kRate * left, 1, model.values(), model.gradients());
  }
}

}  // namespace lior::train
