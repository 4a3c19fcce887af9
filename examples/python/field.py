# SPDX-License-Identifier: Apache-2.0
# %% [markdown]
# # A wave packet meets a barrier
#
# A complex field on a grid, whose phase is drawn as hue and modulus as brightness.

# %%
import matplotlib.pyplot as plt
import numpy as np
from lior import field, plot

nx, ny = 96, 48
start = field.packet(nx, ny, width=5.0, centre=(-20.0, 0.0), k=(0.9, 0.0), norm=1)
barrier = np.zeros((nx, ny))
barrier[nx // 2 : nx // 2 + 3] = 0.4  # beside a kinetic energy of hbar^2 (2 - 2 cos k) / 2m = 0.38
result = field.evolve(start, barrier, steps=400, every=50, dt=0.1, hbar=1.0, mass=1.0)

figure, axes = plt.subplots(2, 2, figsize=(8, 4.5), layout="constrained")
for panel, frame in zip(axes.flat, (0, 3, 5, 8)):
    plot.field(result.frames[frame], axes=panel)
    panel.set_title(f"t = {result.time[frame]:.0f}")

# %% [markdown]
# A part is thrown back, the rest goes through. The norm is kept to rounding, the energy as the step allows.

# %%
density = (np.abs(result.frames) ** 2).sum((2, 3, 4))
through = density[:, nx // 2 + 3 :].sum(1)
norm, energy = result.diagnostics["norm"], result.diagnostics["energy"]
print(f"behind the barrier at the end: {through[-1]:.3f}")
print(f"norm {np.ptp(norm):.1e}, energy {np.ptp(energy) / energy[0]:.1e} from constant")
assert np.ptp(norm) < 1e-12 and 0.05 < through[-1] < 0.95

figure, axes = plt.subplots(figsize=(5, 3), layout="constrained")
for frame in (0, 3, 5, 8):
    axes.plot(density[frame], label=f"t = {result.time[frame]:.0f}")
axes.axvspan(nx // 2, nx // 2 + 3, color="gray", alpha=0.3)
axes.set(xlabel="x", ylabel="density, summed over y")
axes.legend()
