#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Interrupts runs at random moments, resumes them, and compares with a run that was left alone.

    interrupts.py [--run train python] [--count 100] [--seed 0]

train: `lior train --preset tiny`, at one thread and at two, by SIGINT and by SIGTERM. A run that was
interrupted must end with 130 or 143, say where it is saved, and when resumed end with the tensors and
losses of a run that was left alone. python: a loaded model's logits and losses under a timer of a
millisecond whose handler runs in Python. Each counts until so many signals have met a run that was
under way (of the timer's, ten times as many). The last line of each sums up; exit status 1 if a rule
was broken. evolve_kills.py --signal INT is the same for `lior evolve`.
"""

import argparse
import json
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
PROGRAM = Path(os.environ.get("LIOR_BIN", ROOT / "build" / "release" / "bin" / "lior"))
PACKAGE = os.environ.get("LIOR_PYTHON", str(ROOT / "build" / "release" / "python"))
TEXT = b"the quick brown fox jumps over the lazy dog; " * 400


def tensors(file):
    """The bytes behind the header, which also holds how long the run took."""
    content = file.read_bytes()
    return content[8 + int.from_bytes(content[:8], "little") :]


class Train:
    def __init__(self, folder, threads):
        self.threads = threads
        self.text = folder / "text.txt"
        self.text.write_bytes(TEXT)

    def command(self, out, resume):
        shared = ["train", "--out", out, "--progress", "plain", "--threads", self.threads]
        if resume:
            return shared + ["--resume"]
        small = ["--batch", 2, "--length", 64, "--steps", 24, "--log-every", 1, "--eval-every", 8]
        return shared + ["--preset", "tiny", "--data", self.text, *small]

    def result(self, out):
        lines = [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]
        return (
            [tensors(out / name) for name in ("model.safetensors", "optimizer.safetensors")],
            [(line["step"], line["loss"]) for line in lines],
        )

    def began(self, out):
        return (out / "config.json").exists() and (out / "model.safetensors").exists()


def start(command):
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("LIOR_")}
    return subprocess.Popen(
        [str(PROGRAM), *map(str, command)], stderr=subprocess.PIPE, text=True, env=inherited
    )


def finish(process):
    said = process.communicate(timeout=120)[1]
    return process.returncode, said.splitlines()


def interrupted(kind, out, delay, sent, expected):
    """(whether the signal met the run, what is wrong or None)."""
    shutil.rmtree(out, ignore_errors=True)
    process = start(kind.command(out, False))
    time.sleep(delay)
    process.send_signal(sent)
    status, said = finish(process)
    if status == -sent and not out.exists():
        return False, None  # before the program's first line
    met = status == 128 + sent
    if not met and status != 0:
        return True, f"status {status}: {said}"
    if met and out.exists() and not (said and said[-1].startswith("interrupted")):
        return True, f"no word of where it is saved: {said}"
    if met and kind.began(out) and "saved in" not in said[-1]:
        return True, f"begun, and not saved: {said}"
    if met:
        began = kind.began(out)
        if not began:
            shutil.rmtree(out, ignore_errors=True)
        status, said = finish(start(kind.command(out, began)))
        if status != 0:
            return True, f"resumed with status {status}: {said}"
    return met, None if kind.result(out) == expected else "ended with another result"


def all_interrupts(kind, folder, sent, count, seed):
    """(signals that met a run, what was broken)."""
    out = folder / "out"
    shutil.rmtree(out, ignore_errors=True)
    began = time.monotonic()
    status, said = finish(start(kind.command(out, False)))
    assert status == 0, said
    longest = time.monotonic() - began
    expected = kind.result(out)
    met, broken, moments = 0, [], random.Random(seed)
    while met < count:
        delay = moments.uniform(0.02, longest)
        hit, fault = interrupted(kind, out, delay, sent, expected)
        met += hit
        if fault:
            broken.append(f"after {delay:.4f} s: {fault}")
    return met, broken


UNDER_A_TIMER = """
import signal, sys
import numpy as np
import lior

folder, count, threads = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
lior.set_threads(threads)
heard = 0

def note(*_):
    global heard
    heard += 1

model = lior.load(folder).model
tokens = np.arange(128, dtype=np.int32).reshape(1, -1) % 256
expected = model.logits(tokens)
loss = model.loss_and_gradients(tokens, tokens).loss_sum
signal.signal(signal.SIGALRM, note)
signal.setitimer(signal.ITIMER_REAL, 0.001, 0.001)
while heard < count:
    assert np.array_equal(model.logits(tokens), expected)
    assert model.loss_and_gradients(tokens, tokens).loss_sum == loss
signal.setitimer(signal.ITIMER_REAL, 0)
"""


def under_a_timer(folder, threads, count):
    """(signals, what was broken) of calls of a loaded model in Python."""
    out = folder / "model"
    if not out.exists():
        status, said = finish(start(Train(folder, 1).command(out, False)))
        assert status == 0, said
    command = [sys.executable, "-c", UNDER_A_TIMER, out, count, threads]
    ended = subprocess.run(
        [str(word) for word in command],
        capture_output=True,
        text=True,
        timeout=600,
        env={**os.environ, "PYTHONPATH": PACKAGE},
    )
    return count, [] if ended.returncode == 0 else [f"{ended.returncode}: {ended.stderr}"]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    runs = ("train", "python")
    parser.add_argument("--run", nargs="+", choices=runs, default=runs)
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="lior-interrupts-") as place:
        folder = Path(place)
        cases = {}
        signals = (signal.SIGINT, signal.SIGTERM)

        def add(name, kind, sent):
            cases[f"{name} {sent.name}"] = lambda: all_interrupts(
                kind, folder, sent, given.count, given.seed
            )

        if "train" in given.run:
            for threads in (1, 2):
                for sent in signals:
                    add(f"train at {threads} threads", Train(folder, threads), sent)
        if "python" in given.run:
            for threads in (1, 2):
                cases[f"python at {threads} threads, timer"] = lambda threads=threads: (
                    under_a_timer(folder, threads, 10 * given.count)
                )
        wrong = 0
        for name, case in cases.items():
            met, broken = case()
            wrong += len(broken)
            for fault in broken:
                print(f"{name}: {fault}", flush=True)
            print(f"{name}: {met} signals, {len(broken)} ended wrong", flush=True)
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
