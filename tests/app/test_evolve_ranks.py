# SPDX-License-Identifier: Apache-2.0
"""lior evolve as several ranks that share the rows of the grid: its files are those of one process, bit for bit."""

import json
import os
import shutil
import signal
import subprocess
import time

import h5py
import numpy as np
import pytest
from mpi import memories_shared, mpi_command, needs_mpi, wait_for

pytestmark = needs_mpi

GRID = """
[grid]
nx = 18
ny = 24
D = 2
[output]
every = 4
[physics]
"""
#: What differs from the defaults; every scheme, and every source at least once.
RUNS = {
    "strang": """
lambda_f = 0.1
lambda_qr = 0.1
[initial]
width = 1.5
[memory]
horizon = 1000
[bayes]
evidence = "builtin:spots"
mode = "relax"
[potential]
expression = "0.1*x*sin(t)"
absorption = "0.01*x^2"
[source]
expression = "0.01*exp(-x^2)*(1+i)"
[integrator]
kind = "strang"
""",
    "yoshida4": """
nonlinearity = 0.3
[integrator]
kind = "yoshida4"
symbol = "continuous"
""",
    "crank_nicolson": """
lambda_qr = 0.1
[bayes]
expression = "exp(-x^2-y^2)"
update_every = 3
[metric]
bump = 0.3
[integrator]
kind = "crank_nicolson"
""",
    "rk4": """
lambda_qr = 0.1
[bayes]
evidence = "builtin:spots"
update_every = 1
[metric]
expression = "1+0.2*cos(2*pi*x/Lx)"
[integrator]
kind = "rk4"
dt = 0.05
""",
    "chebyshev": """
[source]
file = "FILE"
[metric]
file = "FILE"
[initial]
kind = "file"
file = "FILE"
[integrator]
kind = "chebyshev"
""",
}
QUIET = ("--progress", "none", "--threads", 1)


def command(folder, out, kind, steps):
    settings = folder / f"{kind}.toml"
    settings.write_text(GRID + RUNS[kind].replace("FILE", str(folder / "fields.h5")))
    return ("evolve", "--config", settings, "--steps", steps, "--out", out, *QUIET)


def assert_same_run(one, other):
    """Checkpoints hold the frames' hashes; HDF5 itself writes the time into its file."""
    for name in ("checkpoint.safetensors", "diagnostics.jsonl", "config.toml", "field.xdmf"):
        assert (one / name).read_bytes() == (other / name).read_bytes(), name
    for picture in sorted((one / "frames").iterdir()):
        assert picture.read_bytes() == (other / "frames" / picture.name).read_bytes()
    with h5py.File(one / "field.h5") as a, h5py.File(other / "field.h5") as b:
        for name in ("T", "time", "x", "y"):
            assert np.array_equal(a[name], b[name]), name


@pytest.mark.parametrize("kind", RUNS)
def test_any_number_of_ranks_writes_the_same_run(lior, ranks, tmp_path, kind):
    draw = np.random.default_rng(1)
    with h5py.File(tmp_path / "fields.h5", "w") as file:
        for name in ("T", "J"):
            file[name] = draw.normal(size=(18, 24, 2, 2)) + 0.1j * draw.normal(size=(18, 24, 2, 2))
        for name in ("gxx", "gyy"):
            file[name] = draw.uniform(1, 1.2, (18, 24))
    assert lior(*command(tmp_path, tmp_path / "1", kind, 8)).returncode == 0
    for count in (2, 4) if kind in ("strang", "rk4") else (3,):
        out = tmp_path / str(count)
        result = ranks(count, *command(tmp_path, out, kind, 8))
        assert result.returncode == 0 and result.stdout == "", result
        assert_same_run(tmp_path / "1", out)


