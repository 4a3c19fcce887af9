# SPDX-License-Identifier: Apache-2.0
"""The package's own calls of its operators, in double, for the tests that go over all."""

import lior.torch as lt
import torch
from lior.torch.cases import cases, metric_parameters, normal, raw_kernels, scan_inputs

__all__ = ["CASES", "DOUBLE", "metric_parameters", "normal", "ops", "raw_kernels", "scan_inputs"]

ops = lt.ops
DOUBLE = torch.float64
CASES = cases(DOUBLE)
