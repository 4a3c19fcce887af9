// SPDX-License-Identifier: Apache-2.0
#pragma once
/// From scores to a token: repetition penalty, temperature, top-k, min-p, top-p.

#include <cstdint>
#include <span>
#include <vector>

#include "lior/core/random.h"

namespace lior::train {

/// How a token is drawn from scores s: p_i ~ exp(s_i / temperature) over the top_k largest, of
/// these those with p_i >= min_p max_j p_j, and of these the fewest, largest first, that hold top_p
/// of the probability. Before all that, scores of tokens among the last kRepetitionWindow are
/// divided by repetition_penalty where they are positive, and multiplied by it where they are not
/// (Keskar et al., arXiv:1909.05858, section 4.1).
struct Sampling {
  double temperature = 1;  ///< 0: always the largest score
  Index top_k = 0;         ///< 0: all
  double top_p = 1;
  double min_p = 0;               ///< in [0, 1]
  double repetition_penalty = 1;  ///< 1: none; above: what was said is less likely
};

inline constexpr Index kRepetitionWindow = 64;  ///< tokens

/// Draws classes by scores. A function of the seed, and of the scores and tokens so far. Ties:
/// lower first.
class Sampler {
 public:
  /// Throws lior::Error on a setting that cannot be.
  Sampler(const Sampling& sampling, std::uint64_t seed, Index classes);

  /// Throws lior::RunError when a score is not finite.
  std::int32_t draw(std::span<const float> scores);
  /// A token of the text so far, for repetition_penalty.
  void saw(std::int32_t token);

 private:
  std::span<const float> penalized(std::span<const float> scores);

  Sampling sampling_;
  Random random_;
  std::vector<std::int32_t> order_;  // classes, largest score first as far as needed
  std::vector<double> weights_;
  std::vector<std::int32_t> last_;  // tokens seen, a ring
  Index seen_ = 0;                  // tokens, in all
  std::vector<float> scores_;       // after the penalty
};

}  // namespace lior::train
