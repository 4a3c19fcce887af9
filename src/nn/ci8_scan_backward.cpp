// SPDX-License-Identifier: Apache-2.0
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "nn/kernels/ci8_scan_backward.inl.h"
#include <hwy/foreach_target.h>
#include "nn/kernels/ci8_scan_backward.inl.h"

#if HWY_ONCE
#include "lior/simd/dispatch.h"

namespace lior::nn {

template <class T>
ScanBackwardKernel<T> scan_backward_kernel(const MixerConfig& mixer) {
  return with_transition(mixer, [&](auto transition) -> ScanBackwardKernel<T> {
    constexpr auto kTransition = decltype(transition)::value;
    return mixer.complex_state
               ? LIOR_SIMD_TABLE(scan_backward_tile<kTransition, true, T>).chosen()
               : LIOR_SIMD_TABLE(scan_backward_tile<kTransition, false, T>).chosen();
  });
}

template ScanBackwardKernel<float> scan_backward_kernel(const MixerConfig&);
template ScanBackwardKernel<double> scan_backward_kernel(const MixerConfig&);

}  // namespace lior::nn
#endif
