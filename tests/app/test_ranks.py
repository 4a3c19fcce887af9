# SPDX-License-Identifier: Apache-2.0
"""lior as several ranks that mpirun starts: what they write is what one process writes, bit for bit, and what happens to
one of them happens to all."""

import contextlib
import json
import os
import random
import shutil
import signal
import subprocess
import time

import pytest
from mpi import mpi_command, needs_mpi
from program import small_settings

pytestmark = needs_mpi

SETTINGS = small_settings(
    top="accumulate = 4\neval_every = 4\nlog_every = 1\ndropout = 0.1\nval_fraction = 0.2",
    model="ngram_orders = 3\nngram_bits = 8\ncount_orders = 3\nrecent_orders = 4",
)
QUIET = ("--progress", "none", "--threads", 1)


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    """A folder with a text and settings of a run."""
    folder = tmp_path_factory.mktemp("ranks")
    words, draw = ("alpha ", "beta ", "gamma ", "delta "), random.Random(1)
    (folder / "text").write_text("".join(draw.choice(words) for _ in range(5000)))
    (folder / "settings.toml").write_text(SETTINGS)
    return folder


def train(inputs, out, *arguments):
    return (
        *("train", "--data", inputs / "text", "--config", inputs / "settings.toml"),
        *("--out", out, *QUIET, *arguments),
    )


def numbers(file):
    """The numbers of a safetensors file, without its header, which says when it was written."""
    content = file.read_bytes()
    return content[8 + int.from_bytes(content[:8], "little") :]


def assert_same_run(one, other):
    for name in ("model.safetensors", "best.safetensors", "optimizer.safetensors"):
        assert numbers(one / name) == numbers(other / name), name
    lines = [[json.loads(line) for line in (run / "metrics.jsonl").open()] for run in (one, other)]
    for pair in zip(*lines, strict=True):
        for line in pair:
            del line["seconds"], line["planned_bytes"]
        assert pair[0] == pair[1]


def test_commands_of_one_rank_speak_once(lior, ranks):
    info = ranks(2, "info")
    assert info.returncode == 0, info
    lines = [line for line in info.stdout.splitlines() if line.startswith("ranks")]
    assert len(lines) == 1 and " 1 of 2; " in lines[0]
    path = ranks(2, "geodesic", "--metric", "sphere", "--from", "1,0", "--velocity", "0,1")
    assert path.returncode == 0 and path.stdout != ""
    alone = lior("geodesic", "--metric", "sphere", "--from", "1,0", "--velocity", "0,1")
    assert path.stdout == alone.stdout
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


@pytest.mark.parametrize(
    "method, counts",
    [
        (("--optimizer", "adamw"), (2, 4)),
        (("--optimizer", "muon"), (4,)),
        (("--optimizer", "lior"), (2,)),
    ],
)
def test_any_number_of_ranks_writes_the_same_run(lior, ranks, inputs, tmp_path, method, counts):
    one = lior(*train(inputs, tmp_path / "1", *method, "--steps", 8))
    assert one.returncode == 0, one
    for count in counts:
        out = tmp_path / str(count)
        result = ranks(count, *train(inputs, out, *method, "--steps", 8))
        assert result.returncode == 0, result
        assert_same_run(tmp_path / "1", out)


def test_any_number_of_ranks_goes_on_with_any_others_run(lior, ranks, inputs, tmp_path):
    assert ranks(2, *train(inputs, tmp_path / "1", "--steps", 4)).returncode == 0
    shutil.copytree(tmp_path / "1", tmp_path / "4")
    further = ("train", "--resume", "--steps", 8, *QUIET, "--out")
    assert lior(*further, tmp_path / "1").returncode == 0
    assert ranks(4, *further, tmp_path / "4").returncode == 0
    assert_same_run(tmp_path / "1", tmp_path / "4")


