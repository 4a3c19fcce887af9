// SPDX-License-Identifier: Apache-2.0
#include "ci8_scan.cuh"
#include "kernel.cuh"

LIOR_KERNEL(Scan, scan_maps, <LIOR_PARTS>)
LIOR_KERNEL(Scan, scan_starts, <LIOR_PARTS>)
LIOR_KERNEL(Scan, scan_states, <LIOR_PARTS>)
LIOR_KERNEL(Scan, scan_pulls, <LIOR_PARTS>)
LIOR_KERNEL(Scan, scan_ends, <LIOR_PARTS>)
LIOR_KERNEL(Scan, scan_gradients, <LIOR_PARTS>)
