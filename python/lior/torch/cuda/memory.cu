// SPDX-License-Identifier: Apache-2.0
#include "kernel.cuh"
#include "memory.cuh"

LIOR_KERNEL(Memory, memory_sums)
LIOR_KERNEL(Memory, memory_starts)
LIOR_KERNEL(Memory, memory_values)
LIOR_KERNEL(Memory, memory_pulls)
LIOR_KERNEL(Memory, memory_ends)
LIOR_KERNEL(Memory, memory_gradients)
