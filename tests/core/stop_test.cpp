// SPDX-License-Identifier: Apache-2.0
#include "lior/core/stop.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

#include "lior/core/parallel.h"
#include "lior/core/thread_scope.h"

namespace lior {
namespace {

/// Answers yes from the `at`-th question on.
struct Question {
  int at, asked = 0;
  std::thread::id thread = std::this_thread::get_id();
  static bool ask(void* context) {
    auto& self = *static_cast<Question*>(context);
    EXPECT_EQ(std::this_thread::get_id(), self.thread);
    return ++self.asked >= self.at;
  }
};

TEST(StopScope, NobodyAsksWithoutOne) {
  Question question{.at = 1};
  { const StopScope scope(&Question::ask, &question); }
  EXPECT_NO_THROW(check_stop());
  EXPECT_NO_THROW(parallel_for(8, 1, [](Index, Index, int) {}));
  EXPECT_EQ(question.asked, 0);
}

TEST(StopScope, EveryParallelForAsksFirst) {
  Question question{.at = 3};
  const StopScope scope(&Question::ask, &question);
  int calls = 0;
  const auto call = [&] { parallel_for(1, 1, [&](Index, Index, int) { ++calls; }); };
  call();
  call();
  EXPECT_THROW(call(), Stopped);
  EXPECT_THROW(call(), Stopped);  // it stays stopped
  EXPECT_EQ(calls, 2);
}

TEST(StopScope, WorkersSeeTheAnswerAndDoNotAsk) {
  const ThreadScope threads(4);
  Question question{.at = 100};
  const StopScope scope(&Question::ask, &question);
  std::atomic<int> ended = 0;
  const auto work_until_stopped = [&](Index, Index, int) {
    try {
      while (true) check_stop();
    } catch (const Stopped&) {
      ++ended;
      throw;
    }
  };
  EXPECT_THROW(parallel_for(4, 1, work_until_stopped), Stopped);
  EXPECT_EQ(ended, 4);
}

TEST(StopScope, AnInnerOneTakesItsPlaceForAWhile) {
  Question outer{.at = 1000}, inner{.at = 1};
  const StopScope first(&Question::ask, &outer);
  {
    const StopScope second(&Question::ask, &inner);
    EXPECT_THROW(check_stop(), Stopped);
  }
  EXPECT_NO_THROW(check_stop());
  EXPECT_EQ(outer.asked, 1);
}

TEST(StopScope, PiecesCoverARangeUntilItIsStopped) {
  std::vector<std::pair<Index, Index>> pieces;
  const auto note = [&](Index begin, Index end) { pieces.emplace_back(begin, end); };
  in_pieces(7, 3, note);
  EXPECT_EQ(pieces, (std::vector<std::pair<Index, Index>>{{0, 3}, {3, 6}, {6, 7}}));
  in_pieces(0, 3, [](Index, Index) { ADD_FAILURE(); });

  pieces.clear();
  const auto twice_seen = [](void* seen) {
    return static_cast<std::vector<std::pair<Index, Index>>*>(seen)->size() == 2;
  };
  const StopScope scope(twice_seen, &pieces);
  EXPECT_THROW(in_pieces(7, 3, note), Stopped);
  EXPECT_EQ(pieces.size(), 2U);
}

}  // namespace
}  // namespace lior
