# SPDX-License-Identifier: Apache-2.0
"""Runs the built program."""

import subprocess

import pytest
from program import PROGRAM, environment


@pytest.fixture
def lior():
    """lior("verify", "--level", "scalar") -> CompletedProcess with text output."""

    def run(*arguments, timeout=120, **variables):
        return subprocess.run(
            [PROGRAM, *map(str, arguments)],
            capture_output=True,
            text=True,
            timeout=timeout,
            env=environment(**variables),
        )

    return run


@pytest.fixture
def refused(lior):
    """Runs with bad input: exit 2, nothing on stdout, one line on stderr, which is returned."""

    def run(*arguments, **variables):
        result = lior(*arguments, **variables)
        assert result.returncode == 2, result
        assert result.stdout == ""
        lines = result.stderr.splitlines()
        assert len(lines) == 1 and lines[0].startswith("error: "), result.stderr
        return lines[0]

    return run
