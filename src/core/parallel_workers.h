// SPDX-License-Identifier: Apache-2.0
#pragma once
// parallel_for for bodies that have memory for each worker.

#include <memory>
#include <type_traits>

#include "lior/core/view.h"

namespace lior {

namespace detail {
using RangeFunction = void (*)(void* context, Index begin, Index end, int worker);
void run_ranges(Index count, Index grain, Index most_workers, RangeFunction function,
                void* context);
}  // namespace detail

/// parallel_for on at most `most_workers` >= 1 workers. Who has room for each worker says here for
/// how many: another thread may have set more threads since that room was taken.
template <class Body>
void parallel_for_workers(Index count, Index grain, Index most_workers, Body&& body) {
  using Plain = std::remove_reference_t<Body>;
  detail::run_ranges(
      count, grain, most_workers,
      [](void* context, Index begin, Index end, int worker) {
        (*static_cast<Plain*>(context))(begin, end, worker);
      },
      const_cast<void*>(static_cast<const void*>(std::addressof(body))));
}

}  // namespace lior
