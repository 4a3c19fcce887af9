# SPDX-License-Identifier: Apache-2.0
"""Signals with a handler, as a timer's or a launcher's, while products run.

A handler whose frame was written where oneDNN keeps its buffers ended the process: it runs apart.
"""

import os
import pathlib
import subprocess
import sys

import lior
import pytest

UNDER_A_TIMER = """
import signal, sys, time
import numpy as np
import lior

lior.set_threads(int(sys.argv[1]))
heard = 0

def note(*_):
    global heard
    heard += 1

x = np.random.default_rng(0).normal(size=(512, 256)).astype(np.float32)
weight = np.random.default_rng(1).normal(size=(384, 256)).astype(np.float32)
expected = lior.nn.linear_forward(x, weight)
signal.signal(signal.SIGALRM, note)
signal.setitimer(signal.ITIMER_REAL, 0.001, 0.001)
until = time.monotonic() + 60
while heard < 300 and time.monotonic() < until:
    assert np.array_equal(lior.nn.linear_forward(x, weight), expected)
signal.setitimer(signal.ITIMER_REAL, 0)
assert heard >= 300, heard
"""


@pytest.mark.parametrize("threads", [1, 2])
def test_products_are_right_under_a_timer_of_a_millisecond(threads):
    command = [sys.executable, "-c", UNDER_A_TIMER, str(threads)]
    place = {"PYTHONPATH": str(pathlib.Path(lior.__file__).parents[1])}
    result = subprocess.run(
        command, capture_output=True, text=True, timeout=120, env=os.environ | place
    )
    assert result.returncode == 0, result.stderr
