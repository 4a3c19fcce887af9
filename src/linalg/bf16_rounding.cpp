// SPDX-License-Identifier: Apache-2.0
#include "linalg/bf16_rounding.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "linalg/kernels/bf16_rounding.inl.h"
#include <hwy/foreach_target.h>
#include "linalg/kernels/bf16_rounding.inl.h"

#if HWY_ONCE
#include <algorithm>

#include "lior/core/parallel.h"
#include "lior/simd/dispatch.h"

namespace lior::linalg {
namespace {

template <class U, class Kernel>
void round_rows(MatrixView<const float> x, U* to, Kernel kernel) {
  constexpr Index kNumbersPerThread = 1 << 15;
  const Index grain = std::max<Index>(1, kNumbersPerThread / std::max<Index>(x.cols, 1));
  parallel_for(x.rows, grain, [&](Index begin, Index end, int) {
    for (Index i = begin; i < end; ++i) kernel(x.data + i * x.stride, x.cols, to + i * x.cols);
  });
}

}  // namespace

void round_to_bf16(MatrixView<const float> x, BFloat16* to) {
  round_rows(x, to, LIOR_SIMD_TABLE(round_to_bf16).chosen());
}

void round_to_bf16(MatrixView<const float> x, float* to) {
  round_rows(x, to, LIOR_SIMD_TABLE(round_to_bf16_values).chosen());
}

}  // namespace lior::linalg
#endif
