# SPDX-License-Identifier: Apache-2.0
"""The LIoR kernel, power laws as sums of exponentials, the memory of sequences, fractional calculus.

rule = memory.PowerLawRule(tolerance=1e-6, horizon=4096)
convolution = memory.CausalConvolution(heads=1, rule=rule)
convolution.set(memory.default_kernel()[None])
y = convolution.forward(x)                       # x: (B, N, 1, C)
"""

from lior._lior.memory import *
