// SPDX-License-Identifier: Apache-2.0
#include "lior/comm/loan.h"

#include <atomic>

#include "lior/core/error.h"

namespace lior::comm {
namespace {

/// Bytes of a part and the gap to the next one's boundary.
Index room(Index bytes) {
  constexpr auto kLine = static_cast<Index>(kAlignment);
  return (bytes + kLine - 1) / kLine * kLine;
}

}  // namespace

LoanOfBytes::LoanOfBytes(Communicator& ranks, std::span<const Index> lent,
                         std::span<const Index> taken, Index each)
    : ranks_(&ranks), lent_(lent.size()), taken_(taken.size()), words_(taken.size()) {
  const std::size_t size = lent.size();
  struct Part {
    Index begin, count;
  };
  std::vector<Part> mine(size), theirs(size);
  Index end = 0;
  for (std::size_t r = 0; r < size; ++r) {
    mine[r] = {end, lent[r]};
    end += room(lent[r] * each);
  }
  std::vector<std::span<const Part>> outgoing;
  std::vector<std::span<Part>> incoming;
  for (std::size_t r = 0; r < size; ++r) {
    outgoing.emplace_back(&mine[r], 1);
    incoming.emplace_back(&theirs[r], 1);
  }
  ranks.all_to_all<Part>(outgoing, incoming);
  memory_ = ranks.do_share(end);
  Index copied = 0;
  for (std::size_t r = 0; r < size; ++r) {
    LIOR_CHECK(theirs[r].count == taken[r], "rank {} lends {} numbers; rank {} takes {}", r,
               theirs[r].count, ranks.rank(), taken[r]);
    if (memory_->of[r] == nullptr) copied += room(taken[r] * each);
  }
  copies_ = Buffer<std::byte>(copied);
  std::byte* copy = copies_.data();
  std::byte* const own = memory_->of[static_cast<std::size_t>(ranks.rank())];
  for (std::size_t r = 0; r < size; ++r) {
    std::byte* const there = memory_->of[r];
    lent_[r] = {own + mine[r].begin, lent[r], each};
    taken_[r] = {there == nullptr ? copy : there + theirs[r].begin, taken[r], each};
    if (there == nullptr) copy += room(taken_[r].size());
  }
}

void LoanOfBytes::lend() { hand_over(lent_, taken_); }
void LoanOfBytes::give_back() { hand_over(taken_, lent_); }

void LoanOfBytes::hand_over(std::span<const Bytes> outgoing, std::span<const Bytes> incoming) {
  outgoing_.assign(outgoing.begin(), outgoing.end());
  incoming_.assign(incoming.begin(), incoming.end());
  for (std::size_t r = 0; r < outgoing.size(); ++r) {
    if (memory_->of[r] == nullptr) continue;
    const Index words = static_cast<Index>(r) == ranks_->rank() ? 0 : 1;
    outgoing_[r] = {&word_, words, 1};
    incoming_[r] = {&words_[r], words, 1};
  }
  ranks_->count_traffic(incoming);
  std::atomic_thread_fence(std::memory_order_release);
  ranks_->do_all_to_all(outgoing_, incoming_);
  std::atomic_thread_fence(std::memory_order_acquire);
}

}  // namespace lior::comm
