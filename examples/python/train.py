# SPDX-License-Identifier: Apache-2.0
"""Trains a model to keep a running parity, at length 64, and asks it about sequences of 4,096.

python train.py
"""

import lior
from lior import train

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
        "model.gates": False,  # a unit state that is turned, and nothing else
        "batch": 32,
        "length": 64,
        "steps": 400,
        "lr": 3e-3,
    }
)
data = train.Data(config.data)
config.fit(data)
model = train.Model(config)
model.initialize(seed=0)
optimizer = train.Optimizer(config, model)

for step in range(config.steps):
    tokens, targets = data.training_batch(0, step, config.batch, config.length)
    result = model.loss_and_gradients(tokens, targets)
    norm = optimizer.measure()
    rate = config.lr * train.schedule_factor(config, (step + 1) / config.steps)
    optimizer.step(rate, clip=min(1.0, config.clip / norm))
    if step % 100 == 99:
        print(
            f"step {step + 1}: loss {result.loss:.4f}, right {result.correct / result.targets:.3f}"
        )

for length in (64, 512, 4096):
    accuracy = train.evaluate(model, data, count=16, length=length)["accuracy"]
    print(f"length {length}: {accuracy:.4f} right")
    assert accuracy > 0.99
