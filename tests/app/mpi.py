# SPDX-License-Identifier: Apache-2.0
"""Runs the program as several ranks, on this machine's cores however few they are."""

import pathlib
import shutil
import time

import pytest
from program import MPI_PROGRAM, environment

#: As root, and with more ranks than cores, which then wait asleep.
VARIABLES = {
    "OMPI_ALLOW_RUN_AS_ROOT": "1",
    "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
    "OMPI_MCA_rmaps_base_oversubscribe": "1",
    "OMPI_MCA_hwloc_base_binding_policy": "none",
    "OMPI_MCA_mpi_yield_when_idle": "1",
    "OMPI_MCA_btl_vader_single_copy_mechanism": "none",  # a container may forbid the other
    "OMPI_MCA_btl_base_warn_component_unused": "0",
}

needs_mpi = pytest.mark.skipif(
    shutil.which("mpirun") is None or not pathlib.Path(MPI_PROGRAM).exists(),
    reason="needs Open MPI and the program of many ranks: scripts/setup.sh mpi, cmake --preset mpi",
)


def mpi_command(ranks, *arguments):
    """The command line of so many ranks, and its environment."""
    line = ["mpirun", "--quiet", "-n", str(ranks), MPI_PROGRAM, *map(str, arguments)]
    return line, environment(**VARIABLES)


def wait_for(ready, seconds=60):
    """What `ready` returns, once that is true."""
    deadline = time.monotonic() + seconds
    while not (answer := ready()):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return answer


def memories_shared(process):
    """Memories of ranks of its host that a process reads where they lie, its own among them."""
    return pathlib.Path(f"/proc/{process}/maps").read_text().count("/memfd:lior")
