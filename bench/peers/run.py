#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Ours beside PyTorch and JAX on the processor: same inputs, threads and process, samples in turn.

    python bench/peers/run.py [--filter REGEX]

writes docs/results.md and docs/results.json; rows that the filter leaves out keep what they had. `--list` names the
rows. Needs lior and torch in this Python; jax, mambapy, xllamacpp and gguf (requirements-side-by-side.txt) for their
sides; in the build tree, after `make test`:

    PYTHONPATH=build/release/python build/venv/bin/python bench/peers/run.py
"""

import argparse
import json
import shlex
import signal
import subprocess
import sys
import tempfile
from datetime import date
from pathlib import Path

from environment import settle

ROOT = Path(__file__).resolve().parents[2]


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--filter", default="", metavar="REGEX", help="only the rows whose name matches"
    )
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument(
        "--samples", type=int, default=7, help="a side (at least 7 for a result that counts)"
    )
    parser.add_argument(
        "--compile-seconds", type=float, default=600, help="after which torch.compile is given up"
    )
    parser.add_argument(
        "--out", type=Path, default=ROOT / "docs", help="the folder of results.md and results.json"
    )
    parser.add_argument("--no-report", action="store_true", help="print only")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--task", help=argparse.SUPPRESS)
    options = parser.parse_args()
    settle(OMP_NUM_THREADS=str(options.threads))
    if options.task:
        run_task(json.loads(options.task), options.threads)
    else:
        sys.exit(run_all(options))


def run_all(options):
    """Every row in a process of its own, started as this one was. True if one of them failed."""
    import rows
    from harness import chosen
    from report import comparison_lines, replace_section

    picked = chosen(options.filter)
    if options.list:
        print("\n".join(f"{row.name:32} {row.shape}" for row in picked))
        return False
    if not picked:
        sys.exit(f"run.py: no row matches {options.filter!r}; --list names them")

    results = options.out / "results.json"
    kept = json.loads(results.read_text()) if results.exists() else []
    failed = False
    command = shlex.join(["python", "bench/peers/run.py", *sys.argv[1:]])
    for row in picked:
        done = {**run_apart(row, options), "command": command}
        failed |= bool(done["message"])
        kept = [old for old in kept if old["name"] != done["name"]] + [done]
        kept.sort(key=lambda row: rows.ORDER.get(row["name"], len(rows.ORDER)))
        if not options.no_report:
            results.write_text(json.dumps(kept, indent=1) + "\n")
            replace_section(options.out / "results.md", "speed", comparison_lines(kept))
    return failed


def run_apart(row, options):
    """The record of a row. A peer that ends the process (code that Inductor wrote has) is left out the next time."""
    from probe import machine, versions

    task = {
        "name": row.name,
        "samples": options.samples,
        "compile_seconds": options.compile_seconds,
        "excluded": {},
    }
    command = [sys.executable, __file__, "--threads", str(options.threads), "--task"]
    while True:
        with tempfile.TemporaryDirectory() as folder:
            ended = subprocess.run([*command, json.dumps({**task, "folder": folder})]).returncode
            done, progress = Path(folder) / "record.json", Path(folder) / "progress"
            if done.exists():
                return json.loads(done.read_text())
            side = progress.read_text() if progress.exists() else ""
        reason = (
            f"ended the process: {signal.strsignal(-ended) if ended < 0 else f'status {ended}'}"
        )
        if not side or side in task["excluded"]:
            row.message = f"{side or 'a side'} {reason}"
            return {**record(row), "machine": machine(options.threads), "versions": versions()}
        task["excluded"][side] = reason


def run_task(task, threads):
    """Runs one row and writes its record."""
    import lior
    import rows  # noqa: F401  (registers them; before denormals go, of which NumPy would warn)
    import torch
    from harness import ROWS, Settings, run_row
    from probe import Probe, machine, versions

    torch.set_num_threads(threads)
    torch.set_flush_denormal(True)  # as our kernels do
    lior.set_threads(threads)
    folder = Path(task["folder"])
    (row,) = (row for row in ROWS if row.name == task["name"])
    row.settings = Settings(
        samples=task["samples"],
        compile_seconds=task["compile_seconds"],
        excluded=task["excluded"],
        progress=folder / "progress",
    )
    run_row(row, Probe())
    print(text_of(row), flush=True)
    done = {**record(row), "machine": machine(threads), "versions": versions()}
    (folder / "record.json").write_text(json.dumps(done))


def record(row):
    moved = 0.0
    if len(row.probes) == 2:
        before, after = row.probes
        moved = max(abs(after[key] / before[key] - 1) for key in before)
    return {
        "name": row.name,
        "shape": row.shape,
        "dtype": row.dtype,
        "date": date.today().isoformat(),
        "at_least": row.at_least,
        "message": row.message,
        "probes": row.probes,
        "probe_moved": moved,
        "sides": [
            {
                "name": side.name,
                "seconds": side.seconds,
                "spread": side.spread,
                "samples": side.samples,
                "error": None if side.error != side.error else side.error,
                "tolerance": side.tolerance,
                "message": side.message,
            }
            for side in row.sides
        ],
    }


def text_of(row):
    from report import time_text

    lines = [f"{row.name}  {row.shape}" + (f"  FAILED: {row.message}" if row.message else "")]
    ours = row.sides[0].seconds if row.sides else None
    for side in row.sides:
        if side.seconds is None:
            lines.append(f"    {side.name:36} {side.message or 'not timed'}")
        else:
            gain = f"  {side.seconds / ours:8.3g} x" if ours and side is not row.sides[0] else ""
            lines.append(
                f"    {side.name:36} {time_text(side.seconds):>10} +-{side.spread:4.0%}{gain}"
            )
    return "\n".join(lines)


if __name__ == "__main__":
    main()
