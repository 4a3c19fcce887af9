// SPDX-License-Identifier: Apache-2.0
#pragma once
/// From scores to a token: temperature, top-k, top-p.

#include <cstdint>
#include <span>
#include <vector>

#include "lior/core/random.h"

namespace lior::train {

/// How a token is drawn from scores s: p_i ~ exp(s_i / temperature) over the top_k largest, then
/// over the fewest of these, largest first, that hold top_p of the probability.
struct Sampling {
  double temperature = 1;  ///< 0: always the largest score
  Index top_k = 0;         ///< 0: all
  double top_p = 1;
};

/// Draws classes by scores. A function of the seed and of the scores so far. Ties: lower first.
class Sampler {
 public:
  /// Throws lior::Error on a setting that cannot be.
  Sampler(const Sampling& sampling, std::uint64_t seed, Index classes);

  /// Throws lior::RunError when a score is not finite.
  std::int32_t draw(std::span<const float> scores);

 private:
  Sampling sampling_;
  Random random_;
  std::vector<std::int32_t> order_;  // classes, largest score first as far as needed
  std::vector<double> weights_;
};

}  // namespace lior::train
