// SPDX-License-Identifier: Apache-2.0
#include "core/signal_mask.h"

#include <initializer_list>

namespace lior::detail {

sigset_t signals_from_outside() {
  sigset_t set;
  sigfillset(&set);
  for (const int fault : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS, SIGABRT}) {
    sigdelset(&set, fault);
  }
  return set;
}

void block_signals() {
  const sigset_t set = signals_from_outside();
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
}

SignalMask::SignalMask() {
  const sigset_t set = signals_from_outside();
  pthread_sigmask(SIG_BLOCK, &set, &before_);
}

SignalMask::~SignalMask() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

}  // namespace lior::detail
