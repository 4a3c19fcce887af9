// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Denormal numbers as zeros, for the calling thread, for a while.

namespace lior {

/// While it lives, this thread's arithmetic reads and writes denormals as zeros. A decaying state
/// reaches them, and each costs about a hundred cycles on many processors.
class FlushDenormals {
 public:
  FlushDenormals() noexcept;
  ~FlushDenormals();
  FlushDenormals(const FlushDenormals&) = delete;
  FlushDenormals& operator=(const FlushDenormals&) = delete;

 private:
  unsigned saved_;
};

}  // namespace lior
