# SPDX-License-Identifier: Apache-2.0
"""lior train --init-from: a run that begins with another one's weights."""

import json
import random
import shutil

import pytest
from program import small_settings
from training import QUIET

SETTINGS = small_settings(top="eval_every = 10", model="ngram_orders = 3\nngram_bits = 6")


@pytest.fixture
def inputs(tmp_path):
    (tmp_path / "first.txt").write_text("the cat sat on the mat\n" * 300)
    (tmp_path / "second.txt").write_text("a cat sat on a mat, and on the rug\n" * 200)
    (tmp_path / "small.toml").write_text(SETTINGS)
    return tmp_path


def vals(out):
    lines = map(json.loads, (out / "metrics.jsonl").read_text().splitlines())
    return [line["val_loss"] for line in lines if "val_loss" in line]


def test_it_begins_where_the_other_ended(lior, inputs):
    first, tuned, fresh = inputs / "first", inputs / "tuned", inputs / "fresh"
    data = ("--data", inputs / "first.txt", "--config", inputs / "small.toml")
    assert lior("train", *data, "--out", first, "--steps", 100, *QUIET).returncode == 0
    more = ("--data", inputs / "second.txt", "--steps", 10, "--batch", 4, "--length", 32, *QUIET)
    result = lior("train", *more, "--init-from", first, "--out", tuned, "--lr", 1e-3)
    assert result.returncode == 0, result.stderr
    fresh_run = lior("train", *more, "--config", inputs / "small.toml", "--out", fresh)
    assert fresh_run.returncode == 0, fresh_run.stderr
    assert vals(tuned)[-1] < vals(fresh)[-1] - 0.5
    config = json.loads((tuned / "config.json").read_text())
    assert config["model"]["ngram_orders"] == 3 and config["length"] == 32 and config["lr"] == 1e-3
    # What is resumed does not begin again.
    before = vals(tuned)[-1]
    assert lior("train", "--out", tuned, "--resume", "--steps", 20, *QUIET).returncode == 0
    assert vals(tuned)[-1] < before + 0.1


def test_what_flags_leave_open_is_the_other_runs_and_goes_by_the_text(lior, inputs):
    first, tuned = inputs / "first", inputs / "tuned"
    data = ("--data", inputs / "first.txt", "--preset", "tiny-counts")
    assert lior("train", *data, "--out", first, "--steps", 1, *QUIET).returncode == 0
    more = ("--data", inputs / "second.txt", "--init-from", first, "--steps", 1, "--patience", 5)
    result = lior("train", *more, "--out", tuned)
    assert result.returncode == 0, result.stderr
    assert f"begins with {first}: lr 0.001, dropout 0.3, patience 5, 1 step: " in result.stderr
    config = json.loads((tuned / "config.json").read_text())
    assert config["preset"] == "tiny-counts" and config["model"]["count_orders"] == 6
    assert (config["dropout"], config["patience"], config["eval_every"]) == (0.3, 5, 50)
    named = lior("train", *more, "--preset", "tiny-counts", "--out", inputs / "named")
    assert named.returncode == 0, named.stderr
    same = json.loads((inputs / "named" / "config.json").read_text())
    assert same == config


def test_what_does_not_fit_is_named(lior, refused, inputs):
    first = inputs / "first"
    data = ("--data", inputs / "first.txt", "--config", inputs / "small.toml")
    assert lior("train", *data, "--out", first, "--steps", 1, *QUIET).returncode == 0
    fits = ("--data", inputs / "first.txt", "--init-from", first, *QUIET, "--out", inputs / "run")
    (inputs / "preset.toml").write_text('preset = "small"\n')
    for message in (
        refused("train", *fits, "--preset", "small"),
        refused("train", *fits, "--config", inputs / "preset.toml"),
        refused("train", *fits, LIOR_PRESET="small"),
    ):
        assert 'preset is "small"; a run that begins with' in message
        assert "preset and model, " in message
    (inputs / "wide.toml").write_text("[model]\nheads = 4\n")
    wide = ("--data", inputs / "first.txt", "--config", inputs / "wide.toml", *QUIET)
    message = refused("train", *wide, "--init-from", first, "--out", inputs / "run")
    assert "blocks.0.mixer.in.weight is F32" in message
    message = refused(
        "train", *data, *QUIET, "--init-from", inputs / "none", "--out", inputs / "run"
    )
    assert "config.json" in message
    task = ("--data", "builtin:parity", *QUIET, "--init-from", first, "--out", inputs / "run")
    assert "model.vocabulary is 256" in refused("train", *task)
    assert not (inputs / "run").exists()


def test_counts_of_another_kind_of_text_are_left_out(lior, inputs):
    """They stood in the way: a text predicted by another's counts began worse than by its own alone."""
    draw = random.Random(1)

    def words(letters, count):
        known = ["".join(draw.choices(letters, k=draw.randrange(2, 6))) for _ in range(40)]
        return [" ".join(draw.choices(known, k=count)) + "\n" for _ in range(2)]

    kind, more_of_it = words("abcdefghij", 6000)
    (inputs / "kind.txt").write_text(kind)
    (inputs / "more.txt").write_text(more_of_it[:3000])
    (inputs / "other.txt").write_text(words("cdefghijkl", 500)[0])
    short = ("--preset", "tiny-counts", "--steps", 1, "--length", 128)
    first = lior("train", "--data", inputs / "kind.txt", *short, "--out", inputs / "kind")
    assert first.returncode == 0, first.stderr
    for name, what in (("more", "kept"), ("other", "left out")):
        data = ("--data", inputs / f"{name}.txt", "--init-from", inputs / "kind")
        result = lior("train", *data, *short[2:], "--out", inputs / name)
        assert result.returncode == 0, result.stderr
        assert f"the counts of {inputs / 'kind'} are {what}: " in result.stderr
        alone = lior("train", "--data", inputs / f"{name}.txt", *short, "--out", inputs / "alone")
        assert alone.returncode == 0, alone.stderr
        counts = [(inputs / run / "counts.safetensors").read_bytes() for run in (name, "alone")]
        assert (counts[0] == counts[1]) == (what == "left out")
        shutil.rmtree(inputs / "alone")
