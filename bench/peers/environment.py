# SPDX-License-Identifier: Apache-2.0
"""How a process that measures runs."""

import os
import sys

# Freed memory is kept: otherwise glibc gives large results back to the kernel at each call and faults
# them in again, at a cost above that of many rows, for torch and for us alike.
KEPT = {
    "MALLOC_MMAP_MAX_": "0",
    "MALLOC_TRIM_THRESHOLD_": str(1 << 40),
    "MALLOC_TOP_PAD_": str(1 << 26),
}


def settle(**more):
    """Starts this process again, once, with KEPT and `more` in its environment."""
    wanted = {**KEPT, **more}
    if any(os.environ.get(name) != value for name, value in wanted.items()):
        os.execve(sys.executable, [sys.executable, *sys.argv], {**os.environ, **wanted})
