#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Symbols and geodesics of black holes, distances and means on curved spaces, and a field in a potential, beside what
people use for them elsewhere.

    python bench/peers/side_by_side.py [--threads 2] [--filter REGEX]

Every peer computes the same numbers as ours, which is checked before anything is timed; then calls go round in turn,
and the line has the median of each side, in seconds, and how many times ours it is. Sides that step in time by methods
of their own are compared at equal error: each takes the fewest steps, a power of two, that come within a bound of what
is exact. A peer that is not installed is left out, and said so. All in double precision. In the build tree, after `make test`:

    build/venv/bin/python -m pip install -r bench/peers/requirements-side-by-side.txt
    PYTHONPATH=build/release/python build/venv/bin/python bench/peers/side_by_side.py
"""

import argparse
import importlib.metadata
import re

import beside_black_holes
import beside_fields
import beside_spaces
from environment import settle

PACKAGES = "numpy scipy jax sympy einsteinpy geomstats pyfftw qutip py-pde".split()


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--samples", type=int, default=7)
    parser.add_argument(
        "--filter", default="", metavar="REGEX", help="only the rows whose name matches"
    )
    options = parser.parse_args()
    settle(
        OMP_NUM_THREADS=str(options.threads),
        XLA_FLAGS=f"--xla_cpu_multi_thread_eigen={str(options.threads > 1).lower()}",
    )
    import lior

    lior.set_threads(options.threads)
    versions = []
    for package in PACKAGES:
        try:
            versions.append(f"{package} {importlib.metadata.version(package)}")
        except importlib.metadata.PackageNotFoundError:
            pass
    print(f"lior {lior.__version__}, {', '.join(versions)}; {options.threads} threads")
    rows = {
        **{
            f"symbols, {n}": lambda n=n: beside_black_holes.symbols_rows(n, options.samples)
            for n in (4096, 65536)
        },
        "geodesics": lambda: beside_black_holes.geodesics_row(options.samples),
        "path": lambda: beside_black_holes.path_row(options.samples),
        "hyperbolic": lambda: beside_spaces.hyperbolic_row(options.samples),
        "affine": lambda: beside_spaces.affine_row(options.samples),
        "mean": lambda: beside_spaces.mean_row(options.samples),
        "field": lambda: beside_fields.field_row(options.samples, options.threads),
        "ground": lambda: beside_fields.ground_state_row(options.samples, options.threads),
        "equal": lambda: beside_fields.equal_error_row(options.samples),
        **{
            f"differences, {n}": lambda n=n: beside_fields.stencil_row(n, options.samples)
            for n in (64, 256, 1024)
        },
    }
    for name, run in rows.items():
        if re.search(options.filter, name):
            run()


if __name__ == "__main__":
    main()
