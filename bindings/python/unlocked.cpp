// SPDX-License-Identifier: Apache-2.0
#include "unlocked.h"

#include <unistd.h>

#include <atomic>
#include <thread>

namespace lior::python {
namespace {

namespace nb = nanobind;

std::atomic<bool> ending = false;
std::thread::id ending_thread;         // written before `ending`
std::atomic<int> threads_coming_back;  // past their look at `ending`, and without the GIL still

/// Runs with the GIL, before CPython's own end begins. Threads that are on their way back get the
/// GIL once more; those that come later see `ending`.
void end() {
  ending_thread = std::this_thread::get_id();
  ending = true;
  PyThreadState* const state = PyEval_SaveThread();
  while (threads_coming_back > 0) std::this_thread::yield();
  PyEval_RestoreThread(state);
}

template <class Take>
void come_back(const Take& take) {
  ++threads_coming_back;
  if (ending && std::this_thread::get_id() != ending_thread) {
    --threads_coming_back;
    while (true) ::pause();
  }
  take();
  --threads_coming_back;
}

}  // namespace

Unlocked::Unlocked() : state_(PyEval_SaveThread()) {}

Unlocked::~Unlocked() {
  come_back([&] { PyEval_RestoreThread(state_); });
}

Locked::Locked() {
  come_back([&] { state_ = PyGILState_Ensure(); });
}

Locked::~Locked() { PyGILState_Release(state_); }

void watch_exit() { nb::module_::import_("atexit").attr("register")(nb::cpp_function(&end)); }

}  // namespace lior::python
