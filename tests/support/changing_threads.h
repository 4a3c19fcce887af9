// SPDX-License-Identifier: Apache-2.0
#pragma once
// The number of threads as another thread may set it, at any moment.

#include <atomic>
#include <chrono>
#include <thread>

#include "lior/core/thread_scope.h"

namespace lior {

/// While it lives a thread sets 1 to 4 threads in turn; the number before comes back.
class ChangingThreads {
 public:
  ChangingThreads() = default;
  ~ChangingThreads() {
    done_ = true;
    setter_.join();
  }
  ChangingThreads(const ChangingThreads&) = delete;
  ChangingThreads& operator=(const ChangingThreads&) = delete;

 private:
  void change() {
    for (int count = 0; !done_; ++count) {
      set_threads(1 + count % 4);
      std::this_thread::sleep_for(std::chrono::microseconds(20));
    }
  }

  ThreadScope before_{1};
  std::atomic<bool> done_ = false;
  std::thread setter_{[this] { change(); }};
};

}  // namespace lior
