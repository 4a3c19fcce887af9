#!/usr/bin/env python3
"""Ours beside PyTorch and JAX on the processor: same inputs, threads and process, samples in turn.

    python bench/peers/run.py [--filter REGEX]

writes docs/results.md and docs/results.json; rows that the filter leaves out keep what they had. `--list` names the
rows. Needs lior and torch in this Python, and jax for its sides; in the build tree, after `make test`:

    PYTHONPATH=build/release/python build/venv/bin/python bench/peers/run.py
"""

import argparse
import json
import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# Freed memory is kept: otherwise glibc gives large results back to the kernel at each call and faults
# them in again, at a cost above that of many rows, for torch and for us alike.
ENVIRONMENT = {
    "MALLOC_MMAP_MAX_": "0",
    "MALLOC_TRIM_THRESHOLD_": str(1 << 40),
    "MALLOC_TOP_PAD_": str(1 << 26),
}


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
    parser.add_argument("--json", type=Path, default=ROOT / "docs/results.json")
    parser.add_argument("--no-report", action="store_true", help="print only")
    parser.add_argument("--list", action="store_true")
    options = parser.parse_args()
    if any(os.environ.get(name) != value for name, value in ENVIRONMENT.items()):
        environment = {**os.environ, **ENVIRONMENT, "OMP_NUM_THREADS": str(options.threads)}
        os.execve(sys.executable, [sys.executable, *sys.argv], environment)

    import torch

    import lior

    torch.set_num_threads(options.threads)
    torch.set_flush_denormal(True)  # as our kernels do
    lior.set_threads(options.threads)
    from harness import Settings, chosen, run_row
    from probe import Probe, machine, versions

    import rows  # noqa: F401  (registers them)

    picked = chosen(options.filter)
    if options.list:
        print("\n".join(f"{row.name:32} {row.shape}" for row in picked))
        return
    if not picked:
        sys.exit(f"run.py: no row matches {options.filter!r}; --list names them")

    probe = Probe()
    settings = Settings(samples=options.samples, compile_seconds=options.compile_seconds)
    kept = json.loads(options.json.read_text())["rows"] if options.json.exists() else []
    for row in picked:
        row.settings = settings
        run_row(row, probe)
        print(text_of(row), flush=True)
        done = record(row, options.threads)
        kept = [old for old in kept if old["name"] != done["name"]] + [done]
        if not options.no_report:
            write(options, kept, machine(options.threads), versions())
    sys.exit(any(row.message for row in picked))


def record(row, threads):
    moved = 0.0
    if len(row.probes) == 2:
        before, after = row.probes
        moved = max(abs(after[key] / before[key] - 1) for key in before)
    return {
        "name": row.name,
        "shape": row.shape,
        "dtype": row.dtype,
        "threads": threads,
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


def write(options, kept, facts, found):
    import rows
    from report import comparison_lines, replace_section

    kept.sort(key=lambda row: rows.ORDER.get(row["name"], len(rows.ORDER)))
    results = {"machine": facts, "versions": found, "rows": kept}
    options.json.write_text(json.dumps(results, indent=1) + "\n")
    command = "python bench/peers/run.py"
    replace_section(ROOT / "docs/results.md", "speed", comparison_lines(results, command))


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
