#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Two ranks of one thread beside one rank of two threads, on the same two cores: what ranks cost.

    bench/ranks.py [--seconds 5] [--rounds 3] [--only WORD] [--hosts [RATE]]

Trains and evolves on all sides in turn, `rounds` times, and prints the time of a step on each side at its best, and ratios:
1 says that two ranks are as fast as two threads. With the defaults it takes three to four minutes of a quiet machine; on a
busy one the figures mean nothing. --hosts: two hosts more, which are network namespaces of this machine (it takes root),
over a virtual cable as fast as memory or of a rate such as 1gbit; and what docs/scaling.md computes for them: the time of
two ranks here, and what the cable takes longer than memory for the bytes that each is sent, both as fast as `lior bench
--filter comm` finds them. Needs the program of many ranks: scripts/setup.sh mpi, cmake --preset mpi.
"""

import argparse
import contextlib
import json
import os
import random
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests" / "app"))

from hosts import Hosts, why_not  # noqa: E402
from program import MPI_PROGRAM, environment  # noqa: E402

ROOT_MAY = {"OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"}
SIDES = {
    "1 x 2": ([MPI_PROGRAM], 2, environment(**ROOT_MAY)),
    "2 x 1": (
        ["mpirun", "--quiet", "-n", "2", "--bind-to", "core", MPI_PROGRAM],
        1,
        environment(**ROOT_MAY),
    ),
}
FIELD = """
[grid]
nx = 512
ny = 512
D = 2
[integrator]
kind = "{kind}"
dt = 0.01
[output]
every = 1000000
frames = false
"""


def run(side, folder, arguments):
    """Seconds that the command takes on that side, and what it prints."""
    line, threads, variables = SIDES[side]
    command = [*line, *map(str, arguments), "--threads", str(threads)]
    began = time.monotonic()
    done = subprocess.run(command, cwd=folder, env=variables, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"{' '.join(command)}: {done.stderr}")
    return time.monotonic() - began, done.stdout


def fresh(folder):
    """A path in the folder that is not there yet."""
    return folder / str(len(list(folder.iterdir())))


def bandwidth(side, folder):
    """Bytes a second between the two ranks."""
    _, printed = run(side, folder, ("bench", "--filter", "comm"))
    return 1e9 * float(re.search(r"B = (\S+) GB/s", printed)[1])


class Training:
    """Seconds of a step by the run's own clock, without its first two."""

    here = True  # what ranks send each other takes time on one machine too

    def __init__(self, name, preset, batch, length):
        self.name, self.arguments = name, ("--preset", preset, "--batch", batch, "--length", length)

    def seconds(self, side, folder, steps):
        out = fresh(folder)
        more = ("--accumulate", 2, "--val-fraction", 0, "--log-every", 1, "--steps", steps + 2)
        quiet = ("--progress", "none")
        command = ("train", "--data", folder / "text", "--out", out, *self.arguments, *more, *quiet)
        run(side, folder, command)
        self.bytes = (out / "model.safetensors").stat().st_size  # 8 M (P - 1) / P, P = 2
        seconds = [json.loads(line)["seconds"] for line in (out / "metrics.jsonl").open()]
        return seconds[-1] - seconds[1], 0


class Evolution:
    """Seconds of the steps of two runs: what these do beside their steps is the same."""

    SHORT = 2

    def __init__(self, name, kind, bytes, here):
        self.name, self.kind, self.bytes, self.here = name, kind, bytes, here

    def seconds(self, side, folder, steps):
        settings = folder / f"{self.kind}.toml"
        settings.write_text(FIELD.format(kind=self.kind))

        def whole(count):
            command = ("evolve", "--config", settings, "--out", fresh(folder), "--steps", count)
            return run(side, folder, (*command, "--progress", "none"))[0]

        return whole(self.SHORT + steps), whole(self.SHORT)


ROW = 512 * 2 * 2 * 16  # bytes
CASES = (
    Training("train tiny, 2 x 12 x 64", "tiny", 12, 64),
    Training("train small, 2 x 8 x 256", "small", 8, 256),
    Evolution("evolve strang, 512 x 512", "strang", bytes=512 * ROW // 2, here=False),
    Evolution("evolve rk4, 512 x 512", "rk4", bytes=8 * ROW, here=True),
)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=5, help="of a measurement")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", default="", help="cases whose name has this word")
    parser.add_argument(
        "--hosts", nargs="?", const="", metavar="RATE", help="on two hosts as well (1gbit)"
    )
    arguments = parser.parse_args()
    if len(os.sched_getaffinity(0)) < 2:
        sys.exit("two cores are needed")
    with tempfile.TemporaryDirectory() as name, contextlib.ExitStack() as open_hosts:
        folder = Path(name)
        if arguments.hosts is not None:
            if why_not():
                sys.exit(why_not())
            hosts = open_hosts.enter_context(Hosts(folder, rate=arguments.hosts))
            line, variables = hosts.command((2,))
            # As many cores as ranks: nobody has to yield, and each may have its own.
            variables |= {"OMPI_MCA_mpi_yield_when_idle": "0"}
            SIDES["2 hosts"] = (line, 1, variables)
        draw = random.Random(1)
        words = ["".join(draw.choices("etaoinshr", k=draw.randrange(1, 9))) for _ in range(500)]
        (folder / "text").write_text(" ".join(draw.choices(words, k=200_000)))
        measure(arguments, folder)


def steps_that_take(seconds, case, folder):
    """By a trial that lasts long enough for the start of a program to be little beside it."""
    steps, took = 2, 0
    while took < min(seconds, 0.5):
        steps *= 2
        long, short = case.seconds("1 x 2", folder, steps)
        took = long - short
    return max(2, round(steps * seconds / took))


def measure(arguments, folder):
    hosts = "2 hosts" in SIDES
    more = "".join(f" {title} |" for title in ("2 hosts x 1 thread", "ratio", "computed") if hosts)
    print(f"| | 1 rank x 2 threads, ms a step | 2 ranks x 1 thread | ratio |{more}")
    print("|---|---:|---:|---:|" + "---:|" * more.count("|"), flush=True)
    for case in CASES:
        if arguments.only not in case.name:
            continue
        steps = steps_that_take(arguments.seconds, case, folder)
        pairs = {side: [] for side in SIDES}
        for _ in range(arguments.rounds):
            for side in SIDES:
                pairs[side].append(case.seconds(side, folder, steps))
        # The least of each length: a difference of two runs would be as wrong as the worse one.
        least = {side: map(min, zip(*times, strict=True)) for side, times in pairs.items()}
        ms = {side: 1000 * (long - short) / steps for side, (long, short) in least.items()}
        line = f"| {case.name} | {ms['1 x 2']:.2f} | {ms['2 x 1']:.2f} | {ms['1 x 2'] / ms['2 x 1']:.2f} |"
        if hosts:
            here = 1 / bandwidth("2 x 1", folder) if case.here else 0
            longer = 1000 * case.bytes * (1 / bandwidth("2 hosts", folder) - here)
            line += f" {ms['2 hosts']:.2f} | {ms['1 x 2'] / ms['2 hosts']:.2f} | {ms['2 x 1'] + longer:.2f} |"
        print(line, flush=True)


if __name__ == "__main__":
    main()
