// SPDX-License-Identifier: Apache-2.0
#include "train/formal_languages.h"

namespace lior::train {

Automaton even_pairs() {
  Automaton machine{.states = 5,
                    .letters = 2,
                    .next = {1, 4},  // of the start: 1 + 2 * 0 + 0, 1 + 2 * 1 + 1
                    .output = {Automaton::kNoOutput}};
  for (std::int32_t first = 0; first < 2; ++first) {
    for (std::int32_t last = 0; last < 2; ++last) {
      machine.output.push_back(first == last ? 0 : 1);
      for (std::int32_t bit = 0; bit < 2; ++bit) machine.next.push_back(1 + 2 * first + bit);
    }
  }
  return machine;
}

Automaton cycle_navigation(Index places) {
  Automaton machine{.states = places, .letters = 3, .next = {}, .output = {}};
  const auto n = static_cast<std::int32_t>(places);
  for (std::int32_t place = 0; place < n; ++place) {
    machine.output.push_back(place);
    for (std::int32_t a = 0; a < 3; ++a) machine.next.push_back((place + a - 1 + n) % n);
  }
  return machine;
}

Automaton modular_arithmetic(Index modulus) {
  const auto m = static_cast<std::int32_t>(modulus);
  const std::int32_t after_operators = m * m;  // states before: after digits
  const auto after_digit = [=](std::int32_t sum, std::int32_t term) { return sum * m + term; };
  const auto after_operator = [=](std::int32_t sum, std::int32_t factor) {
    return after_operators + sum * m + factor;
  };
  Automaton machine{.states = 2 * m * m, .letters = m + 3, .next = {}, .output = {}};
  for (std::int32_t sum = 0; sum < m; ++sum) {
    for (std::int32_t term = 0; term < m; ++term) {
      const std::int32_t value = (sum + term) % m;
      machine.output.push_back(value);
      machine.next.insert(machine.next.end(), modulus, Automaton::kNoState);
      machine.next.push_back(after_operator(value, 1));
      machine.next.push_back(after_operator(value, m - 1));
      machine.next.push_back(after_operator(sum, term));
    }
  }
  for (std::int32_t sum = 0; sum < m; ++sum) {
    for (std::int32_t factor = 0; factor < m; ++factor) {
      machine.output.push_back(Automaton::kNoOutput);
      for (std::int32_t digit = 0; digit < m; ++digit) {
        machine.next.push_back(after_digit(sum, factor * digit % m));
      }
      machine.next.insert(machine.next.end(), 3, Automaton::kNoState);
    }
  }
  machine.start = after_operator(0, 1);
  return machine;
}

}  // namespace lior::train
