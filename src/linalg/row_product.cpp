// SPDX-License-Identifier: Apache-2.0
#include "linalg/row_product.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "linalg/kernels/row_product.inl.h"
#include <hwy/foreach_target.h>
#include "linalg/kernels/row_product.inl.h"

#if HWY_ONCE
#include <algorithm>

#include "lior/core/parallel.h"
#include "lior/simd/dispatch.h"

namespace lior::linalg {
namespace {
// 512 KB, read in 8 us: a second thread gains 3 of them where it spins, and loses 50 where it
// sleeps.
constexpr Index kNumbersPerThread = 1 << 17;
}  // namespace

void row_product(float alpha, const float* x, MatrixView<const float> b, float beta, float* y) {
  const auto kernel = LIOR_SIMD_TABLE(row_product).chosen();
  const Index grain = std::max<Index>(1, kNumbersPerThread / std::max<Index>(b.cols, 1));
  parallel_for(b.rows, grain, [&](Index begin, Index end, int) {
    kernel(alpha, x, {b.data + begin * b.stride, end - begin, b.cols, b.stride}, beta, y + begin);
  });
}

}  // namespace lior::linalg
#endif
