// SPDX-License-Identifier: Apache-2.0
#pragma once
// What makes a kernel of a body: LIOR_REAL is the type of numbers, LIOR_PARTS 1, of complex states
// 2. One block a processor is promised at least: told less, ptxas counts registers for more of
// them, and spills a few bytes on sm_100.

#define LIOR_KERNEL(Arguments, name)                                                        \
  extern "C" __global__ void __launch_bounds__(128, 1)                                      \
      name(const lior::cuda::Arguments<LIOR_REAL> arguments, const long long threads) {     \
    const long long thread = static_cast<long long>(blockIdx.x) * blockDim.x + threadIdx.x; \
    if (thread < threads) lior::cuda::name##_at<LIOR_PARTS>(arguments, thread);             \
  }
