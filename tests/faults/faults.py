#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes the system fail under short runs of the program, and kills them: what is kept must be good.

    faults.py calls [--run train|evolve] [--call write ...] [--stride K]
    faults.py kills [--run train|evolve] [--count 200] [--seed 0]

`calls` preloads fail_call.so, which makes the n-th write, pwrite, fsync, rename, mmap, ftruncate or
fflush fail (once, or from there on as on a full disk), for every n of the run. `kills` sends SIGKILL
at random moments. After each, the run is resumed (or begun anew where it had not begun), and must end
with the very numbers of a run that nothing disturbed. The last line sums up; exit status 1 if a rule
was broken.
"""

import argparse
import errno
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = Path(os.environ.get("LIOR_BIN", ROOT / "build" / "release" / "bin" / "lior"))
LIBRARY = PROGRAM.parent / "fail_call.so"
CALLS = ("write", "pwrite", "fsync", "rename", "mmap", "ftruncate", "fflush")

SMALL = """
batch = 2
length = 8
save_every = 2
log_every = 1
eval_every = 3
eval_count = 2
[model]
d_model = 8
heads = 1
layers = 1
"""
FIELD = """
[grid]
nx = 6
ny = 6
[integrator]
steps = 12
[output]
every = 3
frames = {frames}
"""


class Train:
    """Six steps of a small model, with a checkpoint every other one."""

    def __init__(self, folder):
        self.settings = folder / "small.toml"
        self.settings.write_text(SMALL)
        self.text = folder / "text.txt"
        self.text.write_text("a text that repeats itself " * 20)

    def command(self, out, resume):
        shared = ["train", "--out", out, "--steps", 6, "--threads", 1, "--progress", "none"]
        if resume:
            return shared + ["--resume"]
        return shared + ["--data", self.text, "--config", self.settings]

    def result(self, out):
        """The outputs that must not depend on what happened on the way."""
        lines = [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]
        return {
            "best": (out / "best.safetensors").read_bytes(),
            "model": (out / "model.safetensors").read_bytes(),
            "steps": [line["step"] for line in lines],
            "losses": [line["loss"] for line in lines],
        }

    def began(self, out):
        return (out / "config.json").exists() and (out / "model.safetensors").exists()


class Evolve:
    """Twelve steps of a small field, a frame every third."""

    def __init__(self, folder):
        self.settings = folder / "field.toml"
        self.settings.write_text(FIELD.format(frames="true"))

    def command(self, out, resume):
        if resume:
            return ["evolve", "--out", out, "--resume"]
        return ["evolve", "--out", out, "--config", self.settings]

    def result(self, out):
        import h5py  # only here: the tests' Python has it

        with h5py.File(out / "field.h5") as file:
            arrays = {name: file[name][()].tobytes() for name in file}
        arrays["diagnostics"] = [
            line for line in (out / "diagnostics.jsonl").read_text().splitlines()
        ]
        return arrays

    def began(self, out):
        return (out / "config.toml").exists()


RUNS = {"train": Train, "evolve": Evolve}


def run(arguments, **environment):
    environment = {name: str(value) for name, value in environment.items()}
    inherited = {k: v for k, v in os.environ.items() if not k.startswith(("LIOR_", "FAULT_"))}
    return subprocess.run(
        [str(PROGRAM), *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=120,
        env={**inherited, **environment},
    )


def finish(kind, out):
    """Resumes the run to its end, or begins it where it had not begun; its result, or what is wrong."""
    resumed = kind.began(out)
    if not resumed:
        shutil.rmtree(out, ignore_errors=True)
    ended = run(kind.command(out, resumed))
    if ended.returncode != 0:
        return None, f"{'resume' if resumed else 'a new run'}: {ended.returncode} {ended.stderr!r}"
    return kind.result(out), None


def injected(kind, folder, call, at, error, lasts, expected):
    """The first thing that is wrong after this fault, or None."""
    out = folder / "out"
    shutil.rmtree(out, ignore_errors=True)
    ended = run(
        kind.command(out, False),
        LD_PRELOAD=LIBRARY,
        FAULT_CALL=call,
        FAULT_AT=at,
        FAULT_ERRNO=error,
        FAULT_LASTS=int(lasts),
    )
    if ended.returncode not in (0, 1, 2):
        return f"status {ended.returncode}: {ended.stderr!r}"
    if ended.returncode == 0:  # then the fault has cost nothing
        return None if kind.result(out) == expected else "status 0, and another result"
    errors = [line for line in ended.stderr.splitlines() if line.startswith("error: ")]
    if len(errors) != 1 or os.strerror(error) not in errors[0]:
        return f"no message of one line with {os.strerror(error)!r}: {ended.stderr!r}"
    result, fault = finish(kind, out)
    return fault or (None if result == expected else "resumed to another result")


def count_calls(kind, folder, call):
    out, count = folder / "counted", folder / "count"
    shutil.rmtree(out, ignore_errors=True)
    run(
        kind.command(out, False), LD_PRELOAD=LIBRARY, FAULT_CALL=call, FAULT_AT=0, FAULT_COUNT=count
    )
    return int(count.read_text())


def undisturbed(kind, folder):
    out = folder / "undisturbed"
    ended = run(kind.command(out, False))
    assert ended.returncode == 0, ended.stderr
    return kind.result(out)


def all_calls(names, calls, stride, report=lambda text: None):
    """(faults injected, what was broken) over every stride-th call of each kind."""
    tried, broken = 0, []
    for name in names:
        with tempfile.TemporaryDirectory(prefix="lior-faults-") as place:
            folder = Path(place)
            kind = RUNS[name](folder)
            expected = undisturbed(kind, folder)
            for call in calls:
                count = count_calls(kind, folder, call)
                for at in range(1, count + 1, stride):
                    for error, lasts in ((errno.EIO, False), (errno.ENOSPC, True)):
                        fault = injected(kind, folder, call, at, error, lasts, expected)
                        tried += 1
                        if fault:
                            broken.append(f"{name}: {call} {at} {os.strerror(error)}: {fault}")
                            report(broken[-1])
                report(f"{name}: {call}: {count} calls")
    return tried, broken


def killed(kind, folder, delay, expected):
    """The first thing that is wrong after a kill `delay` seconds into the run, or None."""
    out = folder / "out"
    shutil.rmtree(out, ignore_errors=True)
    process = subprocess.Popen(
        [str(PROGRAM), *map(str, kind.command(out, False))],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    time.sleep(delay)
    process.kill()
    process.wait()
    result, fault = finish(kind, out)
    return fault or (None if result == expected else "resumed to another result")


def all_kills(names, count, seed, report=lambda text: None):
    tried, broken = 0, []
    for name in names:
        with tempfile.TemporaryDirectory(prefix="lior-kills-") as place:
            folder = Path(place)
            kind = RUNS[name](folder)
            began = time.monotonic()
            expected = undisturbed(kind, folder)
            longest = 1.1 * (time.monotonic() - began)
            moments = random.Random(seed)
            for _ in range(count):
                delay = moments.uniform(0, longest)
                fault = killed(kind, folder, delay, expected)
                tried += 1
                if fault:
                    broken.append(f"{name}: killed after {delay:.4f} s: {fault}")
                    report(broken[-1])
    return tried, broken


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=("calls", "kills"))
    parser.add_argument("--run", nargs="+", choices=RUNS, default=list(RUNS))
    parser.add_argument("--call", nargs="+", choices=CALLS, default=CALLS)
    parser.add_argument("--stride", type=int, default=1, help="every K-th call only")
    parser.add_argument("--count", type=int, default=200, help="kills of each run")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()

    def report(text):
        print(text, flush=True)

    if given.what == "calls":
        tried, broken = all_calls(given.run, given.call, given.stride, report)
    else:
        tried, broken = all_kills(given.run, given.count, given.seed, report)
    print(f"{tried - len(broken)} of {tried} {given.what} survived")
    sys.exit(1 if broken or not tried else 0)


if __name__ == "__main__":
    main()
