// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Another thread count for a while.

#include "lior/core/parallel.h"

namespace lior {

/// Sets the thread count; restores the one before at its end. Throws lior::Error unless count >= 1.
class ThreadScope {
 public:
  explicit ThreadScope(int count) : before_(threads()) { set_threads(count); }
  ~ThreadScope() { set_threads(before_); }
  ThreadScope(const ThreadScope&) = delete;
  ThreadScope& operator=(const ThreadScope&) = delete;

 private:
  int before_;
};

}  // namespace lior
