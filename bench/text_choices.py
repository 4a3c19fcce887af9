#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What a choice of training is worth on a text that has been held out: a line of JSON a row.

    python bench/text_choices.py FILE [--steps 600] [--seed 0] [--windows 400] [--rows plain grow ...]

The loop of `lior train` in Python, one thread, `tiny-counts` on the first nine tenths of FILE; bits a byte of
its last tenth, whole or --windows of 256 bytes spread over it. Choose on a part of a training text: FILE is one. Each row has the weights as they end, and averages
w <- b w + (1 - b) p over the steps for b of AVERAGES. Rows see the same tokens: `grow` has one sequence a step at
first and four at the end. What a configuration says alone is tried with `lior train --config`.
"""

import argparse
import json
import time

import lior
from lior import train

AVERAGES = (0.9, 0.98, 0.995)


def one(_progress):
    return 1


def two(_progress):
    return 2


def growing(progress):
    return 1 if progress < 0.25 else 2 if progress < 0.5 else 4


def shaped(layers, width, heads, hidden):
    """Of about as many parameters as `tiny-counts`, which has 2 layers of 128 and 12 heads."""
    names = ("layers", "d_model", "heads", "mlp_hidden")
    return {f"model.{name}": n for name, n in zip(names, (layers, width, heads, hidden))}


#: Changes of the settings, and sequences a step at a part of the way.
ROWS = {
    "plain": ({}, one),
    "floor 0": ({"schedule.floor": 0.0}, one),
    "floor 1": ({"schedule.floor": 1.0}, one),  # a rate that stays: for averages
    "rate 2, floor 0": ({"lr": 6e-3, "schedule.floor": 0.0}, one),
    "two": ({}, two),
    "two, rate 1.4": ({"lr": 4.2e-3}, two),
    "grow": ({}, growing),
    "grow, floor 1": ({"schedule.floor": 1.0}, growing),
    "decay 0": ({"adamw.weight_decay": 0.0}, one),
    "decay .3": ({"adamw.weight_decay": 0.3}, one),
    "1 layer": (shaped(1, 176, 17, 456), one),
    "3 layers": (shaped(3, 104, 10, 280), one),
    "4 layers": (shaped(4, 92, 9, 248), one),
}


def run(file, name, steps, seed, windows):
    changes, sequences = ROWS[name]
    config = train.Config({"data": file, "preset": "tiny-counts", "steps": steps, **changes})
    settings = json.loads(config.json)
    data = train.Data(file)
    config.fit(data)
    model = train.Model(config)
    model.initialize(seed)
    model.counts = train.Counts(data, settings["model"]["count_orders"])
    optimizer = train.Optimizer(config, model)
    values = model.parameters
    averages = {b: {key: value.copy() for key, value in values.items()} for b in AVERAGES}
    seen = step = 0
    start = time.process_time()
    while seen < steps:
        batch = sequences(seen / steps)
        where = (seed, step, batch, config.length)
        tokens, targets = data.training_batch(*where)
        model.loss_and_gradients(tokens, targets, data.training_places(*where))
        norm = optimizer.measure()
        rate = config.lr * train.schedule_factor(config, seen / steps)
        optimizer.step(rate, clip=min(1.0, config.clip / norm))
        seen, step = seen + batch, step + 1
        for b, average in averages.items():
            for key, value in values.items():
                average[key] += (1 - min(b, step / (step + 9))) * (value - average[key])
    seconds = time.process_time() - start

    def bits(weights):
        for key, value in weights.items():
            values[key][...] = value
        held_out = train.evaluate(model, data, count=windows, length=256)
        return round(held_out["bits_per_byte"], 4)

    last = bits({key: value.copy() for key, value in values.items()})
    return {
        "row": name,
        "seed": seed,
        "steps": step,
        "tokens": seen * config.length,
        "parameters": sum(value.size for value in values.values()),
        "cpu_seconds": round(seconds, 1),
        "bits_per_byte": last,
        **{f"average {b}": bits(average) for b, average in averages.items()},
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("file")
    parser.add_argument(
        "--steps", type=int, default=600, help="of one sequence; more a step: fewer"
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--windows", type=int, default=100000)
    parser.add_argument("--rows", nargs="+", choices=ROWS, default=list(ROWS))
    given = parser.parse_args()
    lior.set_threads(1)
    for name in given.rows:
        print(json.dumps(run(given.file, name, given.steps, given.seed, given.windows)), flush=True)


if __name__ == "__main__":
    main()
