# SPDX-License-Identifier: Apache-2.0
# %% [markdown]
# # Octonions
#
# Eight numbers with a product that keeps lengths, and cares about order and about brackets. Many of them lie in
# *planes*: an array (8, N), components first.

# %%
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from lior import algebra
from numpy.typing import NDArray

basis = np.eye(8)
left, right = np.repeat(basis, 8, axis=1), np.tile(basis, 8)  # all 64 pairs
products = algebra.octonion_multiply(left, right)
unit = np.abs(products).argmax(0).reshape(8, 8)
sign = products.sum(0).reshape(8, 8)

figure, axes = plt.subplots(figsize=(4, 4), layout="constrained")
axes.imshow(sign, cmap="coolwarm", alpha=0.5)
for i in range(8):
    for j in range(8):
        axes.text(j, i, f"{'-' if sign[i, j] < 0 else ''}e{unit[i, j]}", ha="center", va="center")
axes.set(title="row times column", xticks=[], yticks=[])

# %% [markdown]
# The product of basis elements is always one of them, of index i xor j, with a sign. It does not commute, and it is not
# associative:

# %%
x, y, z = np.random.default_rng(0).standard_normal((3, 8, 1000))


def length(a: NDArray[np.float64]) -> Any:
    return np.sqrt((a**2).sum(0))


times = algebra.octonion_multiply
print("|x y| - |x| |y|      ", np.abs(length(times(x, y)) - length(x) * length(y)).max())
print("x y - y x            ", np.abs(times(x, y) - times(y, x)).max())
print("(x y) z - x (y z)    ", np.abs(times(times(x, y), z) - times(x, times(y, z))).max())
print("(x x) y - x (x y)    ", np.abs(times(times(x, x), y) - times(x, times(x, y))).max())
assert np.abs(length(times(x, y)) - length(x) * length(y)).max() < 1e-13

# %% [markdown]
# Multiplying by a unit octonion turns eight-dimensional space. Here are two coordinates of a point that one of them turns
# again and again:

# %%
turn = np.array([np.cos(0.05), 0.6 * np.sin(0.05), 0, 0, 0.8 * np.sin(0.05), 0, 0, 0])[:, None]
points = [np.array([1.0, 0, 0.5, 0, 0, 0.3, 0, 0])[:, None]]
for _ in range(125):
    points.append(times(points[-1], turn))
path = np.concatenate(points, 1)

figure, axes = plt.subplots(figsize=(4, 4), layout="constrained")
for row in (1, 4, 6):
    axes.plot(path[0], path[row], label=f"component {row} over component 0")
axes.set_aspect("equal")
axes.legend()
print("length of the last point beside the first:", length(path)[-1] / length(path)[0])
assert abs(length(path)[-1] / length(path)[0] - 1) < 1e-13

# %% [markdown]
# A model whose state is turned like this by its tokens, without decay, remembers an order of turns for as long as rounding
# lets it: `train.py` is such a model.
