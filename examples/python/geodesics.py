# SPDX-License-Identifier: Apache-2.0
"""Light and planets around a black hole: geodesics, what they conserve, and a picture.

python geodesics.py [PICTURE.png]
"""

import sys

import numpy as np
from lior import geometry, plot

metric = geometry.Metric("schwarzschild:mass=1")  # coordinates t, r, theta, phi; horizon at r = 2

# Five planets start at r = 10 in the equator with angular velocities below and around a circle's,
# which is sqrt(M / r^3) dphi/dt; the slowest falls in.
speed = np.sqrt(1 / 10**3) * np.array([0.8, 0.95, 1.0, 1.05, 1.1])
x = np.tile([[0.0], [10.0], [np.pi / 2], [0.0]], 5)
dt = 1 / np.sqrt(1 - 2 / 10 - 100 * speed**2)  # so that g(v, v) = -1
v = np.stack([dt, 0 * dt, 0 * dt, speed * dt])

paths = geometry.geodesics(metric, x, v, np.linspace(0, 400, 801), rtol=1e-10)
for name, status, reached in zip(
    ("0.80", "0.95", "1.00", "1.05", "1.10"), paths.status, paths.reached
):
    print(f"{name} of a circle's speed: {geometry.PathStatus(status).name} at {reached:.1f}")

# Nothing depends on t and phi, so energy and angular momentum stay what they were.
r = paths.x[:, 1]
energy = (1 - 2 / r) * paths.v[:, 0]
momentum = r**2 * paths.v[:, 3]
drift = max(np.ptp(q[:, 1:], axis=0).max() for q in (energy, momentum))
print(f"energy and angular momentum of the four that stay: constant to {drift:.1e}")

assert paths.status[0] == geometry.PathStatus.horizon and (paths.status[1:] == 0).all()
assert drift < 1e-6
np.testing.assert_allclose(r[:, 2], 10, rtol=1e-6)  # the circle

if len(sys.argv) > 1:
    flat = np.stack([r * np.cos(paths.x[:, 3]), r * np.sin(paths.x[:, 3])], 1)
    plot.geodesics(paths._replace(x=flat)).figure.savefig(sys.argv[1])
