// SPDX-License-Identifier: Apache-2.0
#pragma once
// The same work on one thread and on several.

#include "lior/core/thread_scope.h"

namespace lior {

/// Calls body(count) on 1 thread and then on 3.
template <class Body>
void on_thread_counts(Body&& body) {
  for (const int count : {1, 3}) {
    const ThreadScope scope(count);
    body(count);
  }
}

}  // namespace lior
