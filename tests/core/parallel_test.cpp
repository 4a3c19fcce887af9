// SPDX-License-Identifier: Apache-2.0
#include "lior/core/parallel.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <limits>
#include <mutex>
#include <stdexcept>
#include <vector>

#include "core/parallel_workers.h"
#include "lior/core/thread_scope.h"
#include "support/changing_threads.h"

namespace lior {
namespace {

struct Range {
  Index begin, end;
  int worker;
  bool operator==(const Range&) const = default;
};

constexpr Index kAny = std::numeric_limits<Index>::max();

std::vector<Range> ranges(Index count, Index grain, Index most_workers = kAny) {
  std::vector<Range> seen;
  std::mutex mutex;
  parallel_for_workers(count, grain, most_workers, [&](Index begin, Index end, int worker) {
    const std::lock_guard lock(mutex);
    seen.push_back({begin, end, worker});
  });
  std::sort(seen.begin(), seen.end(), [](auto& a, auto& b) { return a.begin < b.begin; });
  return seen;
}

/// In front of ThreadSanitizer each index is a share of its own, so that small tests have threads.
#if defined(__SANITIZE_THREAD__)
constexpr bool kKeepsGrain = false;
#else
constexpr bool kKeepsGrain = true;
#endif

TEST(Parallel, RangesCoverOnceInOrder) {
  for (const int workers : {1, 2, 3, 8}) {
    const ThreadScope scope(workers);
    for (const Index count : {1, 2, 7, 8, 9, 1000}) {
      for (const Index grain : {1, 3, 100}) {
        const std::vector<Range> seen = ranges(count, grain);
        const Index most = kKeepsGrain ? (count + grain - 1) / grain : count;
        ASSERT_EQ(static_cast<Index>(seen.size()), std::min<Index>(workers, most));
        Index next = 0;
        for (std::size_t i = 0; i < seen.size(); ++i) {
          EXPECT_EQ(seen[i].begin, next);
          EXPECT_EQ(seen[i].worker, static_cast<int>(i));
          next = seen[i].end;
        }
        EXPECT_EQ(next, count);
      }
    }
  }
}

TEST(Parallel, PartitionIsTheSameEachTime) {
  const ThreadScope scope(5);
  EXPECT_EQ(ranges(1237, 10), ranges(1237, 10));
}

TEST(Parallel, NothingToDoCallsNothing) {
  EXPECT_TRUE(ranges(0, 1).empty());
  EXPECT_TRUE(ranges(-3, 1).empty());
}

TEST(Parallel, ExceptionOfAnyWorkerReachesTheCaller) {
  const ThreadScope scope(4);
  for (const int thrower : {0, 3}) {
    const auto body = [&](Index, Index, int worker) {
      if (worker == thrower) throw std::domain_error("from a worker");
    };
    EXPECT_THROW(parallel_for(100, 1, body), std::domain_error);
  }
  EXPECT_EQ(ranges(100, 1).size(), 4U);  // and the next call works
}

TEST(Parallel, InnerCallRunsOnTheCallingThread) {
  const ThreadScope scope(4);
  std::vector<std::vector<Range>> inner(4);
  parallel_for(4, 1, [&](Index, Index, int worker) { inner[worker] = ranges(50, 1); });
  for (const auto& seen : inner) EXPECT_EQ(seen, (std::vector<Range>{{0, 50, 0}}));
  EXPECT_EQ(ranges(50, 1).size(), 4U);
}

TEST(Parallel, HasNoMoreWorkersThanThereIsRoomFor) {
  const ThreadScope scope(8);
  EXPECT_EQ(ranges(100, 1, 3).size(), 3U);
  EXPECT_EQ(ranges(100, 1, 1), (std::vector<Range>{{0, 100, 0}}));
}

TEST(Parallel, RoomForThreadsHoldsWhateverTheyAreSetTo) {
  const ChangingThreads changing;
  for (int call = 0; call < 500; ++call) {
    const Index room = threads();
    std::atomic<Index> most = 0;
    parallel_for_workers(100, 1, room, [&](Index, Index, int worker) {
      for (Index seen = most; worker > seen && !most.compare_exchange_weak(seen, worker);) {
      }
    });
    ASSERT_LT(most, room);
  }
}

TEST(Parallel, ThreadCountMustBePositive) {
  EXPECT_THROW(set_threads(0), Error);
  EXPECT_THROW(set_threads(-2), Error);
  EXPECT_GE(available_cores(), 1);
}

}  // namespace
}  // namespace lior
