#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""State tracking from many seeds: each task's training, and where its model is wrong afterwards.

    bench/tracking_seeds.py [--data a5 ...] [--seeds 0 1 ...] [--out docs/tracking-seeds.jsonl]

A case trains at lengths up to 40 (pairs:S3xS3: 8), on one thread, and is tested on words of 40 to 256 tokens, 256 of each
length; pairs:S3xS3 on four words of 1,048,576, too, of the pairs that training never held. A run that has ended is a line of the
file, and the command, given again, goes on where it was stopped; the tables of what the file holds are printed at the
end. All ten seeds take about two hours of one core, most of it for modular_arithmetic.
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LENGTHS, COUNT = (40, 64, 128, 256), 256
FAR, FAR_COUNT = 1_048_576, 4
# Flags of lior train, and whether its model is tested on FAR tokens, too: that of a5 and s5 is in decision 026.
CASES = {
    "a5": ("--length 40 --steps 4000", False),
    "s5": ("--length 40 --steps 10000", False),
    "pairs:S3xS3": ("--length 8 --steps 6400", True),
    "parity": ("--length 40 --steps 2000", False),
    "cycle_navigation": ("--length 40 --steps 2000", False),
    "even_pairs": ("--length 40 --steps 2000", False),
    "modular_arithmetic": ("--length 40 --batch 64 --steps 2000", False),
}


def lior(program, *arguments):
    """What it prints, and its seconds of CPU."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run([program, *map(str, arguments)], capture_output=True, text=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        sys.exit(f"tracking_seeds.py: {' '.join(map(str, arguments))}: {done.stderr.strip()}")
    return done.stdout, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def run(program, data, seed):
    flags, goes_far = CASES[data]
    name = f"builtin:{data}"
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "run"
        train = ("train", "--data", name, "--out", out, "--seed", seed, *flags.split())
        _, seconds = lior(program, *train, "--threads", 1, "--progress", "none")
        last = json.loads((out / "metrics.jsonl").read_text().splitlines()[-1])
        judge = ("eval", "--model", out, "--data", name, "--threads", 1, "--lengths")
        lengths = ",".join(map(str, LENGTHS))
        judged = lior(program, *judge, lengths, "--count", COUNT)[0]
        if goes_far:
            judged += lior(program, *judge, FAR, "--count", FAR_COUNT)[0]
    results = [json.loads(line) for line in judged.splitlines()]
    return {
        "data": data,
        "seed": seed,
        "flags": flags,
        "steps": last["step"],
        "tokens": last["tokens"],
        "cpu_seconds": round(seconds, 1),
        "wrong": {str(result["length"]): result["wrong"] for result in results},
        "of": {str(result["length"]): result["tokens"] for result in results},
    }


def right(runs, length):
    """The least and the middle one of the accuracies."""
    values = [1 - run["wrong"][length] / run["of"][length] for run in runs]
    least, middle = min(values), statistics.median(values)
    return "1" if least == 1 else f"{least:.5f}, {middle:.5f}"


def spread(values):
    low, high = min(values), max(values)
    return f"{low:,}" if low == high else f"{low:,} to {high:,}"


def table(runs):
    """Right at each length: 1 where no position of any seed is wrong; else the least, and the middle
    one."""
    lengths = [*map(str, LENGTHS), str(FAR)]
    heads = ["task", "seeds", "steps", "labels seen", "s of CPU"]
    heads += [f"right at {int(length):,}" for length in lengths]
    lines = ["| " + " | ".join(heads) + " |", "|" + "---|" * len(heads)]
    for data in CASES:
        mine = [run for run in runs if run["data"] == data]
        if not mine:
            continue
        cells = [data, str(len(mine))]
        cells += [spread([run[key] for run in mine]) for key in ("steps", "tokens", "cpu_seconds")]
        cells += [right(mine, n) if n in mine[0]["wrong"] else "" for n in lengths]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", nargs="*", default=list(CASES), choices=list(CASES))
    parser.add_argument("--seeds", type=int, nargs="+", default=list(range(10)))
    parser.add_argument("--program", default=str(ROOT / "build/release/bin/lior"))
    parser.add_argument("--out", type=Path, default=ROOT / "docs/tracking-seeds.jsonl")
    options = parser.parse_args()
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    lines = options.out.read_text().splitlines() if options.out.exists() else []
    runs = [json.loads(line) for line in lines]
    for data in options.data:
        for seed in options.seeds:
            key = {"data": data, "seed": seed, "flags": CASES[data][0]}
            if any(all(run[k] == v for k, v in key.items()) for run in runs):
                continue
            runs.append(run(options.program, data, seed))
            with open(options.out, "a") as file:
                file.write(json.dumps(runs[-1]) + "\n")
            print(json.dumps(runs[-1]), flush=True)
    print(table(runs))


if __name__ == "__main__":
    main()
