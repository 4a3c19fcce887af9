// SPDX-License-Identifier: Apache-2.0
#include "lior/core/parallel.h"

#include <sched.h>

#include <atomic>
#include <exception>
#include <mutex>
#include <optional>
#include <utility>

#include "core/library_threads.h"
#include "core/parallel_workers.h"
#include "core/signal_mask.h"
#include "core/stop_state.h"

#if defined(LIOR_STD_THREAD)
#include <thread>
#include <vector>
#else
#include <omp.h>
#endif

namespace lior {
namespace {

/// Read by calls of some threads while others may set it.
std::atomic<int>& thread_setting() {
  static std::atomic<int> count = available_cores();
  return count;
}

thread_local bool inside_parallel = false;

#if !defined(LIOR_STD_THREAD)
/// A thread that works for others takes no signals: core/signal_mask.h.
void take_no_signals() {
  thread_local bool blocked = false;
  if (!std::exchange(blocked, true)) detail::block_signals();
}
#endif

/// The first exception of any worker, rethrown on the calling thread.
class FirstException {
 public:
  template <class Body>
  void guard(Body&& body) noexcept {
    const bool outer = std::exchange(inside_parallel, true);
    try {
      body();
    } catch (...) {
      const std::lock_guard lock(mutex_);
      if (!exception_) exception_ = std::current_exception();
    }
    inside_parallel = outer;
  }
  void rethrow() const {
    if (exception_) std::rethrow_exception(exception_);
  }

 private:
  std::mutex mutex_;
  std::exception_ptr exception_;
};

}  // namespace

int available_cores() {
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) != 0) return 1;
  return std::max(1, CPU_COUNT(&set));
}

void set_threads(int count) {
  LIOR_CHECK(count >= 1, "threads = {} cannot run anything; it must be >= 1", count);
  thread_setting().store(count, std::memory_order_relaxed);
#if !defined(LIOR_STD_THREAD)
  omp_set_num_threads(count);
#endif
}

int threads() { return thread_setting().load(std::memory_order_relaxed); }

namespace detail {

#if defined(LIOR_STD_THREAD)
LibraryThreads::LibraryThreads() : count_(threads()), before_(count_) {}
LibraryThreads::~LibraryThreads() = default;
#else
LibraryThreads::LibraryThreads() : count_(threads()), before_(omp_get_max_threads()) {
  omp_set_num_threads(count_);
}
LibraryThreads::~LibraryThreads() { omp_set_num_threads(before_); }
#endif

void run_ranges(Index count, Index grain, RangeFunction function, void* context) {
  run_ranges(count, grain, count, function, context);
}

void run_ranges(Index count, Index grain, Index most_workers, RangeFunction function,
                void* context) {
  if (count <= 0) return;
  LIOR_ASSERT(most_workers >= 1);
  check_stop();
#if defined(LIOR_STD_THREAD)
  grain = 1;  // ThreadSanitizer sees races only between threads: tests of small sizes have them too
#endif
  const Index ranges = (count + std::max<Index>(grain, 1) - 1) / std::max<Index>(grain, 1);
  const Index most = std::min({Index{threads()}, most_workers, ranges});
  const int workers = inside_parallel ? 1 : static_cast<int>(most);
  if (workers == 1) {
    function(context, 0, count, 0);
    return;
  }
  FirstException first;
  StopScope* const stop = current_stop();
  const auto run = [&](int worker) {
    first.guard([&] {
      function(context, count * worker / workers, count * (worker + 1) / workers, worker);
    });
  };
#if defined(LIOR_STD_THREAD)
  std::vector<std::thread> others;
  {
    const SignalMask mask;  // which new threads inherit: they take no signals
    for (int worker = 1; worker < workers; ++worker) {
      others.emplace_back([&run, stop, worker] {
        const StopFollower follower(stop);
        run(worker);
      });
    }
  }
  run(0);
  for (std::thread& other : others) other.join();
#else
#pragma omp parallel num_threads(workers)
  {
    std::optional<StopFollower> follower;
    if (omp_get_thread_num() > 0) take_no_signals(), follower.emplace(stop);
    // OpenMP may give fewer threads than asked; the ranges stay the same.
    for (int w = omp_get_thread_num(); w < workers; w += omp_get_num_threads()) run(w);
  }
#endif
  first.rethrow();
}

}  // namespace detail
}  // namespace lior
