# SPDX-License-Identifier: Apache-2.0
"""A few of the faults that tests/faults/faults.py goes through in full."""

import importlib.util

import pytest
from program import ROOT

specification = importlib.util.spec_from_file_location(
    "faults", ROOT / "tests" / "faults" / "faults.py"
)
faults = importlib.util.module_from_spec(specification)
specification.loader.exec_module(faults)

pytestmark = pytest.mark.skipif(not faults.LIBRARY.exists(), reason="fail_call.so is not built")


@pytest.mark.parametrize("call", ["write", "fsync", "rename", "fflush"])
def test_a_training_survives_calls_that_fail(call):
    tried, broken = faults.all_calls(["train"], [call], stride=7)
    assert tried and not broken


def test_a_training_survives_kills():
    tried, broken = faults.all_kills(["train"], count=5, seed=1)
    assert tried and not broken
