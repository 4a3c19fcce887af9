# SPDX-License-Identifier: Apache-2.0
"""lior on two hosts, which are network namespaces of this machine: what ranks of one host do, over a network."""

import json
import os
import re
import signal
import subprocess
import time

import pytest
from hosts import Hosts, why_not
from mpi import memories_shared, needs_mpi, wait_for
from program import small_settings
from training import TEXT, assert_same_numbers

pytestmark = needs_mpi

QUIET = ("--progress", "none", "--threads", "1")


@pytest.fixture(scope="module")
def hosts(tmp_path_factory):
    reason = why_not()
    if reason is not None:
        pytest.skip(reason)
    with Hosts(tmp_path_factory.mktemp("hosts")) as two:
        yield two


@pytest.fixture(scope="module")
def text(tmp_path_factory):
    file = tmp_path_factory.mktemp("text") / "text.txt"
    file.write_text(TEXT)
    file.with_name("small.toml").write_text(small_settings(top="accumulate = 2"))
    return file


def train(text, out, *arguments):
    settings = text.with_name("small.toml")
    return ("train", "--data", text, "--config", settings, "--out", out, *QUIET, *arguments)


def run(hosts, *contexts):
    line, variables = hosts.command(*contexts)
    return subprocess.run(line, capture_output=True, text=True, env=variables, timeout=120)


def test_a_training_is_that_of_one_process(lior, hosts, text, tmp_path):
    two = run(hosts, (2, *train(text, tmp_path / "two", "--steps", 6)))
    assert two.returncode == 0, two
    assert lior(*train(text, tmp_path / "one", "--steps", 6)).returncode == 0
    assert_same_numbers(tmp_path / "one", tmp_path / "two")


def test_a_field_is_that_of_one_process(lior, hosts, tmp_path):
    settings = tmp_path / "field.toml"
    settings.write_text("[grid]\nnx = 24\nny = 16\nD = 2\n[output]\nevery = 1\nframes = false\n")
    command = ("evolve", "--config", settings, "--steps", 5, *QUIET, "--out")
    assert run(hosts, (2, *command, tmp_path / "two")).returncode == 0
    assert lior(*command, tmp_path / "one").returncode == 0
    one, two = ((tmp_path / n / "diagnostics.jsonl").read_text() for n in ("one", "two"))
    assert one == two and one.count("\n") >= 5


def test_a_rank_reads_no_memory_of_another_host(hosts, tmp_path):
    """The kernel is one, so that it could; of one host they do: test_evolve_ranks.py."""
    out = tmp_path / "run"
    line, variables = hosts.command(
        (2, "evolve", "--preset", "packet", "--steps", 10_000_000, *QUIET, "--out", out)
    )
    with subprocess.Popen(line, stderr=subprocess.DEVNULL, env=variables) as mpirun:
        wait_for((out / "diagnostics.jsonl").exists)
        programs = [pid for host in (0, 1) for pid in hosts.programs(host)]
        shared = [memories_shared(pid) for pid in programs]
        mpirun.terminate()
    assert shared == [1, 1]


def test_two_that_send_each_other_have_the_whole_cable(tmp_path):
    """Of 125 MB/s frames leave 119; one after the other they would have half of that."""
    if why_not():
        pytest.skip(why_not())
    with Hosts(tmp_path, rate="1gbit") as slow:
        result = run(slow, (2, "bench", "--filter", "comm", "--threads", "1"))
    assert result.returncode == 0, result
    gigabytes = float(re.search(r"B = (\S+) GB/s", result.stdout)[1])
    assert 0.09 < gigabytes < 0.125


def test_an_error_names_its_host(hosts, text, tmp_path):
    other = tmp_path / "text.txt"
    other.write_text(TEXT.replace("line", "lime"))
    first = train(text, tmp_path / "run", "--steps", 1)
    second = [other if part == text else part for part in first]
    result = run(hosts, (1, *first), (1, *second))
    assert result.returncode == 2
    errors = [line for line in result.stderr.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1 and errors[0].startswith(f"error: rank 1 ({hosts.names[1]})"), result


def test_a_rank_killed_on_one_host_ends_the_other(lior, hosts, text, tmp_path):
    out = tmp_path / "run"
    line, variables = hosts.command((2, *train(text, out, "--steps", 10_000_000)))
    with subprocess.Popen(line, stderr=subprocess.DEVNULL, env=variables) as mpirun:
        metrics, deadline = out / "metrics.jsonl", time.monotonic() + 60
        while not (metrics.exists() and metrics.read_text().count("\n") >= 3):
            assert mpirun.poll() is None and time.monotonic() < deadline
            time.sleep(0.05)
        (far,) = hosts.programs(1)
        os.kill(far, signal.SIGKILL)
        assert mpirun.wait(timeout=60) != 0
    while hosts.programs(0):
        assert time.monotonic() < deadline + 60
        time.sleep(0.05)
    last = json.loads(metrics.read_text().splitlines()[-1])["step"]
    assert lior("train", "--out", out, "--resume", "--steps", last + 1, *QUIET).returncode == 0
