# SPDX-License-Identifier: Apache-2.0
"""A wave packet meets a barrier: frames, what is conserved, and what gets through.

python field.py [PICTURE.png]
"""

import sys

import numpy as np
from lior import field, plot

nx, ny = 96, 48
start = field.packet(nx, ny, width=5.0, centre=(-20.0, 0.0), k=(0.9, 0.0), norm=1)
barrier = np.zeros((nx, ny))
barrier[nx // 2 : nx // 2 + 3] = 0.4  # beside a kinetic energy of hbar^2 (2 - 2 cos k) / 2m = 0.38

result = field.evolve(start, barrier, steps=400, every=50, dt=0.1, hbar=1.0, mass=1.0)

density = (np.abs(result.frames) ** 2).sum((2, 3, 4))
through = density[:, nx // 2 + 3 :].sum(1)
for time, part in zip(result.time, through):
    print(f"t = {time:4.0f}: {part:.3f} behind the barrier")
norm, energy = result.diagnostics["norm"], result.diagnostics["energy"]
print(f"norm {np.ptp(norm):.1e}, energy {np.ptp(energy) / energy[0]:.1e} from constant")

assert np.ptp(norm) < 1e-12 and np.ptp(energy) / energy[0] < 1e-2
assert through[0] < 1e-4 and 0.05 < through[-1] < 0.95

if len(sys.argv) > 1:
    plot.field(result.frames[-1]).figure.savefig(sys.argv[1])
