// SPDX-License-Identifier: Apache-2.0
// Kernels of lior.torch.cuda on the processor: each body in a loop over all of its threads, last
// block first, since no thread may depend on another of its launch.
#include <cstring>

#include "ci8_scan.cuh"
#include "readout.cuh"
#include "spinor_attention.cuh"

namespace {

using lior::cuda::Scan, lior::cuda::Shown, lior::cuda::Spinors;

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
#define LIOR_KERNEL(Arguments, kernel, ...)                                                  \
  if (std::strcmp(name, #kernel) == 0) {                                                     \
    return in_loops<Arguments<T>>(lior::cuda::kernel##_at<__VA_ARGS__>, arguments, threads); \
  }
  LIOR_KERNEL(Scan, scan_maps, kParts, T)
  LIOR_KERNEL(Scan, scan_starts, kParts, T)
  LIOR_KERNEL(Scan, scan_states, kParts, T)
  LIOR_KERNEL(Scan, scan_pulls, kParts, T)
  LIOR_KERNEL(Scan, scan_ends, kParts, T)
  LIOR_KERNEL(Scan, scan_gradients, kParts, T)
  LIOR_KERNEL(Shown, readout_forward, kParts, T)
  LIOR_KERNEL(Shown, readout_backward, kParts, T)
  LIOR_KERNEL(Spinors, attention_forward, T)
  LIOR_KERNEL(Spinors, attention_queries, T)
  LIOR_KERNEL(Spinors, attention_keys, T)
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
