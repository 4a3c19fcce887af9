# SPDX-License-Identifier: Apache-2.0
"""lior train --tensorboard, read by TensorBoard's own reader."""

import json

import pytest
from program import small_settings
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

TAGS = {"loss": "train/loss", "accuracy": "train/accuracy", "length": "train/length"}
TAGS |= {"lr": "train/lr", "grad_norm": "train/grad_norm"}
TAGS |= {"val_loss": "val/loss", "val_accuracy": "val/accuracy"}


def scalars(folder):
    events = EventAccumulator(str(folder))
    events.Reload()
    return {
        tag: {event.step: event.value for event in events.Scalars(tag)}
        for tag in events.Tags()["scalars"]
    }


@pytest.fixture
def train(lior, tmp_path):
    (tmp_path / "text.txt").write_text("the cat sat on the mat\n" * 400)
    (tmp_path / "small.toml").write_text(small_settings())

    def run(*more):
        often = ("--log-every", 1, "--eval-every", 5, "--threads", 1, "--progress", "none")
        result = lior("train", "--out", tmp_path / "run", *often, *more)
        assert result.returncode == 0, result.stderr

    return run


def test_events_are_the_lines_of_the_metrics_and_go_on(train, tmp_path):
    events = tmp_path / "some" / "events"
    data = ("--data", tmp_path / "text.txt", "--config", tmp_path / "small.toml")
    train(*data, "--steps", 10, "--tensorboard", events)
    train("--resume", "--steps", 20, "--tensorboard", events)
    assert len(list(events.glob("*tfevents*"))) == 2
    found = scalars(events)
    lines = [
        json.loads(line) for line in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()
    ]
    assert len(lines) == 20
    for key, tag in TAGS.items():
        expected = {line["step"]: line[key] for line in lines if key in line}
        assert found[tag] == pytest.approx(expected, rel=1e-5), tag  # six digits are in the metrics
    assert set(found) == {*TAGS.values(), "train/tokens_per_second"}
    assert all(value > 0 for value in found["train/tokens_per_second"].values())


def test_a_folder_that_cannot_be_made_costs_no_run(refused, tmp_path):
    (tmp_path / "file").write_text("")
    run = ("--data", "builtin:a5", "--out", tmp_path / "run", "--tensorboard", tmp_path / "file")
    assert "no event file can be made" in refused("train", *run)
    assert not (tmp_path / "run").exists()
