# SPDX-License-Identifier: Apache-2.0
# %% [markdown]
# # Planets and light around a black hole
#
# Units are those of relativity, G = c = 1. Coordinates are t, r, theta and phi; everything moves in the equator.

# %%
import matplotlib.pyplot as plt
import numpy as np
from lior import geometry, plot
from matplotlib.patches import Circle

hole = geometry.Metric("schwarzschild:mass=1")  # its horizon is at r = 2
speed = np.sqrt(1 / 10**3) * np.array([0.8, 0.95, 1.0, 1.05, 1.1])  # beside a circle's
x = np.tile([[0.0], [10.0], [np.pi / 2], [0.0]], 5)
dt = 1 / np.sqrt(1 - 2 / 10 - 100 * speed**2)  # so that g(v, v) = -1
v = np.stack([dt, 0 * dt, 0 * dt, speed * dt])
paths = geometry.geodesics(hole, x, v, np.linspace(0, 400, 801), rtol=1e-10)


def in_the_plane(paths: geometry.Paths) -> geometry.Paths:
    r, phi = paths.x[:, 1], paths.x[:, 3]
    return paths._replace(x=np.stack([r * np.cos(phi), r * np.sin(phi)], 1))


figure, axes = plt.subplots(figsize=(5, 5), layout="constrained")
plot.geodesics(in_the_plane(paths), axes=axes)
axes.add_patch(Circle((0, 0), 2, color="black"))
axes.set_aspect("equal")
print([geometry.PathStatus(status).name for status in paths.status])

# %% [markdown]
# The slowest falls in, one goes in a circle, the others' ellipses turn. Nothing depends on t and phi, so energy and
# angular momentum stay what they were:

# %%
r = paths.x[:, 1:2].squeeze(1)
energy = (1 - 2 / r) * paths.v[:, 0]
momentum = r**2 * paths.v[:, 3]
drift = max(np.ptp(kept[:, 1:], axis=0).max() for kept in (energy, momentum))
print(f"constant to {drift:.1e}")
assert drift < 1e-6

# %% [markdown]
# Light that comes from the right, at different distances from the axis. Below 3 sqrt(3) = 5.2 masses it is caught; just
# above, it goes around.

# %%
impact = np.array([3.0, 4.5, 5.1, 5.3, 6.0, 8.0, 12.0])
start = 30.0
r0, phi0 = np.sqrt(start**2 + impact**2), np.arctan2(impact, start)
x = np.stack([0 * r0, r0, np.full_like(r0, np.pi / 2), phi0])
dr, dphi = -np.cos(phi0), np.sin(phi0) / r0
f = 1 - 2 / r0
v = np.stack([np.sqrt(dr**2 / f**2 + r0**2 * dphi**2 / f), dr, 0 * dr, dphi])  # g(v, v) = 0
light = geometry.geodesics(hole, x, v, np.linspace(0, 70, 1401), rtol=1e-10)

figure, axes = plt.subplots(figsize=(6, 5), layout="constrained")
plot.geodesics(in_the_plane(light), axes=axes)
axes.add_patch(Circle((0, 0), 2, color="black"))
axes.set(xlim=(-25, 30), ylim=(-22, 22), aspect="equal")
caught = light.status == geometry.PathStatus.horizon
print("caught:", impact[caught])
assert (caught == (impact < 5.2)).all()
