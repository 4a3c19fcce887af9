# SPDX-License-Identifier: Apache-2.0
"""Kernels for CUDA. Compiled, and checked on the CPU; not yet run on a GPU: until they have been, a program asks for them.

    with lior.torch.cuda.kernels():      # needs the extra: pip install 'lior[cuda]'
        loss = model(tokens)...

Sources are the .cuh files here, each a formula of docs/math/conventions.md as C++ for one thread; NVRTC compiles them at
their first use, for the GPU that is there. Outside, and of operators without a kernel, lior.torch.formulas compute.
"""

from lior.torch.cuda.launch import kernels

__all__ = ["kernels"]
