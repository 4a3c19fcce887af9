#pragma once
/// Another thread count for a while.

#include "lior/core/parallel.h"

namespace lior::check {

/// Sets the thread count; restores it at its end.
class ThreadScope {
 public:
  explicit ThreadScope(int count) : before_(threads()) { set_threads(count); }
  ~ThreadScope() { set_threads(before_); }
  ThreadScope(const ThreadScope&) = delete;
  ThreadScope& operator=(const ThreadScope&) = delete;

 private:
  int before_;
};

}  // namespace lior::check
