// SPDX-License-Identifier: Apache-2.0
// Step 3: a model from C++: make it, take training steps, ask it for scores.
//
// The task: the parity of the bits so far. A model of one layer learns it from gradients of the
// mean cross entropy; its parameters are one flat buffer, so the simplest optimiser is one loop.
// `lior train` does this with AdamW, checkpoints and real data.

#include <fmt/core.h>

#include "lior/core/buffer.h"
#include "lior/core/random.h"
#include "lior/nn/model.h"

using namespace lior;

int main() {
  // Two tokens in, two classes out. Unit states, turned by the tokens: gates off.
  const nn::ModelConfig config{.vocabulary = 2,
                               .classes = 2,
                               .d_model = 32,
                               .layers = 1,
                               .mixer = {.heads = 4, .gates = false}};
  nn::Model<float> model(config);
  model.initialize(1);

  constexpr Index B = 16, N = 16;
  Array<std::int32_t, 2> bits({B, N}), parities({B, N});
  Random random(2);
  for (Index b = 0; b < B; ++b) {
    std::int32_t parity = 0;
    for (Index n = 0; n < N; ++n) {
      bits(b, n) = static_cast<std::int32_t>(random.below(2));
      parities(b, n) = parity ^= bits(b, n);
    }
  }

  // One arena serves every step: nothing that runs per step allocates.
  Arena arena(model.training_bytes(B, N));
  double first_loss = 0, last_loss = 0;
  constexpr int kSteps = 60;
  constexpr float kRate = 0.1F;
  for (int step = 0; step < kSteps; ++step) {
    const nn::LossResult result = model.loss_and_gradients(bits.view(), parities.view(), arena);
    last_loss = result.loss_sum / static_cast<double>(result.targets);
    if (step == 0) first_loss = last_loss;
    if (step % 10 == 0) fmt::print("step {:2}: {:.4f} nats a bit\n", step, last_loss);
    const auto values = model.values();
    const auto gradients = model.gradients();
    for (std::size_t i = 0; i < values.size(); ++i) values[i] -= kRate * gradients[i];
  }

  // Scores after the last bit of each sequence, from the state before the first.
  Array<float, 2> state({B, model.state_size()}), scores({B, 2});
  model.initial_state(state.view());
  Arena inference(model.inference_bytes(B, N));
  model.logits(bits.view(), state.view(), scores.view(), inference);
  fmt::print("{} odd bits: scores {:+.3f} even, {:+.3f} odd\n", parities(0, N - 1), scores(0, 0),
             scores(0, 1));

  fmt::print("loss {:.4f} -> {:.4f}\n", first_loss, last_loss);
  return last_loss < first_loss / 10 ? 0 : 1;
}
