// SPDX-License-Identifier: Apache-2.0
// Signals while products run: core/signal_mask.h says why a thread blocks them.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/time.h>

#include <atomic>
#include <cstdint>

#include "lior/core/buffer.h"
#include "lior/core/thread_scope.h"
#include "lior/core/timer.h"
#include "lior/linalg/gemm.h"

namespace lior::linalg {
namespace {

constexpr std::uintptr_t kStackBytes = std::uintptr_t{8} << 20;

std::atomic<int> handled = 0, off_the_stack = 0;
std::uintptr_t test_frame = 0;

/// Counts the frames that lie neither above nor just below the test's own.
void note_frame(int) {
  const char here = 0;
  const auto address = reinterpret_cast<std::uintptr_t>(&here);
  ++handled;
  if (address > test_frame + kStackBytes || address + kStackBytes < test_frame) ++off_the_stack;
}

/// Every half millisecond a SIGALRM whose handler is note_frame.
class Alarm {
 public:
  Alarm() {
    struct sigaction action {};
    action.sa_handler = note_frame;
    action.sa_flags = SA_RESTART;
    sigaction(SIGALRM, &action, &before_);
    const itimerval often{{0, 500}, {0, 500}};
    setitimer(ITIMER_REAL, &often, nullptr);
  }
  ~Alarm() {
    const itimerval never{};
    setitimer(ITIMER_REAL, &never, nullptr);
    sigaction(SIGALRM, &before_, nullptr);
  }

 private:
  struct sigaction before_ {};
};

TEST(SignalsDuringProducts, NoHandlerRunsWhereTheStackPointerIsElsewhere) {
  const char frame = 0;
  test_frame = reinterpret_cast<std::uintptr_t>(&frame);
  Array<float, 2> a({256, 256}), b({256, 256}), c({256, 256});
  for (const int count : {1, 2, 4}) {
    const ThreadScope scope(count);
    handled = off_the_stack = 0;
    const Alarm alarm;
    const Timer timer;
    while (handled < 50 && timer.seconds() < 30) {
      gemm<float>(Transpose::no, Transpose::yes, 1, a.view(), b.view(), 0,
                  MatrixView<float>(c.view()));
    }
    EXPECT_GE(handled, 50) << count << " threads: signals must still arrive";
    EXPECT_EQ(off_the_stack, 0) << count << " threads";
  }
}

TEST(SignalsDuringProducts, ACallLeavesTheCallersMaskAsItWas) {
  Array<float, 2> a({8, 8}), c({8, 8});
  sigset_t before, after;
  pthread_sigmask(SIG_SETMASK, nullptr, &before);
  gemm<float>(Transpose::no, Transpose::no, 1, a.view(), a.view(), 0, MatrixView<float>(c.view()));
  pthread_sigmask(SIG_SETMASK, nullptr, &after);
  for (int signal = 1; signal < NSIG; ++signal) {
    EXPECT_EQ(sigismember(&before, signal), sigismember(&after, signal)) << signal;
  }
}

}  // namespace
}  // namespace lior::linalg
