// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Calls that take long, ended from outside.

#include <algorithm>
#include <atomic>

#include "lior/core/view.h"

namespace lior {

/// Thrown by a call that was ended: no std::exception, so that nobody takes it for a failure.
struct Stopped {};

/// While it lives, calls that this thread makes into the library ask from time to time whether to
/// stop, and throw Stopped where the answer is yes. What they were writing is then half written:
/// outputs and gradients hold no result, and a state that was to move on is the caller's to put
/// back.
///
/// The question is asked on this thread, at the start of each parallel_for and between the pieces
/// of what takes long inside one: often, so it should be cheap. Threads that work for this one see
/// the answer. An inner scope takes an outer one's place.
class StopScope {
 public:
  using Question = bool (*)(void* context);
  StopScope(Question question, void* context);
  ~StopScope();
  StopScope(const StopScope&) = delete;
  StopScope& operator=(const StopScope&) = delete;

  /// Throws Stopped once the answer was yes; asks first if this is the thread that may.
  void check(bool ask);

 private:
  Question question_;
  void* context_;
  StopScope* outer_;
  std::atomic<bool> stopped_ = false;
};

/// Throws Stopped if the caller's StopScope says so; without a scope it is a look at a variable.
void check_stop();

/// Calls body(begin, end) on consecutive pieces of [0, count) of at most `size` indices, with
/// check_stop() before each: for loops that take long without a parallel_for.
template <class Body>
void in_pieces(Index count, Index size, Body&& body) {
  for (Index begin = 0; begin < count; begin += size) {
    check_stop();
    body(begin, std::min(begin + size, count));
  }
}

}  // namespace lior
