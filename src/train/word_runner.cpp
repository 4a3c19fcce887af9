// SPDX-License-Identifier: Apache-2.0
#include "train/word_runner.h"

#include <algorithm>

#include "lior/nn/readout.h"

namespace lior::train {
namespace {

constexpr Index kTokensTogether = Index{1} << 14;

/// Words of N letters that are run at a time.
Index words_together(Index words, Index N) {
  return std::clamp(kTokensTogether / N, Index{1}, words);
}

}  // namespace

template <class Body>
void WordRunner::by_parts(Words words, const Body& body) const {
  const Index N = words.extent(1);
  const Index together = words_together(words.extent(0), N);
  Array<float, 2> states({together, model_.state_size()});
  Arena arena(model_.inference_bytes(together, N));
  for (Index first = 0; first < words.extent(0); first += together) {
    const Index rows = std::min(together, words.extent(0) - first);
    const View<float, 2> part_states(states.data(), {rows, model_.state_size()});
    model_.initial_state(part_states);
    arena.reset();
    body(first, Words(words[first].data(), {rows, N}), part_states, arena);
  }
}

std::size_t WordRunner::bytes(Index words, Index N) const {
  const Index together = words_together(words, N);
  return model_.inference_bytes(together, N) +
         static_cast<std::size_t>(together * model_.state_size()) * sizeof(float) +
         static_cast<std::size_t>(together * N) * sizeof(std::int32_t);
}

void WordRunner::predict(Words words, View<std::int32_t, 2> outputs) const {
  by_parts(words, [&](Index first, Words part, View<float, 2> states, Arena& arena) {
    Array<std::int32_t, 2> any(part.shape());  // what is right does not matter here
    std::fill(any.span().begin(), any.span().end(), 0);
    model_.evaluate(part, std::as_const(any).view(), states, arena,
                    View<std::int32_t, 2>(outputs[first].data(), part.shape()));
  });
}

void WordRunner::scores(Words words, View<float, 2> scores) const {
  by_parts(words, [&](Index first, Words part, View<float, 2> states, Arena& arena) {
    const View<float, 2> out(scores[first].data(), {part.extent(0), scores.extent(1)});
    model_.logits(part, states, out, arena);
  });
}

std::vector<double> WordRunner::mean_readout(Words words) const {
  const nn::MixerConfig& mixer = model_.config().mixer;
  const Index width = nn::readout_width(mixer.readout, false) * mixer.heads;
  std::vector<double> mean(static_cast<std::size_t>(width));
  by_parts(words, [&](Index, Words part, View<float, 2> states, Arena& arena) {
    Array<float, 2> scores({part.extent(0), model_.config().classes});
    Array<float, 2> shown({part.extent(0), width});
    model_.logits(part, states, scores.view(), arena);
    nn::readout_forward<float>(mixer, states, shown.view());
    for (Index word = 0; word < part.extent(0); ++word) {
      for (Index q = 0; q < width; ++q) {
        mean[static_cast<std::size_t>(q)] += shown(word, q) / static_cast<double>(words.extent(0));
      }
    }
  });
  return mean;
}

std::vector<float> WordRunner::state_after(const Word& word) const {
  std::vector<float> state(static_cast<std::size_t>(model_.state_size()));
  const View<float, 2> row(state.data(), {1, model_.state_size()});
  model_.initial_state(row);
  if (word.empty()) return state;
  const Words letters(word.data(), {1, std::ssize(word)});
  Array<float, 2> scores({1, model_.config().classes});
  Arena arena(model_.inference_bytes(1, std::ssize(word)));
  model_.logits(letters, row, scores.view(), arena);
  return state;
}

}  // namespace lior::train
