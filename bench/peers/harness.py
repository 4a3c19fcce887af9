# SPDX-License-Identifier: Apache-2.0
"""Rows of a comparison: the same inputs, threads and process; results compared first, then timed in turn.

A row is a function of one argument, its `Row`, that makes inputs and names its sides:

    @row("bilinears.full", shape="d=8 s=4 N=1,048,576", dtype="f32", at_least={"torch loop": 64})
    def _(r):
        psi = ...
        r.ours(lambda: lior_op(psi))
        r.peer("torch einsum", lambda: torch.einsum(...), tolerance=1e-5)

Every peer must agree with ours, or with the reference that it names, within its tolerance (largest difference over
largest entry), else the row fails and is not timed. Samples go round (ours, peer 1, peer 2, ours, ...), so that a drift
of the machine meets all. A side whose call takes seconds leaves the round after fewer samples, and the row says how many.
"""

import math
import re
import signal
import statistics
import time
import traceback
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Callable, Dict, List, Optional

import numpy as np
import torch
import torch._dynamo  # now, not inside a time limit

ROWS: List["Row"] = []


@dataclass
class Side:
    name: str
    call: Optional[Callable[[], Any]]
    tolerance: float = 0.0
    message: str = ""  # why there is no time
    reference: Optional[Callable[[], Any]] = None  # whose result it is compared with; None: ours
    calls: int = 1  # a sample
    rounds: int = 1
    samples: List[float] = field(default_factory=list)
    error: float = math.nan

    @property
    def seconds(self):
        return statistics.median(self.samples) if self.samples else None

    @property
    def spread(self):
        return (max(self.samples) - min(self.samples)) / self.seconds if self.samples else None


@dataclass
class Settings:
    samples: int = 7
    least_samples: int = 3
    sample_seconds: float = 0.05
    side_seconds: float = 3.0  # after which a side leaves the round, the least samples taken
    compile_seconds: float = 600.0
    excluded: Dict[str, str] = field(default_factory=dict)  # sides not to touch, and why
    progress: Optional[Path] = None  # a file for the name of the side that runs


@dataclass
class Row:
    name: str
    shape: str
    dtype: str
    at_least: Dict[str, float]
    build: Callable[["Row"], None]
    sides: List[Side] = field(default_factory=list)
    settings: Settings = field(default_factory=Settings)
    message: str = ""
    probes: list = field(default_factory=list)

    def ours(self, call):
        self.sides.insert(0, Side("lior", call))

    def peer(self, name, call, tolerance, reference=None):
        self.sides.append(Side(name, call, tolerance, reference=reference))

    def touch(self, name):
        """Writes down whose code is running, in case it ends the process."""
        if self.settings.progress:
            self.settings.progress.write_text(name)

    def attempt(self, name, build, tolerance, reference=None):
        """The side that `build` makes, called once; or the reason why it failed within --compile-seconds."""
        if name in self.settings.excluded:
            self.sides.append(Side(name, None, message=self.settings.excluded[name]))
            return
        self.touch(name)
        limit, start = self.settings.compile_seconds, time.monotonic()
        try:
            with time_limit(limit):
                torch._dynamo.reset()
                call = build()
            self.peer(name, call, tolerance, reference)
        except Exception as reason:  # any: it is what the row shows
            late = (
                time.monotonic() - start >= limit
            )  # Dynamo words the alarm as an error of its own
            message = f"did not end within {limit:g} s" if late else first_line(reason)
            self.sides.append(Side(name, None, message=message))

    def compiled(self, name, function, *arguments, tolerance):
        """`function(*arguments)` by torch.compile; its message where it fails."""

        def build():
            fast = torch.compile(function, dynamic=False, fullgraph=True)
            fast(*arguments)
            return lambda: fast(*arguments)

        self.attempt(name, build, tolerance)


def row(name, *, shape, dtype="f32", at_least=None):
    def keep(build):
        ROWS.append(Row(name, shape, dtype, at_least or {}, build))
        return build

    return keep


@contextmanager
def time_limit(seconds):
    def stop(*_):
        raise TimeoutError

    earlier = signal.signal(signal.SIGALRM, stop)
    # Again each second after: an exception inside a callback of C++ is lost.
    signal.setitimer(signal.ITIMER_REAL, seconds, 1.0)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, earlier)


def first_line(reason):
    lines = [line.strip() for line in str(reason).splitlines() if line.strip()]
    return f"{type(reason).__name__}: {' '.join(lines[:2])}"[:240]


def arrays(result):
    """A side's result as a list of NumPy arrays."""
    if isinstance(result, tuple) and hasattr(result, "__array__"):
        return [np.asarray(result)]
    if isinstance(result, (tuple, list)):
        return [array for part in result for array in arrays(part)]
    if isinstance(result, torch.Tensor):
        return [result.detach().resolve_conj().numpy()]
    return [np.asarray(result)]


def largest_difference(got, want):
    """Over all arrays of two results: largest difference over largest entry; NaN counts as the largest."""
    got, want = arrays(got), arrays(want)
    if len(got) != len(want):
        raise ValueError(f"{len(got)} arrays beside {len(want)}")
    worst = 0.0
    for a, b in zip(got, want):
        if a.size != b.size:
            raise ValueError(f"{a.shape} beside {b.shape}")
        a, b = a.reshape(-1), b.reshape(-1)
        scale = float(np.max(np.abs(b), initial=0.0)) or 1.0
        difference = 0.0
        for begin in range(0, a.size, 1 << 22):  # no temporary of the whole
            part = np.abs(a[begin : begin + (1 << 22)] - b[begin : begin + (1 << 22)])
            difference = max(difference, float(np.max(part, initial=0.0)))
            if np.isnan(part).any():
                return math.inf
        worst = max(worst, difference / scale)
    return worst


def clock(call, calls):
    start = time.perf_counter()
    for _ in range(calls):
        call()
    return (time.perf_counter() - start) / calls


def plan(side, once, settings):
    """How often to call a side that took `once` seconds; a slow one's call counts as its first sample."""
    once = max(once, 1e-9)
    side.calls = max(1, min(100_000, math.ceil(settings.sample_seconds / once)))
    within = int(settings.side_seconds / (side.calls * once))
    if within < settings.samples:
        side.samples.append(once)
        side.rounds = max(settings.least_samples, within) - 1
    else:
        side.rounds = settings.samples


def run_row(r: Row, probe: Callable[[], dict]):
    """Builds, compares, times. What goes wrong is the row's or the side's message."""
    try:
        r.build(r)
        ours, peers = r.sides[0], [side for side in r.sides[1:] if side.call]
        want = ours.call()
        for side in peers:
            r.touch(side.name)
            got = side.call()
            side.error = largest_difference(got, side.reference() if side.reference else want)
            if not side.error <= side.tolerance:
                r.message = f"{side.name} differs by {side.error:.2g}, allowed {side.tolerance:.2g}"
                return
        del want
        timed = [ours, *peers]
        for side in timed:
            once = clock(side.call, 1)  # the second call: the first one warmed caches
            plan(side, once, r.settings)
        r.probes.append(probe())
        for round_ in range(r.settings.samples):
            for side in timed:
                if round_ < side.rounds:
                    side.samples.append(clock(side.call, side.calls))
        r.probes.append(probe())
    except Exception as reason:
        r.message = first_line(reason)
        traceback.print_exc()
    finally:
        for side in r.sides:
            side.call = None  # frees the inputs


def chosen(pattern: str) -> List[Row]:
    matches = re.compile(pattern)
    return [r for r in ROWS if matches.search(r.name)]
