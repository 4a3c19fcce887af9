// SPDX-License-Identifier: Apache-2.0
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "nn/kernels/ci8_scan_map.inl.h"
#include <hwy/foreach_target.h>
#include "nn/kernels/ci8_scan_map.inl.h"

#if HWY_ONCE
#include "lior/simd/dispatch.h"

namespace lior::nn {

template <class T>
ScanMapKernels<T> scan_map_kernels(const MixerConfig& mixer) {
  return with_transition(mixer, [&](auto transition) -> ScanMapKernels<T> {
    constexpr auto kTransition = decltype(transition)::value;
    return {.start = LIOR_SIMD_TABLE(scan_map_start<T>).chosen(),
            .turns = LIOR_SIMD_TABLE(scan_map_turns<kTransition, T>).chosen(),
            .columns = LIOR_SIMD_TABLE(scan_map_columns<T>).chosen(),
            .finish = LIOR_SIMD_TABLE(scan_map_finish<kTransition, T>).chosen()};
  });
}

template <class T>
GateProduct<T> gate_product_kernel() {
  return LIOR_SIMD_TABLE(gate_product_tile<T>).chosen();
}

#define LIOR_INSTANTIATE(T)                      \
  template GateProduct<T> gate_product_kernel(); \
  template ScanMapKernels<T> scan_map_kernels(const MixerConfig&)

LIOR_INSTANTIATE(float);
LIOR_INSTANTIATE(double);
#undef LIOR_INSTANTIATE

}  // namespace lior::nn
#endif
