# SPDX-License-Identifier: Apache-2.0
"""lior as several ranks that mpirun starts."""

import subprocess

import pytest
from mpi import mpi_command, needs_mpi

pytestmark = needs_mpi


@pytest.fixture
def ranks():
    """ranks(2, "info") -> CompletedProcess of lior info on two ranks."""

    def run(count, *arguments, timeout=120):
        line, variables = mpi_command(count, *arguments)
        return subprocess.run(line, capture_output=True, text=True, timeout=timeout, env=variables)

    return run


def test_commands_of_one_rank_speak_once(ranks):
    info = ranks(2, "info")
    assert info.returncode == 0, info
    assert [line for line in info.stdout.splitlines() if line.startswith("ranks")] == [
        next(line for line in info.stdout.splitlines() if " 1 of 2; " in line)
    ]
    checks = ranks(2, "verify", "--filter", "octonion.norm", "--threads", "1")
    assert checks.returncode == 0 and checks.stdout.count(", 0 failed") == 1


def test_an_error_that_all_meet_is_one_line(ranks):
    result = ranks(2, "geodesic", "--metric", "nosuch", "--from", "0,0", "--velocity", "1,1")
    assert result.returncode == 2
    errors = [line for line in result.stderr.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1 and "'nosuch' is unknown" in errors[0]
    result = ranks(2, "info", "--nosuch")
    assert result.returncode == 2
    assert result.stderr.count("error: ") == 1
