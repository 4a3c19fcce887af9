#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Trains, or evolves a field, on two ranks and lets something happen to one of them at a random moment.

    ranks.py [--count 50] [--seed 0] [--of train evolve] [--run kill save term mpirun usr1 error]

kill: SIGKILL to a rank. The other ends within five seconds, and the last checkpoint is whole.
save: SIGKILL to the first rank while it writes a file of a checkpoint: the one before is whole.
term: SIGTERM to a rank; usr1: SIGUSR1 to mpirun, which hands it on. Both save and end with the signal's status.
mpirun: SIGTERM to mpirun, which gives ranks a second: all end within five.
error: the text of a training shrinks, as rank 1 alone sees it; one line says so, and names the rank and its host.
Each count is a run that was under way; what is left of it goes on as one process and ends with the numbers of a run that
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

from evolve_kills import CONFIG as FIELD  # noqa: E402
from evolve_kills import differences  # noqa: E402
from mpi import mpi_command  # noqa: E402
from program import PROGRAM, environment, small_settings  # noqa: E402

SECONDS_TO_END = 5
QUIET = ("--threads", 1, "--progress", "none")


class Training:
    """Weights are what counts; each rank has its own path to the text."""

    STEPS, LINES = 300, "metrics.jsonl"
    TEXT = b"the quick brown fox jumps over the lazy dog; " * 400
    SETTINGS = small_settings(
        top=f"accumulate = 4\nsteps = {STEPS}\nsave_every = 20\nlog_every = 1"
    )

    def __init__(self, folder):
        self.settings, self.texts = (
            folder / "train.toml",
            [folder / f"text-{rank}" for rank in (0, 1)],
        )
        self.settings.write_text(self.SETTINGS)
        for text in self.texts:
            text.write_bytes(self.TEXT)

    def arguments(self, out, rank):
        return (
            "train",
            "--config",
            self.settings,
            "--out",
            out,
            *QUIET,
            "--data",
            self.texts[rank],
        )

    def further(self, out):
        return ("train", "--resume", "--out", out, *QUIET, "--data", self.texts[0])

    @staticmethod
    def weights(out):
        """The numbers of a model's file, whose header also says its step."""
        content = (out / "model.safetensors").read_bytes()
        return content[8 + int.from_bytes(content[:8], "little") :]

    def differences(self, whole, out):
        return [] if self.weights(whole) == self.weights(out) else ["the weights"]


class Evolution:
    """Frames and diagnostics are what counts."""

    STEPS, LINES = 1200, "diagnostics.jsonl"

    def __init__(self, folder):
        self.settings = folder / "evolve.toml"
        self.settings.write_text(FIELD.format(every=4, steps=self.STEPS))

    def arguments(self, out, _):
        return ("evolve", "--config", self.settings, "--out", out, *QUIET)

    def further(self, out):
        return ("evolve", "--resume", "--out", out, *QUIET)

    def differences(self, whole, out):
        return differences(whole, out)


