// SPDX-License-Identifier: Apache-2.0
#include "kernel.cuh"
#include "spinor_attention.cuh"

LIOR_KERNEL(Spinors, attention_forward)
LIOR_KERNEL(Spinors, attention_queries)
LIOR_KERNEL(Spinors, attention_keys)
