# SPDX-License-Identifier: Apache-2.0
# %% [markdown]
# # A layer inside JAX
#
# A model in plain JAX around one geometric layer learns the parity of the bits so far, by gradient descent of nothing but
# `jax.grad`, compiled as one program. It sees sequences of 32 bits and is asked at 1,024. The layer's state is a unit
# octonion that each bit turns, without decay: `gates` are off.

# %%
from typing import NamedTuple

import jax
import jax.numpy as jnp
import lior
import lior.jax
import matplotlib.pyplot as plt
from jax import Array

STEPS, BATCH, LENGTH, WIDTH = 300, 32, 32, 16
lior.set_threads(1)  # for a model this small a second thread costs more than it does
layer = lior.jax.Layer("geometric_mamba", WIDTH, heads=4, gates=False)


# %%
class Parameters(NamedTuple):
    layer: dict[str, Array]
    embedding: Array
    output: Array


def scores(parameters: Parameters, bits: Array) -> Array:
    """(B, N, 2) of bits (B, N)."""
    return layer(parameters.layer, parameters.embedding[bits]) @ parameters.output


def loss(parameters: Parameters, bits: Array) -> Array:
    parity = jnp.cumsum(bits, 1) % 2
    logarithms = jax.nn.log_softmax(scores(parameters, bits))
    return -jnp.take_along_axis(logarithms, parity[..., None], -1).mean()


@jax.jit
def step(parameters: Parameters, key: Array) -> tuple[Parameters, Array]:
    bits = jax.random.bernoulli(key, shape=(BATCH, LENGTH)).astype(int)
    value, gradients = jax.value_and_grad(loss)(parameters, bits)
    norm = jnp.sqrt(sum((g**2).sum() for g in jax.tree.leaves(gradients)))
    rate = 0.3 / jnp.maximum(norm, 0.3)  # never further than 0.3
    return jax.tree.map(lambda p, g: p - rate * g, parameters, gradients), value


# %%
keys = jax.random.split(jax.random.key(0), STEPS + 3)
parameters = Parameters(
    layer=layer.init(seed=0),
    embedding=jax.random.normal(keys[0], (2, WIDTH)),
    output=jax.random.normal(keys[1], (WIDTH, 2)) / WIDTH**0.5,
)
losses = []
for key in keys[3:]:
    parameters, value = step(parameters, key)
    losses.append(float(value))

figure, axes = plt.subplots(figsize=(5, 3), layout="constrained")
axes.semilogy(losses)
axes.set(xlabel="step", ylabel="loss, nats")

# %%
bits = jax.random.bernoulli(keys[2], shape=(8, 1024)).astype(int)
right = scores(parameters, bits).argmax(-1) == jnp.cumsum(bits, 1) % 2
print(f"loss {losses[0]:.3f} -> {losses[-1]:.5f}; at length 1024 {float(right.mean()):.4f} right")
assert right.mean() > 0.99
