// SPDX-License-Identifier: Apache-2.0
#pragma once
// Keeps signals away from threads that they would corrupt.
//
// While dnnl_sgemm of oneDNN 2.6 runs, its kernels point the stack pointer into the heap. A signal
// whose handler runs on that thread has its frame written there: "corrupted size vs. prev_size"
// (mended upstream, in no release that Debian 12 has). So a thread blocks signals while it
// calls sgemm, and threads that only work for others block them for good: the system then delivers
// a signal to another thread, or to this one a moment later (docs/decisions/044-signals.md).

#include <signal.h>

namespace lior::detail {

/// Every signal that comes from outside; not those that a thread raises itself by a fault, which
/// must not be blocked.
sigset_t signals_from_outside();

/// Blocks them in this thread for good.
void block_signals();

/// Blocks them in this thread while it lives. Costs two system calls, .3 us.
class SignalMask {
 public:
  SignalMask();
  ~SignalMask();
  SignalMask(const SignalMask&) = delete;
  SignalMask& operator=(const SignalMask&) = delete;

 private:
  sigset_t before_;
};

}  // namespace lior::detail
