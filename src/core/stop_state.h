// SPDX-License-Identifier: Apache-2.0
#pragma once
// Which StopScope a thread looks at.

#include "lior/core/stop.h"

namespace lior::detail {

/// This thread's scope, or the one of the thread that it works for; nullptr: none.
StopScope* current_stop();

/// Makes a thread that works for another look at its scope, without asking.
class StopFollower {
 public:
  explicit StopFollower(StopScope* scope);
  ~StopFollower();
  StopFollower(const StopFollower&) = delete;
  StopFollower& operator=(const StopFollower&) = delete;

 private:
  StopScope* before_;
  bool asked_before_;
};

}  // namespace lior::detail
