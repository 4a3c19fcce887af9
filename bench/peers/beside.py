# SPDX-License-Identifier: Apache-2.0
"""A row of side_by_side.py: ours and the peers, compared, then timed in turn."""

import statistics
import time


def measure(name, shape, ours, peers, samples, exact=None):
    """One row. Peers are (name, tolerance, make), and make() is a call and what makes our array of its result, which is
    compared with `exact`, an array and the tolerance of ours, or with our result."""
    import numpy as np

    print(f"{name}, {shape}", flush=True)
    want = ours()
    if exact is not None:
        got, (want, tolerance) = want, exact
        error = np.max(np.abs(got - want)) / np.max(np.abs(want))
        if not error <= tolerance:
            raise SystemExit(f"ours is off by {error:.2g}, more than {tolerance:.2g}")
        print(f"  {'lior':<28} differs by {error:.1g}", flush=True)
    sides = [("lior", ours)]
    for peer, tolerance, make in peers:
        try:
            call, result_of = make()
            got = result_of(call())
        except ImportError as missing:
            print(f"  {peer:<28} left out: {missing}")
            continue
        error = np.max(np.abs(got - want)) / np.max(np.abs(want))
        if not error <= tolerance:
            raise SystemExit(f"{peer} differs by {error:.2g}, more than {tolerance:.2g}")
        sides.append((peer, call))
        print(f"  {peer:<28} differs by {error:.1g}", flush=True)
    times = {side: [] for side, _ in sides}
    for _ in range(samples):
        for side, call in sides:
            start = time.perf_counter()
            call()
            times[side].append(time.perf_counter() - start)
    least = statistics.median(times["lior"])
    for side, _ in sides:
        middle = statistics.median(times[side])
        spread = (max(times[side]) - min(times[side])) / middle
        print(
            f"  {side:<28} {middle:10.3g} s  spread {spread:4.0%}  {middle / least:8.1f} times ours"
        )
