// SPDX-License-Identifier: Apache-2.0
#pragma once
// What makes a kernel of a body NAME_at: LIOR_REAL is the type of numbers; of sources whose bodies
// have states, LIOR_PARTS is 1, of complex ones 2. One block a processor is promised at least: told
// less, ptxas counts registers for more of them, and spills a few bytes on sm_100.

#define LIOR_KERNEL(Arguments, name, ...)                                                   \
  extern "C" __global__ void __launch_bounds__(128, 1)                                      \
      name(const lior::cuda::Arguments<LIOR_REAL> arguments, const long long threads) {     \
    const long long thread = static_cast<long long>(blockIdx.x) * blockDim.x + threadIdx.x; \
    if (thread < threads) lior::cuda::name##_at __VA_ARGS__(arguments, thread);             \
  }
