#include "lior/core/parallel.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <mutex>
#include <stdexcept>
#include <vector>

namespace lior {
namespace {

struct Range {
  Index begin, end;
  int worker;
  bool operator==(const Range&) const = default;
};

std::vector<Range> ranges(Index count, Index grain) {
  std::vector<Range> seen;
  std::mutex mutex;
  parallel_for(count, grain, [&](Index begin, Index end, int worker) {
    const std::lock_guard lock(mutex);
    seen.push_back({begin, end, worker});
  });
  std::sort(seen.begin(), seen.end(), [](auto& a, auto& b) { return a.begin < b.begin; });
  return seen;
}

/// Each test may set the thread count; the next one finds it as it was.
class Parallel : public testing::Test {
 protected:
  ~Parallel() override { set_threads(before_); }

 private:
  int before_ = threads();
};

TEST_F(Parallel, RangesCoverOnceInOrder) {
  for (const int workers : {1, 2, 3, 8}) {
    set_threads(workers);
    for (const Index count : {1, 2, 7, 8, 9, 1000}) {
      for (const Index grain : {1, 3, 100}) {
        const std::vector<Range> seen = ranges(count, grain);
        const Index most = (count + grain - 1) / grain;
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

TEST_F(Parallel, PartitionIsTheSameEachTime) {
  set_threads(5);
  EXPECT_EQ(ranges(1237, 10), ranges(1237, 10));
}

TEST_F(Parallel, NothingToDoCallsNothing) {
  EXPECT_TRUE(ranges(0, 1).empty());
  EXPECT_TRUE(ranges(-3, 1).empty());
}

TEST_F(Parallel, ExceptionOfAnyWorkerReachesTheCaller) {
  set_threads(4);
  for (const int thrower : {0, 3}) {
    const auto body = [&](Index, Index, int worker) {
      if (worker == thrower) throw std::domain_error("from a worker");
    };
    EXPECT_THROW(parallel_for(100, 1, body), std::domain_error);
  }
  EXPECT_EQ(ranges(100, 1).size(), 4U);  // and the next call works
}

TEST_F(Parallel, InnerCallRunsOnTheCallingThread) {
  set_threads(4);
  std::vector<std::vector<Range>> inner(4);
  parallel_for(4, 1, [&](Index, Index, int worker) { inner[worker] = ranges(50, 1); });
  for (const auto& seen : inner) EXPECT_EQ(seen, (std::vector<Range>{{0, 50, 0}}));
  EXPECT_EQ(ranges(50, 1).size(), 4U);
}

TEST_F(Parallel, ThreadCountMustBePositive) {
  EXPECT_THROW(set_threads(0), Error);
  EXPECT_THROW(set_threads(-2), Error);
  EXPECT_GE(available_cores(), 1);
}

}  // namespace
}  // namespace lior
