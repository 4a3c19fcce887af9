// SPDX-License-Identifier: Apache-2.0
#include "lior/train/growing_counts.h"

#include <algorithm>

namespace lior::train {

GrowingCounts::GrowingCounts(nn::Model<float>& model) : model_(model), before_(model.counts()) {
  LIOR_CHECK(before_ != nullptr,
             "the model has no counts that could grow with what it reads; one that was trained "
             "with model.count_orders, as by the preset tiny-counts, has them");
  counts_ = std::make_shared<nn::TextCounts>(
      nn::TextCounts{.all = before_->all, .recent = nn::RecentText(model.config().recent_orders)});
  model_.set_counts(counts_);
}

void GrowingCounts::start() {
  last_.clear();
  counts_->recent.cut(read_);
  counts_->recent.start(read_);
}

void GrowingCounts::read(std::span<const std::int32_t> tokens) {
  if (counts_->recent.longest() > 0) {
    LIOR_CHECK(counts_->recent.size() == read_,
               "a text was looked into; another begins before more is read");
    counts_->recent.add(tokens);
    read_ = counts_->recent.size();
    return;
  }
  last_.insert(last_.end(), tokens.begin(), tokens.end());
  counts_->all.add(last_);
  const auto kept = std::min(std::ssize(last_), counts_->all.longest());
  last_.erase(last_.begin(), last_.end() - kept);
}

void GrowingCounts::look_into(std::span<const std::int32_t> tokens) {
  if (counts_->recent.longest() > 0) counts_->recent.add(tokens);
}

}  // namespace lior::train
