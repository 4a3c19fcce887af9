// SPDX-License-Identifier: Apache-2.0
// The kernels of ci8_scan.cuh, for one type of numbers (LIOR_REAL) and of states (LIOR_PARTS: 1, of
// complex ones 2). One block a processor is promised at least: told less, ptxas counts registers
// for more of them, and spills a few bytes on sm_100.
#include "ci8_scan.cuh"

#define LIOR_KERNEL(name)                                                                   \
  extern "C" __global__ void __launch_bounds__(128, 1)                                      \
      name(const lior::cuda::Scan<LIOR_REAL> scan, const long long threads) {               \
    const long long thread = static_cast<long long>(blockIdx.x) * blockDim.x + threadIdx.x; \
    if (thread < threads) lior::cuda::name##_at<LIOR_PARTS>(scan, thread);                  \
  }

LIOR_KERNEL(scan_maps)
LIOR_KERNEL(scan_starts)
LIOR_KERNEL(scan_states)
LIOR_KERNEL(scan_pulls)
LIOR_KERNEL(scan_ends)
LIOR_KERNEL(scan_gradients)
