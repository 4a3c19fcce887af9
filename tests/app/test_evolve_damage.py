# SPDX-License-Identifier: Apache-2.0
"""lior evolve: runs that were killed, files that are damaged, folders that another program uses."""

import fcntl
import json
import os
import pathlib
import subprocess
import sys

import h5py
import numpy as np
import pytest
from evolve_runs import SMALL, config
from program import PROGRAM

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "faults"))
from evolve_kills import Kills, differences


@pytest.fixture
def refused_run(lior):
    """Runs that fail though their input is right: exit 1, one line on stderr, which is returned."""

    def run(*arguments):
        result = lior(*arguments)
        assert result.returncode == 1, result
        return result.stderr.splitlines()[-1]

    return run


def test_full_disk_is_a_failed_run_that_resumes_once_there_is_room(lior, tmp_path):
    # No file may grow past 1 MB: what a full disk looks like to the program.
    file = config(
        tmp_path, SMALL.replace("every = 5", "every = 1").replace("frames = true", "frames = false")
    )
    out, whole = tmp_path / "run", tmp_path / "whole"
    run = f"ulimit -f 1024; trap '' XFSZ; {PROGRAM} evolve --config {file} --out {out}"
    result = subprocess.run(["bash", "-c", run], capture_output=True, text=True, timeout=120)
    assert result.returncode == 1, result.stderr
    assert "File too large" in result.stderr.splitlines()[-1], result.stderr
    assert lior("evolve", "--out", out, "--resume").returncode == 0
    assert lior("evolve", "--config", file, "--out", whole).returncode == 0
    assert differences(whole, out) == []


@pytest.mark.parametrize("every", [1, 10])
def test_killed_runs_resume_to_the_data_of_a_whole_one(tmp_path, every):
    kills = Kills(tmp_path, every, steps=1000)
    for number in range(3):
        assert kills.case(number) == []


def damaged(folder, how):
    field = folder / "field.h5"
    if how == "missing":
        field.unlink()
    elif how == "empty":
        field.write_bytes(b"")
    elif how.startswith("truncated"):
        field.write_bytes(field.read_bytes()[: -int(how.split()[-1])])
    elif how == "zeros":
        data = bytearray(field.read_bytes())
        data[len(data) // 2 : len(data) // 2 + 4096] = bytes(4096)
        field.write_bytes(data)
    elif how == "of another run":
        with h5py.File(field, "w") as file:
            file["T"] = np.ones((9, 512, 512, 2, 2), complex)


AGAIN = "evolving again from step 0, to the same bits"


@pytest.mark.parametrize(
    "how, word",
    [
        ("missing", AGAIN),
        ("empty", AGAIN),
        ("truncated by 150000", AGAIN),
        ("truncated by 1000", "its 5 frames up to step 20 are whole and were saved"),
        ("zeros", AGAIN),
        ("of another run", AGAIN),
    ],
)
def test_a_damaged_field_is_made_again_with_a_word(lior, tmp_path, how, word):
    file, whole, out = config(tmp_path), tmp_path / "whole", tmp_path / "run"
    assert lior("evolve", "--config", file, "--out", whole).returncode == 0
    assert lior("evolve", "--config", file, "--out", out, "--steps", 20).returncode == 0
    damaged(out, how)
    result = lior("evolve", "--out", out, "--resume", "--steps", 40)
    assert result.returncode == 0, result.stderr
    assert word in result.stderr
    assert differences(whole, out) == []


@pytest.mark.parametrize(
    "spoil",
    [
        lambda text: "",
        lambda text: text[:-40],
        lambda text: "\0" * len(text),
        lambda text: text.replace("norm", "\0\0\0\0", 1),
    ],
)
def test_missing_diagnostics_are_written_again(lior, tmp_path, spoil):
    file, whole, out = config(tmp_path), tmp_path / "whole", tmp_path / "run"
    assert lior("evolve", "--config", file, "--out", whole).returncode == 0
    assert lior("evolve", "--config", file, "--out", out, "--steps", 20).returncode == 0
    log = out / "diagnostics.jsonl"
    log.write_text(spoil(log.read_text()))
    result = lior("evolve", "--out", out, "--resume", "--steps", 40)
    assert (
        result.returncode == 0 and "lines were missing or damaged; written again" in result.stderr
    )
    assert differences(whole, out) == []


def test_a_run_killed_before_its_first_checkpoint_starts_again(lior, tmp_path):
    file, whole, out = config(tmp_path), tmp_path / "whole", tmp_path / "run"
    assert lior("evolve", "--config", file, "--out", whole).returncode == 0
    out.mkdir()
    (out / "config.toml.partial").write_text("[gr")
    assert lior("evolve", "--config", file, "--out", out).returncode == 0
    for name in ("field.h5", "diagnostics.jsonl", "checkpoint.safetensors"):
        (out / name).unlink()
    assert lior("evolve", "--out", out, "--resume").returncode == 0
    assert differences(whole, out) == []


def test_a_field_open_in_another_program_is_left_alone(refused_run, lior, tmp_path):
    out = tmp_path / "run"
    assert lior("evolve", "--config", config(tmp_path), "--out", out, "--steps", 20).returncode == 0
    with h5py.File(out / "field.h5", "r+"):
        assert "is open in another program" in refused_run(
            "evolve", "--out", out, "--resume", "--steps", 40
        )


def test_two_runs_in_one_folder(refused, lior, tmp_path):
    out = tmp_path / "run"
    assert lior("evolve", "--config", config(tmp_path), "--out", out, "--steps", 20).returncode == 0
    descriptor = os.open(out, os.O_RDONLY)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    assert f"is in use by process {os.getpid()}" in refused("evolve", "--out", out, "--resume")
    os.close(descriptor)


@pytest.mark.parametrize("step", ["many", "12x", "-3", "", "9" * 30])
def test_a_damaged_checkpoint_is_named(lior, refused, tmp_path, step):
    out = tmp_path / "run"
    assert lior("evolve", "--config", config(tmp_path), "--out", out, "--steps", 20).returncode == 0
    header = json.dumps({"__metadata__": {"step": step}}).encode()
    (out / "checkpoint.safetensors").write_bytes(len(header).to_bytes(8, "little") + header)
    message = refused("evolve", "--out", out, "--resume")
    assert (
        "checkpoint.safetensors: its step is '" in message and "expected a whole number" in message
    )


def test_a_checkpoint_that_holds_no_number_is_named(lior, tmp_path):
    out = tmp_path / "run"
    assert lior("evolve", "--config", config(tmp_path), "--out", out, "--steps", 20).returncode == 0
    checkpoint = out / "checkpoint.safetensors"
    data = bytearray(checkpoint.read_bytes())
    size = int.from_bytes(data[:8], "little")
    place = 8 + size + json.loads(data[8 : 8 + size])["field"]["data_offsets"][0]
    data[place : place + 8] = np.float64(np.nan).tobytes()
    checkpoint.write_bytes(data)
    result = lior("evolve", "--out", out, "--resume", "--steps", 40)
    assert result.returncode == 1 and "field holds a number that is not finite" in result.stderr
