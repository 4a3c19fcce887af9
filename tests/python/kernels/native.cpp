// SPDX-License-Identifier: Apache-2.0
// Kernels of lior.torch.cuda on the processor: each body in a loop over all of its threads, last
// block first, since no thread may depend on another of its launch.
#include <cstring>

#include "bilinears.cuh"
#include "ci8_scan.cuh"
#include "memory.cuh"
#include "readout.cuh"
#include "spinor_attention.cuh"
#include "symbols.cuh"

namespace {

using lior::cuda::Bilinears, lior::cuda::Memory, lior::cuda::Scan, lior::cuda::Shown,
    lior::cuda::Spinors, lior::cuda::Symbols;

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

#define LIOR_KERNEL(Arguments, kernel, ...)                                                  \
  if (std::strcmp(name, #kernel) == 0) {                                                     \
    return in_loops<Arguments<T>>(lior::cuda::kernel##_at<__VA_ARGS__>, arguments, threads); \
  }

template <class T, int kParts>
bool run_of_parts(const char* name, const void* arguments, long long threads) {
  LIOR_KERNEL(Bilinears, bilinears_forward, kParts, T)
  LIOR_KERNEL(Bilinears, bilinears_backward, kParts, T)
  LIOR_KERNEL(Scan, scan_maps, kParts, T)
  LIOR_KERNEL(Scan, scan_starts, kParts, T)
  LIOR_KERNEL(Scan, scan_states, kParts, T)
  LIOR_KERNEL(Scan, scan_pulls, kParts, T)
  LIOR_KERNEL(Scan, scan_ends, kParts, T)
  LIOR_KERNEL(Scan, scan_gradients, kParts, T)
  LIOR_KERNEL(Shown, readout_forward, kParts, T)
  LIOR_KERNEL(Shown, readout_backward, kParts, T)
  return false;
}

template <class T, int kDim>
bool run_of_dimensions(const char* name, const void* arguments, long long threads) {
  LIOR_KERNEL(Symbols, symbols_forward, kDim, T)
  LIOR_KERNEL(Symbols, symbols_solved, kDim, T)
  LIOR_KERNEL(Symbols, symbols_slopes, kDim, T)
  LIOR_KERNEL(Symbols, symbols_metric, kDim, T)
  return false;
}

template <class T>
bool run(const char* name, int parts, int dimensions, const void* arguments, long long threads) {
  LIOR_KERNEL(Memory, memory_sums, T)
  LIOR_KERNEL(Memory, memory_starts, T)
  LIOR_KERNEL(Memory, memory_values, T)
  LIOR_KERNEL(Memory, memory_pulls, T)
  LIOR_KERNEL(Memory, memory_ends, T)
  LIOR_KERNEL(Memory, memory_gradients, T)
  LIOR_KERNEL(Spinors, attention_forward, T)
  LIOR_KERNEL(Spinors, attention_queries, T)
  LIOR_KERNEL(Spinors, attention_keys, T)
  switch (dimensions) {
    case 1: return run_of_dimensions<T, 1>(name, arguments, threads);
    case 2: return run_of_dimensions<T, 2>(name, arguments, threads);
    case 3: return run_of_dimensions<T, 3>(name, arguments, threads);
    case 8: return run_of_dimensions<T, 8>(name, arguments, threads);
    default: break;
  }
  return parts == 1 ? run_of_parts<T, 1>(name, arguments, threads)
                    : run_of_parts<T, 2>(name, arguments, threads);
}
#undef LIOR_KERNEL

}  // namespace

/// real: 4 or 8 bytes. False where there is no such kernel.
extern "C" bool run_kernel(const char* name, int real, int parts, int dimensions,
                           const void* arguments, long long threads) {
  return real == 4 ? run<float>(name, parts, dimensions, arguments, threads)
                   : run<double>(name, parts, dimensions, arguments, threads);
}
