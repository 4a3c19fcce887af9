// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Wall time.

#include <chrono>

namespace lior {

/// Seconds since it was made, on a clock that never goes back.
class Timer {
 public:
  double seconds() const {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
  }

 private:
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

}  // namespace lior
