# SPDX-License-Identifier: Apache-2.0
"""A memory with a power-law tail, in a few poles: the same outputs by the sum and by streaming.

python memory.py [PICTURE.png]
"""

import sys

import numpy as np
from lior import memory, plot

raw = memory.default_kernel()
raw[memory.KERNEL_PARAMETERS.index("log_xi")] = np.log(1e-3)  # a tail of about 1,000 steps
raw[memory.KERNEL_PARAMETERS.index("logit_power_law")] = 2.0

rule = memory.PowerLawRule(tolerance=1e-6, horizon=4096)
print(
    f"t^-delta for 1 <= t <= {rule.horizon:.0f}: {rule.poles} exponentials, "
    f"relative error {rule.error:.1e}"
)

convolution = memory.CausalConvolution(heads=1, rule=rule)
convolution.set(raw[None])

x = np.random.default_rng(0).standard_normal((1, 2000, 1, 1))  # (B, N, H, C)
direct = convolution.forward(x, plan="direct")  # N^2 / 2 multiply-adds

state = np.zeros((1, 1, convolution.state_rows, 1))  # all that a step needs of the past
streamed = np.concatenate([convolution.advance(x[:, n : n + 1], state) for n in range(2000)], 1)

difference = np.abs(direct - streamed).max() / np.abs(direct).max()
print(f"step by step from a state of {state.size} numbers: the same to {difference:.1e}")
assert difference < 10 * rule.tolerance

if len(sys.argv) > 1:
    plot.kernel(raw, until=2000.0)[0].figure.savefig(sys.argv[1])