def test_an_evaluation_is_dealt_out(lior, ranks, inputs, tmp_path):
    assert lior(*train(inputs, tmp_path / "run", "--steps", 1)).returncode == 0
    evaluate = ("eval", "--model", tmp_path / "run", "--threads", 1, "--data", inputs / "text")
    by_position = ("--split", "all", "--lengths", "16,300", "--by-position")
    one = lior(*evaluate, *by_position, tmp_path / "1.csv")
    two = ranks(2, *evaluate, *by_position, tmp_path / "2.csv")
    assert two.returncode == 0, two
    for line, other in zip(one.stdout.splitlines(), two.stdout.splitlines(), strict=True):
        assert {**json.loads(line), "seconds": 0} == {**json.loads(other), "seconds": 0}
    assert (tmp_path / "1.csv").read_text() == (tmp_path / "2.csv").read_text()
    task = ranks(2, *evaluate[:-1], "builtin:a5")
    assert task.returncode == 2 and task.stderr.count("error: ") == 1, task
    grown = ranks(2, *evaluate, "--dynamic")
    assert grown.returncode == 2 and grown.stderr.count("error: ") == 1, grown
    assert "--dynamic: counts grow as one process reads, and there are 2 ranks" in grown.stderr


def test_documents_of_byte_pairs_are_shared_too(lior, ranks, inputs, tmp_path):
    folder = tmp_path / "texts"
    folder.mkdir()
    text = (inputs / "text").read_text()
    for i, end in enumerate((9000, 9500, 9600, 20000)):
        (folder / f"{i}.txt").write_text(text[1000 * i : end])
    command = train(inputs, tmp_path / "1", "--tokenizer", "bpe:300", "--steps", 4)
    command = [folder if part == inputs / "text" else part for part in command]
    assert lior(*command).returncode == 0
    two = ranks(2, *(tmp_path / "2" if part == tmp_path / "1" else part for part in command))
    assert two.returncode == 0, two
    assert_same_run(tmp_path / "1", tmp_path / "2")
    evaluate = ("eval", "--model", tmp_path / "1", "--data", folder, "--split", "all", "--baseline")
    lines = [run.stdout for run in (lior(*evaluate), ranks(2, *evaluate))]
    one, two = ({**json.loads(line), "seconds": 0} for line in lines)
    assert one == two and one["nats_per_byte"] > 0


def test_micro_batches_are_rows_of_one_large_batch(lior, inputs, tmp_path):
    """Equal to rounding: the gradient is the same mean, added up otherwise."""
    settings = small_settings()
    (tmp_path / "settings.toml").write_text(settings)
    losses = []
    for name, shape in {"one": (4, 1), "four": (1, 4)}.items():
        run = ("--batch", shape[0], "--accumulate", shape[1], "--log-every", 1, "--steps", 6)
        arguments = ("--config", tmp_path / "settings.toml", "--out", tmp_path / name, *run, *QUIET)
        assert lior("train", "--data", inputs / "text", *arguments).returncode == 0
        lines = (tmp_path / name / "metrics.jsonl").read_text().splitlines()
        losses.append([json.loads(line)["loss"] for line in lines])
    assert losses[0] == pytest.approx(losses[1], rel=1e-4)  # six steps of float32


def test_ranks_must_share_micro_batches_evenly(ranks, inputs, tmp_path):
    result = ranks(3, *train(inputs, tmp_path / "run", "--steps", 1))
    assert result.returncode == 2
    assert "accumulate = 4: 3 ranks share" in result.stderr
    assert result.stderr.count("error: ") == 1 and not (tmp_path / "run").exists()


def test_another_text_on_another_host_is_named(inputs, tmp_path):
    """mpirun starts rank 1 with another command line, which stands for another disk."""
    other = tmp_path / "text"
    other.write_text((inputs / "text").read_text().replace("alpha", "omega"))
    line, variables = mpi_command(1, *train(inputs, tmp_path / "run", "--steps", 1))
    again = [*line[2:], "--data", other]
    del again[again.index(str(inputs / "text")) - 1 : again.index(str(inputs / "text")) + 1]
    result = subprocess.run(
        [*line, ":", *map(str, again)], capture_output=True, text=True, env=variables, timeout=60
    )
    assert result.returncode == 2
    errors = [words for words in result.stderr.splitlines() if words.startswith("error: ")]
    assert len(errors) == 1 and errors[0].startswith("error: rank 1 ("), result.stderr
    assert "is not what rank 0 has" in errors[0]


def test_other_settings_on_another_host_are_named(inputs, tmp_path):
    """As by a variable that mpirun does not hand on; without a word ranks would wait for each other for ever."""
    line, variables = mpi_command(1, *train(inputs, tmp_path / "run", "--steps", 1))
    other = [*line[2:], "--accumulate", "8"]
    result = subprocess.run(
        [*line, ":", *other], capture_output=True, text=True, env=variables, timeout=60
    )
    assert result.returncode == 2
    errors = [words for words in result.stderr.splitlines() if words.startswith("error: ")]
    assert len(errors) == 1 and errors[0].startswith("error: rank 1 ("), result.stderr
    assert "settings are not those of rank 0: 'accumulate = 8', there 'accumulate = 4'" in errors[0]


