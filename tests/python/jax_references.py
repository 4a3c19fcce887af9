# SPDX-License-Identifier: Apache-2.0
"""What of lior.jax has no formula in the package, in plain jax.numpy, after docs/math/conventions.md."""

import jax
import jax.numpy as jnp
from lior.jax import formulas


def geometric_mamba(parameters, x, heads):
    """Section 10.1 of a real state without phases."""
    norm = x / jnp.sqrt((x**2).mean(-1, keepdims=True) + 1e-6) * parameters["norm.weight"]
    columns = norm @ parameters["in.weight"].T + parameters["in.bias"]
    width = len(parameters["readout.weight"])
    projection, gate = columns[..., :-width], columns[..., -width:]
    states = formulas.ci8_scan(projection, jnp.zeros((len(x), 8, heads)))
    shown = formulas.readout(states).reshape(*x.shape[:2], -1)
    y = shown @ parameters["readout.weight"].T
    return x + (y * jax.nn.silu(gate)) @ parameters["out.weight"].T
