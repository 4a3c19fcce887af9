// SPDX-License-Identifier: Apache-2.0
#include "ranks.h"

#include <algorithm>
#include <vector>

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

void set_ranks(comm::Communicator& all, int threads) {
  world = &all;
  threads_here = threads;
}

}  // namespace lior::app
