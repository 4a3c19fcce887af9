// SPDX-License-Identifier: Apache-2.0
#include "kernel.cuh"
#include "readout.cuh"

LIOR_KERNEL(Shown, readout_forward, <LIOR_PARTS>)
LIOR_KERNEL(Shown, readout_backward, <LIOR_PARTS>)
