// SPDX-License-Identifier: Apache-2.0
#include "lior/nn/recent_text.h"

#include <utility>

#include "lior/core/error.h"
#include "lior/nn/counts.h"

namespace lior::nn {

std::size_t RecentText::Latest::slot_of(std::uint64_t key) const {
  const std::size_t mask = slots_.size() - 1;
  std::size_t i = key & mask;
  while (slots_[i].key != 0 && slots_[i].key != key) i = (i + 1) & mask;
  return i;
}

void RecentText::Latest::grow() {
  constexpr std::size_t kFirst = 64;
  const auto old = std::exchange(slots_, std::vector<Slot>(std::max(kFirst, 2 * slots_.size())));
  for (const Slot& slot : old) {
    if (slot.key != 0) slots_[slot_of(slot.key)] = slot;
  }
}

std::uint32_t RecentText::Latest::exchange(std::uint64_t key, std::uint32_t place) {
  if (2 * taken_ >= slots_.size()) grow();
  Slot& slot = slots_[slot_of(key)];
  taken_ += slot.key == 0;
  slot.key = key;
  return std::exchange(slot.place, place);
}

std::uint32_t RecentText::Latest::find(std::uint64_t key) const {
  return slots_.empty() ? kAbsent : slots_[slot_of(key)].place;
}

void RecentText::Latest::restore(std::uint64_t key, std::uint32_t place, std::uint32_t before) {
  if (find(key) == place) slots_[slot_of(key)].place = before;
}

RecentText::RecentText(Index longest) {
  LIOR_CHECK(longest >= 0 && longest <= kLongestContext,
             "contexts of up to {} tokens are looked for in what was read; expected 0 to {}",
             longest, kLongestContext);
  before_.resize(static_cast<std::size_t>(longest));
  latest_.resize(before_.size());
}

/// Length by length, so that one table is in the cache.
void RecentText::add(std::span<const std::int32_t> tokens) {
  LIOR_CHECK(tokens_.size() + tokens.size() < kAbsent,
             "more than {} tokens were read; contexts are looked for in so many", kAbsent);
  const Index first = size();
  tokens_.insert(tokens_.end(), tokens.begin(), tokens.end());
  const std::span<const std::int32_t> all = tokens_;
  for (Index n = 1; n <= longest(); ++n) {
    std::vector<std::uint32_t>& before = before_[static_cast<std::size_t>(n - 1)];
    before.resize(tokens_.size(), kAbsent);
    for (Index t = std::max(first, start_ + n); t < size(); ++t) {
      const Context context = all.subspan(static_cast<std::size_t>(t - n), n);
      before[static_cast<std::size_t>(t)] = latest_[static_cast<std::size_t>(n - 1)].exchange(
          key_of(context), static_cast<std::uint32_t>(t));
    }
  }
}

void RecentText::start(Index place) {
  tokens_.resize(static_cast<std::size_t>(std::max(place, size())), -1);
  for (std::vector<std::uint32_t>& before : before_) before.resize(tokens_.size(), kAbsent);
  start_ = size();
}

void RecentText::cut(Index size) {
  LIOR_CHECK(size >= 0 && size <= this->size(), "{} of {} tokens are to be kept", size,
             this->size());
  const std::span<const std::int32_t> all = tokens_;
  for (Index n = 1; n <= longest(); ++n) {
    std::vector<std::uint32_t>& before = before_[static_cast<std::size_t>(n - 1)];
    for (Index t = this->size() - 1; t >= std::max(size, n); --t) {
      latest_[static_cast<std::size_t>(n - 1)].restore(
          key_of(all.subspan(static_cast<std::size_t>(t - n), static_cast<std::size_t>(n))),
          static_cast<std::uint32_t>(t), before[static_cast<std::size_t>(t)]);
    }
    before.resize(static_cast<std::size_t>(size));
  }
  tokens_.resize(static_cast<std::size_t>(size));
  start_ = size;
}

namespace {

Index place_or_none(std::uint32_t place, std::uint32_t absent) {
  return place == absent ? RecentText::kNone : static_cast<Index>(place);
}

}  // namespace

Index RecentText::before(Index n, Index place) const {
  const auto& before = before_[static_cast<std::size_t>(n - 1)];
  return place_or_none(before[static_cast<std::size_t>(place)], kAbsent);
}

Index RecentText::latest(Context context) const {
  return place_or_none(latest_[context.size() - 1].find(key_of(context)), kAbsent);
}

std::size_t RecentText::bytes() const {
  std::size_t sum = tokens_.capacity() * sizeof(tokens_[0]);
  for (const auto& before : before_) sum += before.capacity() * sizeof(before[0]);
  for (const Latest& latest : latest_) sum += latest.bytes();
  return sum;
}

}  // namespace lior::nn
