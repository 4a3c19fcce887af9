#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Trains on two ranks and lets something happen to one of them at a random moment.

    ranks.py [--count 50] [--seed 0] [--run kill term usr1 error]

kill: SIGKILL to a rank. The other ends within five seconds, and the last checkpoint is whole.
term: SIGTERM to a rank; usr1: SIGUSR1 to mpirun, which hands it on. Both save and end with the signal's status.
error: the text shrinks, as rank 1 alone sees it; one line says so, and names the rank and its host.
Each count is a run that was under way; what is left of it goes on as one process and ends with the weights of a run that
nothing disturbed. The last line of each sums up; exit status 1 if a rule was broken.
Needs the program of many ranks: scripts/setup.sh mpi, cmake --preset mpi.
"""

import argparse
import contextlib
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "app"))

from mpi import mpi_command  # noqa: E402
from program import PROGRAM, environment, small_settings  # noqa: E402

TEXT = b"the quick brown fox jumps over the lazy dog; " * 400
STEPS = 600
SETTINGS = small_settings(top=f"accumulate = 4\nsteps = {STEPS}\nsave_every = 40\nlog_every = 1")
SECONDS_TO_END = 5


def weights(out):
    """The numbers of a model's file, whose header also says its step."""
    content = (out / "model.safetensors").read_bytes()
    return content[8 + int.from_bytes(content[:8], "little") :]


def steps(out):
    with contextlib.suppress(OSError):
        return (out / "metrics.jsonl").read_bytes().count(b"\n")
    return 0


class Trial:
    """A run on two ranks, each with its own path to the text."""

    def __init__(self, folder, out):
        self.out = out
        self.texts = [folder / f"text-{rank}" for rank in (0, 1)]
        for text in self.texts:
            text.write_bytes(TEXT)
        arguments = ("--config", folder / "settings.toml", "--out", out, "--threads", 1)
        line, variables = mpi_command(
            1, "train", *arguments, "--progress", "none", "--data", self.texts[0]
        )
        other = [*line[2:-1], str(self.texts[1])]
        self.mpirun = subprocess.Popen(
            [*line, ":", *other], stderr=subprocess.PIPE, text=True, env=variables
        )

    def wait_for(self, step):
        """Whether the run gets there."""
        while steps(self.out) < step:
            if self.mpirun.poll() is not None:
                return False
            time.sleep(0.002)
        return True

    def pids(self):
        children = Path(f"/proc/{self.mpirun.pid}/task/{self.mpirun.pid}/children").read_text()
        return [int(pid) for pid in children.split()]

    def end(self):
        _, errors = self.mpirun.communicate(timeout=120)
        said = [line for line in errors.splitlines() if line.startswith("error: ")]
        return self.mpirun.returncode, said


def go_on(out, text):
    """As one process, to its end."""
    line = [PROGRAM, "train", "--out", out, "--resume", "--data", text, "--threads", "1"]
    run = subprocess.run(
        [*map(str, line), "--progress", "none"], capture_output=True, text=True, env=environment()
    )
    return run.stderr if run.returncode != 0 else None


def kill(trial, rank):
    pids = trial.pids()
    os.kill(pids[rank], signal.SIGKILL)
    began = time.monotonic()
    trial.end()
    while any(Path(f"/proc/{pid}").exists() for pid in pids):
        time.sleep(0.01)
    took = time.monotonic() - began
    return f"the others ended after {took:.1f} s" if took > SECONDS_TO_END else None


def stop(trial, pid, sent):
    os.kill(pid, sent)
    status, said = trial.end()
    over = status == 0 and steps(trial.out) == STEPS  # it came too late
    return None if status == 128 + sent or over else f"status {status}, {said}"


def lose_text(trial):
    os.truncate(trial.texts[1], 100)
    status, said = trial.end()
    trial.texts[1].write_bytes(TEXT)
    named = len(said) == 1 and said[0].startswith("error: rank 1 (")
    return None if status == 1 and named else f"status {status}, {said}"


HAPPENINGS = {
    "kill": lambda trial, draw: kill(trial, draw.randrange(2)),
    "term": lambda trial, draw: stop(trial, trial.pids()[draw.randrange(2)], signal.SIGTERM),
    "usr1": lambda trial, _: stop(trial, trial.mpirun.pid, signal.SIGUSR1),
    "error": lambda trial, _: lose_text(trial),
}


def run(name, count, draw, folder, whole):
    met = broken = 0
    while met < count:
        out = folder / "run"
        shutil.rmtree(out, ignore_errors=True)
        trial = Trial(folder, out)
        if not trial.wait_for(draw.randrange(1, STEPS // 2)):
            sys.exit(f"{name}: the run ended by itself: {trial.end()}")
        wrong = HAPPENINGS[name](trial, draw) or go_on(out, trial.texts[0])
        if wrong is None and weights(out) != whole:
            wrong = "what was resumed ends with other weights"
        met += 1
        if wrong:
            broken += 1
            print(f"{name} {met}: {wrong}", flush=True)
    print(f"{name}: {met} runs, {broken} broke a rule", flush=True)
    return broken


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--count", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--run", nargs="+", choices=HAPPENINGS, default=list(HAPPENINGS))
    arguments = parser.parse_args()
    draw = random.Random(arguments.seed)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "settings.toml").write_text(SETTINGS)
        Trial(folder, folder / "whole").end()
        whole = weights(folder / "whole")
        broken = sum(run(what, arguments.count, draw, folder, whole) for what in arguments.run)
    sys.exit(1 if broken else 0)


if __name__ == "__main__":
    main()
