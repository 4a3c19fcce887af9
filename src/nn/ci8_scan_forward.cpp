// SPDX-License-Identifier: Apache-2.0
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "nn/kernels/ci8_scan_forward.inl.h"
#include <hwy/foreach_target.h>
#include "nn/kernels/ci8_scan_forward.inl.h"

#if HWY_ONCE
#include "lior/simd/dispatch.h"

namespace lior::nn {

template <class T>
ScanForwardKernel<T> scan_forward_kernel(const MixerConfig& mixer) {
  return with_transition(mixer, [&](auto transition) -> ScanForwardKernel<T> {
    constexpr auto kTransition = decltype(transition)::value;
    return mixer.complex_state ? LIOR_SIMD_TABLE(scan_forward_tile<kTransition, true, T>).chosen()
                               : LIOR_SIMD_TABLE(scan_forward_tile<kTransition, false, T>).chosen();
  });
}

template <class T>
ScanScalarsKernel<T> scan_scalars_kernel() {
  return LIOR_SIMD_TABLE(scan_scalars_tile<T>).chosen();
}

template <class T>
CosinesAndSines<T> cosines_and_sines_kernel() {
  return LIOR_SIMD_TABLE(cosines_and_sines<T>).chosen();
}

template <class T>
Index lane_count() {
  return LIOR_SIMD_TABLE(lane_count_of_level<T>).chosen()();
}

#define LIOR_INSTANTIATE(T)                                              \
  template ScanForwardKernel<T> scan_forward_kernel(const MixerConfig&); \
  template ScanScalarsKernel<T> scan_scalars_kernel();                   \
  template CosinesAndSines<T> cosines_and_sines_kernel();                \
  template Index lane_count<T>()
LIOR_INSTANTIATE(float);
LIOR_INSTANTIATE(double);
#undef LIOR_INSTANTIATE

}  // namespace lior::nn
#endif