class Trial:
    """A run on two ranks."""

    def __init__(self, task, out):
        self.task, self.out = task, out
        line, variables = mpi_command(1, *task.arguments(out, 0))
        other = [*line[2:5], *map(str, task.arguments(out, 1))]
        self.mpirun = subprocess.Popen(
            [*line, ":", *other], stderr=subprocess.PIPE, text=True, env=variables
        )

    def lines(self):
        with contextlib.suppress(OSError):
            return (self.out / self.task.LINES).read_bytes().count(b"\n")
        return 0

    def wait_for(self, lines):
        """Whether the run gets there."""
        while self.lines() < lines:
            if self.mpirun.poll() is not None:
                return False
            time.sleep(0.002)
        return True

    def wait_for_save(self):
        """Until a file of a checkpoint is being written, or the run is over."""
        while self.mpirun.poll() is None:
            with contextlib.suppress(OSError):
                names = (entry.name for entry in os.scandir(self.out))
                if any(name.endswith(".partial") for name in names):
                    return

    def pids(self):
        children = Path(f"/proc/{self.mpirun.pid}/task/{self.mpirun.pid}/children").read_text()
        return [int(pid) for pid in children.split()]

    def send(self, pid, sent):
        """False where the run was over before."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, sent)
            return True
        return False

    def end(self):
        _, errors = self.mpirun.communicate(timeout=120)
        said = [line for line in errors.splitlines() if line.startswith("error: ")]
        return self.mpirun.returncode, said

    def ends_soon(self, pids):
        began = time.monotonic()
        self.end()
        while any(Path(f"/proc/{pid}").exists() for pid in pids):
            time.sleep(0.01)
        took = time.monotonic() - began
        Trial.longest = max(Trial.longest, took)
        return f"the others ended after {took:.1f} s" if took > SECONDS_TO_END else None

    longest = 0.0


def kill(trial, draw):
    pids = trial.pids()
    trial.send(pids[draw.randrange(len(pids))], signal.SIGKILL)
    return trial.ends_soon(pids)


def cut_save(trial, _):
    pids = trial.pids()
    trial.wait_for_save()
    trial.send(pids[0], signal.SIGKILL)
    return trial.ends_soon(pids)


def stop_mpirun(trial, _):
    pids = trial.pids()
    trial.send(trial.mpirun.pid, signal.SIGTERM)
    return trial.ends_soon(pids)


def stop(trial, pid, sent):
    trial.send(pid, sent)
    status, said = trial.end()
    return None if status in (0, 128 + sent) else f"status {status}, {said}"  # 0: it came too late


def lose_text(trial, _):
    text = trial.task.texts[1]
    os.truncate(text, 100)
    status, said = trial.end()
    text.write_bytes(trial.task.TEXT)
    named = len(said) == 1 and said[0].startswith("error: rank 1 (")
    return None if status == 1 and named else f"status {status}, {said}"


HAPPENINGS = {
    "kill": kill,
    "save": cut_save,
    "term": lambda trial, draw: stop(trial, trial.pids()[draw.randrange(2)], signal.SIGTERM),
    "mpirun": stop_mpirun,
    "usr1": lambda trial, _: stop(trial, trial.mpirun.pid, signal.SIGUSR1),
    "error": lose_text,
}
TASKS = {"train": Training, "evolve": Evolution}


def go_on(task, out):
    """As one process, to its end."""
    line = [PROGRAM, *map(str, task.further(out))]
    run = subprocess.run(line, capture_output=True, text=True, env=environment())
    return run.stderr if run.returncode != 0 else None


def run(task, name, count, draw, folder, whole):
    """Runs that broke a rule."""
    met = broken = 0
    Trial.longest = 0.0
    while met < count:
        out = folder / "run"
        shutil.rmtree(out, ignore_errors=True)
        trial = Trial(task, out)
        lines = (whole / task.LINES).read_bytes().count(b"\n")
        if not trial.wait_for(draw.randrange(1, lines // 2)):
            sys.exit(f"{name}: the run ended by itself: {trial.end()}")
        wrong = HAPPENINGS[name](trial, draw) or go_on(task, out)
        wrong = wrong or ", ".join(task.differences(whole, out))
        met += 1
        if wrong:
            broken += 1
            print(f"{name} {met}: {wrong}", flush=True)
    ended = f"; the others ended within {Trial.longest:.1f} s" if Trial.longest else ""
    print(f"{type(task).__name__} {name}: {met} runs, {broken} broke a rule{ended}", flush=True)
    return broken


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--count", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--of", nargs="+", choices=TASKS, default=list(TASKS))
    parser.add_argument("--run", nargs="+", choices=HAPPENINGS, default=list(HAPPENINGS))
    arguments = parser.parse_args()
    draw = random.Random(arguments.seed)
    broken = 0
    for of in arguments.of:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            task, whole = TASKS[of](folder), folder / "whole"
            status, said = Trial(task, whole).end()
            if status != 0:
                sys.exit(f"{of}: the run that nothing disturbs ended with status {status}: {said}")
            for what in arguments.run:
                if of == "evolve" and what == "error":
                    continue  # a field reads nothing while it evolves
                broken += run(task, what, arguments.count, draw, folder, whole)
    sys.exit(1 if broken else 0)


if __name__ == "__main__":
    main()
