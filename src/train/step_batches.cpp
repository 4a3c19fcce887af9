// SPDX-License-Identifier: Apache-2.0
#include "train/step_batches.h"

#include <algorithm>
#include <numeric>
#include <string>

#include "lior/nn/cross_entropy.h"

namespace lior::train {

StepBatches::StepBatches(const Config& config, const Source& data, const Curriculum& curriculum,
                         bool with_places, comm::Communicator& ranks)
    : config_(config),
      data_(data),
      curriculum_(curriculum),
      ranks_(ranks),
      ends_(comm::even_ends(config.accumulate * config.sequence_ranks, ranks.size())),
      first_(ranks.is_first() ? 0 : ends_[static_cast<std::size_t>(ranks.rank() - 1)]),
      last_(ends_[static_cast<std::size_t>(ranks.rank())]),
      tokens_({(last_ - first_) * config.batch, config.length}),
      targets_({(last_ - first_) * config.batch, config.length}),
      with_places_(with_places),
      target_counts_(static_cast<std::size_t>(ends_.back())) {}

void StepBatches::fill(Index step, Index length) {
  shape_ = {curriculum_.batch(config_.batch, length), length};
  if (with_places_) places_.resize(static_cast<std::size_t>((last_ - first_) * shape_[0]));
  const Alphabet alphabet = curriculum_.over_generators() ? Alphabet::generators : Alphabet::all;
  for (Index leaf = first_; leaf < last_; ++leaf) {
    const auto [tokens, targets, places] = of(leaf);
    data_.fill(Purpose::training, static_cast<std::uint64_t>(config_.seed), step,
               number_of(leaf) * shape_[0], tokens, targets, alphabet, places);
    target_counts_[static_cast<std::size_t>(leaf)] = nn::count_targets(targets.span());
  }
}

StepBatches::Batch StepBatches::of(Index leaf) {
  const Index first_row = (leaf - first_) * shape_[0], begin = first_row * shape_[1];
  std::span<Index> places(places_);
  if (!places.empty()) places = places.subspan(first_row, shape_[0]);
  return {{tokens_.data() + begin, shape_}, {targets_.data() + begin, shape_}, places};
}

Index StepBatches::take(Index step) {
  std::string lost;
  ranks_.together([&] {
    try {
      fill(step, curriculum_.length());
    } catch (const TextLost& error) {
      lost = error.what();
      std::ranges::fill(target_counts_, -1);
    }
  });
  ranks_.all_gather(std::span(target_counts_), ends());
  if (std::ranges::count(target_counts_, -1) > 0) throw TextLost(lost);
  return std::accumulate(target_counts_.begin(), target_counts_.begin() + config_.accumulate,
                         Index{0});
}

}  // namespace lior::train
