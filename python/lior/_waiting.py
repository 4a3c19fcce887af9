# SPDX-License-Identifier: Apache-2.0
"""How the threads of kernels wait, as the program chooses it: docs/decisions/021."""

import contextlib
import os
import time
from typing import Iterator

_NAMES = "OMP_WAIT_POLICY", "GOMP_SPINCOUNT"


def _others_run() -> bool:
    """Whether other tasks run beside this one at the quietest of ten looks, 5 ms apart."""
    for look in range(10):
        if look > 0:
            time.sleep(0.005)
        try:
            with open("/proc/loadavg") as file:  # three averages, then running/all
                running = int(file.read().split()[3].split("/")[0])
        except (OSError, ValueError, IndexError):
            return False
        if running <= 1:
            return False
    return True


@contextlib.contextmanager
def chosen() -> Iterator[None]:
    """OpenMP's threads spin for 15 us on an idle machine and sleep on a busy one, where spinning takes
    the core from the thread that they wait for. The library reads the setting as it is loaded, in here;
    afterwards the environment is what it was. What the environment says is left as it is."""
    if any(name in os.environ for name in _NAMES):
        yield
        return
    os.environ["GOMP_SPINCOUNT"] = "0" if _others_run() else "1000"
    try:
        yield
    finally:
        del os.environ["GOMP_SPINCOUNT"]
