// SPDX-License-Identifier: Apache-2.0
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "expr/tape_run.cpp"
#include <hwy/foreach_target.h>
#include "expr/kernels/tape.inl.h"

#if HWY_ONCE
#include "lior/simd/dispatch.h"

namespace lior::expr {

template <class T>
const T* Tape::constants() const {
  if constexpr (std::is_same_v<T, float>) {
    return constants_single_.data();
  } else {
    return constants_.data();
  }
}

template <class T>
void Tape::run(const T* const* x, T* y, Index stride, Index count) const {
  static thread_local Buffer<T> workspace;
  const Index needed = slots_ * block_;
  if (workspace.size() < needed) workspace = Buffer<T>(needed);
  LIOR_SIMD_TABLE(run_tape<T>)
      .chosen()({code_, constants<T>(), inputs_, block_, workspace.data()}, x, y, stride, count);
}

template void Tape::run(const float* const*, float*, Index, Index) const;
template void Tape::run(const double* const*, double*, Index, Index) const;

}  // namespace lior::expr
#endif
