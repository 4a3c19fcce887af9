# SPDX-License-Identifier: Apache-2.0
"""The kernels for JAX on the CPU.

    import jax, lior.jax
    layer = lior.jax.Layer("geometric_mamba", 64, heads=8)
    parameters = layer.init(seed=0)
    loss = lambda parameters, x: (layer(parameters, x) ** 2).mean()
    gradients = jax.jit(jax.grad(loss))(parameters, jax.numpy.ones((4, 256, 64)))

Functions have the formulas, shapes and bits of those for NumPy. They work inside jit, grad, vmap, lax.scan and their
compositions; XLA calls the kernels without Python. Derivatives are of first order, by kernels in reverse mode and by
lior.jax.formulas in forward mode; what goes further raises. Numbers are float32, and float64 after jax.config.update("jax_enable_x64", True), complex too where the text says
so. Wrong shapes and dtypes are errors while JAX traces: ValueError (lior.Error) and TypeError; what only the numbers show
is a jax.errors.JaxRuntimeError of the call. Needs jax 0.5 or later.
"""

from lior.jax.bilinears import bilinears
from lior.jax.distances import Logarithm, distance, log_map
from lior.jax.geometry import (
    LearnedMetric,
    Paths,
    christoffel,
    exp_map,
    geodesic,
    geodesics,
    metric_values,
)
from lior.jax.layers import Layer
from lior.jax.memory import lior_kernel, memory, memory_advance, memory_start
from lior.jax.scan import ci8_scan, readout

__all__ = [
    "Layer",
    "LearnedMetric",
    "Logarithm",
    "Paths",
    "bilinears",
    "christoffel",
    "ci8_scan",
    "distance",
    "exp_map",
    "geodesic",
    "geodesics",
    "lior_kernel",
    "log_map",
    "memory",
    "memory_advance",
    "memory_start",
    "metric_values",
    "readout",
]
