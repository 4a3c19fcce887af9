// SPDX-License-Identifier: Apache-2.0
#include "bilinears.cuh"
#include "kernel.cuh"

LIOR_KERNEL(Bilinears, bilinears_forward, <LIOR_PARTS>)
LIOR_KERNEL(Bilinears, bilinears_backward, <LIOR_PARTS>)
