// SPDX-License-Identifier: Apache-2.0
#pragma once
// Signals between the pieces of a long call, which runs without the GIL.

#include <nanobind/nanobind.h>

#include "lior/core/timer.h"
#include "unlocked.h"

namespace lior::python {

/// Lets Python's signal handlers run. A call that takes long asks `raised` after each piece and
/// stops where a handler has raised, as that of Ctrl-C does; then, with the GIL again, `rethrow`.
class SignalWatch {
 public:
  /// Looks at most every 50 ms, so that pieces may be short.
  bool raised() {
    constexpr double kSecondsBetweenLooks = 0.05;
    if (!raised_ && since_look_.seconds() >= kSecondsBetweenLooks) {
      since_look_ = Timer();
      const Locked locked;
      raised_ = PyErr_CheckSignals() != 0;
    }
    return raised_;
  }
  void rethrow() const {
    if (raised_) throw nanobind::python_error();
  }
  /// For a StopScope, whose context is the watch.
  static bool ask(void* watch) { return static_cast<SignalWatch*>(watch)->raised(); }

 private:
  Timer since_look_;
  bool raised_ = false;
};

}  // namespace lior::python
