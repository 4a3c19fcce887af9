// SPDX-License-Identifier: Apache-2.0
#include "lior/core/denormals.h"

#include <xmmintrin.h>

namespace lior {

FlushDenormals::FlushDenormals() noexcept : saved_(_mm_getcsr()) {
  constexpr unsigned kFlushToZero = 0x8000, kDenormalsAreZero = 0x0040;
  _mm_setcsr(saved_ | kFlushToZero | kDenormalsAreZero);
}

FlushDenormals::~FlushDenormals() { _mm_setcsr(saved_); }

}  // namespace lior
