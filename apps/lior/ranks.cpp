// SPDX-License-Identifier: Apache-2.0
#include "ranks.h"

#include "lior/core/parallel.h"

namespace lior::app {
namespace {

comm::Communicator* world = nullptr;
int threads_here = 0;

}  // namespace

comm::Communicator& ranks() { return world != nullptr ? *world : comm::alone(); }
int usual_threads() { return threads_here > 0 ? threads_here : available_cores(); }

void set_ranks(comm::Communicator& all, int threads) {
  world = &all;
  threads_here = threads;
}

}  // namespace lior::app
