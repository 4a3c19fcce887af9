# SPDX-License-Identifier: Apache-2.0
"""A small run of lior evolve, and what it has written."""

import h5py

SMALL = """
[grid]
nx = 24
ny = 20
D = 2
[physics]
lambda_qr = 0.1
lambda_f = 0.01
[integrator]
dt = 0.05
steps = {steps}
[bayes]
update_every = 7
[output]
every = 5
frames = true
"""


def config(tmp_path, text=None, **values):
    path = tmp_path / "run.toml"
    path.write_text((text or SMALL).format(steps=40, **values))
    return path


def frames(folder):
    with h5py.File(folder / "field.h5") as file:
        return file["T"][...]
