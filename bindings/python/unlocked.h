// SPDX-License-Identifier: Apache-2.0
#pragma once
// Kernels run without the GIL, and come back for it; at the interpreter's end there may be none.

#include <nanobind/nanobind.h>

namespace lior::python {

/// Gives the GIL up while it lives. A daemon thread that comes back while the interpreter ends
/// waits for the end of the process, as Python 3.14's own threads do: CPython before that unwinds
/// it by pthread_exit through frames that are noexcept, and the process aborts.
class Unlocked {
 public:
  Unlocked();
  ~Unlocked();
  Unlocked(const Unlocked&) = delete;
  Unlocked& operator=(const Unlocked&) = delete;

 private:
  PyThreadState* state_;
};

/// Takes the GIL again while it lives, as an Unlocked does at its end: for a question to Python in
/// the middle of a call.
class Locked {
 public:
  Locked();
  ~Locked();
  Locked(const Locked&) = delete;
  Locked& operator=(const Locked&) = delete;

 private:
  PyGILState_STATE state_;
};

/// Makes the interpreter say, through Python's atexit, when it ends. Once, as the module is made.
void watch_exit();

}  // namespace lior::python
