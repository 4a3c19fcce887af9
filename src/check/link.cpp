// SPDX-License-Identifier: Apache-2.0
#include "lior/check/link.h"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <vector>

#include "lior/core/error.h"
#include "lior/core/timer.h"

namespace lior::check {
namespace {

/// Seconds of one exchange of so many bytes between any two ranks, of `calls` in a batch.
double exchange_seconds(comm::Communicator& ranks, Index bytes, int calls) {
  constexpr int kBatches = 15;
  const auto size = static_cast<std::size_t>(ranks.size());
  const auto share = static_cast<std::size_t>(bytes);
  std::vector<std::uint8_t> sent(size * share), received(size * share);
  std::vector<std::span<const std::uint8_t>> outgoing(size);
  std::vector<std::span<std::uint8_t>> incoming(size);
  for (std::size_t r = 0; r < size; ++r) {
    if (r == static_cast<std::size_t>(ranks.rank())) continue;  // nothing to itself
    outgoing[r] = std::span(sent).subspan(r * share, share);
    incoming[r] = std::span(received).subspan(r * share, share);
  }
  const auto exchange = [&] { ranks.all_to_all<std::uint8_t>(outgoing, incoming); };
  exchange();  // opens connections
  double least = std::numeric_limits<double>::infinity();
  for (int batch = 0; batch < kBatches; ++batch) {
    const Timer timer;
    for (int call = 0; call < calls; ++call) exchange();
    least = std::min(least, timer.seconds() / calls);
  }
  std::vector<double> all(size);
  ranks.all_gather(least, std::span(all));
  return *std::max_element(all.begin(), all.end());
}

}  // namespace

LinkSpeed link_speed(Index ranks, Index few, double few_seconds, Index many, double many_seconds) {
  const auto others = static_cast<double>(ranks - 1);
  const double seconds_a_byte =
      (many_seconds - few_seconds) / (others * static_cast<double>(many - few));
  return {.latency = few_seconds / others - static_cast<double>(few) * seconds_a_byte,
          .bandwidth = 1 / seconds_a_byte};
}

LinkSpeed measure_link(comm::Communicator& ranks) {
  constexpr Index kFew = 8, kMany = 4 << 20;
  LIOR_CHECK(ranks.size() > 1, "one rank sends nothing; start two and more, as by mpirun -n 2");
  const double few = exchange_seconds(ranks, kFew, 200);
  return link_speed(ranks.size(), kFew, few, kMany, exchange_seconds(ranks, kMany, 4));
}

}  // namespace lior::check
