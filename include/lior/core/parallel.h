// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Threads: one fixed partition of an index range, the same for equal thread counts.

#include <memory>
#include <type_traits>

#include "lior/core/view.h"

namespace lior {

/// Cores this process may use (its affinity mask, not the machine's).
int available_cores();

/// Threads that parallel_for uses; starts as available_cores(). Also sets OpenMP's, which the
/// matrix products follow. Throws lior::Error unless count >= 1. At any time and from any thread:
/// calls that run go on with the old number or the new one.
void set_threads(int count);
int threads();

namespace detail {
using RangeFunction = void (*)(void* context, Index begin, Index end, int worker);
void run_ranges(Index count, Index grain, RangeFunction function, void* context);
}  // namespace detail

/// Calls body(begin, end, worker) on consecutive ranges that cover [0, count), one a worker, at
/// least `grain` indices each (one range, on this thread, if count <= grain). The ranges depend
/// only on count, grain and threads(); a caller's own body may ask for threads() buffers only where
/// no other thread may set more meanwhile. An exception of the body reaches the caller. Calls do
/// not nest: an inner one runs on the calling thread.
template <class Body>
void parallel_for(Index count, Index grain, Body&& body) {
  using Plain = std::remove_reference_t<Body>;
  detail::run_ranges(
      count, grain,
      [](void* context, Index begin, Index end, int worker) {
        (*static_cast<Plain*>(context))(begin, end, worker);
      },
      const_cast<void*>(static_cast<const void*>(std::addressof(body))));
}

}  // namespace lior
