# SPDX-License-Identifier: Apache-2.0
# %% [markdown]
# # A metric of your own
#
# A metric is written as its line element. `d(f)` is the differential of a formula, so a surface in space needs no
# calculation by hand. This is a torus, its curvature and a path on it.

# %%
import matplotlib.pyplot as plt
import numpy as np
from lior import geometry

torus = geometry.Metric(
    "expr:u, v; X = (2 + cos(u))*cos(v); Y = (2 + cos(u))*sin(v); Z = sin(u);"
    "d(X)^2 + d(Y)^2 + d(Z)^2"
)
u = np.linspace(-np.pi, np.pi, 201)
scalar = geometry.curvature(torus, np.stack([u, 0 * u])).scalar
known = 2 * np.cos(u) / (2 + np.cos(u))

figure, axes = plt.subplots(figsize=(5, 3), layout="constrained")
axes.plot(u, scalar)
axes.set(xlabel="u", ylabel="scalar curvature", title="positive outside, negative inside")
print("from 2 cos u / (2 + cos u):", np.abs(scalar - known).max())
assert np.abs(scalar - known).max() < 1e-12

# %%
times = np.linspace(0, 60, 3001)
path = geometry.geodesics(torus, np.array([[0.3], [0.0]]), np.array([[0.8], [0.5]]), times).x[
    :, :, 0
]
u, v = path.T

figure = plt.figure(figsize=(5, 4), layout="constrained")
axes = figure.add_subplot(projection="3d")
axes.plot((2 + np.cos(u)) * np.cos(v), (2 + np.cos(u)) * np.sin(v), np.sin(u), linewidth=0.8)
axes.set_aspect("equal")

# %% [markdown]
# A wormhole joins two flat spaces by a throat of radius b. Its file would have the same words as this line. Rays of light
# come from one side, l > 0; those that aim at the throat leave on the other.

# %%
wormhole = geometry.Metric(
    "expr:t, l, theta, phi; signature = - + + +; b = 1;"
    "-dt^2 + dl^2 + (l^2 + b^2)*(dtheta^2 + sin(theta)^2*dphi^2)"
)
momentum = np.linspace(0.25, 1.75, 8)  # b, 1, is the largest that gets through
radius2 = 6.0**2 + 1
x = np.tile([[0.0], [6.0], [np.pi / 2], [0.0]], 8)
v = np.stack([np.ones(8), -np.sqrt(1 - momentum**2 / radius2), np.zeros(8), momentum / radius2])
rays = geometry.geodesics(wormhole, x, v, np.linspace(0, 12, 601)).x

figure, axes = plt.subplots(figsize=(5, 4), layout="constrained")
for n in range(8):
    axes.plot(rays[:, 3, n], rays[:, 1, n], color="C0" if rays[-1, 1, n] < 0 else "C1")
axes.axhline(0, color="gray", linewidth=0.5)
axes.set(xlabel="phi", ylabel="l", title="through the throat, or back")
through = rays[-1, 1] < 0
print("through:", momentum[through])
assert (through == (momentum < 1)).all()
