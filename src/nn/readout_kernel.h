// SPDX-License-Identifier: Apache-2.0
#pragma once
// The kernels of the read-outs, for drivers that read states while they are in cache. Defined in
// readout.cpp, which compiles them once per level.

#include "lior/nn/mixer_config.h"
#include "nn/lane_planes.h"

namespace lior::nn {

template <class T>
using ReadoutForwardKernel = void (*)(Index steps, LanePlanes<const T> states,
                                      LanePlanes<T> q) noexcept;
template <class T>
using ReadoutBackwardKernel = void (*)(Index steps, LanePlanes<const T> states,
                                       LanePlanes<const T> dq, LanePlanes<T> d_states) noexcept;

/// Of the level in force.
template <class T>
ReadoutForwardKernel<T> readout_forward_kernel(Readout readout, bool complex_state);
template <class T>
ReadoutBackwardKernel<T> readout_backward_kernel(Readout readout, bool complex_state);

}  // namespace lior::nn
