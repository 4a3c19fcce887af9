// SPDX-License-Identifier: Apache-2.0
// Kernels of lior.torch.cuda on the processor: each body in a loop over all of its threads, last
// block first, since no thread may depend on another of its launch.
#include <cstring>

#include "ci8_scan.cuh"

namespace {

constexpr long long kBlock = 128;

using lior::cuda::Scan;

template <class T, int kParts>
bool run(const char* name, const void* arguments, long long threads) {
  const auto& scan = *static_cast<const Scan<T>*>(arguments);
  void (*body)(const Scan<T>&, long long) = nullptr;
#define LIOR_KERNEL(kernel) \
  if (std::strcmp(name, #kernel) == 0) body = lior::cuda::kernel##_at<kParts, T>;
  LIOR_KERNEL(scan_maps)
  LIOR_KERNEL(scan_starts)
  LIOR_KERNEL(scan_states)
  LIOR_KERNEL(scan_pulls)
  LIOR_KERNEL(scan_ends)
  LIOR_KERNEL(scan_gradients)
#undef LIOR_KERNEL
  if (body == nullptr) return false;
  for (long long block = (threads + kBlock - 1) / kBlock; block-- > 0;) {
    for (long long i = 0; i < kBlock; ++i) {
      if (block * kBlock + i < threads) body(scan, block * kBlock + i);
    }
  }
  return true;
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
