# SPDX-License-Identifier: Apache-2.0
# %% [markdown]
# # Keeping a running parity
#
# A model that learns the parity of the bits so far at length 64, and is asked at 4,096. One layer, 4 heads, a few thousand
# parameters. Its state is a unit octonion that each token turns, without decay: `gates` are off.

# %%
import lior
import matplotlib.pyplot as plt
from lior import train

STEPS = 400
lior.set_threads(1)  # for a model this small a second thread costs more than it does
config = train.Config(
    {
        "data": "builtin:parity",
        "preset": "tiny",
        "model.d_model": 16,
        "model.heads": 4,
        "model.layers": 1,
        "model.mlp_hidden": 0,
        "model.convolution": 0,
        "model.gates": False,
        "batch": 32,
        "length": 64,
        "steps": STEPS,
        "lr": 3e-3,
    }
)
data = train.Data(config.data)
config.fit(data)
model = train.Model(config)
model.initialize(seed=0)
optimizer = train.Optimizer(config, model)

# %%
losses = []
for step in range(STEPS):
    tokens, targets = data.training_batch(0, step, config.batch, config.length)
    result = model.loss_and_gradients(tokens, targets)
    norm = optimizer.measure()
    rate = config.lr * train.schedule_factor(config, (step + 1) / STEPS)
    optimizer.step(rate, clip=min(1.0, config.clip / norm))
    losses.append(result.loss)

figure, axes = plt.subplots(figsize=(5, 3), layout="constrained")
axes.semilogy(losses)
axes.set(xlabel="step", ylabel="loss, nats")

# %%
for length in (64, 512, 4096):
    accuracy = train.evaluate(model, data, count=16, length=length)["accuracy"]
    print(f"length {length}: {accuracy:.4f} right")
    assert accuracy > 0.99

# %% [markdown]
# Groups whose elements do not commute need more turns a token: `lior train --data builtin:a5` and `builtin:s5` train such
# models in a minute or two.
