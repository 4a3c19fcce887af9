# SPDX-License-Identifier: Apache-2.0
"""The kernels for PyTorch: operators with gradients, modules, an optimiser.

    import torch, lior.torch
    layer = lior.torch.GeometricMamba(d_model=128, heads=12)
    out, state = layer(torch.randn(4, 256, 128))

Operators are functions of `lior.torch.ops`: they have gradients of any order, work under torch.func, do not break the
graphs of torch.compile, and read and write tensors where they lie, on the processor. Needs torch 2.5 or later.
"""

from lior.torch import _keywords, cuda, ops
from lior.torch.layers import CausalField, GeometricAttention, GeometricMamba, Layer
from lior.torch.model import Model, ShortConvolution, draw, export, from_run
from lior.torch.modules import (
    CompatMamba,
    LearnedMetric,
    LiorKernel,
    LiorMemory,
    SpinorBilinears,
    pack,
    unpack,
)
from lior.torch.optim import LIoROptimizer

_keywords.mend()

__all__ = [
    "CausalField",
    "CompatMamba",
    "GeometricAttention",
    "GeometricMamba",
    "LIoROptimizer",
    "Layer",
    "LearnedMetric",
    "LiorKernel",
    "LiorMemory",
    "Model",
    "ShortConvolution",
    "SpinorBilinears",
    "cuda",
    "draw",
    "export",
    "from_run",
    "ops",
    "pack",
    "unpack",
]
