# SPDX-License-Identifier: Apache-2.0
"""The kernels as operators of PyTorch.

autograd, torch.func (grad, vmap, jacrev, jvp and their compositions), forward mode and torch.compile (without a break
of the graph, whose nodes are `torch.ops.lior.*`) know each. Values and gradients are the kernels'; gradients of
gradients and forward mode go by the formulas in plain torch (`OPERATOR.formula`), or raise where there is none. Tensors
are on the processor; their memory is read and written where it lies. float32 and float64, complex too where the text
says so; float16 and bfloat16 are taken as float32 and give float32.

Letters: B batch, N sequence length or points, H heads, S numbers in one head's state (8 real, 16
complex), d coordinates, s spinor size. Formulas: docs/math/conventions.md.
"""

from lior.torch.operators.bilinears import bilinears, bilinears_backward
from lior.torch.operators.block import layer_block, layer_block_backward, layer_names
from lior.torch.operators.compat import compat_mamba, compat_recurrence
from lior.torch.operators.counts import count_logarithms, key_of
from lior.torch.operators.define import is_plain_call, plain_forms
from lior.torch.operators.layer import (
    layer_inner,
    layer_inner_backward,
    layer_of,
    layer_spec,
)
from lior.torch.operators.memory import (
    lior_kernel,
    lior_kernel_backward,
    memory,
    memory_advance,
    memory_backward,
    memory_start,
)
from lior.torch.operators.metric import (
    christoffel,
    christoffel_backward,
    geodesic,
    geodesic_backward,
    geodesic_distance,
    geodesic_distance_backward,
    geodesic_log,
    learned_metric,
    learned_metric_backward,
)
from lior.torch.operators.mixers import (
    associator_current,
    associator_current_backward,
    spinor_attention,
    spinor_attention_backward,
)
from lior.torch.operators.optimizer import lior_step
from lior.torch.operators.scan import ci8_scan, ci8_scan_backward, readout, readout_backward
from lior.torch.operators.tensors import follow_threads

__all__ = [
    "associator_current",
    "associator_current_backward",
    "bilinears",
    "bilinears_backward",
    "christoffel",
    "christoffel_backward",
    "ci8_scan",
    "ci8_scan_backward",
    "compat_mamba",
    "compat_recurrence",
    "count_logarithms",
    "follow_threads",
    "geodesic",
    "geodesic_backward",
    "geodesic_distance",
    "geodesic_distance_backward",
    "geodesic_log",
    "is_plain_call",
    "key_of",
    "layer_block",
    "layer_block_backward",
    "layer_inner",
    "layer_inner_backward",
    "layer_names",
    "layer_of",
    "layer_spec",
    "learned_metric",
    "learned_metric_backward",
    "lior_kernel",
    "lior_kernel_backward",
    "lior_step",
    "memory",
    "memory_advance",
    "memory_backward",
    "memory_start",
    "plain_forms",
    "readout",
    "readout_backward",
    "spinor_attention",
    "spinor_attention_backward",
]
