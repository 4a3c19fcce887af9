# SPDX-License-Identifier: Apache-2.0
"""Runs the built program, and a training that takes a moment."""

import pathlib
import shutil
import subprocess
import time

import pytest
from mpi import mpi_command
from program import PROGRAM, environment, small_settings
from training import TEXT, arguments


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
def ranks():
    """ranks(2, "info") -> CompletedProcess of lior info on two ranks."""

    def run(count, *arguments, timeout=120):
        line, variables = mpi_command(count, *arguments)
        return subprocess.run(line, capture_output=True, text=True, timeout=timeout, env=variables)

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


@pytest.fixture(scope="session")
def inputs(tmp_path_factory):
    """A folder with text.txt and small.toml. Copy what is to change."""
    folder = tmp_path_factory.mktemp("inputs")
    (folder / "text.txt").write_text(TEXT)
    (folder / "small.toml").write_text(small_settings())
    return folder


@pytest.fixture(scope="session")
def timed_run(inputs, tmp_path_factory):
    """The folder of a run of 60 steps on text.txt, and the seconds that the run took."""
    out = tmp_path_factory.mktemp("runs") / "trained"
    command = [PROGRAM, *map(str, arguments(inputs, out, "--steps", 60, "--save-every", 20))]
    start = time.monotonic()
    subprocess.run(command, check=True, timeout=120)
    return out, time.monotonic() - start


@pytest.fixture
def trained(timed_run):
    """The folder of a run of 60 steps on text.txt. Copy it before changing it."""
    return timed_run[0]


@pytest.fixture
def run_copy(trained, tmp_path):
    return pathlib.Path(shutil.copytree(trained, tmp_path / "run"))
