// SPDX-License-Identifier: Apache-2.0
#include "lior/comm/communicator.h"

#include <fmt/format.h>

#include <algorithm>

#include "lior/core/error.h"

namespace lior::comm {
Communicator::Communicator(Index rank, Index size)
    : rank_(rank), size_(size), endings_(size), outgoing_(size), incoming_(size) {
  for (Index r = 0; r < size; ++r) ones_.push_back(r + 1);
}

void Communicator::broadcast_bytes(Bytes values, Index root) {
  if (size_ == 1) return;
  ++traffic_.calls;
  if (rank_ != root) traffic_.bytes += values.size();
  do_broadcast(values, root);
}

void Communicator::all_gather_bytes(Bytes all, std::span<const Index> ends) {
  LIOR_CHECK(std::ssize(ends) == size_ && ends.back() == all.count,
             "parts of {} ranks end at {}; there are {} ranks and {} numbers", ends.size(),
             ends.empty() ? 0 : ends.back(), size_, all.count);
  if (size_ == 1) return;
  ++traffic_.calls;
  const Index begin = rank_ == 0 ? 0 : ends[static_cast<std::size_t>(rank_ - 1)];
  traffic_.bytes += (all.count - (ends[static_cast<std::size_t>(rank_)] - begin)) * all.each;
  do_all_gather(all, ends);
}

void Communicator::all_to_all_bytes(std::span<const Bytes> outgoing,
                                    std::span<const Bytes> incoming) {
  const auto own = static_cast<std::size_t>(rank_);
  LIOR_CHECK(outgoing[own].count == incoming[own].count, "a rank sends itself {} and takes {}",
             outgoing[own].count, incoming[own].count);
  std::copy_n(outgoing[own].data, outgoing[own].size(), incoming[own].data);
  count_traffic(incoming);
  do_all_to_all(outgoing, incoming);
}

void Communicator::count_traffic(std::span<const Bytes> incoming) {
  if (size_ == 1) return;
  ++traffic_.calls;
  for (std::size_t r = 0; r < incoming.size(); ++r) {
    if (static_cast<Index>(r) != rank_) traffic_.bytes += incoming[r].size();
  }
}

std::unique_ptr<SharedMemory> Communicator::do_share(Index bytes) {
  auto memory = std::make_unique<SharedMemory>();
  memory->own = Buffer<std::byte>(bytes);
  memory->of.resize(static_cast<std::size_t>(size_));
  memory->of[static_cast<std::size_t>(rank_)] = memory->own.data();
  return memory;
}

void Communicator::broadcast_text(std::string& text, Index root) {
  Index length = std::ssize(text);
  broadcast(std::span(&length, 1), root);
  text.resize(static_cast<std::size_t>(length));
  broadcast(std::span(text.data(), text.size()), root);
}

void Communicator::agree(const std::exception_ptr& failure) {
  using Fault = Ending::Fault;
  Fault fault = Fault::none;
  std::string message;
  try {
    if (failure) std::rethrow_exception(failure);
  } catch (const Error& error) {
    fault = Fault::bad_input;
    message = error.what();
  } catch (const std::exception& error) {
    fault = Fault::failed_run;
    message = error.what();
  }
  all_gather(Ending{fault}, std::span(endings_));
  const auto failed = std::ranges::find_if(
      endings_, [](const Ending& ending) { return ending.fault != Fault::none; });
  if (failed == endings_.end()) return;

  const Fault first = failed->fault;
  const Index root = failed - endings_.begin();
  std::string said = message, where = host();
  broadcast_text(said, root);
  broadcast_text(where, root);
  all_gather(Ending{fault == first && message == said ? first : Fault::none}, std::span(endings_));
  const bool all_say_it = std::ranges::all_of(
      endings_, [](const Ending& ending) { return ending.fault != Fault::none; });
  if (!all_say_it) {
    said = fmt::format("rank {}{}: {}", root, where.empty() ? "" : " (" + where + ")", said);
  }
  failed_together_ = true;
  if (first == Fault::bad_input) throw Error(said);
  throw RunError(said);
}

std::vector<Index> even_ends(Index count, Index shares) {
  std::vector<Index> ends;
  for (Index share = 0; share < shares; ++share) {
    ends.push_back(count / shares * (share + 1) + std::min(count % shares, share + 1));
  }
  return ends;
}

}  // namespace lior::comm
