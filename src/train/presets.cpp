// SPDX-License-Identifier: Apache-2.0
// The presets: one row each, in the units of Config. What a row does not name is Config's default.
#include <algorithm>

#include "lior/core/text.h"
#include "lior/train/config.h"

namespace lior::train {
namespace {

using algebra::Transition;
using nn::Mixer;
using nn::Readout;

/// `lr` of each preset is AdamW's. The LIoR step is the gradient over its resilience, so its rate
/// has other units: 300 steps of tiny on the King James text reach 1.54 nats a byte at 1, and 5.25
/// at AdamW's rate (AdamW itself: 1.53).
constexpr double kLiorRate = 1;

/// States that forget, and attention that finds places: what tiny-hybrid and the task copy take.
const nn::ModelConfig kHybridModel{
    .d_model = 128,
    .layers = 3,
    .mlp_hidden = 224,
    .mixers = {Mixer::geometric_mamba, Mixer::attention},
    .mixer = {.heads = 12, .transition = Transition::right, .readout = Readout::linear_quadratic}};

/// About 0.6 M parameters: minutes on two cores.
const nn::ModelConfig kTinyModel{
    .d_model = 128,
    .layers = 2,
    .mlp_hidden = 336,
    .convolution = 4,
    .mixer = {.heads = 12, .transition = Transition::right, .readout = Readout::linear_quadratic}};

/// With tables of n-grams of 2 to 6 tokens, 16,384 rows each (docs/decisions/025-ngrams.md).
nn::ModelConfig with_ngrams(nn::ModelConfig model) {
  model.ngram_orders = 6;
  model.ngram_bits = 14;
  return model;
}

/// With the counts of the text, of contexts of 1 to 6 tokens, and with their latest followers in
/// the last 1,024 tokens (docs/decisions/031-counts.md, 039-the-last-thousand-bytes.md).
nn::ModelConfig with_counts(nn::ModelConfig model) {
  model.count_orders = 6;
  model.recent_orders = 6;
  model.recent_window = 1024;
  return model;
}

/// For `eval --dynamic`: trained to find them in all that was read
/// (docs/decisions/037-what-was-read.md).
nn::ModelConfig with_recent(nn::ModelConfig model) {
  model.count_orders = 6;
  model.recent_orders = 6;
  return model;
}

/// About 5 M.
const nn::ModelConfig kSmallModel{
    .d_model = 320,
    .layers = 4,
    .mlp_hidden = 448,
    .convolution = 4,
    .mixer = {.heads = 32, .transition = Transition::right, .readout = Readout::linear_quadratic}};

Config tracking() {
  return {
      .preset = "tracking",
      .batch = 8,
      .length = 512,
      .eval_every = 1000,
      .eval_count = 64,
      .lr = 5e-3,
      .clip = 0.02,
      .model = {.d_model = 64,
                .layers = 1,
                .mixer = {.heads = 4,
                          .transition = Transition::left,
                          .gates = false,
                          .readout = Readout::quadratic}},
      // Decay keeps the scores from growing, and with them the pull toward exact turns from fading.
      .optimizer = {.weight_decay = 0.5},
      .schedule = {.floor = 0},
      .curriculum = {.start = 2, .batch = 256, .accuracy = 0.9, .generators = 16}};
}

Config reflections() {
  Config config = tracking();
  config.preset = "reflections";
  config.model.d_model = 128;
  config.model.mixer.factors = 4;
  config.model.mixer.transition = Transition::two_sided;
  config.model.mixer.readout = Readout::linear_quadratic;
  config.optimizer.weight_decay = 0.1;
  return config;
}

Config tracking_pairs() {
  Config config = tracking();
  config.preset = "tracking-pairs";
  config.model.convolution = 2;
  return config;
}

const Config kPresets[] = {
    // Texts: many small steps learn more in the same time than few large ones
    // (docs/decisions/023-batch-of-text.md).
    {.preset = "tiny", .batch = 4, .lr = 3e-3, .model = kTinyModel},
    {.preset = "small", .batch = 1, .lr = 2e-3, .model = kSmallModel},
    // About 30 M.
    {.preset = "medium",
     .batch = 4,
     .lr = 1e-3,
     .model = {.d_model = 640,
               .layers = 8,
               .mlp_hidden = 640,
               .convolution = 4,
               .mixer = {.heads = 48,
                         .transition = Transition::right,
                         .readout = Readout::linear_quadratic}}},
    {.preset = "tiny-ngrams", .batch = 4, .lr = 3e-3, .model = with_ngrams(kTinyModel)},
    // A window is worth what stands in it: one long sequence, not four short ones.
    {.preset = "tiny-counts",
     .batch = 1,
     .length = 1024,
     .eval_count = 16,
     .lr = 3e-3,
     .model = with_counts(kTinyModel)},
    {.preset = "small-counts", .batch = 1, .lr = 2e-3, .model = with_counts(kSmallModel)},
    {.preset = "tiny-recent", .batch = 4, .lr = 3e-3, .model = with_recent(kTinyModel)},
    // The size of tiny, with other mixers.
    {.preset = "tiny-field",
     .batch = 4,
     .lr = 3e-3,
     .model = {.d_model = 128, .layers = 2, .mlp_hidden = 448, .mixers = {Mixer::causal_field}}},
    {.preset = "tiny-geometric-attention",
     .batch = 4,
     .lr = 3e-3,
     .model =
         {.d_model = 128, .layers = 3, .mlp_hidden = 336, .mixers = {Mixer::geometric_attention}}},
    {.preset = "tiny-attention",
     .batch = 4,
     .lr = 3e-3,
     .model = {.d_model = 128, .layers = 3, .mlp_hidden = 336, .mixers = {Mixer::attention}}},
    {.preset = "tiny-hybrid", .batch = 4, .lr = 3e-3, .model = kHybridModel},
    // State tracking: unit states that are turned and never forgotten. Turns are found over a few
    // generators within seconds; the long lengths make them exact, since their errors add up
    // (docs/decisions/020-state-tracking.md).
    tracking(),
    // The same with turns that depend on the token before, too.
    tracking_pairs(),
    // State tracking in groups that no product of unit octonions from one side reaches: a token is
    // four reflections of R^8, any rotation there is of that rank, which every permutation of five
    // is. Generators first: five tokens are learnt in seconds, and the other 115 find their places
    // among them (docs/decisions/022-s5.md).
    reflections(),
    // Machines with tokens that forget: states that do, a layer that reads what the one before it
    // holds, and the token before (docs/math/machines.md).
    {.preset = "forgetting",
     .batch = 8,
     .length = 128,
     .eval_every = 1000,
     .eval_count = 64,
     .lr = 5e-3,
     .model = {.d_model = 64,
               .layers = 2,
               .mlp_hidden = 128,
               .convolution = 2,
               .mixer = {.heads = 8,
                         .transition = Transition::left,
                         .readout = Readout::linear_quadratic}},
     .schedule = {.floor = 0},
     .curriculum = {.start = 2, .batch = 256, .accuracy = 0.9}},
    // To give symbols back in order takes attention, and states that forget: tracking's never do.
    {.preset = "copy",
     .batch = 32,
     .length = 32,
     .eval_count = 64,
     .lr = 3e-3,
     .model = kHybridModel},
    // To find what followed a symbol before: a convolution that puts neighbours together, attention
    // that finds the place; short sequences first, in large batches, since each has one label.
    {.preset = "induction",
     .batch = 32,
     .length = 64,
     .eval_count = 256,
     .lr = 1e-3,
     .model = {.d_model = 128,
               .layers = 3,
               .mlp_hidden = 224,
               .convolution = 4,
               .mixers = {Mixer::geometric_mamba, Mixer::attention},
               .mixer = {.heads = 12,
                         .transition = Transition::right,
                         .readout = Readout::linear_quadratic}},
     .curriculum = {.start = 4, .batch = 128, .accuracy = 0.9}},
};

}  // namespace

std::string preset_list() {
  std::string names(kAutoPreset);
  for (const Config& preset : kPresets) names += ", " + preset.preset;
  return names;
}

Config preset_config(std::string_view name, OptimizerKind optimizer) {
  const auto found = std::find_if(std::begin(kPresets), std::end(kPresets),
                                  [&](const Config& preset) { return preset.preset == name; });
  LIOR_CHECK(found != std::end(kPresets), "there is no preset \"{}\"; the presets are {}",
             shown(name), preset_list());
  Config config = *found;
  config.optimizer.kind = optimizer;
  if (optimizer == OptimizerKind::lior) config.lr = kLiorRate;
  config.model.vocabulary = config.model.classes = 0;  // the data's
  return config;
}

}  // namespace lior::train
