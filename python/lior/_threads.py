# SPDX-License-Identifier: Apache-2.0
"""How many threads kernels use in a process that is not ours alone."""

import os
from typing import Callable

from lior._lior import set_threads, threads

_MOST = 1024  # of what a variable may ask for
_INITIAL = 0  # threads that nobody asked for


def start() -> None:
    """OMP_NUM_THREADS, as launchers of several processes set it, holds here too; a forked child has one thread, since
    those of its parent are not there to wait for."""
    first = os.environ.get("OMP_NUM_THREADS", "").split(",")[0].strip()
    if first.isdecimal() and int(first) > 0:
        set_threads(min(int(first), _MOST))
    global _INITIAL
    _INITIAL = threads()
    os.register_at_fork(after_in_child=lambda: set_threads(1))
    _register_with_threadpoolctl()


def _register_with_threadpoolctl() -> None:
    """threadpoolctl, where it is installed, shows and limits these threads beside those of OpenMP and of BLAS."""
    try:
        from threadpoolctl import LibController, register
    except ImportError:  # also a version that takes no controllers
        return

    class LiorController(LibController):
        user_api = "openmp"
        internal_api = "lior"
        filename_prefixes = ("_lior.",)

        def get_num_threads(self) -> int:
            return threads()

        def set_num_threads(self, num_threads: int) -> None:
            set_threads(num_threads)

        def get_version(self) -> None:
            return None

    register(LiorController)


class Follower:
    """Takes over the number of threads of another library whenever that changes; lior.set_threads holds in between."""

    def __init__(self, count: Callable[[], int]) -> None:
        self.count, self.seen = count, count()
        if self.seen < threads() == _INITIAL:  # nobody asked for more here
            set_threads(self.seen)

    def __call__(self) -> None:
        now = self.count()
        if now != self.seen:
            self.seen = now
            set_threads(now)
