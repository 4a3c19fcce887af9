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
      packed_sequences_(static_cast<std::size_t>(last_ - first_)),
      target_counts_(static_cast<std::size_t>(ends_.back())) {}

bool StepBatches::packs(const Config& config, const Source& data, Index length) {
  return config.sequence_ranks == 1 && data.packs(length);
}

void StepBatches::fill(Index step, Index length) {
  shape_ = {curriculum_.batch(config_.batch, length), length};
  packed_ = packs(config_, data_, length);
  sequences_ = packed_ ? most_packed(shape_[0] * length) : shape_[0];
  const auto all = static_cast<std::size_t>((last_ - first_) * sequences_);
  if (with_places_) places_.resize(all);
  if (packed_) {
    lengths_.resize(all);
    drawn_.resize(static_cast<std::size_t>(sequences_));
  }
  for (Index leaf = first_; leaf < last_; ++leaf) {
    packed_ ? pack(step, leaf) : fill_rows(step, leaf);
    target_counts_[static_cast<std::size_t>(leaf)] = nn::count_targets(of(leaf).targets.span());
  }
}

void StepBatches::fill_rows(Index step, Index leaf) {
  const Alphabet alphabet = curriculum_.over_generators() ? Alphabet::generators : Alphabet::all;
  const Batch rows = of(leaf);
  data_.fill(Purpose::training, static_cast<std::uint64_t>(config_.seed), step,
             number_of(leaf) * shape_[0], rows.tokens, rows.targets, alphabet, rows.places);
}

void StepBatches::pack(Index step, Index leaf) {
  const Index own = leaf - first_, begin = own * shape_[0] * shape_[1];
  const Shape<1> room{shape_[0] * shape_[1]};
  const Index count = data_.pack(
      static_cast<std::uint64_t>(config_.seed), step, number_of(leaf) * shape_[0], shape_[1],
      {tokens_.data() + begin, room}, {targets_.data() + begin, room}, drawn_);
  packed_sequences_[static_cast<std::size_t>(own)] = count;
  const auto drawn = std::span(drawn_).first(static_cast<std::size_t>(count));
  std::ranges::transform(drawn, of_leaf(lengths_, own, count).begin(), &Range::size);
  if (with_places_) {
    std::ranges::transform(drawn, of_leaf(places_, own, count).begin(), &Range::begin);
  }
}

std::span<Index> StepBatches::of_leaf(std::vector<Index>& all, Index own, Index count) const {
  return std::span(all).subspan(static_cast<std::size_t>(own * sequences_),
                                static_cast<std::size_t>(count));
}

StepBatches::Batch StepBatches::of(Index leaf) {
  const Index own = leaf - first_, begin = own * shape_[0] * shape_[1];
  Batch batch;
  Shape<2> shape = shape_;
  Index count = sequences_;
  if (packed_) {
    count = packed_sequences_[static_cast<std::size_t>(own)];
    batch.lengths = of_leaf(lengths_, own, count);
    shape = {1, std::accumulate(batch.lengths.begin(), batch.lengths.end(), Index{0})};
  }
  batch.tokens = {tokens_.data() + begin, shape};
  batch.targets = {targets_.data() + begin, shape};
  if (with_places_) batch.places = of_leaf(places_, own, count);
  return batch;
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
