// SPDX-License-Identifier: Apache-2.0
#include "ranks.h"

#include <algorithm>

#include "lior/core/parallel.h"

namespace lior::app {
namespace {

comm::Communicator* world = nullptr;
int threads_here = 0;

}  // namespace

comm::Communicator& ranks() { return world != nullptr ? *world : comm::alone(); }
int usual_threads() { return threads_here > 0 ? threads_here : available_cores(); }

bool on_any_rank(bool mine) {
  std::vector<char> all(static_cast<std::size_t>(ranks().size()));
  ranks().all_gather(static_cast<char>(mine), std::span(all));
  return std::ranges::find(all, char{1}) != all.end();
}

int status_of_ranks(int mine) {
  std::vector<int> all(static_cast<std::size_t>(ranks().size()));
  ranks().all_gather(mine, std::span(all));
  return std::ranges::max(all);
}

std::vector<std::string> gather_on_first(const std::string& mine) {
  const auto size = static_cast<std::size_t>(ranks().size());
  std::vector<Index> lengths(size);
  ranks().all_gather(std::ssize(mine), std::span(lengths));
  std::vector<std::string> all(ranks().is_first() ? size : 0);
  std::vector<std::span<char>> incoming(size);
  for (std::size_t r = 0; r < all.size(); ++r) {
    all[r].resize(static_cast<std::size_t>(lengths[r]));
    incoming[r] = all[r];
  }
  std::vector<std::span<const char>> outgoing(size);
  outgoing[0] = mine;
  ranks().all_to_all<char>(outgoing, incoming);
  return all;
}

void set_ranks(comm::Communicator& all, int threads) {
  world = &all;
  threads_here = threads;
}

}  // namespace lior::app
