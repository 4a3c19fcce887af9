// SPDX-License-Identifier: Apache-2.0
#include "ci8_scan.cuh"
#include "kernel.cuh"

LIOR_KERNEL(Scan, scan_maps)
LIOR_KERNEL(Scan, scan_starts)
LIOR_KERNEL(Scan, scan_states)
LIOR_KERNEL(Scan, scan_pulls)
LIOR_KERNEL(Scan, scan_ends)
LIOR_KERNEL(Scan, scan_gradients)