def test_any_number_of_ranks_goes_on_with_any_others_run(lior, ranks, tmp_path):
    """One of them finds its lines gone, and writes them again from the frames."""
    assert lior(*command(tmp_path, tmp_path / "1", "strang", 12)).returncode == 0
    assert ranks(2, *command(tmp_path, tmp_path / "2", "strang", 6)).returncode == 0
    for count in (1, 3):
        shutil.copytree(tmp_path / "2", tmp_path / f"2-{count}")
    (tmp_path / "2-3" / "diagnostics.jsonl").unlink()
    further = ("evolve", "--resume", "--steps", 12, *QUIET, "--out")
    assert lior(*further, tmp_path / "2-1").returncode == 0
    assert_same_run(tmp_path / "1", tmp_path / "2-1")
    result = ranks(3, *further, tmp_path / "2-3")
    assert result.returncode == 0, result
    assert_same_run(tmp_path / "1", tmp_path / "2-3")


@pytest.mark.parametrize(
    "kind, setting, message",
    [
        ("rk4", "LIOR_EVOLVE_INTEGRATOR_DT=99", "error: rk4 is not stable at dt = 99"),
        ("rk4", "LIOR_EVOLVE_GRID_NX=7", "error: 2 ranks share a grid of 7 rows, and rk4 needs 4"),
        ("strang", "LIOR_EVOLVE_POTENTIAL_ABSORPTION=x", "error: rank 0 ("),
        ("strang", "LIOR_EVOLVE_POTENTIAL_ABSORPTION=-x", "error: rank 1 ("),
        ("strang", "LIOR_EVOLVE_POTENTIAL_EXPRESSION=1/(x-3)", "error: rank 1 ("),
    ],
)
def test_an_error_is_one_line(tmp_path, kind, setting, message):
    name, value = setting.split("=")
    line, variables = mpi_command(2, *command(tmp_path, tmp_path / "run", kind, 4))
    result = subprocess.run(
        [*line[:1], "-x", name, *line[1:]],
        capture_output=True,
        text=True,
        env={**variables, name: value},
        timeout=60,
    )
    assert result.returncode == 2, result
    errors = [words for words in result.stderr.splitlines() if words.startswith("error: ")]
    assert len(errors) == 1 and errors[0].startswith(message), result.stderr
    assert not (tmp_path / "run").exists()


def test_other_settings_on_another_host_are_named(tmp_path):
    line, variables = mpi_command(1, *command(tmp_path, tmp_path / "run", "strang", 4))
    other = ["5" if part == "4" else part for part in line[2:]]
    result = subprocess.run(
        [*line, ":", *other], capture_output=True, text=True, env=variables, timeout=60
    )
    assert result.returncode == 2
    assert "settings are not those of rank 0: 'steps = 5', there 'steps = 4'" in result.stderr
    assert result.stderr.count("error: ") == 1 and not (tmp_path / "run").exists()


def test_ranks_of_one_host_share_the_memory_of_a_splitting(tmp_path):
    out = tmp_path / "run"
    line, variables = mpi_command(3, *command(tmp_path, out, "strang", 10_000_000))
    with subprocess.Popen(line, stderr=subprocess.DEVNULL, env=variables) as mpirun:
        wait_for((out / "diagnostics.jsonl").exists)
        with open(f"/proc/{mpirun.pid}/task/{mpirun.pid}/children") as pids:
            shared = [memories_shared(pid) for pid in pids.read().split()]
        mpirun.terminate()
    assert shared == [3, 3, 3]


def test_a_signal_to_a_rank_saves_and_ends_the_run(lior, tmp_path):
    out = tmp_path / "run"
    line, variables = mpi_command(2, *command(tmp_path, out, "crank_nicolson", 10_000_000))
    mpirun = subprocess.Popen(line, stderr=subprocess.PIPE, text=True, env=variables)
    lines, deadline = out / "diagnostics.jsonl", time.monotonic() + 60
    while not lines.exists() or len(lines.read_text().splitlines()) < 3:
        assert mpirun.poll() is None and time.monotonic() < deadline
        time.sleep(0.05)
    with open(f"/proc/{mpirun.pid}/task/{mpirun.pid}/children") as pids:
        os.kill(int(pids.read().split()[1]), signal.SIGTERM)
    mpirun.communicate(timeout=60)
    assert mpirun.returncode == 128 + signal.SIGTERM
    saved = json.loads(lines.read_text().splitlines()[-1])["step"]
    result = lior("evolve", "--out", out, "--resume", "--steps", saved + 8, *QUIET)
    assert result.returncode == 0, result