@pytest.mark.parametrize(
    "other, words",
    [
        (["info"], "the commands are not those of rank 0: 'info', there 'train'"),
        (["train", "--nosuch"], "unknown flag '--nosuch' of lior train"),
        (
            ["train", "--help"],
            "the commands are not those of rank 0: 'train --help', there 'train'",
        ),
    ],
)
def test_another_command_of_another_rank_is_named(inputs, tmp_path, other, words):
    line, variables = mpi_command(1, *train(inputs, tmp_path / "run", "--steps", 1))
    result = subprocess.run(
        [*line, ":", *mpi_command(1, *other)[0][2:]],
        capture_output=True,
        text=True,
        env=variables,
        timeout=60,
    )
    assert result.returncode == 2
    errors = [line for line in result.stderr.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1 and errors[0].startswith("error: rank 1 ("), result.stderr
    assert words in errors[0]


class Run:
    """A run on two ranks that would last for hours, once it has made steps."""

    def __init__(self, inputs, out):
        line, variables = mpi_command(
            2, *train(inputs, out, "--steps", 10_000_000, "--save-every", 50)
        )
        self.mpirun = subprocess.Popen(line, stderr=subprocess.PIPE, text=True, env=variables)
        deadline = time.monotonic() + 60
        while len(self.steps(out)) < 3:
            assert self.mpirun.poll() is None and time.monotonic() < deadline
            time.sleep(0.05)
        children = f"/proc/{self.mpirun.pid}/task/{self.mpirun.pid}/children"
        with open(children) as pids:
            self.pids = [int(pid) for pid in pids.read().split()]
        assert len(self.pids) == 2

    @staticmethod
    def steps(out):
        with contextlib.suppress(OSError):
            return (out / "metrics.jsonl").read_text().splitlines()
        return []

    def end(self):
        _, errors = self.mpirun.communicate(timeout=60)
        return self.mpirun.returncode, errors


def goes_on(lior, out):
    """Whether the run in the folder can make a step more."""
    last = json.loads(Run.steps(out)[-1])["step"]
    return lior("train", "--out", out, "--resume", "--steps", last + 1, *QUIET).returncode == 0


@pytest.mark.parametrize("target", ["a rank", "mpirun"])
def test_a_signal_saves_and_ends_the_run(lior, inputs, tmp_path, target):
    run = Run(inputs, tmp_path / "run")
    if target == "mpirun":
        os.kill(run.mpirun.pid, signal.SIGUSR1)  # which it hands on
    else:
        os.kill(run.pids[1], signal.SIGTERM)
    status, _ = run.end()
    assert status == 128 + (signal.SIGUSR1 if target == "mpirun" else signal.SIGTERM)
    saved = json.loads((tmp_path / "run" / "metrics.jsonl").read_text().splitlines()[-1])["step"]
    header = (tmp_path / "run" / "model.safetensors").read_bytes()[:4000]
    assert f'"step":"{saved}"'.encode() in header
    assert goes_on(lior, tmp_path / "run")


def test_a_rank_that_is_killed_ends_the_others(lior, inputs, tmp_path):
    run = Run(inputs, tmp_path / "run")
    os.kill(run.pids[1], signal.SIGKILL)
    killed = time.monotonic()
    status, _ = run.end()
    assert status != 0
    while os.path.exists(f"/proc/{run.pids[0]}"):
        assert time.monotonic() - killed < 30  # five seconds where nothing else runs
        time.sleep(0.05)
    assert goes_on(lior, tmp_path / "run")


def test_a_file_that_cannot_be_written_is_said_by_the_rank_that_writes(inputs, tmp_path):
    """The file of the second checkpoint is a folder: the first rank cannot write it."""
    run = Run(inputs, tmp_path / "run")
    (tmp_path / "run" / "optimizer.safetensors.next.partial").mkdir(exist_ok=True)
    status, errors = run.end()
    lines = [line for line in errors.splitlines() if line.startswith("error: ")]
    assert status == 2 and len(lines) == 1, errors
    assert lines[0].startswith("error: rank 0 ("), lines
