// SPDX-License-Identifier: Apache-2.0
// Step 5: a model that `lior train` wrote, from C++: what it expects after a text.
//
//     step-5_open_a_model run "In the beginning "
//
// prints the five likeliest next bytes: the byte, its probability, and its score to nine digits,
// which tell any two floats apart.

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "lior/core/buffer.h"
#include "lior/train/checkpoint.h"
#include "lior/train/tokenizer.h"

using namespace lior;

int main(int argc, char** argv) try {
  if (argc != 3 || argv[2][0] == '\0') {
    fmt::print(stderr, "usage: {} FOLDER TEXT\n", argv[0]);
    return 2;
  }
  const train::TrainedModel trained = train::load_model(argv[1]);
  const nn::Model<float>& model = trained.model;
  const std::vector<std::int32_t> tokens = train::encode(*trained.tokenizer, argv[2]);
  const auto length = static_cast<Index>(tokens.size());

  // One sequence, from the state before the first byte. The state is left behind the last one: the
  // next call would go on from there.
  Array<float, 2> state({1, model.state_size()}), scores({1, model.config().classes});
  model.initial_state(state.view());
  Arena arena(model.inference_bytes(1, length));
  model.logits(View<const std::int32_t, 2>(tokens.data(), {1, length}), state.view(), scores.view(),
               arena);

  std::vector<int> bytes(static_cast<std::size_t>(scores.size()));
  std::iota(bytes.begin(), bytes.end(), 0);
  std::stable_sort(bytes.begin(), bytes.end(),
                   [&](int a, int b) { return scores(0, a) > scores(0, b); });
  double sum = 0;
  for (const float score : scores.span()) sum += std::exp(double{score} - scores(0, bytes[0]));
  for (std::size_t rank = 0; rank < std::min<std::size_t>(5, bytes.size()); ++rank) {
    const float score = scores(0, bytes[rank]);
    fmt::print("{:3} {:.4f} {:.9g}\n", bytes[rank],
               std::exp(double{score} - scores(0, bytes[0])) / sum, score);
  }
  return 0;
} catch (const std::exception& error) {
  fmt::print(stderr, "error: {}\n", error.what());
  return 2;
}
