# SPDX-License-Identifier: Apache-2.0
"""Models with n-gram tables: trained, killed and resumed, evaluated, generated from."""

import json
import re
import subprocess
import time

import pytest
from program import PROGRAM, small_settings
from training import QUIET, TEXT, tensors

SETTINGS = small_settings(model="ngram_orders = 4\nngram_bits = 8\nngram_output = true")


@pytest.fixture
def inputs(tmp_path):
    (tmp_path / "text.txt").write_text(TEXT)
    (tmp_path / "ngrams.toml").write_text(SETTINGS)
    return tmp_path


def train(inputs, out, *more):
    data = ("--data", inputs / "text.txt", "--config", inputs / "ngrams.toml")
    return ("train", *data, "--out", out, *more)


def loss(lior, inputs, out, *more):
    report = lior("eval", "--model", out, "--data", inputs / "text.txt", *more)
    assert report.returncode == 0, report.stderr
    return json.loads(report.stdout)["loss"]


def test_killed_hard_and_resumed_it_is_the_uninterrupted_run(lior, inputs):
    whole, parts = inputs / "whole", inputs / "parts"
    (inputs / "ngrams.toml").write_text(
        SETTINGS + "count_orders = 3\nrecent_orders = 4\n"
    )  # and the counts of its text
    # What dropout leaves out is a function of the step, too.
    how = ("--dropout", 0.2, "--optimizer", "muon")
    steps = ("--steps", 150, "--save-every", 10, *how, *QUIET)
    assert lior(*train(inputs, whole, *steps)).returncode == 0
    process = subprocess.Popen([PROGRAM, *map(str, train(inputs, parts, *steps))])
    lines = parts / "metrics.jsonl"
    while not lines.exists() or lines.read_bytes().count(b"\n") < 3:
        time.sleep(0.01)
    process.kill()
    assert process.wait() < 0
    assert lior(*train(inputs, parts, *steps, "--resume")).returncode == 0
    files = ("best.safetensors", "model.safetensors", "optimizer.safetensors", "counts.safetensors")
    for name in files:
        assert tensors(whole / name) == tensors(parts / name), name
    header = (whole / "model.safetensors").read_bytes()[:3000].decode("utf-8", "replace")
    assert '"ngram.weight"' in header and '"ngram_output.weight"' in header
    written = lior("generate", "--model", whole, "--prompt", "line 1", "--seed", 2).stdout
    assert len(written) > 100


def test_the_profile_has_their_share(lior, inputs):
    said = lior(*train(inputs, inputs / "run", "--steps", 5, "--profile", "--threads", 1)).stderr
    assert re.search(r"n-grams", said)
    profile = json.loads((inputs / "run" / "profile.json").read_text())
    (row,) = (op for op in profile["ops"] if op["op"] == "n-grams")
    assert row["bytes"] > 0 and row["seconds"] > 0


def test_a_run_from_before_they_existed_is_what_it_was(lior, inputs):
    plain = inputs / "plain.toml"
    plain.write_text(re.sub(r"ngram.*\n", "", SETTINGS))
    out = inputs / "run"
    arguments = ("--data", inputs / "text.txt", "--config", plain, "--out", out, "--steps", 5)
    assert lior("train", *arguments, *QUIET).returncode == 0
    before = loss(lior, inputs, out)
    config = json.loads((out / "config.json").read_text())
    for key in ("ngram_orders", "ngram_bits", "ngram_output"):
        del config["model"][key]
    (out / "config.json").write_text(json.dumps(config))
    assert loss(lior, inputs, out) == before
    assert lior("train", "--out", out, "--resume", "--steps", 6, *QUIET).returncode == 0


def test_tables_that_cannot_be(refused, inputs):
    settings = inputs / "ngrams.toml"
    settings.write_text(SETTINGS.replace("ngram_orders = 4", "ngram_orders = 1"))
    assert "ngram_orders = 1" in refused(*train(inputs, inputs / "run", "--steps", 1))
    settings.write_text(SETTINGS.replace("ngram_orders = 4\n", ""))
    assert "set ngram_orders too" in refused(*train(inputs, inputs / "run", "--steps", 1))
    settings.write_text(SETTINGS.replace("ngram_bits = 8", "ngram_bits = 26"))
    message = refused(*train(inputs, inputs / "run", "--steps", 1))
    assert "available" in message or "budget" in message
