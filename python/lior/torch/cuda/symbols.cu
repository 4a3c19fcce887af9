// SPDX-License-Identifier: Apache-2.0
#include "kernel.cuh"
#include "symbols.cuh"

LIOR_KERNEL(Symbols, symbols_forward, <LIOR_DIMENSIONS>)
LIOR_KERNEL(Symbols, symbols_solved, <LIOR_DIMENSIONS>)
LIOR_KERNEL(Symbols, symbols_slopes, <LIOR_DIMENSIONS>)
LIOR_KERNEL(Symbols, symbols_metric, <LIOR_DIMENSIONS>)
