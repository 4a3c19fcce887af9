# SPDX-License-Identifier: Apache-2.0
"""The operators in plain torch: docs/math/conventions.md, line by line, one file a subject.

They are what a reader learns an operator from. They are differentiable any number of times and in either mode, which is
where derivatives of derivatives come from, and they run wherever torch runs: tensors of a GPU are computed by them. On
the processor the kernels of lior.torch.ops take less time and memory. Letters and layouts are those of lior.torch.ops.
"""

from lior.torch.formulas.bilinears import bilinears
from lior.torch.formulas.compat import compat_mamba, compat_recurrence
from lior.torch.formulas.layers import CORES
from lior.torch.formulas.memory import lior_kernel, memory, memory_advance
from lior.torch.formulas.metric import christoffel, geodesic, learned_metric
from lior.torch.formulas.mixers import associator_current, spinor_attention
from lior.torch.formulas.optimizer import lior_step
from lior.torch.formulas.recurrences import affine_states, gated_sums
from lior.torch.formulas.scan import ci8_scan, readout

__all__ = [
    "CORES",
    "affine_states",
    "associator_current",
    "bilinears",
    "christoffel",
    "ci8_scan",
    "compat_mamba",
    "compat_recurrence",
    "gated_sums",
    "geodesic",
    "learned_metric",
    "lior_kernel",
    "lior_step",
    "memory",
    "memory_advance",
    "readout",
    "spinor_attention",
]
