#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Compiles the kernels of python/lior/torch/cuda for GPUs by nvcc, and fails where one spills registers to memory. Where
there is no nvcc, it says so. Needs no GPU.

  scripts/check_cuda.py
"""

import itertools
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[1]
SOURCES = ROOT / "python" / "lior" / "torch" / "cuda"
ARCHITECTURES = "sm_80", "sm_90", "sm_100"
#: What a source may be compiled with; of dimensions, those of the least and the most registers among them.
DEFINITIONS = {
    "LIOR_REAL": ("float", "double"),
    "LIOR_PARTS": ("1", "2"),
    "LIOR_DIMENSIONS": ("1", "2", "4", "8"),
}


def forms(source: pathlib.Path) -> list[tuple[tuple[str, str], ...]]:
    """Every choice of the definitions that a source reads."""
    text = source.read_text()
    read = [name for name in DEFINITIONS if name == "LIOR_REAL" or name in text]
    choices = itertools.product(*(DEFINITIONS[name] for name in read))
    return [tuple(zip(read, values)) for values in choices]


def spilling(said: str) -> list[str]:
    """Kernels that spill, by what ptxas -v says of each."""
    kernel = (
        r"entry function '(\w+)' for '(\w+)'[^']*?(\d+) bytes spill stores, (\d+) bytes spill loads"
    )
    return [
        f"{name} for {architecture} spills {stores} and {loads} bytes"
        for name, architecture, stores, loads in re.findall(kernel, said)
        if int(stores) + int(loads) > 0
    ]


def by_nvcc(nvcc: str) -> tuple[int, list[str]]:
    """How many forms of sources were compiled, and faults; one call each compiles for all architectures."""
    faults, count = [], 0
    with tempfile.TemporaryDirectory() as folder:
        for source, form in ((s, f) for s in sorted(SOURCES.glob("*.cu")) for f in forms(s)):
            count += 1
            code = [f"-gencode=arch=compute_{a[3:]},code={a}" for a in ARCHITECTURES]
            define = [f"-D{name}={value}" for name, value in form]
            command = [nvcc, "-fatbin", "-std=c++20", "-Xptxas", "-v", *code, *define]
            run = subprocess.run(
                [*command, str(source), "-o", f"{folder}/code"], capture_output=True, text=True
            )
            what = f"{source.name} {' '.join(define)}"
            if run.returncode != 0:
                faults.append(f"{what}: {run.stderr.strip()}")
            faults += [f"{what}: {kernel}" for kernel in spilling(run.stdout + run.stderr)]
    return count, faults


def main() -> int:
    nvcc = shutil.which("nvcc")
    if nvcc is None:
        print("cuda: there is no nvcc here, which compiles the kernels and counts what they spill")
        return 0
    count, faults = by_nvcc(nvcc)
    for fault in faults:
        print(fault, file=sys.stderr)
    sources = len(list(SOURCES.glob("*.cu")))
    print(
        f"cuda: {sources} sources in {count} forms for {', '.join(ARCHITECTURES)}, {len(faults)} faults"
    )
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
