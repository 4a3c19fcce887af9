# SPDX-License-Identifier: Apache-2.0
"""Runs the built program."""

import os
import subprocess

import pytest
from program import PROGRAM


@pytest.fixture
def lior():
    """lior("verify", "--level", "scalar") -> CompletedProcess with text output."""

    # The tests' own variables (LIOR_BIN, ...) are none of the program's, which would say so.
    inherited = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("LIOR_") or name == "LIOR_SIMD"
    }

    def run(*arguments, timeout=120, **environment):
        return subprocess.run(
            [PROGRAM, *map(str, arguments)],
            capture_output=True,
            text=True,
            timeout=timeout,
            env={**inherited, **environment},
        )

    return run


@pytest.fixture
def refused(lior):
    """Runs with bad input: exit 2, nothing on stdout, one line on stderr, which is returned."""

    def run(*arguments, **environment):
        result = lior(*arguments, **environment)
        assert result.returncode == 2, result
        assert result.stdout == ""
        lines = result.stderr.splitlines()
        assert len(lines) == 1 and lines[0].startswith("error: "), result.stderr
        return lines[0]

    return run
