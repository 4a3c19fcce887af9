# SPDX-License-Identifier: Apache-2.0
"""The limits of the machine, measured now, with which times are compared."""

import os
import platform
import sys
from importlib import metadata
from time import perf_counter

import torch


def best_of(call, times=3):
    least = float("inf")
    for _ in range(times):
        start = perf_counter()
        call()
        least = min(least, perf_counter() - start)
    return least


class Probe:
    """Products of 1,024 x 1,024 float matrices, and z = x + 2 y over 96 MB, with torch at its threads."""

    def __init__(self):
        self.a, self.b, self.c = (torch.rand(1024, 1024) for _ in range(3))
        self.x, self.y, self.z = (torch.rand(8 << 20) for _ in range(3))

    def __call__(self):
        product = best_of(lambda: torch.mm(self.a, self.b, out=self.c))
        triad = best_of(lambda: torch.add(self.x, self.y, alpha=2, out=self.z))
        return {"gemm_flops": 2 * 1024**3 / product, "triad_bytes": 12 * (8 << 20) / triad}


def processor():
    try:
        with open("/proc/cpuinfo") as text:
            return next(
                line.split(":")[1].strip() for line in text if line.startswith("model name")
            )
    except (OSError, StopIteration):
        return platform.processor() or "unknown"


def machine(threads):
    return {
        "processor": processor(),
        "cores": len(os.sched_getaffinity(0)),
        "threads": threads,
        "load": os.getloadavg()[0],
        "torch_capability": torch.backends.cpu.get_cpu_capability(),
        "wait_policy": os.environ.get("OMP_WAIT_POLICY", "default"),
    }


def versions():
    found = {"python": sys.version.split()[0]}
    if "lior" in sys.modules:  # from the build tree it has no metadata
        found["lior"] = sys.modules["lior"].__version__
    for package in ("torch", "numpy", "jax"):
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            pass
    return found
