# SPDX-License-Identifier: Apache-2.0
"""What check_cuda.py reads in the words of ptxas."""

import importlib.util
import pathlib

SCRIPT = pathlib.Path(__file__).resolve().parents[2] / "scripts" / "check_cuda.py"
SAID = """ptxas info    : Compiling entry function 'scan_maps' for 'sm_90'
ptxas info    : Function properties for scan_maps
    0 bytes stack frame, 0 bytes spill stores, 0 bytes spill loads
ptxas info    : Used 54 registers, used 0 barriers
ptxas info    : Compiling entry function 'scan_maps' for 'sm_100'
ptxas info    : Function properties for scan_maps
    8 bytes stack frame, 8 bytes spill stores, 4 bytes spill loads
ptxas info    : Used 64 registers, used 0 barriers, 8 bytes cumulative stack size
"""


def test_kernels_that_spill_are_named():
    spec = importlib.util.spec_from_file_location("check_cuda", SCRIPT)
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    assert script.spilling(SAID) == ["scan_maps for sm_100 spills 8 and 4 bytes"]
