// SPDX-License-Identifier: Apache-2.0
#include "lior/train/sampler.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace lior::train {
namespace {
// Apart from the streams of data and of start values.
constexpr std::uint64_t kSamplingStream = std::uint64_t{3} << 62;
}  // namespace

Sampler::Sampler(const Sampling& sampling, std::uint64_t seed, Index classes)
    : sampling_(sampling),
      random_(seed, kSamplingStream),
      order_(static_cast<std::size_t>(classes)),
      weights_(static_cast<std::size_t>(classes)),
      last_(static_cast<std::size_t>(kRepetitionWindow)),
      scores_(static_cast<std::size_t>(classes)) {
  LIOR_CHECK(std::isfinite(sampling.temperature) && sampling.temperature >= 0,
             "temperature = {}; it must be at least 0", sampling.temperature);
  LIOR_CHECK(sampling.top_k >= 0, "top_k = {}; it must be at least 0", sampling.top_k);
  LIOR_CHECK(sampling.top_p > 0 && sampling.top_p <= 1, "top_p = {}; it must be in (0, 1]",
             sampling.top_p);
  LIOR_CHECK(sampling.min_p >= 0 && sampling.min_p <= 1, "min_p = {}; it must be in [0, 1]",
             sampling.min_p);
  LIOR_CHECK(std::isfinite(sampling.repetition_penalty) && sampling.repetition_penalty > 0,
             "repetition_penalty = {}; it must be above 0", sampling.repetition_penalty);
}

void Sampler::saw(std::int32_t token) {
  last_[static_cast<std::size_t>(seen_++ % kRepetitionWindow)] = token;
}

/// The scores with those of recent tokens made smaller, each once.
std::span<const float> Sampler::penalized(std::span<const float> scores) {
  if (sampling_.repetition_penalty == 1) return scores;
  std::copy(scores.begin(), scores.end(), scores_.begin());
  const auto penalty = static_cast<float>(sampling_.repetition_penalty);
  for (Index i = 0; i < std::min(seen_, kRepetitionWindow); ++i) {
    const auto token = static_cast<std::size_t>(last_[static_cast<std::size_t>(i)]);
    scores_[token] = scores[token] > 0 ? scores[token] / penalty : scores[token] * penalty;
  }
  return scores_;
}

std::int32_t Sampler::draw(std::span<const float> given) {
  const std::span<const float> scores = penalized(given);
  if (!std::all_of(scores.begin(), scores.end(), [](float s) { return std::isfinite(s); })) {
    throw RunError("the scores are not finite: the numbers of the model overflow");
  }
  std::iota(order_.begin(), order_.end(), 0);
  const auto before = [&](std::int32_t a, std::int32_t b) {
    return scores[a] != scores[b] ? scores[a] > scores[b] : a < b;
  };
  if (sampling_.temperature == 0) return *std::min_element(order_.begin(), order_.end(), before);

  const auto all = static_cast<Index>(order_.size());
  Index count = sampling_.top_k == 0 ? all : std::min(sampling_.top_k, all);
  // Where nothing is left out any order will do; sorting took as long as tiny's products.
  if (count < all || sampling_.top_p < 1) {
    std::partial_sort(order_.begin(), order_.begin() + count, order_.end(), before);
  }

  const float largest = *std::max_element(scores.begin(), scores.end());
  double total = 0;
  for (Index i = 0; i < count; ++i) {
    const double weight = std::exp((scores[order_[i]] - largest) / sampling_.temperature);
    weights_[i] = weight >= sampling_.min_p ? weight : 0;  // the largest is 1
    total += weights_[i];
  }
  double kept = 0;
  for (Index i = 0; i < count; ++i) {
    kept += weights_[i];
    if (kept >= sampling_.top_p * total) count = i + 1;
  }
  double point = random_.uniform() * kept;
  Index chosen = 0;
  while (chosen + 1 < count && (point -= weights_[chosen]) >= 0) ++chosen;
  while (weights_[chosen] == 0) --chosen;  // min_p left it out, and rounding led past the others
  return order_[chosen];
}

}  // namespace lior::train
