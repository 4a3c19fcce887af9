#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Kills `lior evolve` at random moments, resumes it, and compares with a run that was left alone.

    build/venv/bin/python tests/faults/evolve_kills.py [--kills 300] [--every 1] [--seed 0] [--again 0.3]
                                                       [--signal KILL]

A case is a run that is killed (SIGKILL, or INT or TERM), with probability `again` once more while it resumes, and then
resumed to its end: status 0, all data sets of field.h5 and diagnostics.jsonl those of the whole run. The
last line is `K kills, F cases that ended wrong`. tests/app/test_evolve.py runs a few of them.
"""

import argparse
import pathlib
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import h5py
import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "app"))
from program import PROGRAM

CONFIG = """
[grid]
nx = 16
ny = 16
D = 2
[physics]
lambda_qr = 0.1
lambda_f = 0.01
[integrator]
dt = 0.05
steps = {steps}
[bayes]
update_every = 7
[output]
every = {every}
frames = false
"""


def start(folder, configuration):
    """A run, or its resumption where it can be resumed."""
    command = [PROGRAM, "evolve", "--out", folder, "--threads", "1", "--progress", "none"]
    command += ["--resume"] if (folder / "config.toml").exists() else ["--config", configuration]
    return subprocess.Popen(command, stderr=subprocess.PIPE, text=True)


def differences(whole, folder):
    """Names of the datasets and files of `folder` that differ from those of `whole`."""
    wrong = []
    with h5py.File(whole / "field.h5") as a, h5py.File(folder / "field.h5") as b:
        for name in a:
            if a[name].shape != b[name].shape or not np.array_equal(a[name][:], b[name][:]):
                wrong.append(name)
    name = "diagnostics.jsonl"
    if (whole / name).read_bytes() != (folder / name).read_bytes():
        wrong.append(name)
    return wrong


class Kills:
    """Cases of one configuration in `scratch`."""

    def __init__(self, scratch, every, steps=3000, seed=0, sent=signal.SIGKILL):
        self.scratch, self.random, self.sent, self.kills = scratch, random.Random(seed), sent, 0
        self.configuration = scratch / "run.toml"
        self.configuration.write_text(CONFIG.format(every=every, steps=steps))
        self.whole = scratch / "whole"
        began = time.monotonic()
        assert start(self.whole, self.configuration).wait() == 0
        self.seconds = time.monotonic() - began

    def killed(self, folder):
        """Whether the run was killed before its end."""
        process = start(folder, self.configuration)
        time.sleep(self.random.uniform(0, self.seconds))
        process.send_signal(self.sent)
        process.communicate()
        ended_by_it = process.returncode in (-self.sent, 128 + self.sent)
        assert ended_by_it or process.returncode == 0, process.returncode
        self.kills += ended_by_it
        return ended_by_it

    def case(self, number, again=0.3):
        """Everything that is wrong with the run at its end; empty: nothing."""
        folder = self.scratch / str(number)
        while self.killed(folder) and self.random.random() < again:
            pass
        process = start(folder, self.configuration)
        said = process.communicate()[1]
        wrong = (
            [f"status {process.returncode}: {said}"]
            if process.returncode
            else differences(self.whole, folder)
        )
        if "from step 0" in said:
            wrong.append("the run started again")
        if not wrong:
            shutil.rmtree(folder)
        return wrong


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=300)
    parser.add_argument("--every", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--again", type=float, default=0.3)
    parser.add_argument("--signal", choices=["KILL", "INT", "TERM"], default="KILL")
    arguments = parser.parse_args()
    scratch = pathlib.Path(tempfile.mkdtemp(prefix="evolve-kills-"))
    sent = signal.Signals["SIG" + arguments.signal]
    kills = Kills(scratch, arguments.every, seed=arguments.seed, sent=sent)
    print(f"a whole run takes {kills.seconds:.2f} s; {scratch}", flush=True)
    wrong, number = 0, 0
    while kills.kills < arguments.kills:
        found = kills.case(number, arguments.again)
        if found:
            print(f"case {number}: {found}", flush=True)
        wrong += bool(found)
        number += 1
    print(f"{kills.kills} kills, {wrong} cases that ended wrong")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
