# SPDX-License-Identifier: Apache-2.0
"""Where the built program is: LIOR_BIN, or build/release/bin/lior."""

import os
import pathlib

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROGRAM = os.environ.get("LIOR_BIN", str(ROOT / "build" / "release" / "bin" / "lior"))


def environment(**variables):
    """The environment with these variables more, and without the tests' own (LIOR_BIN, ...), which the program would
    say are no settings."""
    inherited = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("LIOR_") or name == "LIOR_SIMD"
    }
    return {**inherited, **variables}
