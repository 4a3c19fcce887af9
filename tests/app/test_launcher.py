# SPDX-License-Identifier: Apache-2.0
"""A build without MPI that mpirun or srun starts more than once."""

import pytest

RANKS = [
    {"OMPI_COMM_WORLD_SIZE": "2", "OMPI_COMM_WORLD_RANK": "{}"},
    {"PMI_SIZE": "2", "PMI_RANK": "{}"},
    {"SLURM_STEP_NUM_TASKS": "2", "SLURM_PROCID": "{}", "ENVIRONMENT": "BATCH"},
    {"SLURM_NTASKS": "2", "SLURM_PROCID": "{}"},
]


@pytest.mark.parametrize("variables", RANKS)
def test_several_processes_are_refused_and_the_first_says_so(lior, tmp_path, variables):
    out = tmp_path / "run"
    for rank in (0, 1):
        place = {name: value.format(rank) for name, value in variables.items()}
        result = lior("train", "--data", "builtin:a5", "--out", out, **place)
        assert result.returncode == 2
        lines = result.stderr.splitlines()
        assert len(lines) == (1 if rank == 0 else 0)
        assert all(line.startswith("error: 2 processes were started together") for line in lines)
    assert not out.exists()


@pytest.mark.parametrize(
    "variables",
    [
        {"OMPI_COMM_WORLD_SIZE": "1", "OMPI_COMM_WORLD_RANK": "0"},
        {"SLURM_NTASKS": "4", "SLURM_PROCID": "0", "ENVIRONMENT": "BATCH"},  # the job's script
    ],
)
def test_one_process_runs(lior, variables):
    assert lior("info", **variables).returncode == 0
