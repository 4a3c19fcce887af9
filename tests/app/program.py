# SPDX-License-Identifier: Apache-2.0
"""Where the built programs are: LIOR_BIN, or build/release/bin/lior; and LIOR_MPI_BIN, the one of many ranks."""

import os
import pathlib

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROGRAM = os.environ.get("LIOR_BIN", str(ROOT / "build" / "release" / "bin" / "lior"))

MPI_PROGRAM = os.environ.get("LIOR_MPI_BIN", str(ROOT / "build" / "mpi" / "bin" / "lior"))


def environment(**variables):
    """The environment with these variables more, and without the tests' own (LIOR_BIN, ...), which the program would
    say are no settings."""
    inherited = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("LIOR_") or name == "LIOR_SIMD"
    }
    return {**inherited, **variables}


def small_settings(top="", model=""):
    """A configuration of a model that trains in a moment, with lines more at the top and of the table model."""
    return f"""
batch = 4
length = 16
eval_count = 8
{top}
[model]
d_model = 16
layers = 1
mlp_hidden = 0
heads = 2
{model}
"""
