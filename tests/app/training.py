# SPDX-License-Identifier: Apache-2.0
"""A run of `lior train` that takes a moment, and how two runs are compared."""

import json

QUIET = ("--progress", "none", "--threads", "1")
TEXT = "".join(f"line {i} of a text that repeats itself, a little\n" for i in range(400))


def arguments(inputs, out, *more, data=None):
    """Of a run on the fixture's text or on `data`."""
    data = ("--data", data or inputs / "text.txt", "--config", inputs / "small.toml")
    return ("train", *data, "--out", out, *QUIET, *more)


def contents(folder):
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def metrics(folder):
    """Its lines without what a clock says."""
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return [{key: value for key, value in line.items() if key != "seconds"} for line in lines]


def tensors(path):
    """The bytes of a safetensors file after its header, which holds the run's seconds."""
    data = path.read_bytes()
    return data[8 + int.from_bytes(data[:8], "little") :]


def assert_same_numbers(left, right):
    for name in ("best.safetensors", "model.safetensors", "optimizer.safetensors"):
        assert tensors(left / name) == tensors(right / name), name


def assert_same_run(left, right):
    assert_same_numbers(left, right)
    assert metrics(left) == metrics(right)
