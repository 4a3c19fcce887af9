// SPDX-License-Identifier: Apache-2.0
// Kernels of lior.torch.cuda on the processor: each body in a loop over all of its threads, last
// block first, since no thread may depend on another of its launch.
#include <cstring>

#include "ci8_scan.cuh"
#include "readout.cuh"

namespace {

using lior::cuda::Scan, lior::cuda::Shown;

constexpr long long kBlock = 128;

template <class Arguments>
bool in_loops(void (*body)(const Arguments&, long long), const void* arguments, long long threads) {
  for (long long block = (threads + kBlock - 1) / kBlock; block-- > 0;) {
    for (long long i = 0; i < kBlock; ++i) {
      const long long thread = block * kBlock + i;
      if (thread < threads) body(*static_cast<const Arguments*>(arguments), thread);
    }
  }
  return true;
}

template <class T, int kParts>
bool run(const char* name, const void* arguments, long long threads) {
#define LIOR_KERNEL(Arguments, kernel)                                                     \
  if (std::strcmp(name, #kernel) == 0) {                                                   \
    return in_loops<Arguments<T>>(lior::cuda::kernel##_at<kParts, T>, arguments, threads); \
  }
  LIOR_KERNEL(Scan, scan_maps)
  LIOR_KERNEL(Scan, scan_starts)
  LIOR_KERNEL(Scan, scan_states)
  LIOR_KERNEL(Scan, scan_pulls)
  LIOR_KERNEL(Scan, scan_ends)
  LIOR_KERNEL(Scan, scan_gradients)
  LIOR_KERNEL(Shown, readout_forward)
  LIOR_KERNEL(Shown, readout_backward)
#undef LIOR_KERNEL
  return false;
}

}  // namespace

/// real: 4 or 8 bytes. False where there is no such kernel.
extern "C" bool run_kernel(const char* name, int real, int parts, const void* arguments,
                           long long threads) {
  if (real == 4) {
    return parts == 1 ? run<float, 1>(name, arguments, threads)
                      : run<float, 2>(name, arguments, threads);
  }
  return parts == 1 ? run<double, 1>(name, arguments, threads)
                    : run<double, 2>(name, arguments, threads);
}
