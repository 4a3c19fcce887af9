# SPDX-License-Identifier: Apache-2.0
"""What a run on a text takes where no preset is named."""

import json

import pytest

THREADS = ("--threads", 1)
TEXT = "".join(f"line {i} of a text that repeats itself, a little\n" for i in range(400))


@pytest.fixture
def train(lior, tmp_path):
    """train("name", ...) -> (what was said, config.json) of a run of two steps."""
    (tmp_path / "text").write_text(TEXT)

    def run(name, *more):
        out = tmp_path / name
        data = ("--data", tmp_path / "text", "--out", out, "--steps", 2)
        answer = lior("train", *data, "--length", 32, *THREADS, *more)
        assert answer.returncode == 0, answer.stderr
        return answer.stderr, json.loads((out / "config.json").read_text())

    return run


def test_a_small_text_has_counts_and_dropout(train, lior, tmp_path):
    said, config = train("run")
    line = "preset auto: tiny-counts, dropout 0.3, patience 3, 2 steps: a model with the counts of"
    assert line in said
    assert config["preset"] == "tiny-counts" and config["model"]["count_orders"] == 6
    assert config["dropout"] == 0.3 and config["patience"] == 3 and config["eval_every"] == 50
    _, named = train("named", "--preset", "auto")
    for key in ("threads", "data"):
        assert named[key] == config[key]
    weights = [(tmp_path / name / "model.safetensors").read_bytes() for name in ("run", "named")]
    header = 8 + int.from_bytes(weights[0][:8], "little")
    assert weights[0][header:] == weights[1][header:]
    again = lior("train", "--out", tmp_path / "run", "--resume", "--steps", 3, *THREADS)
    assert again.returncode == 0 and "preset auto" not in again.stderr


def test_what_is_named_is_taken(train, tmp_path):
    said, config = train("tiny", "--preset", "tiny")
    assert "preset auto" not in said
    assert config["preset"] == "tiny" and config["model"]["count_orders"] == 0
    (tmp_path / "model.toml").write_text("[model]\nd_model = 16\nheads = 2\n")
    said, config = train("model", "--config", tmp_path / "model.toml")
    assert "preset auto" not in said
    assert config["preset"] == "tiny" and config["model"]["count_orders"] == 0
    said, config = train("flags", "--dropout", 0, "--patience", 0)
    assert "preset auto: tiny-counts, 2 steps: " in said
    assert config["dropout"] == 0 and config["patience"] == 0


def test_byte_pairs_are_counted_too(train):
    said, config = train("pieces", "--tokenizer", "bpe:260")
    assert "preset auto: tiny-counts, dropout 0.3, patience 3, 2 steps: " in said
    assert config["model"]["vocabulary"] == 260


def test_a_text_of_a_few_bytes_is_told_its_size(refused, tmp_path):
    (tmp_path / "host").write_text("vm")
    message = refused("train", "--data", tmp_path / "host", "--out", tmp_path / "run", *THREADS)
    assert "2 bytes to train on: too few" in message
