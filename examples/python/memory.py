# SPDX-License-Identifier: Apache-2.0
# %% [markdown]
# # A memory with a power-law tail
#
# A power law forgets slowly, but to sum over all of the past costs as many steps as there were. Written as a sum of
# exponentials it needs a handful of numbers instead, whatever the length.

# %%
import matplotlib.pyplot as plt
import numpy as np
from lior import memory, plot

raw = memory.default_kernel()
raw[memory.KERNEL_PARAMETERS.index("log_xi")] = np.log(1e-3)  # a tail of about 1,000 steps
raw[memory.KERNEL_PARAMETERS.index("logit_power_law")] = 2.0
axes = plot.kernel(raw, until=2000.0)

# %%
rule = memory.PowerLawRule(tolerance=1e-6, horizon=4096)
print(
    f"{rule.poles} exponentials for lags of 1 to {rule.horizon:.0f}: relative error {rule.error:.1e}"
)

convolution = memory.CausalConvolution(heads=1, rule=rule)
convolution.set(raw[None])
x = np.random.default_rng(0).standard_normal((1, 2000, 1, 1))  # (B, N, H, C)
direct = convolution.forward(x, plan="direct")  # N^2 / 2 multiply-adds

state = np.zeros((1, 1, convolution.state_rows, 1))  # all that a step needs of the past
steps = [convolution.advance(x[:, n : n + 1], state) for n in range(2000)]
streamed = np.concatenate(steps, 1)

difference = np.abs(direct - streamed).max() / np.abs(direct).max()
print(f"step by step from a state of {state.size} numbers: the same to {difference:.1e}")
assert difference < 10 * rule.tolerance

# %% [markdown]
# What the memory makes of noise: slow waves.

# %%
figure, axes = plt.subplots(figsize=(7, 3), layout="constrained")
axes.plot(x[0, :, 0, 0], linewidth=0.3, label="in")
axes.plot(direct[0, :, 0, 0], label="out")
axes.set(xlabel="step")
axes.legend()
